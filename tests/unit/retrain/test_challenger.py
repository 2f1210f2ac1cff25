from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamproc.errors import RetrainError
from streamproc.retrain.api import Challenger
from streamproc.retrain.challenger import checked, guarded, load


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file `user_module_x.py` that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "user_module_x.py"
    sys.modules.pop("user_module_x", None)


def predict(rows: list[Any]) -> list[Any]:
    return rows


def test_a_function_is_found_by_its_name(module: Path) -> None:
    """`module:function` is imported."""
    module.write_text("def train(trigger, data):\n    return 7\n")
    assert load("user_module_x:train")(None, None) == 7


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (None, "no_such_module_x:train", "there is no module 'no_such_module_x'"),
        (None, "no_such_module_x.deep:train", "there is no module 'no_such_module_x'"),
        ("", "user_module_x:train", "has no function 'train'"),
        ("train = 3", "user_module_x:train", "has no function 'train'"),
        (
            "import not_installed_x",
            "user_module_x:train",
            r"raised ModuleNotFoundError: No module named 'not_installed_x'",
        ),
        ("1/0", "user_module_x:train", r"(?s)raised ZeroDivisionError.*user_module_x\.py"),
        ("def train(:", "user_module_x:train", "raised SyntaxError: "),
        ("raise SystemExit(3)", "user_module_x:train", r"called sys.exit\(3\)"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_named(module: Path, source: str | None, name: str, words: str) -> None:
    """Missing module, missing function, broken module: each has its own message."""
    if source is not None:
        module.write_text(source)
    with pytest.raises(RetrainError, match=words):
        load(name)


def test_an_exceptions_traceback_ends_in_the_users_code() -> None:
    """The reason has the exception, and the traceback without our frames."""

    def fails() -> None:
        raise ValueError("no rows of class 1")

    with pytest.raises(RetrainError) as caught:
        guarded("user:train", fails)
    text = str(caught.value)
    assert text.startswith("user:train raised ValueError: no rows of class 1\n")
    assert "test_challenger.py" in text
    assert "retrain/challenger.py" not in text


def test_a_traceback_is_cut_to_its_end() -> None:
    """Ten thousand characters of message do not become ten thousand in the event; the end stays."""

    def fails() -> None:
        raise ValueError("x" * 10_000 + "END")

    with pytest.raises(RetrainError) as caught:
        guarded("f", fails)
    assert len(str(caught.value)) < 4000
    assert str(caught.value).endswith("END")


@pytest.mark.parametrize(
    ("error", "words"),
    [(SystemExit(0), "sys.exit"), (MemoryError(), "ran out of memory"), (KeyboardInterrupt(), "Keyboard")],
)
def test_whatever_the_users_code_raises_is_a_retrain_error(error: BaseException, words: str) -> None:
    """Also what is no Exception."""

    def fails() -> None:
        raise error

    with pytest.raises(RetrainError, match=words):
        guarded("f", fails)


def test_a_good_challenger_passes(tmp_path: Path) -> None:
    """The artifact's path becomes absolute, metrics become floats; a relative path is one below the directory."""
    (tmp_path / "model").write_text("x")
    given = Challenger("model", predict, metrics={"auc": 1}, version="7")  # type: ignore[arg-type]
    found = checked(given, "f", tmp_path)
    assert found == Challenger((tmp_path / "model").resolve(), predict, None, {"auc": 1.0}, "7")


def test_the_directory_itself_may_be_the_artifact(tmp_path: Path) -> None:
    """Then all in it is the model."""
    (tmp_path / "weights").write_text("x")
    assert checked(Challenger(tmp_path, predict), "f", tmp_path).artifact == tmp_path.resolve()


@pytest.mark.parametrize("given", [None, {"artifact": "model"}, Challenger])
def test_another_type_is_named(given: object, tmp_path: Path) -> None:
    """The message names the type that came and what should have come."""
    with pytest.raises(RetrainError, match=rf"f gave back {type(given).__name__}.*Challenger\(artifact, predict\)"):
        checked(given, "f", tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"artifact": "missing"}, "there is no artifact missing"),
        ({"artifact": "../outside"}, "outside of data.directory"),
        ({"artifact": "/etc/passwd"}, "outside of data.directory"),
        ({"artifact": "link"}, "outside of data.directory"),
        ({"artifact": "empty"}, "without any file"),
        ({"artifact": 7}, "must be a path, not int"),
        ({"predict": None}, "Challenger.predict must be a function"),
        ({"scores": [0.5]}, "Challenger.scores must be a function"),
        ({"metrics": [1]}, "must be a dict"),
        ({"metrics": {"auc": "high"}}, "must be a number, not str"),
        ({"metrics": {"auc": math.nan}}, "must be finite"),
        ({"metrics": {str(n): 1.0 for n in range(101)}}, "at most 100"),
        ({"version": ""}, "Challenger.version"),
        ({"version": "a\nb"}, "Challenger.version"),
        ({"version": 7}, "Challenger.version"),
        ({"version": "x" * 257}, "Challenger.version"),
    ],
    ids=lambda f: str(f)[:40],
)
def test_an_unusable_challenger_is_named(fields: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Each field has its own message."""
    directory = tmp_path / "d"
    directory.mkdir()
    (directory / "model").write_text("x")
    (tmp_path / "outside").write_text("x")
    (directory / "link").symlink_to(tmp_path / "outside")
    (directory / "empty").mkdir()
    values: dict[str, Any] = {"artifact": "model", "predict": predict, **fields}
    with pytest.raises(RetrainError, match=words):
        checked(Challenger(**values), "f", directory)
