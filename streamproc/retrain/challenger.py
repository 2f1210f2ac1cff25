"""Finds the user's function, calls it, and checks what it gives back; whatever goes wrong is a RetrainError."""

from __future__ import annotations

import importlib
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from streamproc.errors import RetrainError
from streamproc.events.base import MAX_ID_CHARACTERS
from streamproc.retrain.api import Challenger

T = TypeVar("T")
TRACEBACK_CHARACTERS = 3000
"""The end of a traceback says most."""
MAX_METRICS = 100


def load(name: str) -> Callable[..., Any]:
    """`package.module:function` -> the function. Raises RetrainError."""
    module_name, _, function_name = name.partition(":")
    try:
        module = guarded(f"importing {module_name}", lambda: importlib.import_module(module_name))
    except RetrainError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name and f"{module_name}.".startswith(f"{cause.name}."):
            raise RetrainError(
                f"there is no module {cause.name!r} (retrain.function is {name}): it must lie in the directory that "
                f"the worker is started in, {Path.cwd()}, or be installed for {sys.executable}"
            ) from cause
        raise
    function = getattr(module, function_name, None)
    if not callable(function):
        raise RetrainError(f"{module_name} has no function {function_name!r} (retrain.function is {name})")
    return function  # type: ignore[no-any-return]


def guarded(what: str, call: Callable[[], T]) -> T:
    """Run the user's code. Raises RetrainError with the end of the traceback for whatever it raises, sys.exit too."""
    try:
        return call()
    except RetrainError:
        raise
    except SystemExit as exc:
        raise RetrainError(f"{what} called sys.exit({exc.code!r}): give back a Challenger, or raise an error") from exc
    except MemoryError as exc:
        raise RetrainError(f"{what} ran out of memory\n{_end_of(exc)}") from exc
    except BaseException as exc:
        raise RetrainError(f"{what} raised {_said(exc)}\n{_end_of(exc)}") from exc


def checked(given: object, function: str, directory: Path) -> Challenger:
    """What the function gave, as a Challenger whose artifact is an absolute path. Raises RetrainError."""
    if not isinstance(given, Challenger):
        raise RetrainError(
            f"{function} gave back {type(given).__name__}; it must give back streamproc.Challenger(artifact, predict)"
        )
    for name, value in (("predict", given.predict), ("scores", given.scores)):
        if not callable(value) and not (name == "scores" and value is None):
            raise RetrainError(f"Challenger.{name} must be a function of a list of rows, not {type(value).__name__}")
    return Challenger(
        _artifact(given.artifact, directory),
        given.predict,
        given.scores,
        _metrics(given.metrics),
        _version(given.version),
    )


def _artifact(given: object, directory: Path) -> Path:
    try:
        path = (directory / given).resolve()  # type: ignore[operator]
    except TypeError as exc:
        raise RetrainError(f"Challenger.artifact must be a path, not {type(given).__name__}") from exc
    if not path.is_relative_to(directory.resolve()):
        raise RetrainError(f"the artifact {given} lies outside of data.directory: write it into data.directory")
    if not path.exists():
        raise RetrainError(f"there is no artifact {given}: write it into data.directory before you give back its path")
    if path.is_dir() and not any(entry.is_file() for entry in path.rglob("*")):
        raise RetrainError(f"the artifact {given} is a directory without any file")
    return path


def _metrics(given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping) or len(given) > MAX_METRICS:
        raise RetrainError(f"Challenger.metrics must be a dict of at most {MAX_METRICS} names to numbers")
    metrics = {}
    for name, value in given.items():
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError) as exc:
            raise RetrainError(f"Challenger.metrics[{name!r}] must be a number, not {type(value).__name__}") from exc
        if not math.isfinite(number):
            raise RetrainError(f"Challenger.metrics[{name!r}] must be finite, not {number}")
        metrics[str(name)[:MAX_ID_CHARACTERS]] = number
    return metrics


def _version(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID_CHARACTERS or not given.isprintable():
        raise RetrainError(f"Challenger.version must be text of 1 to {MAX_ID_CHARACTERS} printable characters")
    return given


def _said(exc: BaseException) -> str:
    """Type and first line of the message."""
    said = traceback.format_exception_only(exc)[-1]  # of a SyntaxError the last line; else all of it
    return said.strip().partition("\n")[0][:500]


def _end_of(exc: BaseException) -> str:
    """The traceback, less the frames of ours above the user's code, cut to its end."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(exc), exc, trace))[-TRACEBACK_CHARACTERS:].rstrip()
