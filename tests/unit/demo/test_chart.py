"""The chart shows both accuracies where they are."""

from __future__ import annotations

from streamproc.demo.chart import HIGH, LOW, chart, column_of
from streamproc.demo.tally import BUCKETS


def drawn(right: int, never: int, *, pieces: int = BUCKETS, height: int = 6) -> list[str]:
    """A run with the same shares (of 100) all along, ten columns wide, without colours."""
    return [str(line) for line in chart([[100, right, never]] * pieces, 10, height, color=False)]


def test_areas_reach_as_high_as_their_accuracies() -> None:
    """From 40 % to 100 % in six lines: 70 % is half of the chart, 90 % five lines."""
    assert drawn(90, 70) == [" " * 10, *["█" * 10] * 2, *["░" * 10] * 3]


def test_a_loop_that_costs_accuracy_is_drawn_differently() -> None:
    """The area between the two is told apart from a gain."""
    assert drawn(70, 90) == [" " * 10, *["▒" * 10] * 2, *["░" * 10] * 3]


def test_the_chart_fills_from_the_left_as_the_run_goes_on() -> None:
    """Half of a run is half of the width; nothing is a chart without columns."""
    assert [len(line) for line in drawn(80, 60, pieces=BUCKETS // 2)] == [5] * 6
    assert drawn(80, 60, pieces=0) == [""] * 6


def test_what_is_out_of_range_is_drawn_at_the_edge() -> None:
    """An accuracy below the scale leaves a trace, one above does not leave the chart."""
    assert LOW > 0.2
    assert drawn(20, 10)[-1].strip()
    assert len(drawn(100, 100)) == 6
    assert HIGH == 1.0


def test_colours_show_the_same_shape() -> None:
    """In colour each line is as long, and the areas have different colours."""
    lines = chart([[100, 90, 70]] * BUCKETS, 10, 6, color=True)
    assert [len(line) for line in lines] == [10] * 6
    assert {span.style.color.name for line in lines for span in line.spans} == {"grey58", "green3"}  # type: ignore[union-attr]


def test_places_in_the_run_are_columns() -> None:
    """The end of the run is the last column, not one beyond it."""
    assert (column_of(0.0, 70), column_of(0.5, 70), column_of(1.0, 70)) == (0, 35, 69)
