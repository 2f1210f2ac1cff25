"""Variables in values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.config.environment import MOST_BYTES, file_reader, fill

SET = {"HOST": "kafka-1", "EMPTY": "", "PORT": "9092", "SECRET": "hunter2", "BROKEN": "\udcff"}


def no_files(path: str) -> str:
    """A reader for tests in which no file is read."""
    raise AssertionError(path)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${HOST}", "kafka-1"),
        ("${HOST}:${PORT}", "kafka-1:9092"),
        ("${NONE:-localhost}", "localhost"),
        ("${NONE:-}", ""),
        ("${HOST:-localhost}", "kafka-1"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("$${HOST}", "${HOST}"),
        ("$${${HOST}", "${kafka-1"),
        ("$HOST $ $$ {HOST}", "$HOST $ $$ {HOST}"),
        ("$.request.id", "$.request.id"),
        ("${NONE:-a:-b}", "a:-b"),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    """Names, defaults and the escape do what the docs say."""
    found = fill(text, SET, no_files)
    assert found.text == filled
    assert found.faults == ()


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    """A value that looks like a variable stays as it is."""
    assert fill("${A}", {"A": "${B}", "B": "x"}, no_files).text == "${B}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${NONE}", "the environment variable NONE is not set: set it, or write ${NONE:-default}"),
        ("${BROKEN}", "the environment variable BROKEN does not hold UTF-8 text"),
        ("a${", "`${` begins a variable that has no `}`; write `$${` for the characters themselves"),
        ("${A", "`${` begins a variable that has no `}`; write `$${` for the characters themselves"),
        ("${}", "write a variable as ${NAME}, ${NAME:-default} or ${file:/path}; `$${` stands for `${` itself"),
        ("${a b}", "write a variable as ${NAME}, ${NAME:-default} or ${file:/path}; `$${` stands for `${` itself"),
        ("${1A}", "write a variable as ${NAME}, ${NAME:-default} or ${file:/path}; `$${` stands for `${` itself"),
        ("${A-b}", "write a variable as ${NAME}, ${NAME:-default} or ${file:/path}; `$${` stands for `${` itself"),
    ],
)
def test_what_cannot_be_filled_in_is_a_fault(text: str, fault: str) -> None:
    """Each fault names the variable or the form, and its place is left empty."""
    assert fill(text, SET, no_files).faults == (fault,)


def test_all_faults_of_a_text_are_told() -> None:
    """A second missing variable does not wait for the first to be mended."""
    assert len(fill("${A}${HOST}${B}", SET, no_files).faults) == 2


@pytest.mark.parametrize(
    ("text", "hidden"),
    [("x", False), ("${PORT}", False), ("${NONE:-0.85}", False), ("${NONE:-}", False), ("${SECRET}", True)],
)
def test_only_numbers_may_be_shown(text: str, *, hidden: bool) -> None:
    """A variable with more than a number in it may be a secret."""
    assert fill(text, SET, no_files).hidden is hidden


def test_files_are_read_without_their_last_line_break(tmp_path: Path) -> None:
    """`${file:...}` is the file's text; paths are relative to the configuration's directory."""
    (tmp_path / "secret").write_text("s3cret\n\r\n")
    for written in ("secret", str(tmp_path / "secret")):
        assert fill(f"<${{file:{written}}}>", {}, file_reader(tmp_path)).text == "<s3cret>"


def test_files_that_cannot_be_read_are_named_and_not_shown(tmp_path: Path) -> None:
    """Missing, not text, too large, a directory, a null in the path: all are faults that name the file."""
    (tmp_path / "latin").write_bytes(b"s\xe9cret")
    (tmp_path / "large").write_bytes(b"s" * (MOST_BYTES + 1))
    (tmp_path / "null").write_bytes(b"s\0cret")
    for name, reason in {
        "none": "cannot be read: No such file or directory",
        "latin": "is not UTF-8 text",
        "large": "is larger than 64 KiB",
        "null": "does not hold UTF-8 text",
        ".": "cannot be read: Is a directory",
    }.items():
        assert fill(f"${{file:{name}}}", {}, file_reader(tmp_path)).faults == (f"the file '{name}' {reason}",)
    (fault,) = fill("${file:a\0b}", {}, file_reader(tmp_path)).faults
    assert "\0" not in fault


@given(st.text(alphabet="${}:-ABfile/. \n"), st.dictionaries(st.sampled_from(["A", "B", "AB"]), st.text()))
def test_any_text_can_be_filled(text: str, environment: dict[str, str]) -> None:
    """Filling raises nothing, and changes nothing where there is no `${`."""

    def unreadable(path: str) -> str:
        raise FileNotFoundError(path)

    found = fill(text, environment, unreadable)
    assert "${" in text or found.text == text
