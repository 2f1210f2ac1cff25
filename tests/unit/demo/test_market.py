"""The data in the package is the electricity set, whole and unchanged."""

from __future__ import annotations

import hashlib

from streamproc.demo.market import FEATURES, load

# Of the rows of the published set as whole millionths, comma-separated, a line each.
SHA256 = "57c541ed43a696ff2a231598d8c829e787abcbc1064fb538972142596a8b690a"


def test_the_rows_are_those_of_the_published_set() -> None:
    """All 45,312 rows, in order, to the sixth decimal."""
    rows = load()
    digest = hashlib.sha256()
    for features, label in rows:
        millionths = [round(value * 1_000_000) for value in (*features.values(), label)]
        digest.update((",".join(map(str, millionths)) + "\n").encode())
    assert len(rows) == 45_312
    assert digest.hexdigest() == SHA256


def test_every_row_has_its_features_by_name() -> None:
    """Features come in one order, within [0, 1]; labels are 0 or 1."""
    for features, label in load():
        assert tuple(features) == FEATURES
        assert all(0 <= value <= 1 for value in features.values())
        assert label in (0, 1)
