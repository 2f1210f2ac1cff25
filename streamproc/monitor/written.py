"""A model's notes as events: triggers, decisions, and claims in the journal, with ids that follow from the log."""

from __future__ import annotations

from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.events.decision import Decision
from streamproc.events.deploy import Artifact, Deploy
from streamproc.events.identity import cloud_event_headers, derived_id
from streamproc.events.trigger import JournalPosition, Trigger
from streamproc.monitor.evidence import data_window, evidence
from streamproc.monitor.model import ModelMonitor
from streamproc.monitor.notes import Note, Notes, Placing
from streamproc.stage import Outputs


class Writer:
    """Of one partition of the journal."""

    def __init__(self, config: Config, partition: int) -> None:
        self._config, self._partition = config, partition
        self.triggers = self.rollbacks = 0
        """Written so far."""

    def incident_id(self, offset: int) -> str:
        """Of an incident that a claim at this offset opens."""
        return derived_id("inc", self._config.pipeline, self._partition, offset)

    def write(self, monitor: ModelMonitor, notes: Notes, offset: int, now: int, out: Outputs) -> None:
        """What the record at `offset` made a model say; `now`: the journal's time, epoch ms."""
        topics = self._config.topics
        for index, note in enumerate(notes):
            if note.claims is not None:
                claim = {"kind": "claim", "model_id": monitor.model_id, "number": note.claims, "time": now}
                out.send(topics.journal, orjson.dumps(claim), partition=self._partition)
                continue
            trigger_id, about = note.trigger_id, self._about(monitor, note, offset, now)
            if note.fires:
                trigger = self._trigger(monitor, note, offset, about)
                trigger_id = trigger.trigger_id
                monitor.raised(note, trigger_id)
                self.triggers += 1
                self._send(topics.triggers, "trigger", trigger_id, trigger, out)
            elif note.puts is not None:
                self._place(monitor, note, note.puts, now, out)
            decision = self._decision(monitor, note, (offset, index), trigger_id, about)
            if note.verdict == "awaiting_approval":
                monitor.asked_for(note, decision.decision_id)
            self._send(topics.decisions, "decision", decision.decision_id, decision, out)

    def _place(self, monitor: ModelMonitor, note: Note, puts: Placing, now: int, out: Outputs) -> None:
        """The deploy event that ends a probation; whatever decides it twice gives it the same id.

        It is written without a time, so that its record's counts. The journal's time is ahead of the clock where a
        record has come from a machine whose clock is, and the join would refuse such an event (`join.max_future`).
        """
        self.rollbacks += puts.status == "rolled_back"
        pipeline, model_id = self._config.pipeline, monitor.model_id
        artifact = None
        if puts.artifact is not None:
            uri, sha256, size = puts.artifact
            artifact = Artifact(uri=uri, sha256=sha256, bytes=size)
        event = Deploy(
            model_id=model_id,
            status=puts.status,
            time=now,
            deploy_id=derived_id("dep", pipeline, model_id, puts.status, *puts.of),
            trigger_id=puts.trigger_id,
            model_version=puts.version,
            previous_version=puts.previous,
            artifact=artifact,
            metrics={"probation": dict(puts.figures)},
            reason=note.reason,
        )
        headers = cloud_event_headers("deploy", str(event.deploy_id), pipeline, model_id, now)
        value = event.wire()
        del value["time"]
        out.send(self._config.topics.deploys, orjson.dumps(value), model_id.encode(), headers=headers)

    def _send(self, topic: str, kind: str, event_id: str, event: Trigger | Decision, out: Outputs) -> None:
        headers = cloud_event_headers(kind, event_id, event.pipeline, event.model_id, event.time)
        out.send(topic, orjson.dumps(event.wire()), event.model_id.encode(), headers=headers)

    def _about(self, monitor: ModelMonitor, note: Note, offset: int, now: int) -> dict[str, Any]:
        """What a trigger and its decision have in common."""
        return {
            "pipeline": self._config.pipeline,
            "model_id": monitor.model_id,
            "segment": note.segment,
            "policy": note.policy,
            "reason": note.reason[:1024],
            "time": now,
            "evidence": evidence(monitor, note.policy, note.segment),
            "config_hash": monitor.config_hash,
            "journal": JournalPosition(partition=self._partition, offset=offset),
        }

    def _trigger(self, monitor: ModelMonitor, note: Note, offset: int, about: dict[str, Any]) -> Trigger:
        pipeline, partition = self._config.pipeline, self._partition
        return Trigger.model_construct(
            trigger_id=derived_id(
                "trg", pipeline, monitor.model_id, note.segment, note.policy, monitor.config_hash, partition, offset
            ),
            model_version=monitor.version.version,
            cause=note.cause,
            scheduled_time=note.scheduled_time,
            command_id=note.command_id,
            data=data_window(monitor, self._config.topics.journal, partition, offset, note.segment),
            **about,
        )

    def _decision(
        self, monitor: ModelMonitor, note: Note, place: tuple[int, int], trigger_id: str | None, about: dict[str, Any]
    ) -> Decision:
        pipeline, partition, (offset, index) = self._config.pipeline, self._partition, place
        return Decision.model_construct(
            decision_id=derived_id("dec", pipeline, monitor.model_id, monitor.config_hash, partition, offset, index),
            verdict=note.verdict,
            rule=note.rule,
            trigger_id=trigger_id,
            **about,
        )
