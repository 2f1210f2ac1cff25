"""`streamproc dead-letters`: what is printed and what is written, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.app.dead_letters import Letter, Wanted
from streamproc.cli import cli, dead_letters
from streamproc.errors import BrokerUnavailable, UserError
from streamproc.kafka import plain

NOW = 1_767_225_600_000


def letter(place: int, reason: str = "not_json", **more: Any) -> Letter:
    headers = {
        "source_topic": "predictions",
        "source_partition": "1",
        "source_offset": str(100 + place),
        "source_timestamp": str(NOW - 5000),
        "stage": "join",
        "reason": reason,
        "detail": "why",
    }
    value = more.pop("value", b"{")
    return Letter(0, place, NOW + place, headers | more, b"k", value, len(value or b""))


class FakeBox:
    """Holds these; notes what is asked of it."""

    def __init__(self, *letters: Letter) -> None:
        self.held = letters
        self.wanted: Wanted | None = None

    def letters(self, wanted: Wanted) -> Iterator[Letter]:
        self.wanted = wanted
        return (each for each in self.held if each in wanted)

    def one(self, letter_id: str) -> Letter:
        for each in self.held:
            if each.id == letter_id:
                return each
        raise UserError(f"there is no dead letter {letter_id}")


class FakeSender:
    """Keeps what it is given; the fifth record finds no broker, if it is told so."""

    sent: list[tuple[Any, ...]] = []  # noqa: RUF012 - of the class: the command makes its own
    fails = False

    def __init__(self, user: object) -> None:
        self.sent.clear()

    def send(self, topic: str, key: bytes, value: bytes, **more: Any) -> None:
        if self.fails and len(self.sent) == 4:
            raise BrokerUnavailable("gone")
        self.sent.append((topic, key, value, more))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing waits."""


