"""The metrics page: `/metrics` for Prometheus, `/healthz` for whoever restarts what hangs."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from streamproc.errors import ConfigError
from streamproc.telemetry.prometheus import Running, registry

LOOPBACK = "127.0.0.1"
STALLED_AFTER_SECONDS = 30.0
_REQUEST_SECONDS = 10.0
"""How long a request may take to arrive: one that never ends holds a thread."""
_ADDRESS = re.compile(r"(?:(?P<host>[^\s:/\[\]]*)|\[(?P<six>[0-9A-Fa-f:.]+)\]):(?P<port>\d{1,5})")


class MetricsPage:
    """A served page. `url` says where, also when the port was left to the system (`:0`)."""

    def __init__(self, address: str, running: Running, spare: int = 0) -> None:
        """The first of `spare` + 1 ports that is free. Raises ConfigError for an address that cannot be read or had."""
        host, port = parse_address(address)
        try:
            self._server = _first_free(host, range(port, port + spare + 1), running)
        except (OSError, OverflowError) as exc:
            raise ConfigError(
                f"no metrics page can be served at {address}: {exc}.\n  Another process may have the port: give this "
                "one its own with --http host:port (port 0: any that is free; `off`: no page)."
            ) from exc
        self.host, self.port = str(self._server.server_address[0]), int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="streamproc-http", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:9464`, without a slash at the end."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Stop listening; waits for the thread, not for clients. Closing twice does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def serve(address: str, running: Running, spare: int = 0) -> Iterator[MetricsPage]:
    """Serve the page of these stages while the context lasts; up to `spare` ports further if the one is taken.

    Raises ConfigError.
    """
    page = MetricsPage(address, running, spare)
    log: Any = structlog.get_logger()
    log.info("metrics page", metrics=f"{page.url}/metrics", health=f"{page.url}/healthz")
    try:
        yield page
    finally:
        page.close()


def parse_address(address: str) -> tuple[str, int]:
    """`host:port` -> (host, port); without a host, the loopback. Raises ConfigError."""
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found["port"]) > 65_535:  # noqa: PLR2004 - the largest port
        raise ConfigError(f"{address!r} is not an address: write host:port, such as 127.0.0.1:9464")
    return found["six"] or found["host"] or LOOPBACK, int(found["port"])


def health(running: Running, now: float) -> tuple[bool, dict[str, Any]]:
    """Whether every stage went round its loop lately, and the page's text; `now` in seconds of Unix time.

    A stage that restores its state, waits for partitions or has nothing to do is well. One that hangs, or cannot reach
    Kafka, is not; nor is a process whose stages have not begun. Partitions that are paused for their dead letters are
    told, and are no fault of the process: a restart would only take some more of them.
    """
    stages: list[dict[str, Any]] = []
    well = bool(running)
    for stage, engine in list(running):
        last = engine.progress.last_step_ms / 1000
        seconds = round(max(0.0, now - last), 3) if last else None
        progress = engine.progress
        told = {"live": progress.live, "paused_partitions": progress.paused, "seconds_since_last_step": seconds}
        stages.append({"stage": stage.name, **told})
        well = well and seconds is not None and seconds <= STALLED_AFTER_SECONDS
    return well, {"status": "ok" if well else "stalled" if stages else "starting", "stages": stages}


def _first_free(host: str, ports: range, running: Running) -> _Server:
    for port in ports[:-1]:
        try:
            return _Server(host, port, running)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
    return _Server(host, ports[-1], running)


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a slow client must not keep the process from ending

    def __init__(self, host: str, port: int, running: Running) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.running = running
        self.registry: CollectorRegistry = registry(running)
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        log: Any = structlog.get_logger()
        log.debug("a request for the metrics page came to nothing", error=repr(sys.exception()))


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "streamproc"
    sys_version = ""
    timeout = _REQUEST_SECONDS

    def do_GET(self) -> None:
        """Answer; nothing here changes anything."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, content_type, encode(self.server.registry))
        elif path == "/healthz":
            well, detail = health(self.server.running, time.time())
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, "application/json", json.dumps(detail).encode() + b"\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"there are /metrics and /healthz\n")

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def log_message(self, *args: Any) -> None:
        """Requests are not logged: a scrape every few seconds would drown the rest."""

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
