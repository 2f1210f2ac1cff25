"""What a wrong setting is told: exact words, exact lines."""

# ruff: noqa: E501, ISC004 - an expected message is compared best as it is told

from __future__ import annotations

from typing import Literal

import pytest

from streamproc.config.base import PATTERNS
from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.findings import MOST_SHOWN, Finding, InvalidConfig, dotted, in_order, shown
from streamproc.config.load import loads
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.settings import Walk

WHOLE_MODEL = ", ".join(Model.model_fields)
WHOLE = ", ".join([*list(Config.model_fields)[:-1], "defaults", "models"])
TABLE = "write settings beneath, one `name: value` a line"
OUTCOMES = "retrain.window.outcomes: write a whole number of at least 1, or `all` (not '{}')"
LIST = "write a list: each item on a line of its own after `- `, or all in [ ]"
DURATION = "write a duration with its unit, such as 30s, 10m, 24h or 7d"
SCALAR = "write text, a number, or true or false"
NAME = "write letters, digits and _, at most 64 of them, not beginning with a digit"

TOP = "pipeline: p\nmodels: {m: }\n"
MODEL = "pipeline: p\nmodels:\n  m:\n    window: 9\n"
"""What follows in a test is line 3, or line 5."""


def told(text: str) -> list[Finding]:
    """The faults of a text."""
    with pytest.raises(InvalidConfig) as caught:
        loads(text, environment={})
    return list(caught.value.findings)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("foo: 1", 1, f"foo: there is no such setting; known: {WHOLE}"),
        ("Engine: {}", 1, f"Engine: there is no such setting; did you mean engine? known: {WHOLE}"),
        ("kafka: localhost:9092", 8, f"kafka: {TABLE}"),  # whatever stands there may be a secret
        ("kafka: [a]", 1, f"kafka: {TABLE} (not a list)"),
        ("kafka:", 1, f"kafka: nothing stands here: {TABLE}"),
        ("kafka: {a: [1]}", 9, f"kafka.a: {SCALAR} (not a list)"),
        ("kafka: {a: {b: 1}}", 9, f"kafka.a: {SCALAR} (not a table)"),
        ("kafka: {a: .nan}", 12, f"kafka.a: {SCALAR}"),
        ("kafka: {a: }", 9, f"kafka.a: nothing stands here: {SCALAR}"),
        ("topics: {predictions: a b}", 23, "topics.predictions: write a topic's name: letters, digits, dots, - and _, at "
         "most 200 (not 'a b')"),
        ("topics: {partitions: 0}", 22, "topics.partitions: write at least 1 (not '0')"),
        ("topics: {replication: 1.5}", 23, "topics.replication: write a whole number (not '1.5')"),
        ("topics: {partitions: 1000000001}", 22, "topics.partitions: write at most 1000000000 (not '1000000001')"),
        ("topics: {labels: metrics}", 1, "topics: labels and metrics have one name: give each topic its own"),
        ("topics: {journal: 5}", 19, "topics.journal: write text; what looks like a number, true or false needs quotes "
         "(not '5')"),
        ("inputs: {labels: {fields: {label: x}}}", 35, "inputs.labels.fields.label: write a path into the payload, such as "
         "`$.request.id`; lists have no paths (not 'x')"),
        ("inputs: {labels: {fields: {label: '$.a[0]'}}}", 35, "inputs.labels.fields.label: write a path into the payload, "
         "such as `$.request.id`; lists have no paths (not '$.a[0]')"),
        ("inputs: {labels: {fields: {'a b': $.x}}}", 28, f"inputs.labels.fields.'a b': {NAME} (not 'a b')"),
        ("inputs: {label: {}}", 10, "inputs.label: there is no such setting; did you mean labels? known: predictions, "
         "labels, metrics"),
        ("join: {label_ttl: 7}", 19, f"join.label_ttl: {DURATION} (not '7')"),
        ("join: {label_ttl: 0s}", 19, "join.label_ttl: write more than 0 (not '0s')"),
        ("join: {max_future: 7 days}", 20, f"join.max_future: {DURATION} (not '7 days')"),
        ("join: {max_future: 999999d}", 20, "join.max_future: write a duration of at most 36500d, a hundred years (not "
         "'999999d')"),
        ("join: {max_future: }", 8, f"join.max_future: nothing stands here: {DURATION}"),
        ("join: {co_partitioning: chek}", 25, "join.co_partitioning: write check, trust or repartition (not 'chek')"),
        ("engine: {batch: true}", 17, "engine.batch: write a number (not 'true')"),
        ("engine: {batch: 100001}", 17, "engine.batch: write at most 100000 (not '100001')"),
        ("engine: {http: nowhere}", 16, "engine.http: write host:port, such as 127.0.0.1:9464 (not 'nowhere')"),
        ("artifacts: [a]", 1, "artifacts: write text; what looks like a number, true or false needs quotes (not a list)"),
    ],
)  # fmt: skip
def test_faults_outside_of_models(line: str, column: int, message: str) -> None:
    """The third line of each of these files is wrong, at that column, in those words."""
    (finding,) = told(TOP + line)
    assert (finding.line, finding.column, finding.text) == (3, column, message)


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("windows: 3", 5, f"windows: there is no such setting; did you mean window or metric_windows? known: {WHOLE_MODEL}"),
        ("task: binry", 11, "task: write binary, multiclass or regression (not 'binry')"),
        ("min_samples: many", 18, "min_samples: write a whole number (not 'many')"),
        ("min_samples: 1e400", 18, "min_samples: write a finite number (not '1e400')"),
        ("warm_up: -1", 14, "warm_up: write at least 0 (not '-1')"),
        ("positive_label: [1]", 5, f"positive_label: {SCALAR} (not a list)"),
        ("positive_label:", 5, f"positive_label: nothing stands here: {SCALAR}"),
        ("detectors: adwin", 16, f"detectors: {TABLE} (not 'adwin')"),
        ("detectors: [a]", 5, f"detectors: {TABLE} (not a list)"),
        ("detectors: {e: adwin}", 20, f"detectors.e: {TABLE} (not 'adwin')"),
        ("detectors: {e: [adwin]}", 17, f"detectors.e: {TABLE} (not a list)"),
        ("detectors: {e: }", 17, f"detectors.e: nothing stands here: {TABLE}"),
        ("detectors: {e: {signal: error}}", 17,
         "detectors.e: `type` is missing: say which detector this is: adwin or page_hinkley"),
        ("detectors: {e: {type: adwn}}", 27, "detectors.e.type: there is no such type: write adwin or page_hinkley or kswin or ddm or eddm or fhddm or hddm_a or hddm_w or cusum or ewma or custom (not "
         "'adwn')"),
        ("detectors: {e: {type: }}", 21, "detectors.e.type: nothing stands here: there is no such type: write adwin or "
         "page_hinkley or kswin or ddm or eddm or fhddm or hddm_a or hddm_w or cusum or ewma or custom"),
        ("detectors: {e: {type: adwin, threshold: 3}}", 34, "detectors.e.threshold: there is no such setting; known: type, "
         "signal, direction, delta, clock, grace_period"),
        ("detectors: {e: {type: page_hinkley, clock: 3}}", 41, "detectors.e.clock: there is no such setting; known: type, "
         "signal, direction, min_instances, delta, threshold, alpha"),
        ("detectors: {e: {type: adwin, delta: 1}}", 41, "detectors.e.delta: write less than 1.0 (not '1')"),
        ("detectors: {e: {type: adwin, delta: 0}}", 41, "detectors.e.delta: write more than 0.0 (not '0')"),
        ("detectors: {e: {type: adwin, delta: x}}", 41, "detectors.e.delta: write a number (not 'x')"),
        ("detectors: {e: {type: adwin, delta: false}}", 41, "detectors.e.delta: write a number (not 'false')"),
        ("detectors: {e: {type: adwin, direction: worse}}", 45, "detectors.e.direction: write degradation, up, down or both "
         "(not 'worse')"),
        ("detectors: {e: {type: adwin, signal: latency}}", 42, "detectors.e.signal: write error, loss, score, prediction, "
         "confidence, label_delay, missing, features, "
         "feature.<name>, surprise.<name> or missing.<name> (not 'latency')"),
        ("detectors: {adwin: {type: adwin, adwin: 3}}", 38, "detectors.adwin.adwin: there is no such setting; known: type, "
         "signal, direction, delta, clock, grace_period"),
        ("detectors: {'my detector': {type: adwin}}", 17, f"detectors.'my detector': {NAME} (not 'my detector')"),
        ("drift: {signals: []}", 13, "drift.signals: write at least one"),
        ("drift: {}", 5, "drift.signals: this is missing: say what to compare, such as `signals: [score]`"),
        ("drift: {signals: score}", 22, f"drift.signals: {LIST} (not 'score')"),
        ("drift: {signals: [score], window: 10}", 39, "drift.window: write at least 50 (not '10')"),
        ("external_metrics: [a, 'b c']", 27, "external_metrics.1: write letters, digits and _, not beginning with a digit; "
         "dots may join several such names (not 'b c')"),
        ("policies: {a: 1}", 5, f"policies: {LIST} (not a table)"),
        ("policies: [a]", 16, f"policies.0: {TABLE} (not 'a')"),
        ("policies: [{name: a}]", 16, "policies.0: a policy needs a condition, a schedule, or both"),
        ("policies: [{condition: a < 1}]", 16, "policies.0.name: this is missing: give this policy a name"),
        ("policies: [{name: 1a, condition: x}]", 23, f"policies.0.name: {NAME} (not '1a')"),
        ("policies: [{name: a, condition: 3}]", 37, "policies.0.condition: write text; what looks like a number, true or "
         "false needs quotes (not '3')"),
        ("policies: [{name: a, schedule: daily}]", 36, f"policies.0.schedule: {TABLE} (not 'daily')"),
        ("policies: [{name: a, schedule: {time_zone: UTC}}]", 26,
         'policies.0.schedule.cron: this is missing: say when, such as `cron: "0 3 * * 1"` for Mondays at 03:00'),
        ("policies: [{name: a, condition: x, cooldown: 10}]", 50, f"policies.0.cooldown: {DURATION} (not '10')"),
        ("policies: [{name: a, condition: x, parameters: {b: true}}]", 56, "policies.0.parameters.b: write a number (not "
         "'true')"),
        ("policies: [{name: a, condition: x, parameters: {b: .inf}}]", 56, "policies.0.parameters.b: write a finite number "
         "(not '.inf')"),
        ("volume_period: 0", 20, "volume_period: write more than 0 (not '0')"),
        ("retrain: {}", 5, "retrain: say who retrains: one of function, command and webhook"),
        ("retrain: {function: a.b}", 25, "retrain.function: write module:function, such as `retraining:retrain` (not 'a.b')"),
        ("retrain: {function: 'a:b', gate: {holdout: 1}}", 48, "retrain.gate.holdout: write less than 1.0 (not '1')"),
        ("retrain: {function: 'a:b', window: 300}", 40, f"retrain.window: {TABLE} (not '300')"),
        ("retrain: {function: 'a:b', window: {outcomes: some}}", 51, OUTCOMES.format("some")),
        ("retrain: {function: 'a:b', window: {outcomes: 0}}", 51, OUTCOMES.format("0")),
    ],
)  # fmt: skip
def test_faults_in_a_model(line: str, column: int, message: str) -> None:
    """The fifth line of each of these files is wrong, at that column, in those words."""
    (finding,) = told(f"{MODEL}    {line}")
    assert (finding.line, finding.column, finding.text) == (5, column, f"models.m.{message}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {m: }", "1:1: pipeline: this is missing: give this pipeline a name, such as `pipeline: fraud`"),
        ("pipeline: p", "1:1: models: this is missing: say what to watch: `models:` and beneath it the id of each model"),
        ("pipeline: p\nmodels: {}", "2:1: models: write at least one"),
        ("pipeline: Shop\nmodels: {m: }", "1:11: pipeline: write a-z, 0-9, - and _, at most 64 of them, beginning with a "
         "letter (not 'Shop')"),
        ("pipeline: 3\nmodels: {m: }", "1:11: pipeline: write text; what looks like a number, true or false needs quotes "
         "(not '3')"),
        ("pipeline: p\nmodels: {'': }", "2:10: models.'': write something: this must not be empty (not '')"),
        ('pipeline: p\nmodels: {"a\\tb": }', "2:10: models.'a\\tb': write an id without control characters (not 'a\\tb')"),
        (f"pipeline: p\nmodels: {{{'x' * 257}: }}", f"2:10: models.'{'x' * 55}...': write at most 256 characters (not "
         f"'{'x' * 55}...')"),
        ("pipeline: p\nmodels: {m: 3}", f"2:13: models.m: {TABLE} (not '3')"),
        ("pipeline: p\nmodels: [m]", f"2:1: models: {TABLE} (not a list)"),
    ],
)  # fmt: skip
def test_faults_of_the_whole(text: str, message: str) -> None:
    """Names, and what nothing can do without."""
    with pytest.raises(InvalidConfig) as caught:
        loads(text)
    assert str(caught.value) == f"streamproc.yaml:{message}"


