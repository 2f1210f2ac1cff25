"""The partitioners give what Kafka's own clients give."""

from __future__ import annotations

import zlib

import pytest

from streamproc.events.partitioner import PARTITIONERS, murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_java(data: bytes, signed: int) -> None:
    """The vectors of org.apache.kafka.common.utils.UtilsTest, made positive as the partitioner does."""
    assert murmur2(data) == signed & 0x7FFFFFFF


@pytest.mark.parametrize(("key", "of_7"), [("", 2), ("a", 5), ("order-1932", 4), ("ключ", 4)])
def test_a_key_goes_to_the_same_partition_for_ever(key: str, of_7: int) -> None:
    """Moving keys would separate predictions from labels that are already in the log."""
    assert partition_of(key, 7) == of_7
    assert partition_of(key, 1) == 0


def test_every_partition_gets_its_share() -> None:
    """Ten thousand ids on 12 partitions: none has less than four fifths of its share."""
    counts = [0] * 12
    for number in range(10_000):
        counts[partition_of(f"order-{number}", 12)] += 1
    assert min(counts) > 10_000 / 12 * 0.8


def test_crc32_is_that_of_librdkafka() -> None:
    """The default of librdkafka hashes keys with the CRC-32 of zlib."""
    assert PARTITIONERS["crc32"](b"123456789") == 0xCBF43926 == zlib.crc32(b"123456789")
