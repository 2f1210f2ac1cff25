"""Compiles and runs the example in Java, with what the embedded broker brings: its JRE and Kafka's own client.

A JRE has no compiler; Eclipse's is one jar that runs on it. It is pinned and fetched as Kafka's jars are, and kept
beside them: without it the test fails, it is not skipped.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamproc.kafka.embedded.home import cache_root, locked, open_home
from streamproc.kafka.embedded.jars import Jar, download, pinned_jars, present
from streamproc.kafka.embedded.java import find_java

COMPILER = Jar(
    "org.eclipse.jdt:ecj:3.44.0", 3_329_741, "14c46ddc2e511c46c998da728f6a80f13a689c920f3832402f7ad150f6a6188d"
)
CLIENT = ("kafka-clients", "slf4j-api", "slf4j-simple", "lz4-java", "snappy-java", "zstd-jni")
"""What Maven resolves for org.apache.kafka:kafka-clients, and a log to stderr. Nothing of the broker."""


def client_class_path() -> str:
    """Kafka's client as a Java program would have it."""
    jars = [jar for jar in pinned_jars() if jar.coordinate.split(":")[1] in CLIENT]
    assert len(jars) == len(CLIENT)
    home = open_home(find_java(), print)
    return os.pathsep.join(str(home.directory / "jars" / jar.filename) for jar in jars)


def compile_java(source: Path, target: Path) -> None:
    """One file, without a warning, as Java 17."""
    java = find_java()
    command = [str(java.path), "-jar", str(_compiler()), "-17", "-failOnWarning", "-cp", client_class_path()]
    done = subprocess.run([*command, "-d", str(target), str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _compiler() -> Path:
    directory = cache_root() / "java-compiler"
    jar = directory / COMPILER.filename
    if not present((COMPILER,), directory):
        with locked(directory):
            if not present((COMPILER,), directory):
                directory.mkdir(exist_ok=True)
                with tempfile.TemporaryDirectory(dir=directory) as scratch:
                    download((COMPILER,), Path(scratch))
                    Path(scratch, COMPILER.filename).replace(jar)
    return jar


class Program:
    """A running Java program: what it has printed so far, and how it ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.lines: list[list[str]] = []
        """Of standard output, each split at its tabs."""
        self.log: list[str] = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.lines.extend(line.rstrip("\n").split("\t") for line in self._process.stdout)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)

    def stop(self, seconds: float = 30.0) -> None:
        """SIGTERM, as a supervisor would."""
        self._process.terminate()
        self._process.wait(seconds)
        self._join()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        self._join()

    def _join(self) -> None:
        for reader in self._readers:
            reader.join()


@contextmanager
def running_java(classes: Path, main: str, *arguments: str) -> Iterator[Program]:
    """A program in Java; killed at the end if it still runs."""
    class_path = os.pathsep.join((str(classes), client_class_path()))
    with subprocess.Popen(
        [str(find_java().path), "-Xmx128m", "-XX:+UseSerialGC", "-cp", class_path, main, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        program = Program(process)
        try:
            yield program
        finally:
            program.kill()
