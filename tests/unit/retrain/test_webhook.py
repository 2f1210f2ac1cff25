"""A real HTTP server on this machine: what it is sent, and what becomes of its answers."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook as Verifier

from streamproc.errors import RetrainError
from streamproc.retrain.executors.webhook import call
from streamproc.retrain.fold import RetrainState
from streamproc.retrain.job import Hook, Job, Result
from streamproc.retrain.report import job_of
from tests.unit.retrain.support import configure, make_job, make_trigger

OLD, NEW = (f"whsec_{base64.b64encode(each * 8).decode()}" for each in (b"old", b"new"))
DEPLOYED = {"status": "deployed", "model_version": "v7", "artifact": {"uri": "s3://models/v7"}}
Answer = tuple[int, dict[str, str], Any]


class Server:
    """Gives its answers one after the other, the last one again and again; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [(200, {}, DEPLOYED)]
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.asked.append((self.command, self.path, headers, body))
                status, more, said = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                content = said if isinstance(said, bytes) else orjson.dumps(said)
                self.send_response(status)
                for name, value in {**more, "content-length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815 - the names are the standard library's

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/retrain"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def send(server: Server, root: Path, private: dict[str, Any] | None = None, **fields: Any) -> Result:
    settings = Hook(url=server.url, poll_interval=1, **fields)
    job = make_job(root, webhook=settings)
    return call(job, settings, {"secrets": (NEW, OLD)} if private is None else private, first_wait=0.001)


def test_a_job_keeps_no_secret_and_comes_back_from_its_file(tmp_path: Path) -> None:
    """What the configuration says of the webhook, as the child reads it."""
    hook = {"url": "https://x/y", "secrets": [NEW], "headers": {"authorization": "Bearer t"}, "request_timeout": "5s"}
    config = configure(function=None, webhook=hook)
    job = job_of(make_trigger(), 1, config, RetrainState())
    text = job.model_dump_json()
    assert NEW not in text
    assert "Bearer" not in text
    assert Job.model_validate_json(text) == job
    assert job.webhook == Hook(url="https://x/y", request_timeout=5_000)


def test_the_answer_is_the_result(server: Server, tmp_path: Path) -> None:
    """What the other side trained and judged is taken as it says."""
    result = send(server, tmp_path)
    assert (result.status, result.model_version) == ("deployed", "v7")
    assert result.artifact is not None
    assert result.artifact.uri == "s3://models/v7"


@pytest.mark.parametrize("secret", [NEW, OLD])
def test_whoever_has_one_of_the_secrets_can_verify_the_request(server: Server, tmp_path: Path, secret: str) -> None:
    """Checked by the library of the specification; a receiver may still have the older secret."""
    send(server, tmp_path)
    ((method, _, headers, body),) = server.asked
    told = Verifier(secret).verify(body, headers)
    assert method == "POST"
    assert headers["webhook-id"] == told["trigger_id"] == make_job(tmp_path).trigger.trigger_id


def test_the_trigger_stands_where_the_receiver_wants_it(server: Server, tmp_path: Path) -> None:
    """As GitHub's repository_dispatch asks for it."""
    headers = {"secrets": (NEW,), "headers": {"authorization": "Bearer t"}}
    send(server, tmp_path, headers, trigger_at="client_payload.trigger", payload={"event_type": "retrain"})
    ((_, _, sent, body),) = server.asked
    told = orjson.loads(body)
    assert told["event_type"] == "retrain"
    assert told["client_payload"]["trigger"]["model_id"] == "m"
    assert sent["authorization"] == "Bearer t"


def test_an_accepted_job_is_asked_after_until_it_has_ended(server: Server, tmp_path: Path) -> None:
    """202 and a Location; `running` is no end."""
    server.answers = [
        (202, {"location": "/jobs/1"}, {}),
        (200, {}, {"status": "running"}),
        (202, {}, b""),
        (200, {}, {"status": "rejected", "reason": "worse"}),
    ]
    result = send(server, tmp_path)
    assert (result.status, result.reason) == ("rejected", "worse")
    assert [(method, path) for method, path, *_ in server.asked] == [
        ("POST", "/retrain"), *[("GET", "/jobs/1")] * 3,
    ]  # fmt: skip


def test_what_may_pass_is_asked_again_with_the_same_id(server: Server, tmp_path: Path) -> None:
    """Busy, broken, then well: one id, so that the receiver can tell that it is one trigger."""
    server.answers = [(503, {}, b""), (429, {"retry-after": "0"}, b""), (200, {}, DEPLOYED)]
    assert send(server, tmp_path).status == "deployed"
    assert len({headers["webhook-id"] for _, _, headers, _ in server.asked}) == 1
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}, b"who are you"), "answered 401: this is not asked again\nwho are you"),
        ((500, {}, b""), "did not answer 2 times, at last: status 500"),
        ((200, {}, b"thanks"), "an answer needs a `status`, or 202 and a Location"),
        ((202, {}, b""), "an answer needs a `status`, or 202 and a Location"),
        ((200, {}, {"status": "deployed"}), "a deployed result needs model_version and artifact"),
        ((200, {}, {**DEPLOYED, "metrics": {"a": {"b": "c"}}}), "metrics.a.b: "),
    ],
)
def test_an_answer_that_is_none_fails_with_what_was_said(
    server: Server, tmp_path: Path, answer: Answer, words: str
) -> None:
    """The cause goes into the deploy event."""
    server.answers = [answer]
    with pytest.raises(RetrainError, match=r"^(.|\n)*") as raised:
        send(server, tmp_path, attempts=2)
    assert words in str(raised.value)


def test_nobody_at_the_address_fails_after_the_attempts(server: Server, tmp_path: Path) -> None:
    """A server that is down is a failed attempt, not a hang."""
    server.close()
    with pytest.raises(RetrainError, match=r"did not answer 2 times, at last: ConnectError"):
        send(server, tmp_path, attempts=2)


def test_a_token_does_not_follow_a_location_to_another_server(server: Server, tmp_path: Path) -> None:
    """The headers are for the configured server alone."""
    other = Server()
    server.answers = [(202, {"location": other.url}, {})]
    send(server, tmp_path, {"secrets": (NEW,), "headers": {"authorization": "Bearer t"}})
    assert [("authorization" in headers) for *_, headers, _ in (*server.asked, *other.asked)] == [True, False]
    other.close()


def test_a_secret_that_is_none_is_named(server: Server, tmp_path: Path) -> None:
    """Its value is not."""
    with pytest.raises(RetrainError, match=r"retrain\.webhook\.secrets") as raised:
        send(server, tmp_path, {"secrets": ("whsec_",)})
    assert "whsec_ and base64" in str(raised.value)
    assert not server.asked
