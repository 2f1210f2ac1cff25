"""Replays: the same triggers from a journal, what-ifs, retrains in the replay, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from streamproc.app.replay import Recording, replay
from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.events.partitioner import partition_of
from streamproc.events.trigger import Trigger
from streamproc.replay.again import Again
from streamproc.replay.arms import Asking, configured
from streamproc.replay.journal import JournalReplay, triggers_of
from streamproc.replay.judge import judge
from streamproc.replay.memory import MemoryRecord
from streamproc.replay.pipeline import Found, Pipeline
from streamproc.replay.recorded import Recorded, recorded
from streamproc.replay.results import Question
from streamproc.replay.tally import ModelTally, Raised
from streamproc.stage import Record
from tests.unit.replay import made
from tests.unit.replay.made import SECOND, T, pairs, silent

RETRAIN = {"function": "tests.unit.replay.made:retrain", "window": {"outcomes": 300}, "gate": {"min_rows": 20}}
LOW = [{"name": "low", "condition": "accuracy < 0.7", "cooldown": "1m", "max_cooldown": "1m"}]
"""Fires again after a rejection, whose rows were still of both worlds."""
DRIFT = 1000


def events(count: int = 2000, drift: int | None = DRIFT) -> list[Recorded]:
    found = []
    for number, (prediction, label) in enumerate(pairs(count, drift)):
        found += [recorded("predictions", prediction, number), recorded("labels", label, number)]
    return sorted(found)


def live(config: Config, *, answer: bool = True) -> tuple[list[Record], list[Found]]:
    """A life in memory: its journal, and what it found. Each trigger is answered by a deploy, an hour of rows later."""
    journal: list[Record] = []
    found: list[Found] = []
    pipeline = Pipeline(config, journal.append)
    due: list[tuple[int, Trigger]] = []
    for event in events():
        for at, trigger in list(due):
            if event.time >= at:
                due.remove((at, trigger))
                deploy = {"model_id": "m", "status": "deployed", "model_version": "v1", "time": at}
                found += pipeline.send("deploys", {**deploy, "trigger_id": trigger.trigger_id})
        new = pipeline.feed(event.role, event.value, event.time)
        found += new
        due += [(event.time + 50 * SECOND, trigger) for trigger in triggers_of(new) if answer]
    return journal, found


def run(recording: Recording, configs: Mapping[str, Config], question: Question, **more: Any) -> dict[str, Any]:
    return replay(recording, configs, question, silent, **more)


def arms(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {arm["name"]: arm for arm in figures["models"]["m"]["arms"]}


def test_the_journal_gives_the_live_triggers_and_decisions_again() -> None:
    """All of them, whole, in order."""
    config = made.config()
    journal, found = live(config)
    assert triggers_of(found)
    assert list(JournalReplay(config).run(journal)) == found


def test_the_figures_are_the_same_whether_records_are_taken_together_or_one_at_a_time() -> None:
    """Curves, versions, and how many outcomes came before each trigger."""
    config = made.config(policies=LOW)
    journal, _ = live(config)
    together, alone = (Again(configured("a", config), 1, "recorded") for _ in range(2))
    for record in journal:
        alone.tally.found(alone.replay.feed(record))
    assert together.run(journal).models == alone.tally.models
    model = together.tally.models["m"]
    assert model.outcomes == sum(each.value().startswith(b'{"kind":"outcome"') for each in journal) > DRIFT  # type: ignore[union-attr]
    assert model.raised[0].outcomes in range(DRIFT, DRIFT + 100)
    assert model.raised[0].status == "deployed"
    assert {name for piece in model.curve.pieces for name in piece.values} == {"accuracy"}


def test_a_changed_configuration_decides_although_the_recording_names_another() -> None:
    """The records that say which configuration is in force are read as naming the one that is replayed."""
    journal, found = live(made.config())
    changed = made.config(policies=[{"name": "other", "condition": "accuracy < 0.8"}])
    triggers = triggers_of(JournalReplay(changed).run(journal))
    assert [t.policy for t in triggers][:1] == ["other"]
    assert triggers[0].config_hash == changed.models["m"].config_hash
    assert triggers[0].trigger_id not in {t.trigger_id for t in triggers_of(found)}


def test_a_part_of_a_journal_is_under_the_replayed_configuration_from_its_first_record() -> None:
    """The record that names it lies before the part."""
    journal, found = live(made.config())
    first = triggers_of(found)[0]
    part = journal[first.journal.offset - 600 : first.journal.offset + 200]
    assert triggers_of(JournalReplay(made.config()).run(part))


def test_deploys_none_leaves_the_recorded_ones_out_and_ends_each_trigger() -> None:
    """The model is watched on after each trigger, and none of the recorded deploys is seen."""
    journal, _ = live(made.config())
    recording = Recording(journal=lambda: journal)
    config = made.config(detectors={}, policies=[{"name": "bad", "condition": "accuracy < 0.5", "cooldown": "1m"}])
    figures = run(recording, {"a": config}, Question("test", "none"))
    (arm,) = arms(figures).values()
    assert arm["triggers"] == arm["rejected"] > 3
    assert not any("deployed" in each for each in arm["decisions"])


def test_recorded_deploys_that_answer_nobody_leave_a_note() -> None:
    """A trigger that the recording did not raise has no answer there."""
    journal, _ = live(made.config(), answer=False)
    figures = run(Recording(journal=lambda: journal), {"a": made.config()}, Question("test", "recorded"))
    assert arms(figures)["a"]["triggers"] == 1
    assert any("1 triggers have no answer in the recording" in note for note in figures["notes"])


def test_a_retrain_in_the_replay_avoids_the_errors_that_it_would_have_avoided() -> None:
    """Labels turn round half-way: never retrained every second row is wrong, retrained hardly any."""
    question = Question("test", "retrain", takes=10 * SECOND, drifts=(T + DRIFT * SECOND,))
    figures = run(
        Recording(events=events()), {"policy": made.config(retrain=RETRAIN, policies=LOW)}, question, everies=[500]
    )
    policy, never = arms(figures)["policy"], arms(figures)["never"]
    assert never["errors"] > 950
    assert policy["errors"] < 250
    assert policy["errors_avoided"] == never["errors"] - policy["errors"]
    assert policy["deployed"] >= 1
    assert len(policy["versions"]) == policy["deployed"] + 1
    assert policy["judged"]["found"] == 1
    assert policy["judged"]["false_alarms"] == 0
    assert 0 < policy["judged"]["median_delay_outcomes"] < 300
    assert arms(figures)["every 500 outcomes"]["triggers"] == 4


def test_a_rejected_retrain_does_not_silence_the_policy() -> None:
    """The first challenger has learned from rows of before the turn. Rows of after it come, and the next one is right.

    The detector sees no second change meanwhile, and accuracy stays low.
    """
    retrain = {**RETRAIN, "window": {"outcomes": 600}, "function": "tests.unit.replay.made:of_the_majority"}
    config = made.config(retrain=retrain)
    arm = arms(run(Recording(events=events(4000)), {"p": config}, Question("test", "retrain", takes=0), everies=[]))[
        "p"
    ]
    assert arm["rejected"] >= 1
    assert arm["deployed"] == 1
    assert arm["errors"] < 1200  # of 3,000 after the turn


def test_the_new_model_answers_from_its_deploy_on_and_not_before() -> None:
    """It takes so long as it is said to take."""
    late = Question("test", "retrain", takes=400 * SECOND)
    soon = Question("test", "retrain", takes=0)
    config = made.config(retrain={**RETRAIN, "gate": None}, policies=LOW)
    first, second = (arms(run(Recording(events=events()), {"p": config}, q))["p"] for q in (soon, late))
    assert first["raised"][0]["time"] == second["raised"][0]["time"]
    assert 350 < second["errors"] - first["errors"] < 450


def test_a_journal_can_be_retrained_over_too() -> None:
    """Its outcomes are read as predictions and labels: the same figures as from the events themselves."""
    journal, _ = live(made.config(), answer=False)
    question = Question("test", "retrain", takes=0)
    config = made.config(retrain=RETRAIN)
    from_journal = run(Recording(journal=lambda: journal), {"p": config}, question)
    from_events = run(Recording(events=events()), {"p": config}, question)
    for name in ("errors", "triggers", "deployed", "outcomes"):
        assert arms(from_journal)["p"][name] == arms(from_events)["p"][name]


def test_the_same_replay_twice_gives_the_same_figures() -> None:
    """Ids, curves, everything but the time that it took."""
    question = Question("test", "retrain", takes=0)
    config = made.config(retrain={**RETRAIN, "gate": None}, policies=LOW)
    first, second = (run(Recording(events=events()), {"p": config}, question, everies=[]) for _ in range(2))
    for figures in (first, second):
        for arm in figures["models"]["m"]["arms"]:
            del arm["seconds"]
    assert first == second


def test_a_retrain_function_that_fails_is_a_failed_retrain() -> None:
    """As in service; the replay goes on."""
    config = made.config(retrain={**RETRAIN, "function": "tests.unit.replay.made:nobody"})
    arm = arms(run(Recording(events=events()), {"p": config}, Question("test", "retrain", takes=0)))["p"]
    assert arm["failed"] == arm["triggers"] >= 1
    assert "has no function 'nobody'" in arm["raised"][0]["why"]


def test_a_command_is_not_run_in_a_replay() -> None:
    """Nothing could ask its model for later rows; said before anything is replayed."""
    config = made.config(retrain={"command": ["train"], "gate": None})
    with pytest.raises(UserError, match="no model has a `retrain` section with a function"):
        run(Recording(events=[]), {"p": config}, Question("test", "retrain", takes=0))


def test_without_a_retrain_section_nothing_can_be_retrained() -> None:
    """Said before anything is replayed."""
    with pytest.raises(UserError, match="no model has a `retrain` section"):
        run(Recording(events=[]), {"p": made.config()}, Question("test", "retrain", takes=0))


def test_costs_are_of_retrains_and_of_errors() -> None:
    """Each at its price."""
    question = Question("test", "retrain", takes=0, retrain_cost=100.0, error_cost=2.0)
    figures = run(Recording(events=events()), {"p": made.config(retrain=RETRAIN)}, question, everies=[])
    for arm in arms(figures).values():
        assert arm["cost"] == 100 * arm["triggers"] + 2 * arm["errors"]


def test_on_a_stream_without_drift_every_trigger_is_a_false_alarm() -> None:
    """`--drift-at none`."""
    question = Question("test", "none", drifts=())
    config = made.config(detectors={}, policies=[{"name": "p", "condition": "accuracy < 1.0", "cooldown": "5m"}])
    arm = arms(run(Recording(events=events(drift=None)), {"p": config}, question))["p"]
    assert arm["judged"]["false_alarms"] == arm["triggers"] > 1


def raised(*times: int) -> ModelTally:
    tally = ModelTally(outcomes=1000, at_drift=[100, 500])
    for time in times:
        trigger = Trigger.model_construct(time=time, trigger_id=f"t{time}")
        tally.raised.append(Raised(trigger, outcomes=time))
    return tally


def test_the_first_trigger_after_a_drift_answers_it() -> None:
    """One before the first drift is false, a second one is a repeat, one beyond the horizon is false."""
    judged = judge(raised(50, 120, 130, 190, 700), drifts=[100, 500], horizon=50)
    assert [d.trigger_id for d in judged.detections] == ["t120", None]
    assert judged.detections[0].delay_ms == judged.detections[0].delay_outcomes == 20
    assert judged.false_alarms == ("t50", "t190", "t700")
    assert (judged.repeats, judged.found, judged.median_delay_outcomes) == (1, 1, 20.0)


def test_a_baseline_that_asks_while_a_retrain_goes_on_asks_after_it() -> None:
    """And counts on from the next multiple."""
    asking = Asking(10)
    assert [n for n in range(1, 40) if asking.due(n, busy=8 <= n < 13)] == [13, 20, 30]


def test_ids_of_a_journal_are_of_its_own_partitions() -> None:
    """In another partition the triggers have other ids."""
    config = made.config()
    journal, found = live(config)
    partitions, home = next((n, at) for n in range(2, 99) if (at := partition_of("m", n)) != 0)
    moved = [MemoryRecord(r.topic(), home, r.offset(), r.value(), r.key(), r.timestamp()[1]) for r in journal]
    again = triggers_of(JournalReplay(config, partitions).run(moved))
    assert len(again) == len(triggers_of(found))
    assert not {t.trigger_id for t in again} & {t.trigger_id for t in triggers_of(found)}


def test_the_electricity_market_gives_the_known_figure() -> None:
    """A tree of depth 8 trained on the first 1,000 rows is wrong on 39.5 % of all 45,312, if those 1,000 are right."""
    from streamproc.demo import market
    from streamproc.demo import recorded as demo

    recording = Recording(events=demo.events(market.load()))
    figures = run(recording, {"demo": demo.config()}, Question("test", "none"))
    (arm,) = figures["models"]["electricity"]["arms"]
    assert arm["outcomes"] == 44_312
    assert arm["errors"] / 45_312 == pytest.approx(0.395, abs=0.001)
