"""docker-compose.yml, the image, Prometheus and Grafana: whether the files fit together, without a container engine."""

from __future__ import annotations

import itertools
import re
from typing import Any

from streamproc.cli import COMMANDS
from streamproc.config.load import loads
from streamproc.demo import settings
from streamproc.telemetry.names import METRICS
from tests.compose.files import (
    COMPOSE_FILE,
    DEPLOY,
    OURS,
    ROOT,
    STAGES,
    compose,
    dashboard,
    dockerfile,
    kafka_settings,
    service,
    yaml,
)

PORT = 9464


def test_every_file_that_is_mounted_or_built_from_exists() -> None:
    """Paths in docker-compose.yml lead somewhere; names of volumes are declared."""
    written = compose()
    for each in written["services"].values():
        for volume in each.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in written["volumes"], volume
        build = each.get("build")
        assert build is None or (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_services_wait_for_what_they_need() -> None:
    """Topics are made on a healthy broker, and everything of ours starts after they were made."""
    services = compose()["services"]
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for name in set(OURS) - {"topics"}:
        assert services[name]["depends_on"] == {"topics": {"condition": "service_completed_successfully"}}
    named = {each for one in services.values() for each in one.get("depends_on", ())}
    assert named <= services.keys()


def test_commands_are_ones_that_streamproc_has() -> None:
    """Each stage runs by itself; the one-shot service creates topics; the producer is a module that can be run."""
    for name in STAGES:
        assert service(name).command == ["streamproc", "run", name]
    assert service("topics").command == ["streamproc", "topics", "create"]
    assert {"run", "topics"} <= COMMANDS.keys()
    _, _, module, *_ = service("producer").command
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_addresses_agree() -> None:
    """Clients use a listener that Kafka advertises; the metrics page, its health check and Prometheus share a port."""
    listeners = kafka_settings()["advertised.listeners"].split(",")
    scraped = yaml(DEPLOY / "prometheus.yml")["scrape_configs"][0]["static_configs"][0]["targets"]
    for name in OURS:
        environment = service(name).environment
        assert f"INSIDE://{environment['STREAMPROC_KAFKA']}" in listeners
        assert environment["STREAMPROC_HTTP"] == f"0.0.0.0:{PORT}"
    assert scraped == [f"{name}:{PORT}" for name in STAGES]
    assert f":{PORT}/healthz" in dockerfile().healthcheck[-1]
    assert not any(compose()["services"][name].get("healthcheck", {}).get("disable") for name in STAGES)


def test_only_the_loopback_is_opened() -> None:
    """Nothing that has no login can be reached from other machines."""
    ports = [port for each in compose()["services"].values() for port in each.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_runs_without_rights() -> None:
    """The last stage of the image changes to a user of its own, which can write where it works."""
    image = dockerfile()
    assert image.user == "streamproc"
    assert service("retrain").mounts[image.directory] == "work"


def test_the_configuration_is_the_demos() -> None:
    """deploy/streamproc.yaml loads in the services' environment, and watches the demo's model as the demo does."""
    text = (DEPLOY / "streamproc.yaml").read_text(encoding="utf-8")
    config = loads(text, environment=service("monitor").environment)
    demo = loads(f"pipeline: demo\n{settings.MODELS}")
    assert config.models == demo.models


def test_kafka_is_told_what_one_node_needs() -> None:
    """No default of three replicas is left, and topics are only made on purpose."""
    told = kafka_settings()
    factors = {name: value for name, value in told.items() if name.endswith((".replication.factor", ".min.isr"))}
    assert len(factors) == 5
    assert set(factors.values()) == {"1"}
    assert told["auto.create.topics.enable"] == "false"
    assert re.search(r"image: apache/kafka:(\S+)", COMPOSE_FILE.read_text(encoding="utf-8"))[1] == _pinned_kafka()  # type: ignore[index]


def _pinned_kafka() -> str:
    """The version of the embedded broker."""
    jars = (ROOT / "streamproc/kafka/embedded/jars.txt").read_text(encoding="utf-8")
    found = re.search(r"kafka_2\.13[-:/](\d+\.\d+\.\d+)", jars)
    assert found is not None
    return found[1]


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def test_grafana_finds_its_data_source_and_its_dashboard() -> None:
    """The uid in every panel is the provisioned one; the dashboard lies where the provider looks, and is the home."""
    (source,) = yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    used = {target["datasource"]["uid"] for panel in _panels() for target in panel["targets"]}
    used |= {variable["datasource"]["uid"] for variable in dashboard()["templating"]["list"]}
    assert used == {source["uid"]}
    (provider,) = yaml(DEPLOY / "grafana/provisioning/dashboards/streamproc.yaml")["providers"]
    grafana = compose()["services"]["grafana"]
    path = provider["options"]["path"]
    assert f"./deploy/grafana/dashboards:{path}:ro" in grafana["volumes"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{path}/streamproc.json"


def test_the_dashboard_asks_only_for_metrics_that_exist() -> None:
    """Every name in its queries is in the table of metrics, and its labels are among that metric's."""
    known = {name: {*metric.labels, "le"} for metric in METRICS for name in metric.series}
    queries = [target["expr"] for panel in _panels() for target in panel["targets"]]
    queries += [variable["definition"] for variable in dashboard()["templating"]["list"]]
    for query in queries:
        for name, labels in re.findall(r"\b(streamproc_\w+)(?:\{([^}]*)\})?", query):
            assert name in known, query
            assert set(re.findall(r"(\w+)=", labels)) <= known[name], query
    assert len({name for query in queries for name in re.findall(r"\bstreamproc_\w+", query)}) >= 20


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    """Grafana drops panels with an id that it has, and pushes overlapping ones about."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


def test_panels_say_what_they_show() -> None:
    """Each has a title, a description, a unit, and queries with ids of their own."""
    for panel in _panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
