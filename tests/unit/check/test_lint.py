"""What lint finds: exact lines, exact words; and what it leaves alone."""

# ruff: noqa: E501, ISC004 - an expected message is compared best as it is told

from __future__ import annotations

from pathlib import Path

import pytest

from streamproc.check import CODES, Finding, lint
from streamproc.config.load import reads
from streamproc.config.loaded import Loaded

TOP = "pipeline: p\nmodels: {m: {policies: [{name: x, condition: accuracy < 0.9, cooldown: 1h}], retrain: {function: 'a:b'}}}\n"
MODEL = "pipeline: p\nmodels:\n  m:\n    retrain: {function: 'a:b'}\n"
POLICY = (
    MODEL
    + """\
    detectors: {adwin: {type: adwin}}
    drift: {signals: [score, feature.amount]}
    external_metrics: [psi, model_accuracy]
    policies:
      - {name: used, condition: adwin or drift > 1 or psi > 1 or model_accuracy < 0.5, cooldown: 1h}
      - name: x
        cooldown: 1h
"""
)
"""What follows in a test is line 3, line 5 or line 12."""
NAMES = (
    "accuracy, adwin, balanced_accuracy, brier, data_volume, data_volume_increase, drift, drift.amount, drift.score, "
    "ece, error_rate, f1, label_coverage, label_delay_p50, label_delay_p95, log_loss, missing_rate, model_accuracy, "
    "out_of_range_rate, outcomes and 6 more"
)


def found(text: str, environment: dict[str, str] | None = None) -> list[Finding]:
    """What lint says of a text."""
    return list(lint(reads(text, environment=environment or {})))


def only(text: str, environment: dict[str, str] | None = None) -> tuple[int, int, str, str]:
    """The one finding of a text: line, column, code, text."""
    (finding,) = found(text, environment)
    assert finding.severity == CODES[finding.code].severity
    return finding.line, finding.column, finding.code, finding.text


