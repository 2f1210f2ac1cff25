"""The retrain worker as a process of its own that is killed and stopped, on a real Kafka."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson

from streamproc.app.run import wall_clock
from streamproc.kafka.tail import read_all
from tests.kafka.harness import PATIENCE, until
from tests.kafka.site import ROOT, Site, story, wait_for


def test_a_worker_killed_in_mid_retrain_runs_the_trigger_again_and_only_until_its_end(
    bootstrap: str, tmp_path: Path
) -> None:
    """With kill -9: the same trigger id, the next attempt, one final event; and no run more after another restart."""
    site = Site(bootstrap, tmp_path, "slow")
    with site.running() as running:
        (trigger,) = running.read("triggers")
        with site.worker():
            site.wait_for_the_job()
        with site.worker():
            wait_for(running, "deployed")
        assert story(running) == [("started", 1), ("started", 2), ("deployed", 2)]
        running.send("commands", {"command_id": "c", "model_id": "m", "command": "trigger", "time": wall_clock()})
        running.wait_for("triggers", 2)
        with site.worker():  # whatever it would do again comes before what is new
            until(lambda: story(running), lambda found: len(found) >= 5, "the second retrain")
        first = [event for event in running.read("deploys") if event["trigger_id"] == trigger["trigger_id"]]
        assert [event["status"] for event in first] == ["started", "started", "deployed"]
        assert story(running)[3:] == [("started", 1), ("deployed", 1)]


def test_a_worker_killed_while_it_waits_goes_on_waiting_and_fails_once(bootstrap: str, tmp_path: Path) -> None:
    """The next attempt starts at the time that the log names; the last failure is one event and one dead letter."""
    site = Site(bootstrap, tmp_path, "broken", attempts=2, backoff="5s")
    with site.running() as running:
        with site.worker():
            wait_for(running, "attempt_failed")
        with site.worker():
            wait_for(running, "failed")
            letters = read_all(site.config.kafka, {site.config.topics.dead_letters: 2})
            (letter,) = until(lambda: [*letters], bool, "the dead letter")
        assert story(running) == [("started", 1), ("attempt_failed", 1), ("started", 2), ("failed", 2)]
        _, waits, again, failed = running.read("deploys")
        assert again["time"] >= waits["retry_at"] == waits["time"] + 5_000
        assert "no such column" in failed["reason"]
        triggers = read_all(site.config.kafka, {site.config.topics.triggers: 2})
        assert letter.value() == next(iter(triggers)).value()
        assert dict(letter.headers())["reason"] == b"retrain_failed"


def test_a_stopped_worker_gives_its_job_back(bootstrap: str, tmp_path: Path) -> None:
    """SIGTERM: `given_back` is in the log when the process has ended, and the next worker goes on from there."""
    site = Site(bootstrap, tmp_path, "slow", attempts=1, cut_offs=1)
    with site.running() as running:
        with site.worker() as worker:
            site.wait_for_the_job()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == 0
        wait_for(running, "given_back")
        with site.worker():
            wait_for(running, "deployed")
        assert story(running) == [("started", 1), ("given_back", 1), ("started", 2), ("deployed", 2)]


def test_a_stopped_worker_may_finish_its_job(bootstrap: str, tmp_path: Path) -> None:
    """With `on_stop: finish` the process ends when the retrain has, and its final event is in the log by then."""
    site = Site(bootstrap, tmp_path, "patient", on_stop="finish")
    with site.running() as running, site.worker() as worker:
        site.wait_for_the_job()
        worker.send_signal(signal.SIGTERM)
        running.send("commands", {"command_id": "c", "model_id": "m", "command": "trigger", "time": wall_clock()})
        until(lambda: running.read("journal"), lambda j: any(r["kind"] == "command" for r in j), "time to pass")
        assert worker.poll() is None
        (tmp_path / "go").touch()
        assert worker.wait(PATIENCE) == 0
        wait_for(running, "deployed")
        assert story(running) == [("started", 1), ("deployed", 1)]


def test_a_second_signal_does_not_wait(bootstrap: str, tmp_path: Path) -> None:
    """The process ends at once, its job with it, and the trigger is still to be answered."""
    site = Site(bootstrap, tmp_path, "patient", on_stop="finish")
    with site.running() as running:
        with site.worker() as worker:
            site.wait_for_the_job()
            worker.send_signal(signal.SIGTERM)
            until(
                lambda: b"stopping once" in (tmp_path / "worker.log").read_bytes(), bool, "the first signal to be heard"
            )
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(PATIENCE) == -signal.SIGTERM
        (tmp_path / "go").touch()
        with site.worker():
            wait_for(running, "deployed")
        assert story(running) == [("started", 1), ("started", 2), ("deployed", 2)]


def test_a_command_retrains(bootstrap: str, tmp_path: Path) -> None:
    """A shell script of the user's: the rows go in as a file, the model comes out in a directory."""
    script = tmp_path / "retrain.sh"
    script.write_text('#!/bin/sh\nwc -l <"$STREAMPROC_TRAINING" >"$STREAMPROC_ARTIFACT/model.txt"\n')
    script.chmod(0o755)
    site = Site(bootstrap, tmp_path, {"command": ["./retrain.sh"]})
    with site.running() as running, site.worker():
        wait_for(running, "deployed")
        deployed = running.read("deploys")[-1]
        rows = int((tmp_path / "artifacts" / deployed["artifact"]["uri"] / "model.txt").read_text())
        assert rows == deployed["rows"]["training"] > 0


