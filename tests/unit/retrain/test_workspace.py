from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import streamproc
from streamproc.errors import ConfigError
from streamproc.retrain.executors.output import Output
from streamproc.retrain.workspace import HIDDEN, Workspace


def test_directories_are_new_and_removed_whole(tmp_path: Path) -> None:
    """Two of one name are two; removing one leaves the other; closing leaves nothing."""
    workspace = Workspace(tmp_path)
    one, two = workspace.new("r-1"), workspace.new("r-1")
    assert one != two
    (one / "deep").mkdir()
    (one / "deep" / "file").write_text("x")
    workspace.remove(one)
    assert not one.exists()
    assert two.exists()
    workspace.close()
    assert list((tmp_path / HIDDEN).iterdir()) == []


def test_job_directories_are_for_their_owner_only(tmp_path: Path) -> None:
    """Nobody else on the host reads the rows' whereabouts or the output."""
    workspace = Workspace(tmp_path)
    assert workspace.new("r-1").stat().st_mode & 0o077 == 0
    workspace.close()


def test_a_living_workers_part_is_left_alone(tmp_path: Path) -> None:
    """Another worker that starts on the same artifacts directory removes nothing of ours."""
    ours = Workspace(tmp_path)
    directory = ours.new("r-1")
    Workspace(tmp_path).close()
    assert directory.exists()
    ours.close()


def test_a_killed_workers_part_is_removed_by_the_next(tmp_path: Path) -> None:
    """What a process leaves that could not clean up is gone when the next one starts."""
    code = f"""
import os
from streamproc.retrain.workspace import Workspace
Workspace({str(tmp_path)!r}).new("r-1")
os._exit(9)
"""
    environment = {"PYTHONPATH": str(Path(streamproc.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert len(list((tmp_path / HIDDEN).iterdir())) == 2
    workspace = Workspace(tmp_path)
    assert len(list((tmp_path / HIDDEN).iterdir())) == 2  # ours
    workspace.close()
    assert list((tmp_path / HIDDEN).iterdir()) == []


def test_an_unusable_place_is_a_config_error(tmp_path: Path) -> None:
    """The worker does not start when artifacts could never be written."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="artifacts: cannot write below"):
        Workspace(tmp_path / "file")


def test_output_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    """The file is bounded, the tail is the last 4 KiB, and what is missing is counted."""
    output = Output(tmp_path / "log", 10)
    for number in range(1000):
        output.take(b"%07d\n" % number)
    output.close()
    assert (tmp_path / "log").read_bytes() == b"0000000\n00\n... and 7990 bytes more\n"
    assert output.tail().startswith("...")
    assert output.tail().endswith("0000999")
    assert len(output.tail()) <= 4096 + 3


def test_output_that_is_not_text_is_shown_all_the_same(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are replaced."""
    output = Output(tmp_path / "log")
    output.take(b"\xff\xfe ok")
    output.close()
    assert output.tail() == "\ufffd\ufffd ok"
