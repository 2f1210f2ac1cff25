"""What must be so when all has come to rest. Each check gives the breaches that it finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import orjson

from streamproc.events.deploy import FINAL
from tests.chaos.kept import OFFSETS_TOPIC, RealKept, committed_offsets
from tests.chaos.pipeline import PARTITIONS, RETRAINED
from tests.chaos.site import Site
from tests.simulation.checks import committed, kept_wrongly
from tests.simulation.truth import Place, Truth, offline_join

MOST_MB: Final = 512.0
SHOWN: Final = 20


@dataclass
class Fates:
    """Implements `tests.simulation.checks.Fates`."""

    refused: set[Place]
    unsuitable: set[Place]


def read_all(site: Site) -> tuple[RealKept, Fates, dict[str, Truth]]:
    """The logs, and what the users' part of them says must be."""
    kept = RealKept(site.config, site.brokers.bootstrap_servers, PARTITIONS)
    # A trigger whose retrain has failed for good is a dead letter too: `_deploys` says which must be.
    fates = Fates(kept.by_fate("refused"), kept.by_fate("unsuitable") | _places(kept, site.config.topics.triggers))
    return kept, fates, offline_join(kept, site.config, fates.refused, fates.unsuitable)


def breaches(site: Site, kept: RealKept, fates: Fates, truths: Mapping[str, Truth], written: int) -> list[str]:
    """All that is wrong. `written`: records that the brokers have acknowledged to the users."""
    return [
        *_bounded("worker", site.workers.surprises),
        *_bounded("live reader", site.tail.breaches),
        *_bounded("offsets", _offsets(site)),
        *_bounded("logs", kept_wrongly(kept, site.config, fates, truths)),
        *_bounded("written", _written(kept, written)),
        *_bounded("reader during the chaos", _seen(site, kept)),
        *_bounded("deploys", _deploys(site, kept)),
        *_bounded("superseded", _superseded(site, kept)),
        *_bounded("commands", _commands(site, kept)),
        *_bounded("transactions", filter(None, [site.open_transactions()])),
        *_bounded("memory", _memory(site)),
    ]


def _places(kept: RealKept, topic: str) -> set[Place]:
    return {(topic, record.number, record.place) for record in committed(kept, topic)}


def _bounded(what: str, found: Any) -> Iterator[str]:
    """At most so many of a kind: one cause has many effects."""
    everything = [f"{what}: {breach}" for breach in found]
    yield from everything[:SHOWN]
    if len(everything) > SHOWN:
        yield f"{what}: and {len(everything) - SHOWN} more"


def _written(kept: RealKept, acknowledged: int) -> Iterator[str]:
    """What the brokers have acknowledged is there, each once: without that no other check means anything."""
    counts = kept.written()
    if len(counts) != acknowledged or any(count > 1 for count in counts.values()):
        yield f"{acknowledged} records were acknowledged, {len(counts)} are there, {counts.total()} times"


def _seen(site: Site, kept: RealKept) -> Iterator[str]:
    """A reader that ran during the chaos has got exactly what one gets who reads now."""
    for place, seen in site.tail.seen.items():
        now = {r.place: crc32(r.value_bytes or b"") for r in kept.logs[place].committed()}
        if now != seen:
            yield f"{place}: {len(now)} records now, {len(seen)} then, {len(now.items() ^ seen.items())} differences"


def _offsets(site: Site) -> Iterator[str]:
    """Committed offsets never go back: all of them, as the coordinators have them in their log."""
    newest: dict[tuple[str, str, int], int] = {}
    count = site.brokers.admin.list_topics(OFFSETS_TOPIC, timeout=10).topics[OFFSETS_TOPIC].partitions
    for key, offset in committed_offsets(site.brokers.bootstrap_servers, len(count)):
        if key[0] in site.groups and offset < newest.get(key, 0):
            yield f"{key} goes back from {newest[key]} to {offset}"
        newest[key] = offset
    for group, partitions in site.groups.items():
        if missing := [p for p in partitions if (group, *p) not in newest and site.offsets.committed[group].get(p)]:
            yield f"the offsets of {group} in {missing} are not in {OFFSETS_TOPIC}: the check sees nothing"


def _events(kept: RealKept, topic: str) -> Iterator[dict[str, Any]]:
    for record in committed(kept, topic):
        try:
            event = orjson.loads(record.value_bytes or b"")
        except orjson.JSONDecodeError:
            continue  # users' rubbish
        if isinstance(event, dict) and "model_id" in event:
            yield event


def _deploys(site: Site, kept: RealKept) -> Iterator[str]:
    """Exactly one final deploy event for each trigger that the worker answers; attempts are numbered without a gap."""
    topics = site.config.topics
    triggers = {e["trigger_id"] for e in _events(kept, topics.triggers) if e["model_id"] in RETRAINED}
    ends: Counter[str] = Counter()
    attempts: dict[str, list[int]] = {}
    for event in _events(kept, topics.deploys):
        if event.get("deploy_id") is None:
            continue
        if event["status"] in FINAL:
            ends[event["trigger_id"]] += 1
        elif event["status"] == "started":
            attempts.setdefault(event["trigger_id"], []).append(event["attempt"])
    for trigger in sorted(triggers | ends.keys()):
        if ends[trigger] != 1 or trigger not in triggers:
            yield f"trigger {trigger} has {ends[trigger]} final deploy events"
        numbers = attempts.get(trigger, [])
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"trigger {trigger} was started as {numbers}"


def _superseded(site: Site, kept: RealKept) -> Iterator[str]:
    """Who is superseded was not run, and names a trigger that names it."""
    told = [event for event in _events(kept, site.config.topics.deploys) if event.get("deploy_id") is not None]
    names = {(older, event["trigger_id"]) for event in told for older in event.get("supersedes", ())}
    started = {event["trigger_id"] for event in told if event["status"] == "started"}
    for event in told:
        if event["status"] == "superseded":
            older, newer = event["trigger_id"], event["superseded_by"]
            if (older, newer) not in names or older in started:
                yield f"trigger {older} is superseded by {newer}, which does not say so, or was run before"


def _commands(site: Site, kept: RealKept) -> Iterator[str]:
    """A manual trigger that is sent twice with one id fires once."""
    fired = Counter(
        (e["model_id"], e["command_id"]) for e in _events(kept, site.config.topics.triggers) if e["cause"] == "manual"
    )
    yield from (f"{command} fired {count} times" for command, count in fired.items() if count > 1)


def _memory(site: Site) -> Iterator[str]:
    for name, samples in site.samples.rss_mb.items():
        if max(samples) > MOST_MB:
            yield f"{name} had {max(samples):.0f} MB resident"
