from __future__ import annotations

import socket
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.kafka.embedded import probe
from streamproc.kafka.embedded.probe import Metadata, ask, parse, wait_in_service


def string(text: str | None) -> bytes:
    return struct.pack(">h", -1) if text is None else struct.pack(">h", len(text)) + text.encode()


def response(cluster: str | None, *nodes: tuple[int, str | None]) -> bytes:
    """Write a Metadata v4 response from Kafka's own description of it."""
    brokers = b"".join(
        struct.pack(">i", node) + string("h") + struct.pack(">i", 9092) + string(rack) for node, rack in nodes
    )
    return struct.pack(">iii", 1, 0, len(nodes)) + brokers + string(cluster) + struct.pack(">ii", 1, 0)


def test_brokers_and_cluster_are_read() -> None:
    """Node ids and the cluster's id come out of a response, with and without racks."""
    assert parse(response("abc", (1, None), (7, "rack"))) == Metadata("abc", frozenset({1, 7}))
    assert parse(response(None)) == Metadata()


@given(st.integers(0, 60))
def test_a_response_cut_short_is_an_error(size: int) -> None:
    """A response that ends too early raises; it is never half believed."""
    whole = response("abc", (1, "rack"), (2, None))
    with pytest.raises(struct.error):
        parse(whole[: min(size, len(whole) - 9)])


def test_nobody_there_is_an_empty_answer() -> None:
    """A port that nobody listens on, and a listener that hangs up at once, both give the empty answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def hang_up() -> None:
            server.accept()[0].close()

        caller = threading.Thread(target=hang_up)
        caller.start()
        assert ask("127.0.0.1", port, 1) == Metadata()
        caller.join()
    assert ask("127.0.0.1", port, 1) == Metadata()


def test_another_brokers_answer_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker of another cluster on the same port, with the same node id, is not the one we wait for."""
    answers = iter([Metadata("other", frozenset({1})), Metadata("ours"), Metadata("ours", frozenset({1}))])
    monkeypatch.setattr(probe, "ask", lambda *_, **__: next(answers))
    monkeypatch.setattr(probe, "_PAUSE_SECONDS", 0)
    assert wait_in_service(("h", 1), "ours", 1, lambda: True, 5)
    assert next(answers, None) is None


def test_waiting_ends_when_the_process_does() -> None:
    """A process that died is not waited for."""
    assert not wait_in_service(("127.0.0.1", 1), "ours", 1, lambda: False, 3600)
