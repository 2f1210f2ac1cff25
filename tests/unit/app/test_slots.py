"""Slots: stable over restarts, unique among live processes."""

from __future__ import annotations

import uuid

import pytest

from streamproc.app.slots import pod_ordinal, slot
from streamproc.errors import ConfigError, SlotTaken


@pytest.fixture
def pipeline() -> str:
    """A name that nobody else holds slots of."""
    return f"slots-{uuid.uuid4().hex}"


def test_the_first_free_slot_is_taken_and_given_back(pipeline: str) -> None:
    """Two live processes have two slots; who comes back gets the one that was left."""
    with slot(pipeline, "join", None, "c") as first, slot(pipeline, "join", None, "c") as second:
        assert (first, second) == ("0", "1")
    with slot(pipeline, "join", None, "c") as again:
        assert again == "0"


def test_slots_are_of_a_cluster_a_pipeline_and_a_stage(pipeline: str) -> None:
    """Each has its own."""
    with (
        slot(pipeline, "join", "a", "c"),
        slot(pipeline, "monitor", "a", "c"),
        slot(f"{pipeline}-2", "join", "a", "c"),
        slot(pipeline, "join", "a", "d") as last,
    ):
        assert last == "a"


def test_a_slot_that_is_taken_is_refused(pipeline: str) -> None:
    """The message names slot, stage and pipeline."""
    words = f"'a' of the join stage of {pipeline}"
    with slot(pipeline, "join", "a", "c"), pytest.raises(SlotTaken, match=words), slot(pipeline, "join", "a", "c"):
        pass


@pytest.mark.parametrize(
    ("host", "ordinal"), [("streamproc-join-3", "3"), ("join-12.streamproc.svc", "12"), ("7", "7"), ("a-b-0", "0")]
)
def test_a_pod_knows_its_ordinal(host: str, ordinal: str) -> None:
    """It stands at the end of the first part of the name."""
    assert pod_ordinal(host) == ordinal


@pytest.mark.parametrize("host", ["laptop", "node3", "join-x7f9c", "", "web-1a"])
def test_a_host_that_is_no_pod_is_told_so(host: str) -> None:
    """A number that merely stands at the end of a word is none."""
    with pytest.raises(ConfigError, match="StatefulSet"):
        pod_ordinal(host)


def test_the_pod_s_ordinal_is_the_slot(pipeline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--slot pod`."""
    monkeypatch.setattr("socket.gethostname", lambda: "streamproc-monitor-4")
    with slot(pipeline, "monitor", "pod", "c") as name:
        assert name == "4"
