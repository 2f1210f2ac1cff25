"""RocksDB's errors, which are told apart by their words alone, as ours."""

from __future__ import annotations

from pathlib import Path

from streamproc.errors import StateDamaged, StreamprocError, UserError

TO_MEND = (
    "Disk quota exceeded",
    "File too large",
    "No space left",
    "Not a directory",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Too many open files",
)
LOCKED = ("lock hold by current process", "While lock file")


def of_rocks(exc: Exception, path: Path) -> StreamprocError:
    """What somebody must mend is a UserError; all else means that the files are not what they were."""
    text = str(exc)
    if any(words in text for words in TO_MEND):
        return cannot_write(path, text)
    if any(words in text for words in LOCKED):
        return UserError(
            f"another process uses {path}.\n  Stop it, or give this one a state_directory or a --slot of its own."
        )
    return StateDamaged(f"{path} is damaged: {text}")


def cannot_write(path: Path, reason: str) -> UserError:
    """The disk is full, or not ours."""
    return UserError(
        f"the join cannot keep its state in {path}: {reason}\n  Make room there, let this process write there, or name "
        "another `state_directory`. Nothing is lost: what is missing is read again from Kafka."
    )
