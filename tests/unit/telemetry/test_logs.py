"""Logs: one JSON object a line for machines, lines for people, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streamproc.telemetry.logs import mask, set_up_logs

SECRET = "hunter2"  # noqa: S105 - what must not come out


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a test sets up for the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Every line as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_where_there_is_no_terminal_each_line_is_a_json_object() -> None:
    """With time, level, message and what was bound."""
    stream = io.StringIO()
    set_up_logs("auto", "info", stream)
    structlog.get_logger().bind(stage="join").info("live", partitions=[0, 1], restored_records=5)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    expected = {"message": "live", "level": "info", "stage": "join", "partitions": [0, 1], "restored_records": 5}
    assert line == expected


def test_on_a_terminal_lines_are_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coloured, unless NO_COLOR asks for plain text; `--log-format` decides otherwise."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    set_up_logs("auto", "info", coloured)
    structlog.get_logger().info("live", stage="join")
    assert "\x1b[" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    for stream in (Terminal(), io.StringIO()):
        set_up_logs("text", "info", stream)
        structlog.get_logger().info("live", stage="join")
        assert "\x1b[" not in stream.getvalue()
        assert "stage=join" in stream.getvalue()
    forced = Terminal()
    set_up_logs("json", "info", forced)
    structlog.get_logger().info("live")
    assert lines(forced)[0]["message"] == "live"


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_below_the_level_is_left_out(level: str, shown: int) -> None:
    """The four levels of the command line."""
    stream = io.StringIO()
    set_up_logs("json", level, stream)
    log = structlog.get_logger()
    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)("x")
    assert len(lines(stream)) == shown


def test_an_exception_is_one_field_of_its_line() -> None:
    """A traceback does not break the line; in text it follows it."""
    for log_format in ("json", "text"):
        stream = io.StringIO()
        set_up_logs(log_format, "info", stream)
        try:
            raise ValueError("x" + SECRET[:0])
        except ValueError:
            structlog.get_logger().exception("failed")
        if log_format == "json":
            (line,) = lines(stream)
            assert "ValueError: x" in line["exception"]
        else:
            assert "ValueError: x" in stream.getvalue()


def test_libraries_that_log_in_pythons_own_way_come_out_alike() -> None:
    """From warnings on: their chatter is nobody's business."""
    stream = io.StringIO()
    set_up_logs("json", "debug", stream)
    logging.getLogger("some.library").warning("careful: %s", "x")
    logging.getLogger("some.library").info("chatter")
    (line,) = lines(stream)
    assert (line["message"], line["level"]) == ("careful: x", "warning")


@pytest.mark.parametrize(
    "event",
    [
        {"kafka": {"sasl.username": "me", "sasl.password": SECRET}},
        {"kafka": {"ssl.key.password": SECRET, "nested": [{"sasl.oauthbearer.client.secret": SECRET}]}},
        {"event": f"Broker refused sasl.password={SECRET}, go away"},
        {"event": f"sasl.jaas.config: '{SECRET} x'"},
        {"event": f'{{"ssl.keystore.password": "{SECRET}"}}'},
        {"event": f"got https://me:{SECRET}@registry:8081/subjects"},
        {"detail": f"SSL.KEY.PASSWORD = {SECRET}"},
        {"ssl.key.pem": SECRET},
        {"error": ValueError(f"password={SECRET}")},
        {"text": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----"},
        {"text": f"-----BEGIN PRIVATE KEY-----\n{SECRET} cut off"},
        {"token": SECRET, "api_key": SECRET},
        {"values": (f"secret={SECRET}",)},
    ],
)
def test_no_secret_comes_out(event: dict[str, Any]) -> None:
    """By the name of the key, and by what stands before the value in a text; at any depth."""
    assert SECRET not in repr(mask(None, "info", event))
    for log_format in ("json", "text"):
        stream = io.StringIO()
        set_up_logs(log_format, "info", stream)
        structlog.get_logger().info(**{"event": "x", **event})
        assert stream.getvalue()
        assert SECRET not in stream.getvalue()


def test_a_secret_in_a_traceback_does_not_come_out() -> None:
    """Foreign errors quote what they were given."""
    for log_format in ("json", "text"):
        stream = io.StringIO()
        set_up_logs(log_format, "info", stream)
        try:
            raise ValueError(f"bad config: sasl.password={SECRET}")
        except ValueError:
            structlog.get_logger().exception("failed")
        assert "bad config" in stream.getvalue()
        assert f"={SECRET}" not in stream.getvalue()


def test_what_is_no_secret_is_left_as_it_is() -> None:
    """Numbers, ids, addresses, and nothing at all."""
    event = {
        "event": "live: key=abc at kafka://host:9092/x",
        "records": 5,
        "ok": True,
        "kafka": {"acks": "all"},
        "n": None,
    }
    assert mask(None, "info", event) == event


def test_masking_a_long_text_takes_no_time() -> None:
    """Details and tracebacks hold what users send: the patterns must not go back and forth in it."""
    texts = ("a" * 300_000, "password" * 30_000, "password.x:" * 20_000, "://a:" * 60_000, "-----BEGIN " * 20_000)
    began = time.process_time()
    for text in texts:
        mask(None, "info", {"event": text})
    assert time.process_time() - began < 5
