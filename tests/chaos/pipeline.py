"""The pipeline under test: its configuration, as a file for each process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.events.topics import TOPICS

PARTITIONS: Final = 4
STAGES: Final = ("join", "monitor", "retrain")
OF_EACH_KIND: Final = 3

_KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "clicks": {
        "window": 40,
        "min_samples": 10,
        "detectors": {"worse": {"type": "adwin"}},
        "policies": [
            {"name": "bad", "condition": "accuracy < 0.55 or worse", "cooldown": "2s"},
            {"name": "nightly", "schedule": {"cron": "* * * * *"}, "cooldown": "70s"},
        ],
        "retrain_timeout": "40s",
    },
    "prices": {
        "task": "regression",
        "window": 20,
        "min_samples": 5,
        "external_metrics": ["drift"],
        "policies": [{"name": "off", "condition": "mae > 3 or drift > 0.5", "min_outcomes": 5}],
        "retrain_timeout": "20s",
    },
    "views": {
        "detectors": {"shift": {"type": "page_hinkley", "signal": "score", "min_instances": 5}},
        "policies": [{"name": "shifted", "condition": "shift or error_rate > 0.9"}],
        "retrain_timeout": "15s",
    },
    "served": {
        "window": 50,
        "min_samples": 20,
        "policies": [{"name": "bad", "condition": "accuracy < 0.7", "min_outcomes": 20, "cooldown": "10s"}],
        "retrain": {
            "function": "tests.chaos.functions:retrain",
            "window": {"outcomes": 200},
            "gate": None,
            "retries": {"attempts": 2, "backoff": "1s", "max_backoff": "2s"},
        },
        "retrain_timeout": "1h",
    },
}
MODELS: Final = {f"{kind}-{n}": dict(model) for kind, model in _KINDS.items() for n in range(OF_EACH_KIND)}
RETRAINED: Final = frozenset(name for name, model in MODELS.items() if "retrain" in model)
"""Models whose triggers the worker answers. Those of the others are answered by the traffic."""


def written(name: str, servers: str, work: Path, replicas: int, **sections: Any) -> dict[str, Any]:
    """What stands in the streamproc.yaml of a pipeline with topics of its own; `sections` add to ours."""
    topics = {topic.name: f"{name}-{topic.name.replace('_', '-')}" for topic in TOPICS}
    kafka = sections.pop("kafka", {})
    return {
        "pipeline": name,
        "kafka": {"bootstrap.servers": servers, **kafka},
        "topics": {**topics, "partitions": PARTITIONS, "replication": replicas},
        "artifacts": str(work / "artifacts"),
        "state_directory": str(work / "state"),
        "models": MODELS,
        **sections,
    }


def config_of(sections: Mapping[str, Any]) -> Config:
    """The same, loaded."""
    return from_mapping(dict(sections))


def write_file(sections: Mapping[str, Any], directory: Path, client: str) -> Path:
    """A configuration file for one process; `client` is its name in Kafka's requests."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"{client}.yaml"
    kafka = {**sections["kafka"], "client.id": client}
    file.write_text(json.dumps({**sections, "kafka": kafka}))  # JSON is YAML
    return file
