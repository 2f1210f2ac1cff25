"""What a job prints: the beginning in a file, the end in memory, neither without limit."""

from __future__ import annotations

from pathlib import Path

OUTPUT_FILE = "output.log"
MAX_FILE_BYTES = 10 << 20
TAIL_BYTES = 4096


class Output:
    """Takes a process's output in chunks."""

    def __init__(self, path: Path, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        """Raises OSError."""
        self._file = path.open("wb", buffering=0)
        self._left = max_file_bytes
        self._total = self._written = 0
        self._tail = b""

    def take(self, chunk: bytes) -> None:
        """The next bytes."""
        self._total += len(chunk)
        self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        if self._left:
            self._write(chunk[: self._left])

    def tail(self) -> str:
        """The last 4 KiB as text."""
        text = self._tail.decode("utf-8", "replace").strip()
        return text if self._total <= TAIL_BYTES else f"...{text}"

    def close(self) -> None:
        """Say in the file how much is not there."""
        if self._total > self._written:
            self._left = 0
            self._write(f"\n... and {self._total - self._written} bytes more\n".encode())
        self._file.close()

    def _write(self, part: bytes) -> None:
        try:
            self._file.write(part)
        except OSError:  # the disk is full: the end is in memory all the same
            self._left = 0
        else:
            self._written += len(part)
            self._left = max(0, self._left - len(part))
