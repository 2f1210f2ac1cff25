"""Which partition a key goes to: by Java's default hash, which streamproc writes with, or by that of librdkafka."""

from __future__ import annotations

import zlib
from collections.abc import Callable


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner, made positive (org.apache.kafka.common.utils.Utils.murmur2)."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if len(data) & 3:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return (h ^ (h >> 15)) & 0x7FFFFFFF


PARTITIONERS: dict[str, Callable[[bytes], int]] = {"murmur2": murmur2, "crc32": zlib.crc32}


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key by the partitioner that streamproc and Java use."""
    return murmur2(key.encode()) % partitions