@pytest.mark.parametrize("text", [TOP, POLICY + "        condition: accuracy < 0.9"])
def test_nothing_is_said_of_a_sound_configuration(text: str) -> None:
    """The texts that the tests below add one fault to."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("condition", "column", "message"),
    [
        ("acuracy < 0.9", 20, f"unknown name `acuracy`: did you mean `accuracy` or `model_accuracy`? known names are {NAMES}"),
        ("adwin and drft > 1", 30, f"unknown name `drft`: did you mean `drift`? known names are {NAMES}"),
        ("accuracy < 0.9 and latency > 3", 39, f"unknown name `latency`: known names are {NAMES}; numbers from the metrics "
         "topic must stand in external_metrics"),
        ("mae > 3", 20, f"unknown name `mae`: known names are {NAMES}; mae is measured where the task is regression, and "
         "this one is binary"),
        ("accuracy", 20, "`accuracy` is a number, neither true nor false: compare it, for example `accuracy < 0.85`"),
        ("adwin > 0.5", 20, "`adwin` is a flag, true or false, not a number: write `adwin` or `not adwin` by itself"),
        ("accuracy < 0.9 && adwin", 35, "write `and` instead of `&&`"),
        ("accuracy = 0.9", 29, "write `==` to compare"),
        ("accuracy <", 29, "a value is missing after `<`"),
        ("'accuracy < 85%'", 34, "`%` is not part of conditions: write 0.85 for 85%"),
        ("''", 20, "the condition is empty: write one such as `accuracy < 0.85`"),
        ("__import__('os').system('x')", 31, None),
    ],
)  # fmt: skip
def test_conditions_that_cannot_be_understood(condition: str, column: int, message: str | None) -> None:
    """An error at the very column inside of the condition."""
    line, at, code, text = only(f"{POLICY}        condition: {condition}")
    assert (line, at, code) == (12, column, "condition")
    assert message is None or text == f"models.m.policies.1.condition: {message}"


def test_a_condition_that_cannot_be_understood_may_use_anything() -> None:
    """Nothing is called unused on account of a condition whose names are not known."""
    text = f"{MODEL}    detectors: {{e: {{type: adwin}}}}\n    policies: [{{name: x, condition: e and f2 < 0.5}}]"
    assert only(text)[:3] == (6, 43, "condition")


def test_a_condition_on_several_lines_is_marked_on_the_right_one() -> None:
    """Line and column are those of the wrong name, below the setting."""
    text = POLICY + "        condition: >-\n          adwin and\n          accuracy < 0.9 and\n          wrong > 3\n"
    assert only(text)[:3] == (15, 11, "condition")


def test_drift_without_a_drift_section_is_told_so() -> None:
    """The name is known in general, and asks for a section."""
    text = MODEL + "    policies: [{name: x, condition: drift > 0.1, cooldown: 1h}]"
    assert only(text)[3].endswith("; drift is measured if the model has a `drift` section")


@pytest.mark.parametrize(
    ("condition", "column", "code", "message"),
    [
        ("accuracy < -1", 20, "never-true", "`accuracy < -1` can never be true: accuracy lies between 0 and 1"),
        ("accuracy < 0.5 and accuracy > 0.6", 39, "never-true", "`accuracy < 0.5` and `accuracy > 0.6` can never be true "
         "together"),
        ("adwin and not adwin", 34, "never-true", "`adwin` and `not adwin` can never be true together"),
        ("drift < 0", 20, "never-true", "`drift < 0` can never be true: drift is never below 0"),
        ("'false'", 21, "never-true", "`false` can never be true"),
        ("accuracy <= 1", 20, "always-true", "`accuracy <= 1` is always true once `accuracy` is known: accuracy lies between "
         "0 and 1"),
        ("accuracy > 0.90", 20, "fires-when-good", "`accuracy > 0.90` is true when the model is good (accuracy: higher is "
         "better); did you mean `accuracy < 0.90`?"),
        ("adwin and error_rate < 0.1", 30, "fires-when-good", "`error_rate < 0.1` is true when the model is good "
         "(error_rate: lower is better); did you mean `error_rate > 0.1`?"),
        ("model_accuracy > 0.9", 20, "fires-when-good", "`model_accuracy > 0.9` is true when the model is good "
         "(model_accuracy: higher is better); did you mean `model_accuracy < 0.9`?"),
    ],
)  # fmt: skip
def test_conditions_that_are_not_meant(condition: str, column: int, code: str, message: str) -> None:
    """Never true is an error; always true, and true of a good model, are warnings that say so."""
    assert only(f"{POLICY}        condition: {condition}") == (
        12,
        column,
        code,
        f"models.m.policies.1.condition: {message}",
    )


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 24 * * *", "`0 24 * * *`: the hour `24` is out of range 0-23; midnight is hour 0: write `0 0 * * *`"),
        ("0 0 0 * * *", "`0 0 0 * * *` has six fields: seconds are not supported, minutes are the finest; write five, "
         "perhaps `0 0 * * *`"),
        ("'* *'", "`* *` has 2 fields, and five are needed: minute, hour, day of the month, month, day of the week"),
        ("0 0 31 2 *", None),
    ],
)  # fmt: skip
def test_wrong_cron_expressions(cron: str, message: str | None) -> None:
    """An error at the expression."""
    line, column, code, text = only(f"{POLICY}        schedule:\n          cron: {cron}\n")
    assert (line, column, code) == (13, 17, "schedule")
    assert message is None or text == f"models.m.policies.1.schedule.cron: {message}"


def test_wrong_time_zones() -> None:
    """An error at the zone, and one at the expression if that is wrong too."""
    text = f"{POLICY}        schedule:\n          cron: 0 0 * * *\n          time_zone: Europe/Berln\n"
    line, column, code, message = only(text)
    assert (line, column, code) == (14, 22, "schedule")
    assert message.startswith("models.m.policies.1.schedule.time_zone: unknown time zone `Europe/Berln`")
    assert [finding.line for finding in found(text.replace("0 0 * * *", "0 24 * * *"))] == [13, 14]


@pytest.mark.parametrize(
    ("policy", "warned"),
    [
        ("condition: accuracy < 0.9", True),
        ("condition: drift > 1", True),
        ("condition: data_volume_increase > 0.2", True),
        ("condition: adwin or accuracy < 0.9", True),
        ("condition: not adwin and accuracy < 0.9", True),
        ("condition: adwin", False),
        ("condition: adwin and accuracy < 0.9", False),
        ("condition: psi > 0.1", False),
        ("condition: psi > 0.1 and accuracy < 0.9", False),
        ("condition: accuracy < 0.9, cooldown: 1ms", False),
        ("schedule: {cron: 0 0 * * *}", False),
        ("condition: accuracy < 0.1 and accuracy > 0.2", False),
    ],
)
def test_policies_that_may_fire_again_at_once_after_a_rejection(policy: str, *, warned: bool) -> None:
    """Without a cooldown, what a rejection does not reset stays true; detectors and outside numbers it resets."""
    text = f"{POLICY.rstrip().rsplit(chr(10), 2)[0]}\n      - {{name: x, {policy}}}\n"
    loops = [finding for finding in found(text) if finding.code == "retrain-loop"]
    assert [(finding.line, finding.column) for finding in loops] == ([(10, 30)] if warned else [])
    for finding in loops:
        assert finding.text.startswith("models.m.policies.1.condition: after a retrain that was rejected or failed, ")
        assert finding.text.endswith(
            " is what it was before, so this may fire again at once, for ever: give the policy a cooldown, such as `cooldown: 1h`"
        )


def test_a_condition_too_long_to_analyse_is_still_warned_of() -> None:
    """Where there are too many ways to be true, the names decide."""
    condition = " and ".join(f"(accuracy < 0.{n} or f1 < 0.{n})" for n in range(10, 20))
    assert "retrain-loop" in [
        f.code for f in found(f"{POLICY}        condition: {condition}".replace("        cooldown: 1h\n", ""))
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("parameters: {limit: 3}\n        condition: accuracy < 0.9",
         (12, 22, "unused-parameter", "models.m.policies.1.parameters.limit: the policy's condition does not use this")),
        ("parameters: {limit: 3}\n        schedule: {cron: 0 0 * * *}",
         (12, 22, "unused-parameter", "models.m.policies.1.parameters.limit: the policy's condition does not use this")),
        ("parameters: {f1: 3}\n        condition: accuracy < f1",
         (13, 31, "condition", "models.m.policies.1.condition: `f1` is both a parameter and a number: rename the parameter")),
    ],
)  # fmt: skip
def test_parameters(settings: str, expected: tuple[int, int, str, str]) -> None:
    """A parameter must be used, and must not be called like a quantity."""
    assert only(f"{POLICY}        {settings}") == expected


def test_used_parameters_are_fine() -> None:
    """The textbook's way to write a threshold."""
    assert found(f"{POLICY}        parameters: {{threshold: 0.1}}\n        condition: drift > threshold") == []


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("used", "duplicate-policy", "another policy of this model is called 'used': rename one"),
        ("manual", "reserved-name", "'manual' is the name of triggers by command: choose another one"),
    ],
)
def test_policy_names(name: str, code: str, message: str) -> None:
    """Each policy needs a name of its own, and one that is not streamproc's."""
    text = f"{POLICY}        condition: accuracy < 0.9".replace("name: x", f"name: {name}")
    assert only(text) == (10, 15, code, f"models.m.policies.1.name: {message}")


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("detectors: {accuracy: {type: adwin}}", 17, "detectors.accuracy: detector 'accuracy': that is the name of a built-in "
         "quantity; call it accuracy_detector, for example"),
        ("detectors: {class: {type: adwin}}", 17, "detectors.class: detector 'class': 'class' has a meaning of its own in "
         "conditions; choose another name"),
        ("external_metrics: [ks.class]", 24, "external_metrics.0: external metric 'ks.class': 'class' has a meaning of its own "
         "in conditions; choose another name"),
        ("drift: {signals: [feature.score, score]}", 13, "drift.signals: drift signals 'feature.score' and 'score' would both be "
         "called 'drift.score': leave one of them out"),
    ],
)  # fmt: skip
def test_names_that_clash(line: str, column: int, message: str) -> None:
    """An error at the name; the rest of the model is looked at without it."""
    text = f"{MODEL}    {line}\n    policies: [{{name: x, condition: acuracy < 0.9}}]"
    clash, condition = found(text)
    assert (clash.line, clash.column, clash.code, clash.text) == (5, column, "name-clash", f"models.m.{message}")
    assert condition.code == "condition"


