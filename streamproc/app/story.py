"""What became of a trigger, and why it came: told in plain words from the triggers, decisions and deploys topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamproc.config.pipeline import Config
from streamproc.errors import BadRecord, UserError
from streamproc.events.base import format_time
from streamproc.events.codec import decoder
from streamproc.events.decision import Decision
from streamproc.events.deploy import Deploy
from streamproc.events.trigger import Trigger
from streamproc.kafka.tail import read_all

Event = Mapping[str, Any]

MOST_BEFORE = 10
"""Decisions from before a trigger that are told."""
_WORDS = {
    "fired": "fired",
    "would_fire": "would have fired (a dry run)",
    "vetoed": "was vetoed: an incident, no retrain",
    "awaiting_approval": "asked for approval",
    "armed": "was armed",
    "disarmed": "was disarmed",
    "cleared": "became clear",
    "denied": "was denied",
    "expired": "expired",
    "judged": "was judged",
    "revised": "was judged again after revised labels",
    "probation": "probation",
    "confirmed": "passed its probation",
    "worse": "failed its probation",
    "unacknowledged": "was not taken up",
    "acknowledged": "was taken up late",
}


@dataclass(slots=True)
class Log:
    """What the three topics hold, each in the order in which it was read."""

    triggers: list[Event] = field(default_factory=list)
    decisions: list[Event] = field(default_factory=list)
    deploys: list[Event] = field(default_factory=list)

    def decision(self, decision_id: str) -> Event:
        """Raises UserError."""
        found = next((d for d in self.decisions if d["decision_id"] == decision_id), None)
        if found is None:
            raise UserError(f"no decision {decision_id} on the decisions topic; `streamproc status` names triggers")
        return found


def read_log(config: Config, partitions: Mapping[str, int]) -> Log:
    """Everything on the topics now. Raises BrokerUnavailable."""
    topics, log = config.topics, Log()
    for topic, event, into in (
        (topics.triggers, Trigger, log.triggers),
        (topics.decisions, Decision, log.decisions),
        (topics.deploys, Deploy, log.deploys),
    ):
        decode = decoder(event)
        for record in read_all(config.kafka, {topic: partitions[topic]}):
            try:
                into.append(decode(record.value(), record.key(), record.timestamp()[1]))
            except BadRecord:
                continue  # anybody may write to these topics
    return log


def tell(log: Log, event_id: str) -> list[str]:
    """The story of a trigger or of a decision, line by line. Raises UserError for an id that is nowhere."""
    trigger = next((t for t in log.triggers if t["trigger_id"] == event_id), None)
    if trigger is not None:
        return list(_of_trigger(log, trigger))
    decision = next((d for d in log.decisions if d["decision_id"] == event_id), None)
    if decision is None:
        raise UserError(
            f"neither a trigger nor a decision has the id {event_id}\n  `streamproc status` shows the newest triggers; "
            "what is older than the topics' retention is gone"
        )
    return list(_of_decision(log, decision))


def _of_trigger(log: Log, trigger: Event) -> Iterator[str]:
    version = trigger.get("model_version")
    yield f"Trigger {trigger['trigger_id']}"
    yield f"{format_time(trigger['time'])}: retrain {_subject(trigger)}" + (f", version {version}" if version else "")
    if trigger["cause"] == "manual":
        yield f"A person asked for it, with command {trigger.get('command_id')}: {trigger['reason']}"
    else:
        what = "its condition held" if trigger["cause"] == "condition" else "its schedule was due"
        yield f"Policy {trigger['policy']} fired, because {what}: {trigger['reason']}"
    yield from _evidence(trigger)
    data = trigger["data"]
    yield (
        f"Data: at least {data['outcomes']} outcomes in {data['topic']}, partition {data['partition']}, offsets "
        f"{data['from_offset']} to {data['to_offset'] - 1}"
    )
    if (change := data.get("change_point")) is not None:
        yield f"The data changed about {change['outcomes']} outcomes earlier, as {change['detector']} sees it"
    yield from _before(log, trigger)
    yield from _after(log, trigger)


def _subject(event: Event) -> str:
    segment = event.get("segment")
    return f"{event['model_id']}, because of segment {segment}" if segment else str(event["model_id"])


def _evidence(event: Event) -> Iterator[str]:
    evidence = event.get("evidence") or {}
    values = ", ".join(f"{name} = {_shown(value)}" for name, value in (evidence.get("values") or {}).items())
    yield f"Seen: {values or 'no values'}; n = {evidence.get('outcomes', 0)} outcomes since the deploy"
    for term in evidence.get("terms") or ():
        yield f"    {term}"
    for name, facts in (evidence.get("detectors") or {}).items():
        yield f"    detector {name}: " + ", ".join(f"{key} {_shown(value)}" for key, value in facts.items())


def _before(log: Log, trigger: Event) -> Iterator[str]:
    """What its model's policies had been told since the trigger before."""
    place = _place(trigger)
    same = [t for t in log.triggers if t["model_id"] == trigger["model_id"] and _place(t) < place]
    since = max(map(_place, same), default=(-1, -1))
    told = [
        d
        for d in sorted(log.decisions, key=_place)
        if d["model_id"] == trigger["model_id"] and since < _place(d) < place and d["verdict"] != "lifecycle"
    ]
    if not told:
        yield "Before it nothing had been suppressed since the last trigger"
        return
    yield f"Before it, since the last trigger ({len(told)} decisions):"
    if len(told) > MOST_BEFORE:
        yield f"    ... {len(told) - MOST_BEFORE} earlier ones"
    yield from (f"    {_line(decision)}" for decision in told[-MOST_BEFORE:])


