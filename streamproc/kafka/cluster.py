"""Several embedded brokers as one cluster, to see what happens when some of them go away."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded.config import HOST, Seat, new_id
from streamproc.kafka.embedded.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEAP_MB: Final = 384


class EmbeddedCluster:
    """`size` nodes, each broker and controller; topics are replicated `size` times, a majority must be in sync.

    `data_dir` and `settings` as for `EmbeddedBroker`. `brokers[i].kill()` and `.restart()` do what they say: node i + 1
    leaves and comes back with its data. A majority must be up for a single `restart()` to return; after more than that
    went down, `start()` brings all back.
    """

    def __init__(
        self, size: int = 3, data_dir: Path | str | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self._temporary = None if data_dir else tempfile.TemporaryDirectory(prefix="streamproc-kafka-")
        root = Path(data_dir or self._temporary.name)  # type: ignore[union-attr] # one of the two is there
        free, numbers, cluster_id = free_ports(HOST, 2 * size), range(1, size + 1), new_id()
        controller_ports = dict(zip(numbers, free[size:], strict=True))
        self.brokers = [
            EmbeddedBroker(
                port,
                root / str(number),
                settings=settings,
                heap_mb=_HEAP_MB,
                seat=Seat(number, cluster_id, controller_ports),
            )
            for number, port in zip(numbers, free[:size], strict=True)
        ]

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all brokers, for `bootstrap.servers`."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start every broker that does not run, and wait until all serve. Raises as `EmbeddedBroker.start` does."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait_until_ready()

    def stop(self) -> None:
        """End every broker; temporary data is removed."""
        for broker in self.brokers:
            broker.kill()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
