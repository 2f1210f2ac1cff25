"""Places of settings in the text they came from."""

from __future__ import annotations

from textwrap import dedent

import pytest

from streamproc.config.load import reads
from streamproc.config.loaded import NOWHERE, Loaded

TEXT = dedent("""\
    pipeline: p
    models:
      m:
        window: 9
        policies:
          - name: plain
            condition: accuracy  <   0.9 or f1 < 0.5
          - name: quoted
            condition: 'accuracy < 0.9 or f1 < 0.5'
          - name: double
            condition: "accuracy < 0.9 or f1 < 0.5"
          - name: folded
            condition: >-  # with a comment: f1
              accuracy < 0.9

              or f1 < 0.5
          - name: literal
            condition: |
              accuracy < 0.9 or
                f1 < 0.5
          - name: continued
            condition: accuracy < 0.9
              or f1
              < 0.5
          - name: escaped
            condition: "accuracy < 0.9 or \\x66\\x31 < 0.5"
          - name: variable
            condition: accuracy < 0.9 or f1 < ${X:-0.5}
          - {name: flow, condition: accuracy < 0.9 or f1 < 0.5}
          - name: anchored
            condition: &c accuracy < 0.9 or f1 < 0.5
    """)
NAMES = [line.split(": ")[1].split(",")[0] for line in TEXT.splitlines() if "name:" in line]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("plain", (7, 41)),
        ("quoted", (9, 39)),
        ("double", (11, 39)),
        ("folded", (16, 14)),
        ("literal", (20, 13)),
        ("continued", (23, 14)),
        ("escaped", (26, 20)),
        ("variable", (28, 20)),
        ("flow", (29, 51)),
        ("anchored", (31, 20)),
    ],
)
def test_a_column_of_a_condition_is_found_in_every_style(name: str, place: tuple[int, int]) -> None:
    """`f1` is found where it stands; where escapes, variables or anchors make a difference, it is the whole value."""
    loaded = reads(TEXT, environment={})
    number = NAMES.index(name)
    text = " ".join((loaded.config.models["m"].policies[number].condition or "").split())
    assert text == "accuracy < 0.9 or f1 < 0.5"
    found = loaded.inside(("models", "m", "policies", number, "condition"), text, text.index("f1"))
    assert found == place
    if name not in ("escaped", "variable", "anchored"):
        assert TEXT.splitlines()[found.line - 1][found.column - 1 :].startswith("f1")


def test_the_end_of_a_condition_is_a_place_too() -> None:
    """An error behind the last character points there."""
    loaded = reads("pipeline: p\nmodels: {m: {policies: [{name: a, condition: f1 <}]}}", environment={})
    assert loaded.inside(("models", "m", "policies", 0, "condition"), "f1 <", 4) == (2, 50)


def test_settings_lead_to_values_and_names() -> None:
    """A value leads to itself, a section to its name, what is not written to its section."""
    loaded = reads(TEXT, environment={})
    assert loaded.place("models", "m", "window") == (4, 13)
    assert loaded.key_place("models", "m", "window") == (4, 5)
    assert loaded.place("models", "m", "policies") == (5, 5)
    assert loaded.place("models", "m", "policies", 1) == (8, 9)
    assert loaded.place("models", "m", "min_samples") == (3, 3)
    assert loaded.key_place("models", "m", "min_samples") == (3, 3)
    assert loaded.place("kafka", "x") == (1, 1)


def test_defaults_lead_to_where_they_are_written() -> None:
    """A model's setting that comes from `defaults` has its place there."""
    loaded = reads("pipeline: p\ndefaults:\n  window: 3\nmodels: {m: }", environment={})
    assert loaded.place("models", "m", "window") == (3, 11)


def test_a_configuration_without_text_has_no_places() -> None:
    """Line 0 says so."""
    loaded = Loaded(reads(TEXT, environment={}).config)
    assert loaded.place("pipeline") == loaded.key_place("pipeline") == loaded.inside(("pipeline",), "p", 0) == NOWHERE
    assert loaded.leaf("pipeline") is None