def test_all_faults_are_told_in_the_order_of_their_lines() -> None:
    """Four settings in four sections are four lines."""
    findings = told("engine: {batch: 0}\npipeline: P\nmodels:\n  m: {window: 0}\n  n: {windw: 1}\n")
    assert [(finding.line, finding.code) for finding in findings] == [
        (1, "invalid-value"),
        (2, "invalid-value"),
        (4, "invalid-value"),
        (5, "unknown-setting"),
    ]


def test_codes_tell_kinds_of_faults_apart() -> None:
    """Machines read codes, not words."""
    text = "pipeline:\nkafka: {a: '${NONE}'}\nfoo: 1\nmodels: {m: {policies: [{}], min_samples: 0}}"
    assert {finding.code for finding in told(text)} == {
        "empty",
        "variable",
        "unknown-setting",
        "missing",
        "invalid-value",
    }


def test_a_flood_of_faults_is_cut() -> None:
    """Twenty lines and a count; all of them are in `findings`."""
    text = TOP + "".join(f"k{n}: 1\n" for n in range(50))
    with pytest.raises(InvalidConfig) as caught:
        loads(text)
    shown_lines = str(caught.value).splitlines()
    assert len(caught.value.findings) == 50
    assert len(shown_lines) == MOST_SHOWN + 1
    assert shown_lines[-1] == "streamproc.yaml: and 30 more errors"


