"""Takes a trained model from a job's directory into the artifacts directory, with its checksum."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from streamproc.errors import RetrainError
from streamproc.events.deploy import Artifact
from streamproc.retrain.job import Job, directory_name

_CHUNK = 1 << 20


def install(job: Job, source: Path, chosen: Path) -> Artifact:
    """Rename `source`, the directory that the user's function wrote, to `<artifacts>/<model>/<version>`.

    `chosen` is the artifact inside of it (or itself), and what the event names. All is on disk before the rename: a
    deploy event must not name what a power cut can still take away. Raises RetrainError for links, OSError.
    """
    sha256, size = digest(chosen)
    below = Path(directory_name(job.model_id)) / job.version
    target = Path(job.artifacts) / below
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # of an earlier life of the topics: ids follow from the log, and this log is another one
        old = source.with_name("replaced")
        target.rename(old)
        shutil.rmtree(old)
    source.rename(target)
    _sync(target.parent)
    return Artifact(uri=(below / chosen.relative_to(source)).as_posix(), sha256=sha256, bytes=size)


def digest(path: Path) -> tuple[str, int]:
    """(SHA-256, bytes) of a file; of a directory, the SHA-256 of its files' lines `<sha256>  <path>`, sorted by path.

    That is what `sha256sum` prints for them.
    """
    if path.is_file():
        return _of_file(path)
    lines, total = [], 0
    for file in sorted(_files(path), key=lambda f: f.relative_to(path).as_posix()):
        sha256, size = _of_file(file)
        lines.append(f"{sha256}  {file.relative_to(path).as_posix()}\n")
        total += size
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest(), total


def _files(directory: Path) -> Iterator[Path]:
    for entry in directory.rglob("*"):
        if entry.is_symlink():
            raise RetrainError(f"the artifact holds a link, {entry.name}: copy what it points to")
        if entry.is_file():
            yield entry


def _of_file(path: Path) -> tuple[str, int]:
    sha256, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            size += len(chunk)
        os.fsync(file.fileno())
    return sha256.hexdigest(), size


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
