"""The report: it holds the figures, loads nothing, and whatever a name is, it is shown and not run."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import orjson

from streamproc.app.replay import Recording, replay
from streamproc.config.load import from_mapping
from streamproc.replay.page import page
from streamproc.replay.results import Question
from streamproc.replay.table import row, table
from tests.unit.replay import made
from tests.unit.replay.made import silent
from tests.unit.replay.test_replay import RETRAIN, events

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


@cache
def figures() -> dict[str, Any]:
    question = Question("test", "retrain", takes=0, drifts=(made.T + 1_000_000,), retrain_cost=5.0)
    recording = Recording(events=events())
    return replay(recording, {"mine": made.config(retrain=RETRAIN)}, question, silent, everies=[500])


class Reader(HTMLParser):
    """Table cells, tags and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.open = True
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.open and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.open = False


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_the_page_holds_the_figures_of_the_json() -> None:
    """Each arm's line of the table, and each curve as it stands in the JSON."""
    found = figures()
    html = page(orjson.loads(orjson.dumps(found)))
    rows = [[cell.strip() for cell in cells] for cells in read(html).rows]
    model = found["models"]["m"]
    for arm in model["arms"]:
        assert row(arm, model) in rows
    for raised in model["arms"][0]["raised"]:
        assert raised["time"] in html


def test_the_page_loads_nothing() -> None:
    """No tag refers to anything, and the browser is told to refuse whatever a script would ask for."""
    html = page(figures())
    tags = read(html).tags
    assert not [tag for tag, attributes in tags if {"src", "href", "data", "action"} & attributes.keys()]
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "img", "object", "embed", "base", "form")]
    policy = next(a["content"] for tag, a in tags if tag == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"https?:", policy)


def test_names_are_shown_and_not_run() -> None:
    """A model, a configuration, a source and a note that would be tags."""
    config = from_mapping({"pipeline": "t", "models": {EVIL: made.POLICY}})
    more = [event._replace(value=event.value.replace(b'"m"', orjson.dumps(EVIL))) for event in events(600, 300)]
    found = replay(Recording(events=more), {EVIL: config}, Question(EVIL, "none"), silent, everies=[300])
    assert found["models"][EVIL]["arms"][0]["outcomes"] == 600
    found["notes"].append(EVIL)
    html = page(found)
    tags = read(html).tags
    assert "img" not in {tag for tag, _ in tags}
    assert EVIL not in html
    assert "alert(1)</script>" not in html
    assert sum(tag == "script" for tag, _ in tags) == 1 + html.count('class="plotly-graph-div"')


def test_the_table_has_a_line_for_each_arm() -> None:
    """With what is known, and nothing that is not."""
    found = figures()
    text = table(found)
    lines = [line.split("  ") for line in text.splitlines()]
    for arm in found["models"]["m"]["arms"]:
        assert any(arm["name"] in line for line in lines)
    assert "cost" in text
    assert "false alarms" in text