def test_each_message_is_one_line() -> None:
    """Line breaks in names and values are written as escapes."""
    findings = told(TOP + '"a\\nb": 1\njoin: {label_ttl: "x\\ny"}')
    assert [finding.text for finding in findings] == [
        f"'a\\nb': there is no such setting; known: {WHOLE}",
        f"join.label_ttl: {DURATION} (not 'x\\ny')",
    ]


def test_long_values_are_cut() -> None:
    """A message stays readable whatever stands in the file."""
    assert shown("x" * 100) == f"'{'x' * 55}...'"
    assert shown("x") == "'x'"
    assert dotted(("models", "a b", 3, "c.d-e")) == "models.'a b'.3.c.d-e"


def test_findings_are_sorted_and_told_once() -> None:
    """By line, then column; equal ones are one; the order is otherwise kept."""
    a, b, c = (Finding("error", line, column, "p", "m", "c") for line, column in ((2, 1), (1, 9), (1, 2)))
    assert in_order([a, b, a, c]) == (c, b, a)


def test_every_pattern_has_words() -> None:
    """No message shows a regular expression: each pattern of the models' fields is in the table of words."""
    schema = str(Config.model_json_schema())
    assert len(PATTERNS) == 14
    assert all(words.startswith("write ") for words in PATTERNS.values())
    for pattern in PATTERNS:
        assert repr(pattern)[1:-1] in schema


