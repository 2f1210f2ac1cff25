"""Screen, lines and summary fit where they are shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from streamproc.demo.lines import Lines
from streamproc.demo.page import Figures
from streamproc.demo.screen import Screen
from streamproc.demo.status import Moment, Status
from streamproc.demo.summary import summary
from streamproc.demo.tally import Tally


def status() -> Status:
    """A run at its end, with figures as long as they get."""
    tally = Tally(44_312)
    for row in range(44_312):
        tally.answered(1000 + row, right=row % 4 > 0, right_never=row % 5 > 1)
    for number in range(30):
        point = {"outcomes": 300 + number}
        tally.trigger({"trigger_id": f"t{number}", "time": 1000 + 1400 * number, "data": {"change_point": point}})
        tally.deploy(
            {
                "trigger_id": f"t{number}",
                "status": "rejected" if number % 3 else "deployed",
                "model_version": f"r-{number:012x}",
                "metrics": {"champion": {"accuracy": 0.6}, "challenger": {"accuracy": 0.75}},
            },
            now=2400 + 1400 * number,
        )
    figures = Figures(44_312, 44_300, 44_250, {"accuracy": 0.7166, "errors_rise": 1.0})
    versions = {f"r-{number:012x}": 1500 for number in range(30)}
    return Status(tally, "127.0.0.1:31999", True, 61.5, 1999.5, 44_312, "r-00000000000c", "retrain", figures, versions)


MOMENT = Moment(61.0, 40_000, "deployed", "r-00000000000c in 12.5 s: 78.0% right, champion 61.0%, 300 rows" * 3)


def screen_of(width: int, height: int, *, colors: bool) -> tuple[Screen, io.StringIO]:
    output = io.StringIO()
    console = Console(
        file=output, width=width, height=height, force_terminal=True, color_system="truecolor" if colors else None
    )
    return Screen(console), output


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 18), (200, 60)])
@pytest.mark.parametrize("colors", [True, False])
def test_a_frame_fits_the_terminal(width: int, height: int, colors: bool) -> None:
    """No line is longer than the terminal is wide, and the frame is one line lower than it is high."""
    screen, output = screen_of(width, height, colors=colors)
    now = status()
    for _ in range(50):
        screen.tell(MOMENT, now)
    lines = screen.frame(now)
    assert len(lines) == height - 1
    assert max(line.cell_len for line in lines) <= width
    screen.close(now)
    assert "errors" in output.getvalue()


def test_the_screen_says_what_matters() -> None:
    """Accuracy on both sides, errors, state, version in service, signals, what happened last."""
    screen, _ = screen_of(120, 40, colors=False)
    screen.tell(MOMENT, status())
    text = "\n".join(line.plain for line in screen.frame(status()))
    for part in ("never retrained 60.0%", "with the loop 75.0%", "a retrain runs", "r-00000000000c", "drift", "▲", "x"):
        assert part in text


def test_nothing_is_drawn_before_the_first_row() -> None:
    """A run that has not begun has no accuracy, and is no error."""
    screen, _ = screen_of(80, 24, colors=True)
    assert len(screen.frame(Status(Tally(10), "127.0.0.1:1"))) == 23


def test_lines_are_one_for_an_event_and_one_for_the_progress_now_and_then() -> None:
    """Without a terminal: the event at once, the progress every few seconds and at the end."""
    written: list[str] = []
    lines, now = Lines(written.append), status()
    lines.say("Kafka is up")
    lines.tell(Moment(3.0, 1500, "trigger", "accuracy 0.7 < 0.72"), now)
    for second in range(12):
        now.seconds = float(second)
        lines.refresh(now)
    lines.close(now)
    assert written[:2] == ["Kafka is up", " 0:03  row  1,500  trigger    accuracy 0.7 < 0.72"]
    assert [line[:5] for line in written[2:]] == [" 0:05", " 0:10", " 0:11"]


@pytest.mark.parametrize("kept", [None, Path("/tmp/kept")])  # noqa: S108 - a name, nothing is written
def test_the_summary_is_eighty_columns_wide(kept: Path | None) -> None:
    """So that it wraps in no terminal; it has the figures and says where to go on."""
    lines = list(summary(status(), kept))
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in ("17,726  40.0%", "11,078  25.0%", "6,648", "condition: errors_rise", "--tutorial", "README.md"):
        assert part in text
    assert ("kafka/" in text) == (kept is not None)


def test_the_summary_says_when_time_was_up() -> None:
    """Rows that were not fed are not passed over in silence."""
    tally = Tally(44_312)
    for _ in range(30_475):
        tally.answered(1, right=True, right_never=True)
    lines = list(summary(Status(tally, "127.0.0.1:1", seconds=60.2), None))
    assert lines[1] == "30,475 of 44,312 half-hours in 1:00: time was up; --seconds 0 feeds all"


def test_the_summary_of_a_run_without_retrains() -> None:
    """Nothing was deployed, so there are no times; nothing fails."""
    tally = Tally(1)
    tally.answered(1, right=True, right_never=True)
    assert not any("to deploy" in line for line in summary(Status(tally, "127.0.0.1:1"), None))