def test_a_window_that_no_condition_names() -> None:
    """A further window that nothing reads is said; one that is read by any metric is not."""
    text = (
        f"{MODEL}    metric_windows: {{day: {{period: 1d}}}}\n    policies: [{{name: x, cooldown: 1h, condition: IT}}]"
    )
    (unused,) = found(text.replace("IT", "accuracy < 0.9"))
    assert (unused.line, unused.column, unused.code) == (5, 22, "unused-window")
    assert not found(text.replace("IT", "accuracy.day < accuracy - 0.1"))
    (clash,) = found(text.replace("IT", "accuracy < 0.9").replace("day", "in"))
    assert (clash.line, clash.column, clash.code) == (5, 22, "name-clash")


def test_a_detector_called_like_an_external_metric_is_the_one_at_fault() -> None:
    """Both have their place; the detector is to be renamed."""
    metrics, detectors = "    external_metrics: [psi]\n", "    detectors: {psi: {type: adwin}, e: {type: adwin}}\n"
    text = f"{MODEL}{metrics}{detectors}    policies: [{{name: x, condition: psi > 1 and e}}]"
    line, column, code, message = only(text)
    assert (line, column, code) == (6, 17, "name-clash")
    assert "the name of an external metric" in message


@pytest.mark.parametrize(
    ("line", "column", "code", "message"),
    [
        ("detectors: {e: {type: adwin}}", 17, "unused-detector", "detectors.e: no condition of this model names this detector: "
         "it can fire nothing"),
        ("drift: {signals: [score]}", 5, "unused-drift", "drift: no condition of this model looks at drift: it can fire nothing"),
        ("external_metrics: [psi]", 24, "unused-metric", "external_metrics.0: no condition of this model names this metric: it "
         "can fire nothing"),
        ("min_samples: 1001", 18, "min-samples", "min_samples: this is more than the window of 1000 holds: metrics have values "
         "once the window is full"),
        ("drift: {signals: [score, score]}", 30, "duplicate-signal", "drift.signals.1: score stands here twice: remove one"),
        ("positive_label: yes", 21, "positive-label", "positive_label: `yes` is text here, as in all of YAML 1.2: write true or "
         'false, or "yes" if text is meant'),
        ("positive_label: 0.5", 21, "positive-label", "positive_label: a label of a binary model is seldom a fraction: is this "
         "a threshold?"),
        ("positive_label: '${ONE}'", 21, "positive-label", "positive_label: a variable is always text, and text never equals a "
         "number: write the label itself"),
        ("{task: multiclass, positive_label: a}", 0, "positive-label", "positive_label: a multiclass model has no positive "
         "label: remove the line"),
    ],
)  # fmt: skip
def test_what_is_measured(line: str, column: int, code: str, message: str) -> None:
    """Things that no condition uses, and settings that do not fit together, each at its place."""
    if line.startswith("{"):
        line, column = "task: multiclass\n    positive_label: a", 21
    text = f"{MODEL}    {line}\n    policies: [{{name: x, condition: 'accuracy < 0.9', cooldown: 1h}}]"
    findings = [f for f in found(text, {"ONE": "1"}) if f.code == code]
    assert [f.text for f in findings] == [f"models.m.{message}"]
    assert (findings[0].line, findings[0].column) == (5 + line.count("\n"), column)
    assert findings[0].severity == CODES[code].severity


