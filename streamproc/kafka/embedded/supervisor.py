"""Run one command and make sure that it does not outlive its owner.

    python -I -S supervisor.py OWNER_PID GRACE_SECONDS DIRECTORY COMMAND...

The owner holds the other end of our stdin. One byte is an order: `t` end the command, `k` kill it. End of file, or a
new parent, means that the owner is gone, however it died: the command is ended and DIRECTORY, unless it is "", removed.
The command's process id goes to stdout, everything it says to stderr; we end when it ends, with its exit code.

The pipe alone would do, were it not for children that the owner forked: they hold the pipe open too.
Only the standard library, and no import of streamproc: this must start in no time.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

_PARENT_CHECK_SECONDS = 0.5
_ORPHAN_GRACE_SECONDS = 5.0


def _ended(child: subprocess.Popen[bytes]) -> int:
    """Return a file descriptor that becomes readable when the child ends."""
    readable, writable = os.pipe()

    def wait() -> None:
        child.wait()
        os.close(writable)

    threading.Thread(target=wait, daemon=True).start()
    return readable


def _order(ready: list[int], owner: int) -> bytes | None:
    """Return what the owner wants: b"" when it is gone, None when it said nothing."""
    if 0 in ready:
        return os.read(0, 1)
    return None if os.getppid() == owner else b""


def _watch(child: subprocess.Popen[bytes], owner: int, grace: float) -> bool:
    """Obey orders until the child ends. Returns whether the owner is gone."""
    ended = _ended(child)
    gone, deadline = False, float("inf")
    while True:
        ready, _, _ = select.select([ended] if gone else [ended, 0], [], [], _PARENT_CHECK_SECONDS)
        if ended in ready:
            return gone
        order = None if gone else _order(ready, owner)
        if order == b"":
            gone, grace = True, min(grace, _ORPHAN_GRACE_SECONDS)
        if order in {b"", b"t"}:
            child.terminate()
            deadline = min(deadline, time.monotonic() + grace)
        if order == b"k" or time.monotonic() > deadline:
            # The whole group: a JVM that writes its ahead-of-time cache has a child of its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def main() -> None:
    """Run the command until it ends."""
    owner, grace, directory, *command = sys.argv[1:]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, stderr=2, process_group=0)
    # Only now, since a child would inherit it. Orders come from the owner alone: Ctrl-C is for the owner to handle.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):
        os.write(1, b"%d\n" % child.pid)
    gone = _watch(child, int(owner), float(grace))
    if gone and directory:
        shutil.rmtree(directory, ignore_errors=True)
    code = child.wait()
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