@pytest.mark.parametrize(
    ("loc", "path", "parent"),
    [
        (("pipeline",), ("pipeline",), Config),
        (("models", "m", "windw"), ("models", "m", "windw"), Model),
        (
            ("models", "m", "detectors", "adwin", "adwin", "adwin"),
            ("models", "m", "detectors", "adwin", "adwin"),
            Adwin,
        ),
        (("models", "m", "detectors", "d", "page_hinkley", "x"), ("models", "m", "detectors", "d", "x"), PageHinkley),
        (("models", "m", "positive_label", "int"), ("models", "m", "positive_label"), Model),
        (("kafka", "str", "str"), ("kafka", "str"), None),
        (("models", "m", "drift", "signals", 1), ("models", "m", "drift", "signals", 1), None),
        (("models", "a b", "[key]"), ("models", "a b"), None),
    ],
)
def test_what_pydantic_adds_to_a_path_is_left_out(
    loc: tuple[str | int, ...], path: tuple[str | int, ...], parent: type | None
) -> None:
    """Tags, members of unions and marks of keys are no settings, whatever settings are called."""
    walk = Walk(loc)
    assert (walk.path, walk.parent) == (path, parent)
    kind: Literal["key", "choice", ""] = "key" if loc[-1] == "[key]" else "choice" if loc[-1] in ("int", "str") else ""
    assert (walk.is_key, walk.is_choice) == (kind == "key", kind == "choice")