@pytest.mark.parametrize(
    "settings",
    [
        "window: 50",
        "{window: 50, min_samples: 50}",
        "positive_label: 'yes'",
        "positive_label: true",
        "positive_label: 1.0",
        "positive_label: '1'",
        "positive_label: '${NAME}'",
        "positive_label: fraud",
    ],
)
def test_settings_that_fit(settings: str) -> None:
    """A small window with the default of min_samples, quoted text and true labels are nobody's fault."""
    lines = settings.strip("{}").replace(", ", "\n    ") if settings.startswith("{") else settings
    text = f"{MODEL}    {lines}\n    policies: [{{name: x, condition: 'accuracy < 0.9', cooldown: 1h}}]"
    assert found(text, {"NAME": "fraud"}) == []


def test_detectors_cannot_watch_text() -> None:
    """Predictions of a multiclass model are text; those of others are numbers."""
    detectors = "    task: multiclass\n    detectors: {e: {type: adwin, signal: prediction}}\n"
    text = f"{MODEL}{detectors}    policies: [{{name: x, condition: e}}]"
    message = "predictions of a multiclass model are text, and detectors take numbers: use `drift` for them"
    assert only(text) == (6, 42, "text-signal", f"models.m.detectors.e.signal: {message}")
    assert found(text.replace("multiclass", "regression")) == []


