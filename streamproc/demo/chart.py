"""The run's accuracy as an area chart: what the model without the loop reaches, and what the loop adds or costs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from streamproc.demo.tally import BUCKETS

LOW, HIGH = 0.4, 1.0
"""The chart's range of accuracy."""
NEVER, GAIN, LOSS = "grey58", "green3", "red3"
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_FULL, _HALF = 8, 4
"""Of a cell, in eighths."""


def chart(history: Sequence[Sequence[int]], width: int, height: int, *, color: bool) -> list[Text]:
    """`height` lines of `width` columns, the highest accuracy first.

    `history` as in Tally, at most BUCKETS pieces; the chart is as wide as a run with all of them. Without colours the
    three areas are told apart by their texture.
    """
    columns = [_levels(part, height * _FULL) for part in _columns(history, width)]
    return [_line(columns, row, color=color) for row in reversed(range(height))]


def column_of(share: float, width: int) -> int:
    """The column of a place in the run: 0 is its beginning, 1 its end."""
    return min(width - 1, int(share * width))


def _columns(history: Sequence[Sequence[int]], width: int) -> list[tuple[int, int, int]]:
    """The history's pieces, summed over the columns that they fall into."""
    columns: dict[int, list[int]] = {}
    for index, piece in enumerate(history):
        column = columns.setdefault(index * width // BUCKETS, [0, 0, 0])
        for place, value in enumerate(piece):
            column[place] += value
    return [(rows, right, never) for rows, right, never in columns.values()]


def _levels(part: tuple[int, int, int], top: int) -> tuple[int, int]:
    """(with the loop, without) in eighths of a line."""
    rows, right, never = part
    return _level(right / rows, top), _level(never / rows, top)


def _level(accuracy: float, top: int) -> int:
    return max(1, min(top, round((accuracy - LOW) / (HIGH - LOW) * top)))


def _line(columns: Sequence[tuple[int, int]], row: int, *, color: bool) -> Text:
    line = Text()
    for loop, never in columns:
        lower, upper = (level - _FULL * row for level in sorted((loop, never)))
        extra = GAIN if loop >= never else LOSS
        if color:
            line.append(*_cell(lower, upper, extra))
        else:
            line.append(_texture(lower, upper, extra))
    return line


def _cell(lower: int, upper: int, extra: str) -> tuple[str, Style]:
    """A cell with the lower area up to `lower` eighths, the other one from there to `upper`."""
    if lower >= _FULL:
        return "█", Style(color=NEVER)
    if lower > 0:
        # Two areas and the empty one do not go into a cell: the upper edge is rounded.
        filled = upper >= _FULL or upper - lower > _FULL - upper
        return _EIGHTHS[lower], Style(color=NEVER, bgcolor=extra if filled else None)
    return _EIGHTHS[max(0, min(_FULL, upper))], Style(color=extra)


def _texture(lower: int, upper: int, extra: str) -> str:
    if lower >= _HALF:
        return "░"
    if upper <= 0:
        return " "
    return "▒" if extra == LOSS else _EIGHTHS[min(_FULL, upper)]
