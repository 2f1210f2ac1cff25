"""A join that goes on from its disk is the join that was never stopped."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.config.pipeline import Config, Fields
from streamproc.errors import ProducerLost, StateDamaged
from streamproc.join import stage as stage_module
from streamproc.join.restart import rules, unusable
from streamproc.join.stage import JoinStage, JoinTask
from streamproc.join.store.protocol import Kept
from streamproc.replay.memory import MemoryOutputs
from streamproc.stage import Past
from tests.unit.join.disks import MemoryDisk
from tests.unit.join.events import START, TTL, configuration, journal, label, prediction, record
from tests.unit.join.test_interleaving import labels, predictions, read

TOPICS = ("predictions", "labels")
ONCE_A_SECOND = JoinTask._is_due


@pytest.fixture(autouse=True)
def _settles_with_every_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the tests that say otherwise."""
    monkeypatch.setattr(JoinTask, "_is_due", True)


def task(disk: MemoryDisk | None, **join: Any) -> JoinTask:
    made = JoinStage(configuration(**join), 1, None if disk is None else lambda _: disk).task(0)
    assert isinstance(made, JoinTask)
    return made


class Life:
    """A task, its log, its transactions, and its deaths."""

    def __init__(self, disk: MemoryDisk | None, **events: list[dict[str, Any]]) -> None:
        self.disk = disk
        self.log = {
            topic: [record(topic, event, time=event["time"] - START, offset=n) for n, event in enumerate(events[topic])]
            for topic in TOPICS
        }
        self.positions, self.settled = dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0)
        self.task, self.out = task(disk), MemoryOutputs()
        self.written: list[bytes] = []
        self.read_again = 0

    def read(self, topic: str, count: int) -> None:
        batch = self.log[topic][self.positions[topic] :][:count]
        if batch:
            self.task.process(topic, batch, self.out)
            self.positions[topic] += len(batch)

    def commit(self, *, killed: bool = False) -> None:
        self.settled = dict(self.positions)
        self.written += [value for _, value, _ in self.out.sent]
        self.out = MemoryOutputs()
        if not killed:
            self.task.committed(self.positions)

    def die(self, first: str) -> None:
        """The next one restores as the engine does; `first` is the topic that is read again first."""
        self.task, self.out = task(self.disk), MemoryOutputs()
        self.positions = dict(self.settled)
        if not any(self.settled.values()):
            return
        starts = self.task.resume({topic: Past(0, 0, self.settled[topic]) for topic in TOPICS})
        for topic in sorted(TOPICS, key=lambda topic: topic != first):
            again = self.log[topic][starts[topic] : self.settled[topic]]
            self.read_again += len(again)
            if again:
                self.task.process(topic, again, MemoryOutputs())


steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.sampled_from(TOPICS), st.integers(1, 4)),
        st.tuples(st.just("commit")),
        st.tuples(st.just("killed between commit and settle"), st.sampled_from(TOPICS)),
        st.tuples(st.just("die"), st.sampled_from(TOPICS)),
        st.tuples(st.just("settle from now on"), st.booleans()),
    ),
    max_size=25,
)


@pytest.mark.parametrize("keeps", [True, False])
@given(left=predictions, right=labels, steps=steps)
def test_any_number_of_deaths_is_one_story(keeps: bool, left: list[Any], right: list[Any], steps: list[Any]) -> None:
    """What was committed in all lives together is what one life would have written, with a disk and without."""
    life = Life(MemoryDisk() if keeps else None, predictions=left, labels=right)
    setattr(JoinTask, "_is_due", True)  # noqa: B010 - a patch, which the fixture takes back
    for what, *details in steps:
        match what:
            case "settle from now on":
                setattr(JoinTask, "_is_due", details[0])  # noqa: B010
            case "read":
                life.read(*details)
            case "commit":
                life.commit()
            case "die":
                life.die(*details)
            case _:
                life.commit(killed=True)
                life.die(*details)
    for topic in TOPICS:
        life.read(topic, 100)
    life.commit()
    stories: dict[str, list[dict[str, Any]]] = {}
    for outcome in journal(life.written):
        stories.setdefault(outcome["prediction_id"], []).append(outcome)
    final = {name: (story[-1]["prediction"], story[-1]["label"]) for name, story in stories.items()}
    assert final == read([*left, *right])[0]
    assert all(("revises" in o) == bool(place) for story in stories.values() for place, o in enumerate(story))


