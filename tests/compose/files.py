"""docker-compose.yml and the files of deploy/, as the tests read them."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = DEPLOY / "Dockerfile"
OURS = ("topics", "join", "monitor", "retrain", "producer")
STAGES = ("join", "monitor", "retrain")


class Service(NamedTuple):
    """A service of ours: its command, its whole environment, its working directory, and what is mounted where."""

    command: list[str]
    environment: dict[str, str]
    directory: PurePosixPath
    mounts: dict[PurePosixPath, str]
    """Path in the container -> path beside docker-compose.yml, or the name of a volume."""


def compose(**variables: str) -> dict[str, Any]:
    """docker-compose.yml with merge keys resolved and `${NAME:-default}` filled in."""
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}", lambda m: variables.get(m[1], m[2]), COMPOSE_FILE.read_text(encoding="utf-8")
    )
    parsed: dict[str, Any] = YAML(typ="safe").load(text)
    return parsed


def service(name: str, **variables: str) -> Service:
    """One of `OURS`, with what its image says."""
    written, image = compose(**variables)["services"][name], dockerfile()
    mounts = {}
    for volume in written["volumes"]:
        source, target, *_ = volume.split(":")
        mounts[PurePosixPath(target)] = source
    environment = image.environment | {key: str(value) for key, value in written["environment"].items()}
    return Service(written["command"], environment, image.directory, mounts)


class Image(NamedTuple):
    """What deploy/Dockerfile says of a container's start."""

    environment: dict[str, str]
    directory: PurePosixPath
    user: str
    healthcheck: list[str]


def dockerfile() -> Image:
    """The last stage of deploy/Dockerfile."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8")).rpartition("\nFROM ")[2]
    found = {line.split()[0]: line.partition(" ")[2] for line in text.splitlines() if line and line[0].isupper()}
    environment = dict(re.findall(r"(\w+)=(\S+)", found["ENV"]))
    healthcheck = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    return Image(environment, PurePosixPath(found["WORKDIR"]), found["USER"], healthcheck)


def kafka_settings() -> dict[str, str]:
    """The broker settings that the kafka service's environment stands for, by the rule of Apache Kafka's image."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in compose()["services"]["kafka"]["environment"].items()
        if name.startswith("KAFKA_")
    }


def yaml(path: Path) -> Any:
    """A YAML file's content."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def dashboard() -> dict[str, Any]:
    """The Grafana dashboard."""
    loaded: dict[str, Any] = json.loads((DEPLOY / "grafana/dashboards/streamproc.json").read_text(encoding="utf-8"))
    return loaded
