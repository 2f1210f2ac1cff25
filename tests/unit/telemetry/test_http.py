"""The page, by real requests."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from streamproc.engine.progress import Progress
from streamproc.errors import ConfigError
from streamproc.telemetry.http import MetricsPage, health, parse_address, serve


class One:
    """A stage and its engine in one."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name, self.progress = name, progress

    def gauges(self) -> dict[str, float]:
        """One of the join's."""
        return {"join_waiting": 3}


Running = list[tuple[Any, Any]]


def running(*progress: Progress) -> Running:
    """Stages with this progress."""
    parts = [One(name, each) for name, each in zip(("join", "monitor"), progress, strict=False)]
    return [(part, part) for part in parts]


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    """A page on a free port with a stage that went round just now."""
    with serve("127.0.0.1:0", running(Progress(records=7, live=True, last_step_ms=time.time_ns() // 10**6))) as served:
        yield served


def request(page: MetricsPage, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection(page.host, page.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_metrics_are_served_as_text(page: MetricsPage) -> None:
    """What Prometheus asks for, it gets, with the type that it understands."""
    status, headers, body = request(page, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b'streamproc_engine_records_total{stage="join"} 7.0\n' in body
    assert b"# TYPE streamproc_engine_records_total counter\n" in body
    assert b"streamproc_join_entries 3.0\n" in body
    status, headers, body = request(page, "/metrics?x=1", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_a_stage_that_goes_round_is_healthy(page: MetricsPage) -> None:
    """200, and what was looked at."""
    status, headers, body = request(page, "/healthz")
    detail = json.loads(body)
    assert (status, headers["content-type"], detail["status"]) == (200, "application/json", "ok")
    (stage,) = detail["stages"]
    assert (stage["stage"], stage["live"]) == ("join", True)
    assert 0 <= stage["seconds_since_last_step"] < 30


def test_a_stage_that_hangs_is_not() -> None:
    """503 names the stage, says whether it was live, and since when nothing moved."""
    now = time.time_ns() // 10**6
    stages = running(Progress(live=True, last_step_ms=now), Progress(live=False, last_step_ms=now - 31_000))
    with serve("127.0.0.1:0", stages) as page:
        status, _, body = request(page, "/healthz")
    detail = json.loads(body)
    assert (status, detail["status"]) == (503, "stalled")
    assert detail["stages"][1]["stage"] == "monitor"
    assert detail["stages"][1]["live"] is False
    assert 31 <= detail["stages"][1]["seconds_since_last_step"] < 60


@pytest.mark.parametrize(
    ("stages", "well", "status"),
    [
        (running(Progress(last_step_ms=1_000_000)), True, "ok"),
        (running(Progress(last_step_ms=970_000)), True, "ok"),
        (running(Progress(last_step_ms=969_999)), False, "stalled"),
        (running(Progress(last_step_ms=1_005_000)), True, "ok"),
        (running(Progress(last_step_ms=1_000_000), Progress()), False, "stalled"),
        ([], False, "starting"),
    ],
)
def test_health_by_the_clock(stages: Running, well: bool, status: str) -> None:
    """Thirty seconds and no more; restoring or owning nothing is well; a clock put back is no trouble."""
    found, detail = health(stages, 1000.0)
    assert (found, detail["status"]) == (well, status)


def test_a_paused_partition_is_told_and_is_no_reason_for_a_restart() -> None:
    """The process is well; whoever is alerted sees how many there are."""
    found, detail = health(running(Progress(last_step_ms=1_000_000, paused=2)), 1000.0)
    assert found
    assert detail["stages"][0]["paused_partitions"] == 2


def test_other_paths_and_methods_are_refused(page: MetricsPage) -> None:
    """Nothing is listed, nothing can be changed."""
    assert request(page, "/")[0] == 404
    assert request(page, "/../../etc/passwd")[0] == 404
    assert request(page, "/metrics/")[0] == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert request(page, "/metrics", method)[0] == 501


def test_head_is_answered_without_a_body(page: MetricsPage) -> None:
    """Read from the socket, since http.client would hide what is too much."""
    with socket.create_connection((page.host, page.port), timeout=10) as raw:
        raw.sendall(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        head, _, body = b"".join(iter(lambda: raw.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert b" 200 OK\r\n" in head
    assert b"Content-Length: 0" not in head
    assert body == b""


def test_the_version_of_the_software_is_not_told(page: MetricsPage) -> None:
    """Nor Python's."""
    assert request(page, "/healthz")[1]["server"].strip() == "streamproc"


def test_many_scrapes_at_once_are_answered(page: MetricsPage) -> None:
    """A slow client holds up nobody: one that never sends its request, and eight that do."""
    with socket.create_connection((page.host, page.port)):
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(request(page, "/metrics")[0])) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [200] * 8


def test_closing_frees_the_port() -> None:
    """At once, also when a client is still connected; closing twice does no harm."""
    page = MetricsPage("127.0.0.1:0", [])
    with socket.create_connection((page.host, page.port)):
        page.close()
        page.close()
        with pytest.raises(OSError):  # noqa: PT011 - which one is the system's business
            request(page, "/metrics")
        MetricsPage(f"127.0.0.1:{page.port}", []).close()
    assert not any(thread.name == "streamproc-http" for thread in threading.enumerate())


def test_a_port_that_is_taken_is_explained(page: MetricsPage) -> None:
    """What is wrong, where, and what to do."""
    address = f"127.0.0.1:{page.port}"
    with pytest.raises(ConfigError, match=f"no metrics page can be served at {address}: .*(?s:.*)--http host:port"):
        MetricsPage(address, [])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),  # noqa: S104 - asked for
        ("[::1]:0", ("::1", 0)),
        ("metrics.local:1", ("metrics.local", 1)),
    ],
)
def test_an_address_without_a_host_is_the_loopback(address: str, expected: tuple[str, int]) -> None:
    """All interfaces only when somebody writes them."""
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "9464", "localhost", "a:b", "http://x:1", "::1:80", "x:65536", "x:-1", "x:1 "])
def test_what_is_no_address_is_refused(address: str) -> None:
    """With the form that is asked for."""
    with pytest.raises(ConfigError, match="write host:port, such as"):
        parse_address(address)


def test_it_listens_on_ipv6() -> None:
    """Where the system has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with serve("[::1]:0", []) as page:
        assert page.url.startswith("http://[::1]:")
        assert request(page, "/healthz")[0] == 503


def test_a_second_process_takes_the_next_free_port() -> None:
    """With spare ports, an address that is taken is no error."""
    with serve("127.0.0.1:0", []) as first, serve(f"127.0.0.1:{first.port}", [], spare=15) as second:
        assert first.port < second.port <= first.port + 15
