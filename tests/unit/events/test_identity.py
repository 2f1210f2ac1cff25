"""Ids and headers are part of the contract: what is pinned here must never change by accident."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.events.identity import cloud_event_headers, derived_id


@pytest.mark.parametrize(
    ("prefix", "parts", "expected"),
    [
        ("trg", ("shop", "churn", None, "worse", "5d41402abc4b2a76", 2, 40311), "trg_6080b19f6bcf4d20019d2f893b8c1ffb"),
        ("trg", ("shop", "churn", None, "manual", "5d41402abc4b2a76", 0, 0), "trg_e99c4cae189907459d9330daf6f0ca5c"),
        ("dec", ("shop", "churn", "5d41402abc4b2a76", 2, 40311, 0), "dec_20b5e2153108c7392867c832149794d8"),
        ("trg", ("händler", "ж\N{SNOWMAN}", "de", "p", "", 11, 2**40), "trg_ea04e914ba4c1ee3e853599c5d0cbb15"),
        ("trg", (), "trg_e3b0c44298fc1c149afbf4c8996fb924"),
    ],
)
def test_ids_are_the_same_for_ever(prefix: str, parts: tuple[object, ...], expected: str) -> None:
    """Downstream drops repeats by id: the same log must give the same ids in every release and on every machine."""
    assert derived_id(prefix, *parts) == expected


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1, max_size=4),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f")), min_size=1, max_size=4),
)
def test_different_parts_give_different_ids(left: list[str], right: list[str]) -> None:
    """("ab", "c") and ("a", "bc") are two: no ids hold the separator, since control characters are refused."""
    one, other = derived_id("trg", *left), derived_id("trg", *right)
    assert (one == other) == (left == right)
    assert re.fullmatch(r"trg_[0-9a-f]{32}", one)


def test_the_prefix_is_not_all_that_tells_a_trigger_from_its_decision() -> None:
    """A trigger and a decision of one record have different digits after different prefixes."""
    trigger = derived_id("trg", "shop", "churn", None, "worse", "c", 2, 40311)
    decision = derived_id("dec", "shop", "churn", "c", 2, 40311, 0)
    assert trigger[4:] != decision[4:]


def test_the_headers_are_cloud_events_in_binary_mode() -> None:
    """Names in lower case with `ce_`, UTF-8 values, times as RFC 3339: CloudEvents' Kafka binding, section 3.2."""
    assert cloud_event_headers("trigger", "trg_1", "händler", "churn", 1_767_225_600_123) == [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"dev.streamproc.trigger"),
        ("ce_id", b"trg_1"),
        ("ce_source", "/streamproc/händler".encode()),
        ("ce_subject", b"churn"),
        ("ce_time", b"2026-01-01T00:00:00.123Z"),
        ("content-type", b"application/json"),
    ]
