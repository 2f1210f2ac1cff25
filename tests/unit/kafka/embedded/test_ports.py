from __future__ import annotations

import pytest

from streamproc.kafka.embedded import ports
from streamproc.kafka.embedded.ports import free_ports


def test_ports_differ_and_lie_below_the_range_of_outgoing_connections() -> None:
    """Ports chosen together differ, and none is one that the system may give to a client."""
    found = free_ports("127.0.0.1", 20)
    assert len(set(found)) == 20
    assert all(20_000 <= port < 32_000 for port in found)


def test_no_free_port_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """When every port is taken the search ends, and says where it looked."""
    monkeypatch.setattr(ports, "_TRIES", 1)
    with pytest.raises(OSError, match="between 20000 and 32000"):
        free_ports("127.0.0.1", 2)