class Bench:
    """The command on a box."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file, self.box, self.sent = file, FakeBox(), FakeSender.sent
        self.sent.clear()
        monkeypatch.setattr(dead_letters, "_open", lambda _: (self.box, {"predictions": 4, "commands": 4}))
        monkeypatch.setattr(plain, "Sender", FakeSender)
        monkeypatch.setattr(FakeSender, "fails", False)

    def __call__(self, *arguments: str, answer: str | None = None) -> Result:
        call = ["dead-letters", *arguments, "--config", str(self.file)]
        return CliRunner().invoke(cli, call, input=answer, env={"COLUMNS": "100"})


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    file = tmp_path / "streamproc.yaml"
    file.write_text("pipeline: shop\nmodels:\n  m: {}\n")
    return Bench(file, monkeypatch)


def test_the_list_is_a_table_of_the_newest_first_with_a_summary(bench: Bench) -> None:
    """What is not shown is counted; long details are cut to the width of the terminal."""
    bench.box = FakeBox(letter(1), letter(2, "empty", detail="x" * 500), letter(3))
    lines = bench("list", "--limit", "2").output.splitlines()
    assert lines[0].split() == ["id", "time", "source", "stage", "reason", "detail"]
    assert lines[1].split() == ["0:3", "2026-01-01T00:00:00.003Z", "predictions/1/103", "join", "not_json", "why"]
    assert lines[2].startswith("0:2 ")
    assert lines[2].endswith("...")
    assert len(lines[2]) == 100
    assert lines[3:] == ["1 older: --limit 3 shows them", "3 dead letters: not_json 2, empty 1"]


def test_an_empty_box_is_said(bench: Bench) -> None:
    """Without a table."""
    assert bench("list").output == "no dead letters\n"


def test_json_lines_are_alone_on_stdout(bench: Bench) -> None:
    """What is for people goes to stderr."""
    bench.box = FakeBox(letter(1), letter(2, truncated_sha256="ab"))
    result = bench("list", "--json", "--limit", "1")
    (found,) = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert found == {
        "id": "0:2",
        "time": NOW + 2,
        "source_topic": "predictions",
        "source_partition": 1,
        "source_offset": 102,
        "source_timestamp": NOW - 5000,
        "stage": "join",
        "reason": "not_json",
        "detail": "why",
        "key": "k",
        "bytes": 1,
        "truncated_sha256": "ab",
    }
    assert result.stderr == "1 older: --limit 2 shows them\n2 dead letters: not_json 2\n"


def test_filters_are_handed_on(bench: Bench) -> None:
    """Each may be repeated; a duration counts back from now, a time is one."""
    bench("list", "--reason", "empty", "--reason", "not_json", "--topic", "t", "--stage", "join", "--since", "0")
    assert bench.box.wanted is not None
    assert bench.box.wanted.since is not None
    assert bench.box.wanted.since > NOW
    bench("list", "--reason", "empty", "--since", "2026-01-01T00:00:00Z")
    assert bench.box.wanted == Wanted(frozenset({"empty"}), frozenset(), frozenset(), NOW)
    assert "write a duration" in bench("list", "--since", "yesterday").output
    assert bench("list", "--reason", "bad").exit_code == 2


def test_what_strangers_wrote_cannot_move_the_cursor(bench: Bench) -> None:
    """Escape sequences and line breaks are shown as escapes, in the table and around the value."""
    bench.box = FakeBox(letter(1, detail="a\x1b[2Jb\nc", value=b'{"x": "\x1b[31m"}\n\tend\r'))
    assert "a\\x1b[2Jb\\nc" in bench("list").output
    shown = bench("show", "0:1").output
    assert "\x1b" not in shown
    assert '{"x": "\\x1b[31m"}\n\tend\\r' in shown


def test_show_tells_all_headers_and_the_bytes(bench: Bench) -> None:
    """Text as text; anything else in hexadecimal."""
    bench.box = FakeBox(letter(1, value="größer".encode()), letter(2, value=bytes(range(0xF0, 0x100)) + b"z"))
    shown = bench("show", "0:1").output
    assert "source_offset     101\n" in shown
    assert "time              2026-01-01T00:00:00.001Z\n" in shown
    assert "key               k\n" in shown
    assert shown.endswith("value             8 bytes\n\ngrößer\n")
    assert bench("show", "0:2").output.endswith(
        "17 bytes\n\n00000000  f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff\n00000010  7a\n"
    )


def test_show_says_what_was_cut(bench: Bench) -> None:
    """With the checksum by which the whole can be found."""
    bench.box = FakeBox(letter(1, truncated_sha256="abcd", truncated_key_bytes="70000"))
    shown = bench("show", "0:1").output
    assert "these are the first bytes; the SHA-256 of the whole is abcd" in shown
    assert "it had 70000 bytes" in shown


@pytest.mark.parametrize("value", [b"\x00\r\n\xff", b"", None])
def test_raw_is_exactly_the_bytes(bench: Bench, value: bytes | None) -> None:
    """Nothing before them, nothing behind them."""
    bench.box = FakeBox(letter(1, value=value))
    assert bench("show", "0:1", "--raw").stdout_bytes == (value or b"")


def test_retry_writes_what_is_named(bench: Bench) -> None:
    """As it was, where it was, with a header; once, though it is named twice."""
    bench.box = FakeBox(letter(1), letter(2))
    result = bench("retry", "0:2", "0:2")
    assert (result.exit_code, result.output) == (0, "wrote 1 record: predictions 1\n")
    more = {"partition": 1, "headers": [("dead_letter", b"0:2")], "timestamp": NOW - 5000}
    assert bench.sent == [("predictions", b"k", b"{", more)]


def test_retry_needs_to_be_told_which(bench: Bench) -> None:
    """Neither all by accident, nor ids that filters would contradict."""
    assert bench("retry").exit_code == 2
    assert bench("retry", "--yes").exit_code == 2
    assert bench("retry", "0:1", "--reason", "empty").exit_code == 2
    assert bench.sent == []


def test_one_unknown_id_stops_all_before_anything_is_written(bench: Bench) -> None:
    """A typing error is no half of a retry."""
    bench.box = FakeBox(letter(1))
    assert isinstance(bench("retry", "0:1", "0:9").exception, UserError)
    assert bench.sent == []


@pytest.mark.parametrize(
    ("count", "arguments", "answer", "written"),
    [
        (10, [], None, 10),
        (11, [], "n\n", 0),
        (11, [], None, 0),
        (11, [], "y\n", 11),
        (11, ["--yes"], None, 11),
        (11, ["--dry-run"], None, 0),
        (11, ["--dry-run", "--yes"], None, 0),
    ],
)
def test_many_are_asked_about(bench: Bench, count: int, arguments: list[str], answer: str | None, written: int) -> None:
    """More than ten; nobody there to answer is a no."""
    bench.box = FakeBox(*(letter(place) for place in range(count)))
    result = bench("retry", "--topic", "predictions", *arguments, answer=answer)
    assert len(bench.sent) == written
    assert ("would write" in result.output) == ("--dry-run" in arguments)
    assert f"{count} records: predictions {count}" in result.output
    assert result.exit_code == (0 if written or "--dry-run" in arguments else 1)


def test_what_cannot_be_retried_is_said_and_the_rest_is_written(bench: Bench) -> None:
    """The exit code says that somebody must look."""
    cut = [letter(place, truncated_sha256="ab") for place in range(2, 32)]
    bench.box = FakeBox(letter(1), *cut)
    result = bench("retry", "--reason", "not_json")
    assert result.stdout == "wrote 1 record: predictions 1\n"
    assert result.stderr.count("cannot be retried: only its first") == 20
    assert "and 10 others cannot be retried" in result.stderr
    assert str(result.exception) == "30 of 31 dead letters cannot be retried"
    assert len(bench.sent) == 1


def test_a_retry_that_is_cut_off_says_how_far_it_came(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was handed over may have been written or not."""
    monkeypatch.setattr(FakeSender, "fails", True)
    bench.box = FakeBox(*(letter(place) for place in range(8)))
    result = bench("retry", "--reason", "not_json")
    assert "at most the first 4 of 8 were written" in result.stderr
    assert isinstance(result.exception, BrokerUnavailable)


def test_every_command_tells_what_it_does() -> None:
    """In the help."""
    for command in ("list", "show", "retry"):
        result = CliRunner().invoke(cli, ["dead-letters", command, "--help"])
        assert result.exit_code == 0
        assert len(click.unstyle(result.output).splitlines()) > 5
