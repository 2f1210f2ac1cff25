"""Pin the jars of the embedded Kafka: resolve them, and write their names, sizes and SHA-256 in class-path order.

A maintainer's tool: `make kafka-jars` runs it after KAFKA_VERSION in streamproc/kafka/embedded/jars.py was changed.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from jgo.maven import Artifact, MavenContext
from jgo.parse import Endpoint

from streamproc.kafka.embedded.jars import KAFKA_VERSION, PINS

# kafka_2.13's own dependencies hold no SLF4J binding: without one a broker dies without a word. slf4j-simple writes to
# stderr and costs nothing at start. It must speak the same SLF4J (1.7) as Kafka's slf4j-api.
ENDPOINTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")

HEADER = f"""\
# The jars of Apache Kafka {KAFKA_VERSION}, in class-path order: coordinate, bytes, SHA-256.
# Made by `make kafka-jars` (tools/pin_kafka.py); do not edit.
"""


def resolve(context: MavenContext, endpoint: str) -> list[Artifact]:
    """Return the endpoint's own artifacts, then everything they need at run time."""
    coordinates = [replace(coordinate, scope="compile") for coordinate in Endpoint.parse(endpoint).coordinates]
    direct, transitive = context.resolver.resolve([context.create_dependency(each) for each in coordinates])
    return [each.artifact for each in (*direct, *transitive) if each.scope in {"compile", "runtime"}]


def main() -> None:
    """Resolve, download, hash and write."""
    lines: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch))
        for endpoint in ENDPOINTS:
            for artifact in resolve(context, endpoint):
                data = artifact.resolve().read_bytes()
                name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
                lines.setdefault(name, f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}\n")
    PINS.write_text(HEADER + "".join(lines.values()), encoding="utf-8")
    sys.stdout.write(f"{PINS}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
