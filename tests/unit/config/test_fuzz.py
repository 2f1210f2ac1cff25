"""Whatever a file holds, it is a configuration or a ConfigError, and soon."""

from __future__ import annotations

import contextlib
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from streamproc.check import lint
from streamproc.config.load import read, reads
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.template import template
from streamproc.errors import ConfigError

PATIENT = settings(deadline=timedelta(seconds=20), suppress_health_check=[HealthCheck.too_slow], max_examples=300)
VARIABLES = {"A": "secret", "B": "0.5", "C": ""}
YAML_PARTS = st.sampled_from(
    [*":-?&*!|>'\"%@`[]{},#~<=.\\\n\t ", "  ", "\n  ", ": ", "- ", "<<: ", "&a ", "*a", "---\n", "...\n", "%YAML 1.2\n",
     "!!str ", "${A}", "${", "a", "b", "pipeline: p\n", "models:\n", "  m:\n", "    window: ", "1", "é", "\u2028",
     "\ufeff", "\x85", "\ud800", "\0"]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        *("m", "defaults", "type", "adwin", "name", "condition", "schedule", "cron", "gate", "a b", ""),
        *(*Config.model_fields, *Model.model_fields),
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["p", "adwin", "score", "1h", "accuracy < 0.9", "* * * * *", "a:b", "${A}", "${B}", "<<"]),
)


def attempt(text: str) -> None:
    """Read and lint; nothing but ConfigError may come out."""
    with contextlib.suppress(ConfigError):
        lint(reads(text, environment=VARIABLES))


@PATIENT
@given(st.text())
def test_any_text(text: str) -> None:
    """Arbitrary characters."""
    attempt(text)


@PATIENT
@given(st.lists(YAML_PARTS, max_size=40))
def test_any_sequence_of_yaml(parts: list[str]) -> None:
    """Pieces of YAML in any order."""
    attempt("".join(parts))


@PATIENT
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Arbitrary bytes in a file."""
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(content)
    with contextlib.suppress(ConfigError):
        lint(read(file, VARIABLES))


@PATIENT
@given(
    st.dictionaries(
        NAMES,
        st.recursive(
            VALUES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4))
        ),
    )
)
def test_any_tree_of_settings(tree: dict[str, Any]) -> None:
    """Well-formed YAML with known names in unknown places."""
    out = StringIO()
    YAML(typ="safe", pure=True).dump(tree, out)
    attempt(out.getvalue())


@PATIENT
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_a_mutilated_configuration(dice: random.Random, cuts: int) -> None:
    """A real file with pieces taken out, doubled or moved."""
    lines = template().splitlines(keepends=True)
    for _ in range(cuts):
        here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                del lines[here : here + 1]
            case 1:
                lines.insert(there, lines[here])
            case 2:
                place = dice.randrange(len(lines[here]) + 1)
                lines[here] = lines[here][:place] + dice.choice("\"'{[:- \n\t&*#0x") + lines[here][place:]
            case _:
                lines[here] = lines[here].replace(": ", dice.choice([":", " ", ": - ", ": {", ": '"]))
        lines = lines or [""]
    attempt("".join(lines))


@pytest.mark.parametrize(
    "piece", ["[", "{", "- ", "? ", "a: ", "'", "&a ", ":", "!", "\n", "%", "- a\n", "[a,", "- - a\n"]
)
@pytest.mark.parametrize("before", ["", "a: ", "a: '", "a: |\n "])
def test_floods_end_soon(before: str, piece: str) -> None:
    """Repeated characters that make a naive reader slow or deep are read or refused within seconds."""
    attempt(before + piece * 15_000)