def _after(log: Log, trigger: Event) -> Iterator[str]:
    steps = [d for d in log.deploys if d.get("trigger_id") == trigger["trigger_id"]]
    judged = [d for d in log.decisions if d.get("trigger_id") == trigger["trigger_id"] and d["verdict"] != "fired"]
    if not steps and not judged:
        yield "What became of it: nobody has answered it yet"
        return
    yield "What became of it:"
    for step in steps:
        version = f" {step['model_version']}" if step.get("model_version") else ""
        reason = f": {step['reason']}" if step.get("reason") else ""
        yield f"    {format_time(step['time'])} {step['status']}{version}{reason}"
    yield from (f"    {_line(decision)}" for decision in judged)


def _of_decision(log: Log, decision: Event) -> Iterator[str]:
    yield f"Decision {decision['decision_id']}"
    about = f"policy {decision['policy']}" if decision.get("policy") else "the model"
    yield f"{format_time(decision['time'])}: {_subject(decision)}: {about} {_word(decision)}"
    yield f"Rule {decision['rule']}: {decision['reason']}"
    yield from _evidence(decision)
    if decision["verdict"] == "awaiting_approval":
        later = (d for d in sorted(log.decisions, key=_place) if _place(d) > _place(decision))
        keys = ("model_id", "policy", "segment")
        mine = (d for d in later if d["rule"] == "approval" and all(d.get(k) == decision.get(k) for k in keys))
        answer = next(mine, None)
        yield f"Answer: {_line(answer)}" if answer is not None else "Nobody has answered; streamproc approve or deny ID"
    trigger_id = decision.get("trigger_id")
    trigger = next((t for t in log.triggers if t["trigger_id"] == trigger_id), None)
    if trigger is not None:
        yield f"Its trigger: {trigger_id}"
        yield from _after(log, trigger)


def _line(decision: Event) -> str:
    policy = f"{decision['policy']} " if decision.get("policy") else ""
    return f"{format_time(decision['time'])} {policy}{_word(decision)} ({decision['rule']}): {decision['reason']}"


def _word(decision: Event) -> str:
    verdict: str = decision["verdict"]
    return _WORDS.get(verdict, f"was {verdict.replace('_', ' ')}")


def _place(event: Event) -> tuple[int, int]:
    journal = event["journal"]
    return journal["partition"], journal["offset"]


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


__all__: Sequence[str] = ("Log", "read_log", "tell")
