"""A retrain that somebody else does: the trigger goes out as a signed request, and the end comes back.

Signed by the Standard Webhooks specification: webhook-id is the trigger's id (a repeat is told by it), and with several
secrets there are several signatures, so that a secret can be changed while both sides go on.

The end comes in one of three ways:

- in the answer: {"status": "deployed", "model_version": ..., "artifact": {"uri": ...}}, or rejected or failed, and why;
- where the answer 202 says (Location): asked again and again until there is such a status;
- as a deploy event that the other side writes (`completion: event`): the worker sees it in the log and ends the wait.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NoReturn

import orjson
from pydantic import ValidationError

from streamproc.errors import MissingExtra, RetrainError
from streamproc.retrain.job import Hook, Job, Result

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
ACCEPTED = 202
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between attempts; each is twice the one before, of which a random part is waited."""
SHOWN = 500
"""Characters of an answer that a reason holds."""
FIELDS = ("status", "reason", "model_version", "artifact", "metrics")
Secrets = Mapping[str, Any]
"""`secrets`: the keys to sign with, newest first; `headers`: of every request. They are never on the disk."""


def call(job: Job, webhook: Hook, private: Secrets, *, first_wait: float = FIRST_WAIT) -> Result:
    """Go through with a job. Raises RetrainError. A job that waits for an event waits until it is ended."""
    client = _Client(job, webhook, private, first_wait)
    answer = client.send("POST", webhook.url, _body(job, webhook))
    if webhook.completion == "event":
        _wait_for_the_event()
    place = ""
    while not _is_final(answer):
        location = answer.headers.get("location")
        if location is None and not place:
            _refuse(answer, "an answer needs a `status`, or 202 and a Location to ask at")
        place = str(answer.url.join(location)) if location is not None else place
        time.sleep(webhook.poll_interval / 1000)
        answer = client.send("GET", place, None)
    return _result(job, answer)


class _Client:
    """Sends one trigger's requests, again where that may help."""

    def __init__(self, job: Job, webhook: Hook, private: Secrets, first_wait: float) -> None:
        try:
            self._httpx: Any = import_module("httpx")
            signer = import_module("standardwebhooks").Webhook
        except ModuleNotFoundError as exc:
            raise MissingExtra("retrain.webhook", "webhook") from exc
        try:
            self._signers = [signer(secret) for secret in private.get("secrets", ())]
        except Exception as exc:  # whatever a wrong secret makes of it
            raise RetrainError(
                "retrain.webhook.secrets: a secret is whsec_ and base64, as the receiver has it"
            ) from exc
        self._id, self._webhook, self._first_wait = job.trigger.trigger_id, webhook, first_wait
        self._headers = {"user-agent": "streamproc", **private.get("headers", {})}
        self._origin = self._httpx.URL(webhook.url)

    def send(self, method: str, url: str, body: bytes | None) -> Any:
        """The answer, once there is one that counts."""
        for attempt in range(1, self._webhook.attempts + 1):
            answer, why = self._once(method, url, body)
            if answer is not None and answer.is_success:
                return answer
            if answer is not None and answer.status_code not in AGAIN:
                _refuse(answer, "this is not asked again")
            if attempt < self._webhook.attempts:
                print(f"{method} {url}: {why}; again", flush=True)  # noqa: T201 - a job's output
                time.sleep(self._wait(attempt, answer))
        raise RetrainError(f"the webhook did not answer {self._webhook.attempts} times, at last: {why}")

    def _once(self, method: str, url: str, body: bytes | None) -> tuple[Any, str]:
        target = self._httpx.URL(url)
        mine = (target.scheme, target.host, target.port) == (self._origin.scheme, self._origin.host, self._origin.port)
        headers = dict(self._headers) if mine else {}  # a token is not for whoever a Location names
        if body is not None:
            headers |= {"content-type": "application/json", **self._signed(body)}
        try:
            answer = self._httpx.request(
                method, url, content=body, headers=headers, timeout=self._webhook.request_timeout / 1000
            )
        except self._httpx.HTTPError as exc:
            return None, f"{type(exc).__name__}: {exc}"[:SHOWN]
        return answer, f"status {answer.status_code}"

    def _signed(self, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        signatures = [signer.sign(self._id, now, body.decode()) for signer in self._signers]
        return {
            "webhook-id": self._id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _wait(self, attempt: int, answer: Any) -> float:
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        if asked.isdecimal():
            return min(float(asked), LONGEST_WAIT)
        whole: float = min(self._first_wait * 2 ** (attempt - 1), LONGEST_WAIT)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - many workers must not come back at one moment


def _body(job: Job, webhook: Hook) -> bytes:
    """The trigger, or what holds it at the path `trigger_at`."""
    event: Any = job.trigger.wire() | {"attempt": job.attempt}
    for name in reversed(webhook.trigger_at.split(".") if webhook.trigger_at else ()):
        event = {name: event}
    return orjson.dumps({**webhook.payload, **event})


def _is_final(answer: Any) -> bool:
    return answer.status_code != ACCEPTED and _object(answer).get("status") in ("deployed", "rejected", "failed")


def _object(answer: Any) -> dict[str, Any]:
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _result(job: Job, answer: Any) -> Result:
    said = {name: value for name, value in _object(answer).items() if name in FIELDS}
    said.setdefault("reason", f"said by {answer.url.host}")
    said.setdefault("model_version", job.version)
    try:
        return Result.model_validate(said)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        _refuse(answer, f"{where}: {first['msg']}")


def _refuse(answer: Any, why: str) -> NoReturn:
    text = answer.text[:SHOWN]
    raise RetrainError(f"the webhook answered {answer.status_code}: {why}\n{text}".rstrip())


def _wait_for_the_event() -> NoReturn:
    print("accepted; waiting for the deploy event", flush=True)  # noqa: T201 - a job's output
    while True:  # the worker ends this process when it reads the event, or at the time limit
        time.sleep(60)
