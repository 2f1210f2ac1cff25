"""The run, live in a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from streamproc.demo import words
from streamproc.demo.chart import GAIN, HIGH, LOSS, LOW, NEVER, chart, column_of
from streamproc.demo.settings import DETECTOR
from streamproc.demo.status import Moment, Status

FRAME_SECONDS = 0.2
STYLES = {
    "trigger": "bold yellow",
    "deployed": "bold green",
    "rejected": "bold magenta",
    "failed": "bold red",
    "suppressed": "dim",
}
_FIXED_LINES = 9
_MARGIN = 6
"""Columns left of the chart, for its scale."""


class Screen:
    """A frame that is drawn anew in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moments: deque[Moment] = deque(maxlen=40)
        self._live: Live | None = None
        self._drawn = 0.0

    def say(self, text: str) -> None:
        self._console.print(text, style="dim", highlight=False)

    def tell(self, moment: Moment, status: Status) -> None:
        self._moments.append(moment)

    def refresh(self, status: Status) -> None:
        now = time.monotonic()
        if now - self._drawn < FRAME_SECONDS:
            return
        self._drawn = now
        self._draw(status)

    def close(self, status: Status | None = None) -> None:
        if status is not None:
            self._draw(status)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def frame(self, status: Status) -> list[Text]:
        """The lines to be shown, as many as the terminal has but one, none wider than it."""
        width, height = self._console.width, max(_FIXED_LINES + 4, self._console.height - 1)
        room = height - _FIXED_LINES
        chart_lines = max(4, min(room * 3 // 5, 20) // 4 * 4)
        lines = [
            *_head(status, width),
            *_plot(status, width, chart_lines, color=self._console.color_system is not None),
            *_state(status),
            Text("─" * width, "dim"),
            *self._news(room - chart_lines),
        ]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return lines

    def _draw(self, status: Status) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        self._live.update(Group(*self.frame(status)), refresh=True)

    def _news(self, lines: int) -> list[Text]:
        news = [
            Text.assemble(
                (f"{words.clock(m.seconds):>5}  ", "dim"), (f"{m.kind:10}", STYLES[m.kind]), " ", m.text, no_wrap=True
            )
            for m in list(self._moments)[-max(0, lines) :]
        ]
        return news + [Text("")] * (lines - len(news))


def _head(status: Status, width: int) -> list[Text]:
    tally = status.tally
    counts = (
        f" {words.thousands(tally.rows)} of {words.thousands(tally.total)} half-hours  {words.clock(status.seconds)}"
    )
    bar = max(10, width - len(counts))
    done = round(bar * tally.rows / tally.total)
    return [
        Text.assemble(("streamproc", "bold"), "  electricity market of New South Wales  Kafka at ", status.address),
        Text.assemble(("━" * done, "cyan"), ("━" * (bar - done), "grey30"), counts),
        Text(_feed(status), style="yellow" if status.waits_for else ""),
    ]


def _feed(status: Status) -> str:
    if not status.hold:
        return f"feed: {status.rate:,.0f} rows/s; it waits for nothing"
    match status.waits_for:
        case "retrain":
            return "feed waits: a retrain runs. In the market half an hour lies between two rows"
        case "labels":
            return "feed waits: labels are still to be read. In the market a row takes half an hour"
    return f"feed: {status.rate:,.0f} rows/s; it waits while a retrain runs"


def _plot(status: Status, width: int, lines: int, *, color: bool) -> list[Text]:
    tally, columns = status.tally, width - _MARGIN - 1
    loop, never = tally.loop.accuracy, tally.never.accuracy
    title = Text.assemble(
        "right answers: ",
        ("■ " if color else "░ ", NEVER), "never retrained ", (_share(never), "bold"),
        ("  ■ " if color else "  █ ", GAIN), "with the loop ", (_share(loop), "bold"),
        ("  ■ " if color else "  ▒ ", LOSS), "lost by it",
    )  # fmt: skip
    rows = chart(tally.history, columns, lines, color=color)
    for index, row in enumerate(rows):
        scale = f"{HIGH - (HIGH - LOW) * index / lines:4.0%}" if index * 4 % lines == 0 else ""
        rows[index] = Text.assemble((f"{scale:<{_MARGIN}}", "dim"), row)
    marks = [" "] * columns
    for retrain in tally.retrains.values():
        if retrain.status in ("deployed", "rejected", "failed"):
            place = column_of(retrain.ended_row / tally.total, columns)
            if marks[place] != "▲":
                marks[place] = "▲" if retrain.status == "deployed" else "x"
    legend = Text.assemble(" " * _MARGIN, ("".join(marks), "bold"))
    return [title, *rows, legend]


def _state(status: Status) -> list[Text]:
    tally = status.tally
    seconds = f"; trigger to deploy {tally.seconds_to_deploy:.1f} s" if tally.seconds_to_deploy else ""
    return [
        Text.assemble(
            "errors ", (f"{tally.loop.errors:,}", "bold"), f" ({tally.loop.error_rate:.1%}) with, ",
            (f"{tally.never.errors:,}", "bold"), f" ({tally.never.error_rate:.1%}) without: ",
            (f"{tally.avoided:,} avoided", "bold green" if tally.avoided >= 0 else "bold red"),
        ),
        Text.assemble(
            (tally.state.value.replace("_", " "), "bold cyan"), f" {status.version}; ",
            f"deployed {tally.count('deployed')} ▲ rejected {tally.count('rejected')} x",
            f" failed {tally.count('failed')}" if tally.count("failed") else "", seconds,
        ),
        Text.assemble(*_signals(status)),
    ]  # fmt: skip


def _signals(status: Status) -> Iterator[tuple[str, str]]:
    written, joined, watched, quantities = status.figures
    for name, value in quantities.items():
        yield (f"{name} ", "dim")
        if name == DETECTOR:
            yield ("drift  " if value else "quiet  ", "bold yellow" if value else "bold")
        else:
            yield (f"{value:.3f}  ", "bold")
    yield (f"behind, in labels: join {max(0, written - joined):,}, monitor {max(0, joined - watched):,}", "dim")


def _share(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.1%}"
