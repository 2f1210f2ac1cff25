"""Apache Kafka's jars: which ones (pinned by SHA-256), and fetching them once from Maven Central.

`jgo` knows where Maven Central is, and the mirrors in the user's own jgo settings. We pin every jar ourselves:
resolving the dependencies takes twice as long as fetching the jars, and jgo only logs when a checksum is wrong.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamproc.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION: Final = "4.3.1"
PINS: Final = Path(__file__).with_name("jars.txt")

_DOWNLOADS_AT_ONCE: Final = 4
_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True)
class Jar:
    """One pinned jar: Maven coordinate, size in bytes, SHA-256 in hex."""

    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The jar's file name, as Maven names it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def pinned_jars() -> tuple[Jar, ...]:
    """Return the jars in class-path order."""
    lines = (line.split() for line in PINS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return tuple(Jar(coordinate, int(size), sha256) for coordinate, size, sha256 in lines)


def present(jars: tuple[Jar, ...], directory: Path) -> bool:
    """Say whether every jar is in `directory` with its right size. Cheap: no content is read."""
    try:
        return all((directory / jar.filename).stat().st_size == jar.size for jar in jars)
    except OSError:
        return False


def download(jars: tuple[Jar, ...], directory: Path) -> None:
    """Fetch the jars into the existing, empty `directory`, and check their SHA-256.

    Raises MissingExtra without jgo; UserError when Maven Central cannot be reached or a jar is not the pinned one.
    """
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext
    except ImportError as missing:
        raise MissingExtra("the embedded Kafka", "broker") from missing
    # Mirrors first: where one is set, Maven Central itself is often out of reach.
    repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=directory / ".maven", remote_repos=repositories, timeout=_TIMEOUT_SECONDS)
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        for _ in pool.map(partial(_fetch, context, directory), jars):
            pass


def _fetch(context: MavenContext, directory: Path, jar: Jar) -> None:
    import requests

    group, artifact, version = jar.coordinate.split(":")
    try:
        path = context.project(group, artifact).at_version(version).artifact().resolve()
    except (requests.RequestException, RuntimeError, OSError) as failed:
        raise UserError(
            f"cannot fetch {jar.filename} from Maven Central: {failed}\n"
            "This is needed once. Check the connection and, behind a proxy, HTTPS_PROXY; a mirror can be named in the "
            "[repositories] section of jgo's settings file (~/.config/jgo.conf)."
        ) from failed
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise UserError(
            f"{jar.coordinate} from Maven Central has SHA-256 {found}, expected {jar.sha256}: it was damaged or "
            "changed on the way. Try again; if it happens again, ask who runs the proxy or mirror."
        )
    path.rename(directory / jar.filename)