def test_the_data_of_a_trigger_is_what_its_retrain_read(bootstrap: str, tmp_path: Path) -> None:
    """`streamproc data` gives the same rows, and the content hash of the deploy event; an unknown id is an error."""
    site = Site(bootstrap, tmp_path, "majority")
    with site.running() as running:
        with site.worker():
            wait_for(running, "deployed")
        deployed = running.read("deploys")[-1]
        given = data_of(tmp_path, deployed["trigger_id"])
        assert given.returncode == 0, given.stderr
        rows = [orjson.loads(line) for line in given.stdout.splitlines()]
        assert len(rows) == deployed["rows"]["training"]  # there is no gate, so no holdout
        assert {row["label"] for row in rows} == {1}
        assert deployed["data_sha256"] in given.stderr.decode()
        assert data_of(tmp_path, "trg_unknown").returncode == 1


def data_of(directory: Path, trigger_id: str) -> subprocess.CompletedProcess[bytes]:
    """What the command says."""
    return subprocess.run(
        [sys.executable, "-m", "streamproc.cli", "data", trigger_id],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_webhook_whose_end_is_an_event_that_the_other_side_writes(bootstrap: str, tmp_path: Path) -> None:
    """The worker signs and sends the trigger, waits, and lets go when it reads the deploy event. No secret is kept."""
    with received() as (url, bodies):
        hook = {"url": url, "secrets": ["whsec_c3RyZWFtcHJvYw=="], "completion": "event"}
        site = Site(bootstrap, tmp_path, {"webhook": hook})
        with site.running() as running, site.worker():
            (body,) = until(lambda: list(bodies), bool, "the request")
            trigger = orjson.loads(body)
            (job,) = tmp_path.glob("artifacts/.jobs/**/job.json")
            assert "c3RyZWFtcHJvYw" not in job.read_text()
            done = {"model_id": "m", "status": "deployed", "model_version": "v2", "trigger_id": trigger["trigger_id"]}
            running.send("deploys", {**done, "time": wall_clock()})
            until(lambda: list(tmp_path.glob("artifacts/.jobs/**/job.json")), lambda left: not left, "the job to go")
            assert [status for status, _ in story(running)] == ["started", "deployed"]


@contextlib.contextmanager
def received() -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP server that accepts everything -> (its address, the bodies that have come)."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", bodies
    server.shutdown()
    server.server_close()