class TestSharedSettings:
    """What `defaults` and anchors share between models."""

    SHARED = (
        "pipeline: p\ndefaults:\n  detectors: {a: {type: adwin}, b: {type: adwin}, f1: {type: adwin}}\n"
        "  retrain: {function: 'a:b'}\n"
        "models:\n  m: {policies: [{name: x, condition: a}]}\n  n: {policies: [{name: x, condition: a}]}\n"
    )

    def test_they_are_unused_only_if_no_model_uses_them(self) -> None:
        """`a` is used by one model, `b` by none."""
        unused = [
            f
            for f in found(self.SHARED.replace("n: {policies: [{name: x, condition: a}]}", "n: {}"))
            if "unused" in f.code
        ]
        assert [(f.line, f.column, f.path) for f in unused] == [(3, 33, "models.m.detectors.b")]

    def test_their_faults_are_told_once(self) -> None:
        """One clash in the defaults of two models is one line."""
        assert [(f.line, f.column) for f in found(self.SHARED) if f.code == "name-clash"] == [(3, 51)]

    def test_without_places_each_model_is_told(self) -> None:
        """A configuration made in Python has nothing that could be known to be shared."""
        loaded = Loaded(reads(self.SHARED, environment={}).config)
        clashes = [f for f in lint(loaded) if f.code == "name-clash"]
        assert [(f.line, f.path) for f in clashes] == [(0, "models.m.detectors.f1"), (0, "models.n.detectors.f1")]
        unused = [f for f in lint(loaded) if f.code == "unused-detector"]
        assert [f.path for f in unused] == ["models.m.detectors.b", "models.n.detectors.b"]


