"""One broker or three, each with a second listener behind a proxy, for what is under test."""

from __future__ import annotations

import random
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka.admin import AdminClient

from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.config import HOST, Seat, new_id
from streamproc.kafka.embedded.ports import free_ports
from tests.chaos.proxy import Proxies

HEAP_MB: Final = 384
PATIENCE: Final = 60.0
INTERNAL: Final = ("__transaction_state", "__consumer_offsets")


class Brokers:
    """`size` nodes, each broker and controller.

    `bootstrap_servers` leads to them directly, `proxied_servers` through the proxies.
    """

    def __init__(self, size: int, directory: Path, logs: Path) -> None:
        self.proxies = Proxies(size)
        free, numbers, cluster_id = free_ports(HOST, 3 * size), range(1, size + 1), new_id()
        ports, self._behind, controllers = free[:size], free[size : 2 * size], free[2 * size :]
        controller_ports = dict(zip(numbers, controllers, strict=True))
        self.brokers = [
            EmbeddedBroker(
                port,
                directory / str(number),
                logs,
                settings=_listeners(port, behind, proxy, controller_ports[number]),
                heap_mb=HEAP_MB,
                seat=Seat(number, cluster_id, controller_ports),
            )
            for number, port, behind, proxy in zip(numbers, ports, self._behind, self.proxies.ports, strict=True)
        ]

    @property
    def bootstrap_servers(self) -> str:
        """For the tests' own clients."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    @property
    def proxied_servers(self) -> str:
        """For what is under test."""
        return self.proxies.bootstrap_servers

    def start(self) -> None:
        """Start those that do not run, and wait until all serve and every partition has all of its replicas."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait_until_ready()
        self.wait_until_whole()

    def __enter__(self) -> Self:
        try:
            self.proxies.start(self._behind)
            self.start()
            self.admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Kill them all: nobody needs what they hold."""
        for broker in self.brokers:
            broker.kill()
        self.proxies.close()

    def leader_of(self, topic: str, rng: random.Random) -> EmbeddedBroker:
        """The leader of one of the topic's partitions."""
        leaders: list[int] = [p.leader for p in self._metadata().topics[topic].partitions.values() if p.leader > 0]
        return self.brokers[rng.choice(leaders) - 1]

    def wait_until_whole(self, seconds: float = PATIENCE) -> None:
        """Until every replica of every partition is in sync. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self._is_whole():
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:.0f} s some replicas are not in sync")
            time.sleep(0.1)

    def _is_whole(self) -> bool:
        if len(self.brokers) == 1:
            return True
        try:
            metadata = self._metadata()
        except Exception:  # noqa: BLE001 - whatever it says, the cluster does not answer yet
            return False
        partitions = [p for topic in metadata.topics.values() for p in topic.partitions.values()]
        return len(metadata.brokers) == len(self.brokers) and all(
            p.leader > 0 and len(p.isrs) == len(p.replicas) for p in partitions
        )

    def _metadata(self) -> Any:
        # A client of its own: after an outage it need not wait for the end of an older client's back-off.
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0}).list_topics(timeout=5)


def _listeners(port: int, behind: int, proxy: int, controller: int) -> dict[str, str]:
    return {
        "listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{behind},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{proxy}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
