"""streamproc.yaml -> Config: what is accepted, `defaults`, variables, files, secrets."""

# ruff: noqa: E501, ISC004 - an expected message is compared best as it is told

from __future__ import annotations

import traceback
from pathlib import Path
from textwrap import dedent

import pytest

from streamproc.config.detectors import Adwin, PageHinkley
from streamproc.config.findings import InvalidConfig
from streamproc.config.load import MOST_BYTES, from_mapping, load, loads, read, reads
from streamproc.config.model import Model
from streamproc.config.pipeline import Config
from streamproc.config.policies import Policy
from streamproc.errors import ConfigError

SMALLEST = "pipeline: p\nmodels:\n  m:\n"
SECRET = "hunter2-and-more"  # noqa: S105 - that it is found nowhere is what is tested


def lines(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """The messages that a text gives."""
    with pytest.raises(ConfigError) as caught:
        loads(dedent(text), environment=environment or {})
    return str(caught.value).splitlines()


def test_a_name_and_a_model_are_enough() -> None:
    """Everything else has a default."""
    assert loads(SMALLEST) == Config(pipeline="p", models={"m": Model()})


def test_a_whole_configuration() -> None:
    """Every kind of value arrives as its model's type."""
    config = loads(
        dedent("""\
        pipeline: shop
        kafka: {bootstrap.servers: "a:1,b:2", socket.timeout.ms: 5000, enable.ssl.certificate.verification: true}
        topics: {predictions: shop.predictions, partitions: 12}
        inputs: {labels: {fields: {label: $.truth.value}}}
        join: {label_ttl: 36h, co_partitioning: repartition}
        engine: {batch: 100, http: ""}
        models:
          fraud v2:
            positive_label: "yes"
            detectors:
              a: {type: adwin, delta: 0.01}
              b: {type: page_hinkley, signal: feature.amount, direction: up}
            drift: {signals: [score], bins: 5}
            policies:
              - {name: x, condition: drift > limit, parameters: {limit: 0.25}, cooldown: 1.5h}
              - name: y
                schedule: {cron: 0 0 * * *, time_zone: Europe/Berlin}
            retrain: {function: my.module:train, gate: null}
        """)
    )
    model = config.models["fraud v2"]
    assert model.detectors == {
        "a": Adwin(delta=0.01),
        "b": PageHinkley(signal="feature.amount", direction="up"),
    }
    assert model.policies[0] == Policy.model_validate(
        {"name": "x", "condition": "drift > limit", "parameters": {"limit": 0.25}, "cooldown": "90m"}
    )
    assert model.retrain is not None
    assert model.retrain.gate is None
    assert model.positive_label == "yes"
    assert config.kafka["socket.timeout.ms"] == 5000
    assert config.kafka["enable.ssl.certificate.verification"] is True
    assert config.inputs.labels.fields == {"label": "$.truth.value"}


class TestDefaults:
    """`defaults` lies under every model."""

    def test_each_model_is_laid_over_the_defaults(self) -> None:
        """Tables are joined name by name at all levels; lists and single values replace."""
        config = loads(
            dedent("""\
            pipeline: p
            defaults:
              window: 500
              min_samples: 50
              external_metrics: [a, b]
              detectors:
                e: {type: adwin, delta: 0.01, clock: 8}
              retrain: {function: x:y, window: {outcomes: 7000}}
            models:
              one:
              two:
                window: 600
                external_metrics: [c]
                detectors:
                  e: {delta: 0.02}
                  f: {type: page_hinkley}
                retrain: {gate: {min_rows: 9}}
              three: {retrain: null}
            """)
        )
        one, two, three = config.models.values()
        assert (one.window, one.min_samples, one.external_metrics) == (500, 50, ("a", "b"))
        assert (two.window, two.min_samples, two.external_metrics) == (600, 50, ("c",))
        assert two.detectors == {"e": Adwin(delta=0.02, clock=8), "f": PageHinkley()}
        assert two.retrain is not None
        assert two.retrain.gate is not None
        assert (two.retrain.function, two.retrain.window.outcomes, two.retrain.gate.min_rows) == ("x:y", 7000, 9)
        assert three.retrain is None

    def test_a_fault_in_the_defaults_is_told_once_and_there(self) -> None:
        """With two models there is still one line, and it names `defaults`."""
        assert lines("""\
            pipeline: p
            defaults:
              window: none
              windw: 3
              policies: [{condition: a < 1}]
            models: {a: , b: }
            """) == [
            "streamproc.yaml:3:11: defaults.window: write a whole number (not 'none')",
            "streamproc.yaml:4:3: defaults.windw: there is no such setting; did you mean window? known: "
            + ", ".join(Model.model_fields),
            "streamproc.yaml:5:14: defaults.policies.0.name: this is missing: give this policy a name",
        ]

    def test_what_a_model_replaces_is_not_looked_at(self) -> None:
        """A fault in a model's own value is that model's; a replaced default does not matter."""
        assert lines("pipeline: p\ndefaults: {window: x}\nmodels: {a: {window: y}}") == [
            "streamproc.yaml:3:22: models.a.window: write a whole number (not 'y')"
        ]

    def test_defaults_must_be_a_table(self) -> None:
        """A single value under `defaults` is refused there; nothing under it is nothing."""
        assert lines("pipeline: p\ndefaults: x\nmodels: {a: }") == [
            "streamproc.yaml:2:11: defaults: write settings beneath, one `name: value` a line (not 'x')"
        ]
        assert loads("pipeline: p\ndefaults:\nmodels: {a: }").models == {"a": Model()}

    def test_defaults_alone_are_no_models(self) -> None:
        """Something must be watched."""
        assert "models: this is missing" in lines("pipeline: p\ndefaults: {window: 3}")[0]

    def test_anchors_and_merge_keys_share_settings_too(self) -> None:
        """What YAML offers for sharing works between models."""
        config = loads("pipeline: p\nmodels:\n  a: &a {window: 7, warm_up: 1}\n  b: {<<: *a, window: 8}\n  c: *a\n")
        assert [(m.window, m.warm_up) for m in config.models.values()] == [(7, 1), (8, 1), (7, 1)]

    def test_defaults_and_models_cannot_multiply_beyond_the_bound(self) -> None:
        """Many defaults in many models are refused before they fill the memory."""
        many = ", ".join(f"k{n}: 1" for n in range(1000))
        models = "".join(f"  m{n}: {{x: 1}}\n" for n in range(1000))
        assert lines(f"pipeline: p\ndefaults: {{{many}}}\nmodels:\n{models}") == [
            "streamproc.yaml: this file has more than 100000 values, aliases and defaults counted at each use"
        ]


class TestVariables:
    """`${...}` in values."""

    def test_they_are_filled_in_everywhere(self, tmp_path: Path) -> None:
        """In text, in numbers, in quotes and in blocks, in defaults, in lists."""
        (tmp_path / "secret").write_text(SECRET + "\n")
        config = reads(
            dedent("""\
            pipeline: ${NAME}
            kafka: {sasl.password: "${file:secret}", x: '${NAME}-1'}
            defaults: {window: "${WINDOW:-700}"}
            models:
              m: {external_metrics: ["${NAME}_metric"], volume_period: "${N}h"}
            """),
            environment={"NAME": "shop", "N": "2"},
            directory=tmp_path,
        ).config
        assert config.pipeline == "shop"
        assert config.kafka == {"sasl.password": SECRET, "x": "shop-1"}
        model = config.models["m"]
        assert (model.window, model.external_metrics, model.volume_period) == (700, ("shop_metric",), 7_200_000)

    def test_the_process_environment_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without an environment given, variables are the process's own."""
        monkeypatch.setenv("STREAMPROC_TEST_NAME", "shop")
        assert loads("pipeline: ${STREAMPROC_TEST_NAME}\nmodels: {m: }").pipeline == "shop"

    def test_values_cannot_add_structure(self) -> None:
        """What a variable holds is text, whatever it looks like in YAML."""
        config = loads(
            "pipeline: p\nkafka: {a: '${X}', b: \"${X}\"}\nmodels: {m: }", environment={"X": "1, c: [2]\nd: 3"}
        )
        assert config.kafka == {"a": "1, c: [2]\nd: 3", "b": "1, c: [2]\nd: 3"}

    def test_passwords_that_look_like_numbers_stay_text(self) -> None:
        """`0123` and `1e5` are not the numbers 123 and 100000."""
        config = loads("pipeline: p\nkafka:\n a: ${X}\n b: ${Y}\nmodels: {m: }", environment={"X": "0123", "Y": "1e5"})
        assert config.kafka == {"a": "0123", "b": "1e5"}

    def test_names_are_not_filled_in(self) -> None:
        """A variable in the place of a name is that very text."""
        assert list(loads("pipeline: p\nmodels: {'${X}': }", environment={"X": "a"}).models) == ["${X}"]

    def test_missing_ones_are_told_with_their_lines(self) -> None:
        """All of them, along with other faults of the file, and with no fault that only follows from them."""
        assert lines("""\
            pipeline: ${NAME}
            kafka:
              a: x
              sasl.password: "${PASSWORD}${MORE}"
            models:
              m: {window: 0, warm_up: "${WARM_UP}"}
            """) == [
            "streamproc.yaml:1:11: pipeline: the environment variable NAME is not set: set it, or write ${NAME:-default}",
            "streamproc.yaml:4:18: kafka.sasl.password: the environment variable PASSWORD is not set: set it, or write "
            "${PASSWORD:-default}",
            "streamproc.yaml:4:18: kafka.sasl.password: the environment variable MORE is not set: set it, or write "
            "${MORE:-default}",
            "streamproc.yaml:6:15: models.m.window: write at least 1 (not '0')",
            "streamproc.yaml:6:27: models.m.warm_up: the environment variable WARM_UP is not set: set it, or write "
            "${WARM_UP:-default}",
        ]


EVERYWHERE = """\
pipeline: ${S}
kafka: {a: [ "${S}" ], b: {c: "${S}"}, "${S}": }
topics: {labels: "${S} x", partitions: "${S}"}
inputs: {labels: {fields: {label: "${S}"}}}
join: {label_ttl: "${S}", co_partitioning: "${S}", max_future: "${S}d"}
engine: {batch: "${S}", http: "${S}"}
artifacts: ["${S}"]
models:
  a: ${S}
  m:
    task: ${S}
    positive_label: ["${S}"]
    window: ${S}
    detectors: {a: {type: "${S}"}, b: {type: adwin, delta: "${S}", signal: "${S}"}, c: "${S}"}
    drift: {signals: "${S}"}
    external_metrics: ["${S}"]
    policies:
      - {name: "${S}", condition: ["${S}"], parameters: {x: "${S}"}, cooldown: "${S}"}
      - {name: x, schedule: "${S}"}
    retrain: {function: "${S}"}
"""


class TestSecrets:
    """What variables hold is shown nowhere."""

    def test_no_message_shows_a_value(self) -> None:
        """Twenty-odd faults in values from one variable name it, and never show it."""
        with pytest.raises(InvalidConfig) as caught:
            loads(EVERYWHERE, environment={"S": SECRET})
        told = "".join(finding.text for finding in caught.value.findings) + str(caught.value) + repr(caught.value)
        assert len(caught.value.findings) >= 22
        assert SECRET not in told
        assert "hunter2" not in told

    def test_no_traceback_shows_a_value(self) -> None:
        """The error of pydantic, which holds the values, is not chained."""
        with pytest.raises(InvalidConfig) as caught:
            loads(EVERYWHERE, environment={"S": SECRET})
        assert SECRET not in "".join(traceback.format_exception(caught.value))

    def test_kafka_values_are_never_shown(self) -> None:
        """Not even those that stand in the file."""
        text = f"pipeline: p\nkafka: {{sasl.password: [{SECRET}], x: {{{SECRET}: 1}}}}\nmodels: {{m: }}"
        assert SECRET not in "\n".join(lines(text))

    def test_no_repr_shows_a_value(self) -> None:
        """A loaded configuration can be logged."""
        loaded = reads("pipeline: p\nkafka: {sasl.password: '${S}'}\nmodels: {m: }", environment={"S": SECRET})
        assert loaded.config.kafka["sasl.password"] == SECRET
        assert SECRET not in repr(loaded)
        assert SECRET not in repr(loaded.config)
        assert SECRET not in str(loaded.config)


class TestFiles:
    """What can be wrong with the file itself."""

    def test_a_file_is_loaded(self, tmp_path: Path) -> None:
        """By its path, as text or as Path, with a byte order mark or without."""
        file = tmp_path / "p.yaml"
        file.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
        assert load(file) == load(str(file)) == loads(SMALLEST)
        assert read(file).source == str(file)

    def test_secrets_are_read_beside_the_file(self, tmp_path: Path) -> None:
        """`${file:...}` does not depend on where the process was started."""
        (tmp_path / "password").write_text(SECRET)
        (tmp_path / "p.yaml").write_text(SMALLEST + "kafka: {a: '${file:password}'}")
        assert load(tmp_path / "p.yaml").kafka == {"a": SECRET}

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            (None, ": there is no such file: `streamproc init` writes one to begin with"),
            (b"", ": nothing stands in this file: `streamproc init` writes one to begin with"),
            (b"# only this\n", ": nothing stands in this file: `streamproc init` writes one to begin with"),
            (b"- a\n", ": this file is not a table: write settings, one `name: value` a line"),
            (b"just words", ": this file is not a table: write settings, one `name: value` a line"),
            (b"a: 1\nb: \xff\n", ":2:1: this is not UTF-8 text: save the file as UTF-8"),
            (SMALLEST.encode("utf-16"), ":1:1: this is not UTF-8 text: save the file as UTF-8"),
            (b"#" * (MOST_BYTES + 1), ": this file is larger than 1 MiB"),
        ],
    )
    def test_files_that_are_no_configuration(self, tmp_path: Path, content: bytes | None, fault: str) -> None:
        """Missing, empty, of another kind, not text, too large: one message each."""
        file = tmp_path / "p.yaml"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(file, {})
        assert str(caught.value) == f"{file}{fault}"

    def test_paths_that_are_no_files(self, tmp_path: Path) -> None:
        """A directory and a path that cannot be are refused in the same way."""
        with pytest.raises(ConfigError, match="this file cannot be read: Is a directory"):
            load(tmp_path)
        with pytest.raises(ConfigError, match="this file cannot be read"):
            load("a\0b")

    def test_texts_have_the_same_limit(self) -> None:
        """`loads` is bounded as `load` is."""
        assert lines("#" * (MOST_BYTES + 1)) == ["streamproc.yaml: this file is larger than 1 MiB"]


class TestMappings:
    """Configurations made in Python."""

    def test_a_plain_dict_is_loaded(self) -> None:
        """With defaults, with models as dicts or as objects; what looks like a variable is text."""
        config = from_mapping(
            {
                "pipeline": "p",
                "kafka": {"a": "${X}"},
                "defaults": {"window": 7},
                "models": {"a": {"policies": [Policy(name="x", condition="a < 1")]}},
            }
        )
        assert config.kafka == {"a": "${X}"}
        assert config.models["a"].window == 7
        assert config.models["a"].policies[0].name == "x"
        assert from_mapping({"pipeline": "p", "models": {"a": Model(window=3)}}).models["a"].window == 3

    def test_its_faults_have_settings_instead_of_lines(self) -> None:
        """There is no text to point at."""
        with pytest.raises(ConfigError) as caught:
            from_mapping({"pipeline": "p", "models": {"a": {"window": 0, "windw": 1}}}, "notebook")
        assert str(caught.value).splitlines()[0] == "notebook: models.a.window: write at least 1 (not '0')"
