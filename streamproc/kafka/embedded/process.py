"""One JVM under its supervisor: start it, end it, kill it, see that it is alive."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
# What the supervisor adds to the grace that it gives the command: its own start and end.
_MARGIN_SECONDS: Final = 10.0


class SupervisedProcess:
    """A command that ends when its owner, this process, ends: by exit, exception or SIGKILL.

    `log` gets all that it says. It has `grace` seconds between SIGTERM and SIGKILL. `remove_if_orphaned` is a
    directory to delete when the owner went away without stopping it.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, grace: float, remove_if_orphaned: Path | None = None
    ) -> None:
        self._grace = grace
        orphan = str(remove_if_orphaned) if remove_if_orphaned else ""
        # -I -S: neither the environment nor site-packages can slow it down or break it.
        supervised = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(os.getpid()), str(grace), orphan, *command]
        with log.open("ab") as output:
            # A session of its own: the terminal's Ctrl-C must not reach it before its clients are closed.
            self._supervisor = subprocess.Popen(
                supervised,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        assert self._supervisor.stdout is not None  # noqa: S101 - PIPE above
        with self._supervisor.stdout as answer:
            self.pid = int(answer.readline() or 0)

    @property
    def alive(self) -> bool:
        """Whether the command still runs."""
        return self._supervisor.poll() is None

    def stop(self) -> int:
        """End the command with SIGTERM, after the grace with SIGKILL. Returns its exit code."""
        return self._order(b"t", self._grace)

    def kill(self) -> int:
        """End the command with SIGKILL. Returns its exit code."""
        return self._order(b"k", 0)

    def _order(self, order: bytes, grace: float) -> int:
        assert self._supervisor.stdin is not None  # noqa: S101 - PIPE in __init__
        if self._supervisor.stdin.closed:  # ordered before
            return self._supervisor.wait(_MARGIN_SECONDS)
        with contextlib.suppress(BrokenPipeError), self._supervisor.stdin as pipe:
            pipe.write(order)
            # Closing the pipe before the end would read as "the owner is gone".
            self._supervisor.wait(grace + _MARGIN_SECONDS)
        code = self._supervisor.wait(_MARGIN_SECONDS)
        if code < 0:  # somebody killed the supervisor itself
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return code
