"""What a job has started and what has left its process group (setsid, daemons): found by a mark in the environment.

Children inherit it, however they were started, unless somebody empties their environment. On Linux; elsewhere nothing
is found.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "STREAMPROC_JOB"
"""The variable; its value is the job's directory, which no other job ever has."""
_ROUNDS = 5
"""A process may start another one while it is being looked for."""


def kill_leftovers(job: str) -> None:
    """SIGKILL to every process of this job but the one that asks."""
    if job and hasattr(os, "pidfd_open"):
        for _ in range(_ROUNDS):
            if not sum(_kill(int(place.name), job) for place in Path("/proc").glob("[0-9]*")):
                return


def _kill(number: int, job: str) -> bool:
    """Whether it was one. The descriptor sees to it that what is killed is what was looked at."""
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        descriptor = os.pidfd_open(number)
        try:
            marks = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
            if number != os.getpid() and f"{MARK}={job}".encode() in marks:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False
