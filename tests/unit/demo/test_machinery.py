"""What is written goes where it was asked for, or goes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.demo.machinery import Machinery
from streamproc.errors import UserError


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Nothing of the user's is mixed with the demo's, nor overwritten."""
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not empty"):
        Machinery(tmp_path, print)
    with pytest.raises(UserError, match="cannot be used"):
        Machinery(tmp_path / "thesis.txt", print)


def test_what_is_to_be_kept_stays(tmp_path: Path) -> None:
    """A directory that was named is made, and is there afterwards."""
    with Machinery(tmp_path / "a" / "b", print) as machinery:
        assert machinery.directory == tmp_path / "a" / "b"
        machinery.config_file.write_text("")
    assert machinery.config_file.exists()


def test_all_else_is_removed() -> None:
    """Without a name a temporary directory is used; an error that names a file in it leaves it there."""
    with Machinery(None, print) as machinery:
        assert machinery.directory.is_dir()
    assert not machinery.directory.exists()
    with pytest.raises(KeyboardInterrupt), Machinery(None, print) as machinery:
        raise KeyboardInterrupt
    assert not machinery.directory.exists()
    with pytest.raises(UserError), Machinery(None, print) as machinery:
        raise UserError("see the log")
    assert machinery.directory.exists()
    machinery.end_by_force()
    assert not machinery.directory.exists()
