"""What it takes to have a dead letter processed once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamproc.app.commands import command_record
from streamproc.app.dead_letters import Letter
from streamproc.config.pipeline import Config
from streamproc.engine.ports import Headers
from streamproc.errors import BadRecord, UserError
from streamproc.events.codec import decoder
from streamproc.events.identity import derived_id
from streamproc.events.trigger import Trigger

HEADER = "dead_letter"
"""Names, in a record that was written back, the dead letter that it comes from: `partition:offset`."""
INPUTS = (
    "predictions",
    "labels",
    "predictions_by_id",
    "labels_by_id",
    "metrics",
    "commands",
    "deploys",
    "journal",
    "triggers",
)
"""The topics that stages read, by their names in the configuration: nothing is written to any other."""
_decode_trigger = decoder(Trigger)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record to be written."""

    topic: str
    partition: int | None
    """None: by the key."""
    key: bytes | None
    value: bytes | None
    timestamp: int
    """Epoch ms; 0: now."""
    headers: Headers
    command: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a dead letter cannot be retried."""

    letter_id: str
    why: str


def parcel_of(letter: Letter, config: Config, partitions: Mapping[str, int], now: int) -> Parcel | Refusal:
    """The record that a retry writes; `partitions`: those of the cluster's topics; `now`: epoch ms.

    It is the record as it was, in the partition that it was in and with its time, which counts where the event has
    none. A trigger that has failed for good is not written again, since its id is finished: a command asks for another.
    """
    headers = [(HEADER, letter.id.encode())]
    try:
        if letter.header("reason") == "retrain_failed":
            key, value = _command(letter, config, now)
            return Parcel(config.topics.commands, None, key, value, 0, headers, command=True)
        _refuse_cut(letter)
        topic, number = letter.header("source_topic"), letter.number("source_partition")
        if topic not in {getattr(config.topics, name) for name in INPUTS}:
            raise UserError(f"{topic!r} is not a topic that this pipeline reads")
        if topic not in partitions:
            raise UserError(f"the topic {topic} is missing")
    except UserError as error:
        return Refusal(letter.id, str(error))
    there = number is not None and number < partitions[topic]
    time = letter.number("source_timestamp") or 0
    return Parcel(topic, number if there else None, letter.key, letter.value, time, headers)


def _refuse_cut(letter: Letter) -> None:
    if whole := letter.header("truncated_sha256"):
        raise UserError(
            f"only its first {letter.size:,} bytes were kept (the whole had the SHA-256 {whole}); "
            f"its source is {letter.source}"
        )
    if whole := letter.header("truncated_key_bytes"):
        raise UserError(f"its key was cut, it had {whole} bytes; its source is {letter.source}")


def _command(letter: Letter, config: Config, now: int) -> tuple[bytes, bytes]:
    try:
        trigger = _decode_trigger(letter.value, letter.key, letter.time)
    except BadRecord as error:
        raise UserError(f"it does not hold the trigger that failed: {error}") from error
    if trigger["pipeline"] != config.pipeline:
        raise UserError(f"its trigger is one of the pipeline {trigger['pipeline']}, not of {config.pipeline}")
    # By the trigger, not by the place of the letter: a trigger fails for good once, topics can be made anew.
    command_id = derived_id("cmd", "retry", trigger["trigger_id"])
    reason = f"retry of {trigger['trigger_id']}: {trigger['reason']}"[:1024]
    return command_record(config, trigger["model_id"], "trigger", command_id=command_id, now=now, reason=reason)