class TestRetraining:
    """The retrain section and its gate."""

    def retrain(self, settings: str, model: str = "") -> list[Finding]:
        """What is said of a retrain section, which is line 5."""
        return found(
            "pipeline: p\nmodels:\n  m:\n    policies: [{name: x, schedule: {cron: 0 0 * * *}}]\n"
            f"    retrain: {{function: 'a:b', {settings}}}\n{model}"
        )

    @pytest.mark.parametrize(
        ("gate", "code", "message"),
        [
            (
                "challenger.acuracy > 0.5",
                "condition",
                "unknown name `challenger.acuracy`: did you mean `challenger.accuracy`",
            ),
            ("accuracy > 0.5", "condition", "unknown name `accuracy`: did you mean `champion.accuracy`"),
            (
                "challenger.accuracy > 1",
                "never-true",
                "`challenger.accuracy > 1` can never be true: challenger.accuracy lies ",
            ),
            ("rows >= 0", "always-true", "`rows >= 0` is always true once `rows` is known: rows is never below 0"),
        ],
    )
    def test_gates_are_conditions_too(self, gate: str, code: str, message: str) -> None:
        """Their names are those of challenger and champion."""
        (finding,) = self.retrain(f"gate: {{condition: {gate}}}")
        assert (finding.line, finding.column, finding.code) == (5, 50, code)
        assert finding.text.startswith(f"models.m.retrain.gate.condition: {message}")
        first = ", ".join(
            f"challenger.{name}" for name in ("accuracy", "balanced_accuracy", "brier", "ece", "error_rate")
        )
        assert code != "condition" or f"known names are {first}" in finding.text

    @pytest.mark.parametrize("gate", ["challenger.accuracy > 0.9", "challenger.f1 > champion.f1 + 0.01 and rows > 100"])
    def test_a_gate_is_meant_to_open_for_good_models(self, gate: str) -> None:
        """What is a warning in a policy is the point of a gate."""
        assert self.retrain(f"gate: {{condition: {gate}}}") == []

    @pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
    def test_the_default_gate_suits_every_task(self, task: str) -> None:
        """Nobody needs to write a gate."""
        assert self.retrain("window: {outcomes: 5000}", f"    task: {task}") == []

    @pytest.mark.parametrize(("min_rows", "enough"), [(250, True), (251, False)])
    def test_a_gate_must_be_able_to_open(self, min_rows: int, *, enough: bool) -> None:
        """More rows than are kept from training can never be compared."""
        findings = self.retrain(f"window: {{outcomes: 1000}}, gate: {{min_rows: {min_rows}}}")
        assert [(f.line, f.column, f.code, f.text) for f in findings] == ([] if enough else [
            (5, 75, "gate-rows", "models.m.retrain.gate.min_rows: 251 rows are asked for, but 0.25 of a window of 1000 is 250 "
             "rows: every retrain would wait for later ones; lower this, or raise `holdout` or the window")])  # fmt: skip

    def test_a_change_point_needs_a_detector_of_errors(self) -> None:
        """Without one there is never an estimate."""
        (finding,) = self.retrain("window: {since: change_point}")
        assert finding.code == "change-point"
        assert finding.text.startswith("models.m.retrain.window.since: no detector of this model watches error or loss")
        (finding,) = self.retrain("side_by_side: [{outcomes: 4000}, {since: change_point}]")
        assert finding.text.startswith("models.m.retrain.side_by_side.1.since: no detector")

    def test_a_gate_that_waits_must_be_done_before_its_trigger_is_given_up(self) -> None:
        """A wait that is written is; the default one says nothing."""
        assert self.retrain("time_limit: 10m", "    retrain_timeout: 1h") == []
        (finding,) = self.retrain("gate: {wait: 2d}")
        assert finding.code == "gate-wait"
        assert finding.text.startswith("models.m.retrain.gate.wait: a retrain may wait 2d for rows")
        (finding,) = self.retrain("window: {outcomes: 1000}, gate: {min_rows: 251, wait: 0}")
        assert "every challenger would be rejected" in finding.text

    def test_a_small_window_is_told_at_the_gate_or_at_the_retrain_section(self) -> None:
        """Where min_rows is not written, the place is the section that is."""
        (finding,) = self.retrain("window: {outcomes: 100}")
        assert (finding.line, finding.column, finding.code) == (5, 5, "gate-rows")
        assert self.retrain("window: {outcomes: 100}, gate: null") == []

    @pytest.mark.parametrize(("outcomes", "enough"), [(100, True), (99, False)])
    def test_a_probation_must_be_able_to_begin(self, outcomes: int, *, enough: bool) -> None:
        """With fewer outcomes than `min_samples` of the version before there is none."""
        findings = self.retrain("window: {outcomes: 5000}", f"    probation: {{outcomes: {outcomes}}}")
        assert [(f.code, f.severity) for f in findings] == ([] if enough else [("probation", "error")])
        assert all("needs 100 to begin (min_samples)" in f.text for f in findings)

    def test_a_retrain_must_be_done_before_its_trigger_is_given_up(self) -> None:
        """Otherwise a second one may begin while the first still runs."""
        (finding,) = self.retrain("time_limit: 25h")
        assert (finding.line, finding.column, finding.code) == (5, 44, "time-limit")
        assert finding.text == (
            "models.m.retrain.time_limit: a retrain may take 25h, but its trigger is given up after 1d (retrain_timeout): "
            "raise that, or lower this"
        )
        assert self.retrain("time_limit: 25h", "    retrain_timeout: 25h") == []

    @pytest.mark.parametrize(
        ("text", "code", "message"),
        [
            ("    policies: [{name: x, schedule: {cron: 0 0 * * *}}]", "no-retrain", "this model has no `retrain` section: its "
             "triggers are published, and retraining is left to you"),
            ("    retrain: {function: 'a:b'}", "no-policy", "this model has no policies: only `streamproc trigger` starts a "
             "retrain"),
            ("    window: 7", "no-policy", "this model has no policies: only `streamproc trigger` starts a retrain"),
        ],
    )  # fmt: skip
    def test_half_a_loop_is_a_note(self, text: str, code: str, message: str) -> None:
        """It may well be meant so."""
        (finding,) = found(f"pipeline: p\nmodels:\n  m:\n{text}")
        assert (finding.line, finding.column, finding.code, finding.severity) == (3, 3, code, "note")
        assert finding.text == f"models.m: {message}"


