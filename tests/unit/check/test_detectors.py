"""What lint finds in detectors."""

from __future__ import annotations

import pytest

from tests.unit.check.test_lint import found

MODEL = """\
pipeline: p
models:
  m:
    task: {task}
    retrain: {{function: 'a:b'}}
    detectors: {{d: {detector}}}
    policies: [{{name: x, condition: d, cooldown: 1h}}]
"""


@pytest.mark.parametrize(
    ("task", "detector", "code", "words"),
    [
        (
            "regression",
            "{type: ddm}",
            "detector-signal",
            "ddm takes 0 and 1 and nothing else, and error has other values",
        ),
        ("binary", "{type: fhddm, signal: score}", "detector-signal", "use adwin, page_hinkley, cusum or ewma"),
        ("binary", "{type: hddm_w, signal: features}", "detector-signal", "features has other values"),
        ("regression", "{type: adwin, signal: confidence}", "detector-signal", "a regression has no confidence"),
        (
            "binary",
            "{type: custom, class: 'no_such_module:X'}",
            "detector-class",
            "there is no module 'no_such_module'",
        ),
        ("binary", "{type: custom, class: 'math:X'}", "detector-class", "module math has no class 'X'"),
        ("binary", "{type: custom, class: 'decimal:Decimal'}", "detector-class", "has no method `update`"),
    ],
)
def test_a_detector_that_could_see_nothing_is_found(task: str, detector: str, code: str, words: str) -> None:
    """At its place, with what to do."""
    (finding,) = found(MODEL.format(task=task, detector=detector))
    assert (finding.line, finding.code, finding.severity) == (6, code, "error")
    assert words in finding.text


@pytest.mark.parametrize(
    "detector",
    [
        "{type: ddm}",
        "{type: hddm_a, signal: prediction}",
        "{type: hddm_a, signal: feature.x}",
        "{type: eddm, signal: missing}",
        "{type: kswin, signal: score}",
        "{type: page_hinkley, signal: features}",
        "{type: adwin, signal: surprise.place}",
        "{type: cusum, signal: label_delay}",
        "{type: ewma, signal: confidence}",
        "{type: custom, class: 'tests.unit.monitor.mean_shift:MeanShift'}",
    ],
)
def test_a_detector_that_can_see_something_is_not(detector: str) -> None:
    """Nothing is said of these."""
    assert found(MODEL.format(task="binary", detector=detector)) == []
