"""The supervisor ends its command when told to, and when its owner is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from streamproc.kafka.embedded.process import SupervisedProcess

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
OWNER_THAT_FORKS = """
import os, pathlib, signal, sys, time
from streamproc.kafka.embedded.process import SupervisedProcess
command = SupervisedProcess(["sleep", "60"], pathlib.Path(sys.argv[1]), grace=5)
fork = os.fork()
if fork == 0:
    time.sleep(60)
    os._exit(0)
print(command.pid, fork, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def wait_for(text: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stop_ends_the_command(tmp_path: Path) -> None:
    """`stop` ends the command with SIGTERM, and a second `stop` has nothing to do."""
    process = SupervisedProcess(["sleep", "60"], tmp_path / "log", grace=30)
    assert process.stop() == 128 + signal.SIGTERM
    assert not process.alive
    assert gone(process.pid)
    assert process.stop() == 128 + signal.SIGTERM


def test_a_command_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """After the grace, SIGKILL ends what SIGTERM did not."""
    process = SupervisedProcess([sys.executable, "-c", STUBBORN], tmp_path / "log", grace=0.2)
    wait_for("up", tmp_path / "log")
    assert process.stop() == 128 + signal.SIGKILL


def test_the_exit_code_and_the_output_are_kept(tmp_path: Path) -> None:
    """A command that ends by itself is seen to end; what it wrote is in the log."""
    process = SupervisedProcess([sys.executable, "-c", "print('said'); exit(3)"], tmp_path / "log", grace=1)
    assert gone(process.pid)
    assert process.stop() == 3
    assert (tmp_path / "log").read_text() == "said\n"


def test_a_command_that_is_not_there_is_seen(tmp_path: Path) -> None:
    """A command that cannot be started counts as one that ended, with the reason in the log."""
    process = SupervisedProcess([str(tmp_path / "absent")], tmp_path / "log", grace=1)
    assert process.stop() != 0
    assert "absent" in (tmp_path / "log").read_text()


def test_a_fork_of_the_owner_does_not_keep_the_command_alive(tmp_path: Path) -> None:
    """A forked child holds the owner's pipe open; the command ends with the owner all the same."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER_THAT_FORKS, str(tmp_path / "log")], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        command, fork = map(int, owner.stdout.readline().split())
    try:
        assert owner.returncode == -signal.SIGKILL
        assert gone(command)
    finally:
        os.kill(fork, signal.SIGKILL)
