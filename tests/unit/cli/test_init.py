"""`streamproc init`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamproc.cli import cli
from streamproc.config.template import template
from streamproc.errors import UserError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STREAMPROC_CONFIG", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(cli, ["init", *arguments])


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ([], "streamproc.yaml"),
        (["."], "streamproc.yaml"),
        (["new/deep"], "new/deep/streamproc.yaml"),
        (["conf/shop.yml"], "conf/shop.yml"),
        (["shop.yaml"], "shop.yaml"),
        (["v1.2"], "v1.2/streamproc.yaml"),
    ],
)
def test_it_writes_the_template(here: Path, arguments: list[str], file: str) -> None:
    """Into this directory, another one, or a file of another name; directories are made."""
    done = run(*arguments)
    assert done.exit_code == 0
    assert (here / file).read_text(encoding="utf-8") == template()
    assert done.output.startswith(f"wrote {file}\n")


def test_a_directory_may_be_called_like_a_file(here: Path) -> None:
    """What is there decides."""
    (here / "odd.yaml").mkdir()
    assert run("odd.yaml").exit_code == 0
    assert (here / "odd.yaml" / "streamproc.yaml").exists()


def test_what_it_wrote_passes_the_strictest_check(here: Path) -> None:
    """`streamproc check --strict` finds nothing to mend in it."""
    run()
    done = CliRunner().invoke(cli, ["check", "--strict"])
    assert (done.exit_code, done.output) == (0, "streamproc.yaml: nothing to mend\n")


def test_it_says_what_to_do_next() -> None:
    """The commands can be copied; with another file they name it."""
    steps = [line.split(". ", 1)[1] for line in run().output.splitlines() if line.strip()[:1].isdigit()]
    assert steps[1:] == ["streamproc check", "streamproc topics create", "streamproc run"]
    steps = [line.split(". ", 1)[1] for line in run("x").output.splitlines() if line.strip()[:1].isdigit()]
    assert steps[1:] == [
        "streamproc check x/streamproc.yaml",
        "streamproc topics create -c x/streamproc.yaml",
        "streamproc run -c x/streamproc.yaml",
    ]


def test_nothing_is_overwritten_unasked(here: Path) -> None:
    """A file that is there stays; --force replaces it."""
    (here / "streamproc.yaml").write_text("mine")
    done = run()
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == "streamproc.yaml is there already: name another place, or overwrite it with --force"
    assert (here / "streamproc.yaml").read_text() == "mine"
    assert run("--force").exit_code == 0
    assert (here / "streamproc.yaml").read_text(encoding="utf-8") == template()


def test_places_that_cannot_be_are_refused(here: Path) -> None:
    """A file in the place of a directory is a clear message."""
    (here / "taken").write_text("")
    done = run("taken")
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == "there can be no directory taken: File exists"