@pytest.mark.parametrize(
    ("line", "column", "code", "message"),
    [
        ("kafka: {bootstrap.servers: a, group.id: x}", 31, "owned-property", "kafka.group.id: streamproc sets this itself, "
         "exactly-once depends on it: remove the line"),
        ("kafka: {security.protocol: SSL}", 1, "no-bootstrap", "kafka: `bootstrap.servers` is missing: say where Kafka is, such "
         "as localhost:9092"),
        ("kafka: {bootstrap.servers: a, sasl.password: hunter2}", 46, "plain-secret", "kafka.sasl.password: a secret stands in "
         "the file: write ${VARIABLE} or ${file:/path} instead"),
        ("kafka: {bootstrap.servers: a, ssl.key.password: hunter2}", 49, "plain-secret", "kafka.ssl.key.password: a secret "
         "stands in the file: write ${VARIABLE} or ${file:/path} instead"),
        ("kafka: {bootstrap.servers: a, sasl.oauthbearer.client.secret: hunter2}", 63, "plain-secret",
         "kafka.sasl.oauthbearer.client.secret: a secret stands in the file: write ${VARIABLE} or ${file:/path} instead"),
        ("inputs: {labels: {fields: {lable: $.x}}}", 28, "unknown-field", "inputs.labels.fields.lable: labels have no such "
         "field; did you mean label? known: prediction_id, label, time"),
        ("join: {label_ttl: 15d}", 19, "label-ttl", "join.label_ttl: predictions wait 15d for their labels, but their topic "
         "keeps them for 2w if `streamproc topics create` made it, and a restart reads them again: give the topics of "
         "predictions and labels a longer retention.ms"),
    ],
)  # fmt: skip
def test_what_all_models_share(line: str, column: int, code: str, message: str) -> None:
    """Kafka, inputs and the join, each at its place."""
    assert only(TOP + line) == (3, column, code, message)


@pytest.mark.parametrize(
    "line",
    [
        "kafka: {metadata.broker.list: a}",
        "kafka: {bootstrap.servers: a, sasl.password: '${PASSWORD}'}",
        "kafka: {bootstrap.servers: a, sasl.password: ''}",
        "inputs: {predictions: {fields: {prediction_id: $.id, score: $.p}}, metrics: {fields: {metrics: $.m}}}",
        "join: {label_ttl: 14d}",
    ],
)
def test_what_all_models_may_share(line: str) -> None:
    """Nothing is said of these."""
    assert found(TOP + line, {"PASSWORD": "hunter2"}) == []


class TestSecrets:
    """Variables in what lint talks about."""

    CONDITION = TOP.replace("accuracy < 0.9", '"${X}"')

    @pytest.mark.parametrize(
        "value", ["hunter2 and accuracy < 0.5", "accuracy > 0.98765432", "acuracy < 1", "accuracy < -123"]
    )
    def test_a_text_from_a_variable_is_not_shown(self, value: str) -> None:
        """The finding says what kind it is, and where the text came from."""
        (finding,) = found(self.CONDITION, {"X": value})
        assert (
            finding.message == f"{CODES[finding.code].meaning}; what stands in ${{X}} may be a secret and is not shown"
        )
        assert (finding.line, finding.column) == (2, 46)

    def test_a_number_from_a_variable_is_shown(self) -> None:
        """A threshold is no secret."""
        (finding,) = found(TOP.replace("accuracy < 0.9", '"accuracy > ${X}"'), {"X": "0.9"})
        assert finding.message.startswith("`accuracy > 0.9` is true when the model is good")

    def test_schedules_and_names_are_not_shown_either(self) -> None:
        """Whatever a finding would quote."""
        text = TOP.replace("condition: accuracy < 0.9", "schedule: {cron: '${X}', time_zone: '${X}'}").replace(
            "name: x", "name: '${N}'"
        )
        findings = found(text.replace("name: '${N}'", "name: manual"), {"X": "hunter2"})
        assert len(findings) == 3
        assert not [f for f in findings if "hunter2" in f.text]


def test_every_code_can_be_found() -> None:
    """The table of codes has none that lint never uses: the tests of this directory find each of them."""
    tested = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [code for code in CODES if f'"{code}"' not in tested] == []