def lived(disk: MemoryDisk | None) -> Life:
    """A join whose first predictions have expired."""
    times = range(0, 3 * TTL, TTL // 4)
    life = Life(
        disk,
        predictions=[prediction(f"{time}", time=time) for time in times],
        labels=[label(f"{time}", time=time) for time in times][::2],
    )
    for _ in times:
        for topic in TOPICS:
            life.read(topic, 1)
        life.commit()
    return life


def state(life: Life) -> tuple[int, int, tuple[int, int, int], list[bytes]]:
    """Horizon, entries, watermark, and what it says to every event once more."""
    out = MemoryOutputs()
    for topic in TOPICS:
        for again in life.log[topic]:
            event = {**orjson.loads(again.value_bytes or b""), "label": 0} if topic == "labels" else None
            life.task.process(topic, [again if event is None else record(topic, event, time=5 * TTL)], out)
    joiner = life.task.joiner
    return joiner.horizon, len(joiner.store), joiner.watermark.place, [value for _, value, _ in out.sent]


def test_nothing_is_read_again_and_nothing_is_forgotten() -> None:
    """A restart after a commit: horizon, entries, watermark and answers are those of a join that was not stopped."""
    life, whole = lived(MemoryDisk()), lived(None)
    life.die("labels")
    assert life.read_again == 0
    assert life.task.joiner.horizon == whole.task.joiner.horizon > 0
    assert len(life.task.joiner.store) == len(whole.task.joiner.store) < 12
    assert state(life) == state(whole)


def test_before_the_commit_nothing_is_written() -> None:
    """What is processed may still be undone, and so may what has expired by it."""
    life = lived(disk := MemoryDisk())
    before = disk.summary, {number: dict(bucket) for number, bucket in disk.buckets.items()}
    for topic, event in (("predictions", prediction), ("labels", label)):
        life.task.process(topic, [record(topic, event("new", time=9 * TTL), time=9 * TTL, offset=99)], MemoryOutputs())
    assert len(life.task.joiner.store) == 1
    assert (disk.summary, disk.buckets) == before
    life.task.committed({"predictions": 100, "labels": 100, "metrics": 7})
    assert len(disk.buckets) == 1


def test_commits_in_quick_succession_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second after the last time, or when many entries wait; a death in between has only those to read again."""
    monkeypatch.setattr(JoinTask, "_is_due", ONCE_A_SECOND)
    monkeypatch.setattr(stage_module, "FEWEST_RECENT", 4)
    monkeypatch.setattr(stage_module, "MOST_UNSETTLED", 4)
    life = Life(disk := MemoryDisk(), predictions=[prediction(f"{n}") for n in range(20)], labels=[])

    def on_disk_after(now: int, count: int) -> int:
        life.read("predictions", count)
        life.task.wake(now, MemoryOutputs())
        life.commit()
        return sum(map(len, disk.buckets.values()))

    assert [on_disk_after(START + at, 1) for at in (0, 1, 999, 1000, 1001)] == [1, 1, 1, 4, 4]
    assert on_disk_after(START + 1002, 3) == 8, "many wait"
    assert on_disk_after(START - 5000, 1) == 9, "the clock was put back"
    assert on_disk_after(START - 4999, 2) == 9
    life.die("labels")
    assert life.read_again == 2


@pytest.mark.parametrize("end", ["close", "wake"])
def test_what_came_last_is_written_when_nothing_comes_any_more(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a clean end at once, else a second later; but never what is not committed."""
    monkeypatch.setattr(JoinTask, "_is_due", ONCE_A_SECOND)
    life = Life(disk := MemoryDisk(), predictions=[prediction(f"{n}") for n in range(9)], labels=[])
    life.task.wake(START, MemoryOutputs())
    for count in (2, 3):
        life.read("predictions", count)
        life.commit()
    assert sum(map(len, disk.buckets.values())) == 2
    if end == "close":
        life.task.close()
    else:
        life.task.wake(START + 999, MemoryOutputs())
        assert sum(map(len, disk.buckets.values())) == 2
        life.task.wake(START + 1000, MemoryOutputs())
    assert sum(map(len, disk.buckets.values())) == 5
    if end == "wake":
        life.read("predictions", 4)
        life.task.wake(START + 5000, MemoryOutputs())
        life.task.close()
        assert sum(map(len, disk.buckets.values())) == 5, "the last four may still be undone"


def test_partitions_are_written_at_different_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once a second; all of them in one commit would hold up the records behind it by all of their disks."""
    monkeypatch.setattr(JoinTask, "_is_due", ONCE_A_SECOND)
    stage = JoinStage(configuration(co_partitioning="trust"), 4, lambda _: MemoryDisk())
    tasks = [stage.task(partition) for partition in range(4)]
    written: dict[int, list[int]] = {}
    for now in range(START, START + 3000, 50):
        for number, task in enumerate(tasks):
            assert isinstance(task, JoinTask)
            task.process(
                "predictions", [record("predictions", prediction(f"{now}"), offset=now - START)], MemoryOutputs()
            )
            task.wake(now, MemoryOutputs())
            task.committed({"predictions": now - START + 1})
            if task._settled["predictions"] == now - START + 1:
                written.setdefault(now - START, []).append(number)
    assert written.pop(0) == [0, 1, 2, 3]
    assert written == {at: [at % 1000 // 250] for at in range(250, 3000, 250)}


def test_what_was_cut_off_in_the_midst_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer that is lost raises while records are taken: nobody has the outcomes, so the disk must not either."""
    monkeypatch.setattr(JoinTask, "_is_due", ONCE_A_SECOND)

    class Lost(MemoryOutputs):
        def send(self, *_: Any, **__: Any) -> None:
            raise ProducerLost("it is gone")

    life = Life(disk := MemoryDisk(), predictions=[prediction("a")], labels=[label("a")])
    life.read("predictions", 1)
    life.commit()
    with pytest.raises(ProducerLost):
        life.task.process("labels", life.log["labels"], Lost())
    life.task.close()
    assert disk.summary is None


def test_a_commit_without_predictions_or_labels_writes_nothing() -> None:
    """Metrics and commands pass through; a disk need not hear of them."""
    life = lived(disk := MemoryDisk())
    disk.summary = b"as it was"
    life.task.committed({**life.positions, "metrics": 1})
    assert disk.summary == b"as it was"


def test_what_is_read_again_is_written_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of entries would not fit into memory until the first commit; and a second death finds half the work."""
    monkeypatch.setattr(stage_module, "FEWEST_RECENT", 3)
    monkeypatch.setattr(stage_module, "MOST_UNSETTLED", 3)
    life = Life(disk := MemoryDisk(), predictions=[prediction(f"{n}") for n in range(10)], labels=[])
    past = {"predictions": Past(0, 2, 8), "labels": Past(0, 0, 0)}
    assert life.task.resume(past) == {"predictions": 2, "labels": 0}
    for n in range(2, 8):
        life.task.process("predictions", life.log["predictions"][n : n + 1], MemoryOutputs())
    assert task(disk).resume(past) == {"predictions": 8, "labels": 0}
    life.task.process("predictions", life.log["predictions"][8:], MemoryOutputs())
    again = task(disk)
    assert again.resume(past) == {"predictions": 8, "labels": 0}, "live ones wait for their commit"
    assert len(again.joiner.store) == 6


def test_what_was_read_again_is_written_when_it_is_complete() -> None:
    """Though nothing new comes that would be committed: the next restart need not read it once more."""
    life = Life(disk := MemoryDisk(), predictions=[prediction(f"{n}") for n in range(3)], labels=[label("0")])
    past = {"predictions": Past(0, 0, 4), "labels": Past(0, 0, 2)}  # a control record stands behind each
    life.task.resume(past)
    for topic in TOPICS:
        life.read(topic, 3)
    assert disk.summary is None
    life.task.wake(START, MemoryOutputs())
    again = task(disk)
    assert again.resume(past) == {"predictions": 4, "labels": 2}
    assert len(again.joiner.store) == 3


def test_awake_in_the_midst_of_a_transaction_writes_nothing() -> None:
    """What was read since the restart may still be undone."""
    life = Life(disk := MemoryDisk(), predictions=[prediction(f"{n}") for n in range(3)], labels=[])
    life.task.resume({"predictions": Past(0, 0, 2), "labels": Past(0, 0, 0)})
    life.read("predictions", 2)
    life.read("predictions", 1)
    life.task.wake(START, MemoryOutputs())
    assert disk.summary is None


PAST = {"p": Past(10, 20, 30), "l": Past(0, 0, 5)}


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ({"p": 20, "l": 0}, None),
        ({"p": 30, "l": 5}, None),
        ({"p": 31, "l": 5}, "ahead"),
        ({"p": 30, "l": 6}, "ahead"),
        ({"p": 19, "l": 5}, "needed"),
        ({"p": 9, "l": 5}, "begins"),
        ({"p": 30}, "other inputs"),
        ({"p": 30, "l": 5, "m": 0}, "other inputs"),
        (None, "another label TTL"),
    ],
)
def test_what_was_kept_is_used_where_it_lies_between_bookmark_and_commit(
    positions: dict[str, int] | None, words: str | None
) -> None:
    """Else the inputs are read again from the bookmark, and the log says why."""
    why = unusable(None if positions is None else Kept(positions, (0, 0, 0)), PAST)
    assert why is None if words is None else why is not None and words in why


def test_what_cannot_be_used_is_removed_and_read_again() -> None:
    """From the bookmark, with the reason."""
    life = lived(disk := MemoryDisk())
    past = {topic: Past(0, 1, life.positions[topic] - 1) for topic in TOPICS}
    assert task(disk).resume(past) == dict.fromkeys(TOPICS, 1)
    assert disk.summary is None
    assert "ahead" in disk.cleared[0]


def test_a_bucket_that_is_missing_is_damage() -> None:
    """It is thrown away, and the state read again."""
    life = lived(disk := MemoryDisk())
    disk.buckets.popitem()
    life.die("predictions")
    assert life.read_again == sum(life.settled.values())
    assert disk.cleared == ["a bucket is missing"]
    assert state(life) == state(lived(None))


def test_damage_that_is_seen_later_is_the_engines_to_mend() -> None:
    """A read in the midst of a transaction: it is aborted, and the next task finds no disk."""
    life = lived(disk := MemoryDisk())
    life.die("predictions")
    for bucket in disk.buckets.values():
        bucket.update(dict.fromkeys(bucket, b"\xc1"))
    with pytest.raises(StateDamaged):
        state(life)
    life.die("predictions")
    assert life.read_again == sum(life.settled.values())


def test_a_store_is_of_its_topics_and_its_label_ttl() -> None:
    """What else is configured decides about new records: those of before were taken, or not, when they came."""
    base = configuration()
    mapped = changed(inputs=base.inputs.model_copy(update={"labels": Fields(fields={"label": "$.truth"})}))
    fewer = changed(models={name: model for name, model in base.models.items() if name != "prices"})
    for same in (configuration(co_partitioning="trust", max_future="6s"), mapped, fewer):
        assert rules(same) == rules(base)
    moved = changed(topics=base.topics.model_copy(update={"labels": "others"}))
    for other in (configuration(label_ttl="61s"), configuration(co_partitioning="repartition"), moved):
        assert rules(other) != rules(base)


def changed(**update: Any) -> Config:
    return configuration().model_copy(update=update)


def test_what_waits_for_a_model_that_has_left_waits_in_vain() -> None:
    """Its label is counted as one without a prediction; with the model back, all is as it was."""
    life = Life(disk := MemoryDisk(), predictions=[prediction("x"), prediction("y")], labels=[])
    life.read("predictions", 2)
    life.commit()
    fewer = {name: model for name, model in configuration().models.items() if name != "clicks"}
    past = {topic: Past(0, 0, life.positions[topic]) for topic in TOPICS}
    for models, written in ((fewer, 0), (configuration().models, 1)):
        join = JoinStage(changed(models=models), 1, lambda _: disk).task(0)
        join.resume(past)
        out = MemoryOutputs()
        join.process("labels", [record("labels", label("x"))], out)
        assert (len(out.sent), out.rejected) == (written, [])
