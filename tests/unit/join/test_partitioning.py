"""Topics whose equal ids do not meet are noticed on their first records, and others are left alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from streamproc.errors import TopicError
from streamproc.events.partitioner import PARTITIONERS
from streamproc.join.partitioning import FEWEST, SAMPLE, PartitioningCheck

PARTITIONS = 4
Place = Callable[[str], int]


def by(partitioner: str) -> Place:
    return lambda name: PARTITIONERS[partitioner](name.encode()) % PARTITIONS


def at_random(name: str) -> int:
    return random.Random(name).randrange(PARTITIONS)


def ids_in(partition: int, place: Place, count: int) -> Iterable[str]:
    """The first ids that lie in a partition."""
    names = (f"id-{n}" for n in range(100 * count))
    found = [name for name in names if place(name) == partition]
    return found[:count]


def watch(partition: int, predictions: Place, labels: Place, count: int = 64) -> PartitioningCheck:
    """Both sides by turns, as they are laid out."""
    check = PartitioningCheck(partition, PARTITIONS)
    pairs = zip(ids_in(partition, predictions, count), ids_in(partition, labels, count), strict=True)
    for prediction_id, label_id in pairs:
        check.watch("predictions", prediction_id)
        check.watch("labels", label_id)
    return check


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize("partitioner", PARTITIONERS)
def test_one_partitioner_for_both_will_do(partitioner: str, partition: int) -> None:
    """Java's or Python's, as long as it is the same one."""
    watch(partition, by(partitioner), by(partitioner))


@pytest.mark.parametrize("partition", range(PARTITIONS))
@pytest.mark.parametrize(("predictions", "labels"), [("murmur2", "crc32"), ("crc32", "murmur2")])
def test_two_partitioners_are_told_apart(predictions: str, labels: str, partition: int) -> None:
    """The message names both, and the ways out."""
    with pytest.raises(TopicError, match=rf"{predictions} and {labels}") as caught:
        watch(partition, by(predictions), by(labels))
    assert "partitioner=murmur2_random" in str(caught.value)
    assert "repartition" in str(caught.value)


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_keys_that_are_no_ids_are_noticed(partition: int) -> None:
    """Records without keys, or keyed by something else, lie anywhere."""
    with pytest.raises(TopicError, match="labels are not partitioned by prediction_id") as caught:
        watch(partition, by("murmur2"), at_random)
    assert "trust" in str(caught.value)


def test_a_stray_or_two_are_their_writers_business() -> None:
    """Most records lie where they should: the topic is laid out well."""
    check = PartitioningCheck(0, PARTITIONS)
    for n, name in enumerate(ids_in(0, by("murmur2"), 64)):
        check.watch("predictions", name)
        check.watch("labels", name if n % 8 else next(iter(ids_in(1, by("murmur2"), 1))))


def test_few_records_prove_nothing() -> None:
    """By chance, some ids lie where no partitioner puts them."""
    check = PartitioningCheck(0, PARTITIONS)
    for name in list(ids_in(1, by("murmur2"), FEWEST - 1)):
        check.watch("predictions", name)


def test_one_partition_needs_no_check() -> None:
    """All ids meet there."""
    check = PartitioningCheck(0, 1)
    assert not check.wants("predictions")
    for n in range(100):
        check.watch("predictions", f"{n}")


def test_it_ends_with_its_sample() -> None:
    """After so many of both sides nothing is looked at any more."""
    check = watch(2, by("murmur2"), by("murmur2"), SAMPLE)
    assert not check.wants("predictions")
    assert not check.wants("labels")
    for name in ids_in(1, by("crc32"), 64):
        check.watch("labels", name)
