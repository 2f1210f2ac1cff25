"""Many triggers, one worker, too few rows: who goes first, who is not run at all, and who waits; on a real Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamproc.app.run import wall_clock
from tests.kafka.harness import Running, until
from tests.kafka.site import Site, answered, story, wait_for


def test_the_highest_priority_is_retrained_first(bootstrap: str, tmp_path: Path) -> None:
    """Its trigger is the younger one, and the other waits for the only place."""
    site = Site(bootstrap, tmp_path, "majority", also={"urgent": {"priority": 5}})
    with site.running() as running:
        answered(running, 60, "urgent")
        running.wait_for("triggers", 2)
        with site.worker():
            until(lambda: ends(running), lambda found: len(found) == 2, "both retrains")
        assert ends(running) == [("urgent", "deployed"), ("m", "deployed")]
        began = [event for event in by_time(running) if event["status"] == "started"]
        assert [event["model_id"] for event in began] == ["urgent", "m"]


def test_a_newer_trigger_supersedes_and_the_budget_makes_the_next_one_wait(bootstrap: str, tmp_path: Path) -> None:
    """Two triggers while no worker is there: the older ends with the newer one's id. A third begins a period later."""
    budget = {"retrains": 1, "period": "8s"}
    site = Site(bootstrap, tmp_path, "majority", worker={"budget": budget})
    with site.running() as running:
        by_hand = {"model_id": "m", "status": "deployed", "model_version": "v2", "time": wall_clock()}
        running.send("deploys", by_hand)
        until(lambda: rules(running), lambda found: "warmed_up" in found, "the deploy by hand")
        running.send("commands", command("one"))
        older, newer = running.wait_for("triggers", 2)
        with site.worker():
            wait_for(running, "superseded")
            until(lambda: ends(running), lambda found: len(found) == 3, "the retrain")
            running.send("commands", command("two"))
            third = running.wait_for("triggers", 3)[2]
            until(lambda: ends(running), lambda found: len(found) == 4, "the retrain within the budget")
        told = [event for event in running.read("deploys") if "trigger_id" in event]
        gone, *retrained = [event for event in told if event["trigger_id"] != third["trigger_id"]]
        assert (gone["status"], gone["trigger_id"]) == ("superseded", older["trigger_id"])
        assert gone["superseded_by"] == newer["trigger_id"]
        assert [(event["status"], event["supersedes"]) for event in retrained] == [
            ("started", [older["trigger_id"]]),
            ("deployed", [older["trigger_id"]]),
        ]
        first, last = (event["time"] for event in told if event["status"] == "started")
        assert last - first >= 8_000
        until(lambda: rules(running), lambda found: found.count("warmed_up") == 3, "the monitor to go on")
        ignored = [d["reason"] for d in running.read("decisions") if d["verdict"] == "ignored"]
        assert any(reason.startswith(f"superseded: {older['trigger_id']} is not the open") for reason in ignored)


def test_a_gate_waits_for_rows_over_a_kill_and_judges_by_those_that_come(bootstrap: str, tmp_path: Path) -> None:
    """About 15 rows are there and 40 are asked for; the next worker finds those that have come, and deploys."""
    site = Site(bootstrap, tmp_path, {**MAJORITY, "gate": {"min_rows": 40, "wait": "60s"}})
    with site.running() as running:
        with site.worker():
            wait_for(running, "waiting")
        waiting = running.read("deploys")[-1]
        rows = waiting["rows"]
        assert 0 < rows["compared"] == rows["holdout"] < rows["needed"] == 40
        assert f"{rows['compared']} of the {rows['holdout']} newest rows are ones" in waiting["reason"]
        answered(running, 40, first=100)
        until(lambda: running.stages[1].gauges()["monitor_outcomes"], lambda n: n == 100, "the new outcomes")
        with site.worker():
            wait_for(running, "deployed")
        assert story(running) == [("started", 1), ("waiting", 1), ("started", 2), ("deployed", 2)]
        started, deployed = running.read("deploys")[2:]
        assert started["time"] >= waiting["retry_at"]
        assert deployed["rows"] == {
            **dict.fromkeys(("holdout", "compared"), 100 - rows["training"]),
            "training": rows["training"],
        }
        (trigger,) = running.read("triggers")
        assert deployed["holdout_to"] > trigger["data"]["to_offset"]
        assert deployed["data_sha256"] == waiting["data_sha256"]


def test_a_wait_for_rows_ends_with_a_rejection_that_says_how_many_there_were(bootstrap: str, tmp_path: Path) -> None:
    """At its limit; the monitor watches on."""
    site = Site(bootstrap, tmp_path, {**MAJORITY, "gate": {"min_rows": 40, "wait": "15s"}})
    with site.running() as running, site.worker():
        wait_for(running, "rejected")
        rejected = running.read("deploys")[-1]
        had = rejected["rows"]["compared"]
        assert 0 < had < rejected["rows"]["needed"] == 40
        assert rejected["reason"].startswith(f"not trained: {had} of the {had} newest rows are ones")
        assert rejected["reason"].endswith("gate.min_rows asks for 40; waited for 15s (gate.wait)")
        assert "waiting" in [status for status, _ in story(running)]
        until(lambda: rules(running), lambda found: "rejected" in found, "the monitor to go on")


MAJORITY = {"function": "tests.kafka.functions:majority"}


def command(name: str) -> dict[str, Any]:
    return {"command_id": name, "model_id": "m", "command": "trigger", "time": wall_clock()}


def by_time(running: Running) -> list[dict[str, Any]]:
    return sorted(running.read("deploys"), key=lambda event: event["time"])


def ends(running: Running) -> list[tuple[str, str]]:
    finals = ("deployed", "rejected", "failed", "superseded")
    return [(event["model_id"], event["status"]) for event in by_time(running) if event["status"] in finals]


def rules(running: Running) -> list[str]:
    return [decision["rule"] for decision in running.read("decisions")]
