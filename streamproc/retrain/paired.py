"""The same rows, answered by champion and challenger: is a difference more than luck, and whom does it harm? Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean, stdev
from typing import Any

Row = Mapping[str, Any]
ROUNDING = 1e-9
"""A spread of so small a share of the mean is of the last digits."""
Pair = tuple[float, float]
"""(the champion's error, the challenger's): 0 or 1 of a classification, absolute of a regression."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What a paired test found."""

    name: str
    rows: int
    better: int
    """Rows on which the challenger's error is the smaller one."""
    worse: int
    p_value: float
    """How likely so much in the challenger's favour, or more, is if neither is better: of one side."""

    def figures(self) -> dict[str, float]:
        """For the deploy event."""
        return {"rows": self.rows, "better": self.better, "worse": self.worse, "p_value": self.p_value}

    def __str__(self) -> str:
        return f"{self.name}: {self.better} rows better, {self.worse} worse, p = {self.p_value:.3g}"


@dataclass(frozen=True, slots=True)
class Harm:
    """A segment whose error has grown."""

    segment: str
    rows: int
    champion: float
    challenger: float
    p_value: float
    """How likely so much in the champion's favour, or more, is in this segment if neither is better."""


def pairs(champion: Sequence[Row], challenger: Sequence[Row], task: str) -> list[Pair]:
    """Both errors of each row; rows where one of them has none are left out."""
    return [
        (a, b)
        for theirs, ours in zip(champion, challenger, strict=True)
        if (a := _error(theirs, task)) is not None and (b := _error(ours, task)) is not None
    ]


def paired_test(errors: Sequence[Pair], task: str) -> Paired:
    """Is the challenger better? McNemar's test for classes, Student's paired t-test for numbers; of one side.

    McNemar (Psychometrika 12, 1947) in the mid-p form (Fagerland, Lydersen and Laake 2013): of the rows that one of
    the two has right and the other wrong, how many are the challenger's is a fair coin's if neither is better.
    """
    better = sum(ours < theirs for theirs, ours in errors)
    worse = sum(ours > theirs for theirs, ours in errors)
    if task == "regression":
        return Paired("paired t-test", len(errors), better, worse, _student([a - b for a, b in errors]))
    return Paired("McNemar's test", len(errors), better, worse, _mcnemar(better, worse))


def harmed(
    champion: Sequence[Row],
    challenger: Sequence[Row],
    task: str,
    by: Sequence[str],
    *,
    bound: float,
    min_rows: int,
    confidence: float | None,
) -> list[Harm]:
    """The segments, of at least `min_rows` rows, whose mean error has grown by more than `bound`; the worst first.

    For a regression the bound is a share of the champion's error. With a `confidence` that a segment got worse must be
    more than luck too, by the paired test, each segment for itself. What is tested is that it got worse at all, not
    that it did by more than the bound: small segments would else never be protected.
    """
    groups: dict[str, list[Pair]] = defaultdict(list)
    for theirs, ours in zip(champion, challenger, strict=True):
        error, own = _error(theirs, task), _error(ours, task)
        if error is not None and own is not None:
            for segment in _segments(theirs, by):
                groups[segment].append((error, own))
    found = []
    for segment, errors in groups.items():
        before, after = fmean(a for a, _ in errors), fmean(b for _, b in errors)
        allowed = bound * before if task == "regression" else bound
        if len(errors) < min_rows or after - before <= allowed:
            continue
        p_value = paired_test([(ours, theirs) for theirs, ours in errors], task).p_value
        if confidence is None or p_value <= 1 - confidence:
            found.append(Harm(segment, len(errors), before, after, p_value))
    return sorted(found, key=lambda harm: harm.champion - harm.challenger)


def _segments(row: Row, by: Sequence[str]) -> Iterator[str]:
    segments, features = row.get("segments") or {}, row.get("features") or {}
    for name in by:
        value = segments.get(name, features.get(name))
        if value is not None:
            yield f"{name}={value}"


def _error(row: Row, task: str) -> float | None:
    answer, label = row["prediction"], row["label"]
    if task != "regression":
        return float(answer != label)
    try:
        error = abs(answer - label)
    except TypeError:  # text
        return None
    return float(error) if isfinite(error) else None


def _mcnemar(better: int, worse: int) -> float:
    from scipy.stats import binom  # slow to load, and asked for once a retrain

    rows = better + worse
    return 1.0 if not rows else float(binom.sf(better, rows, 0.5) + 0.5 * binom.pmf(better, rows, 0.5))


def _student(gains: Sequence[float]) -> float:
    """Where all gains are the same, none has shown how much they vary: then their signs are all there is to go by."""
    from scipy.stats import t

    if len(gains) < 2:  # noqa: PLR2004 - a spread needs two
        return 1.0
    spread, mean = stdev(gains), fmean(gains)
    if spread <= ROUNDING * abs(mean):
        return _mcnemar(sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains))
    return float(t.sf(mean / spread * sqrt(len(gains)), len(gains) - 1))
