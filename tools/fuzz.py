"""Fuzzed messages through the real join and monitor: nothing crashes them, nothing non-finite reaches a detector.

python tools/fuzz.py [--messages 10000000] [--seed 1]

Messages to all five inputs: sound ones, sound ones with a wild value in them, with bytes changed, cut, or mixed with
another one, and plain noise. Each must be taken or rejected with a reason. river's detectors are replaced by ones that
refuse what is not finite. A failing run prints the message and its number.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from river import drift

from streamproc.config.load import from_mapping
from streamproc.config.pipeline import Config
from streamproc.join.stage import JoinStage
from streamproc.monitor.stage import MonitorStage
from streamproc.replay.memory import MemoryOutputs, MemoryRecord
from streamproc.stage import Task

BATCH = 200
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
LABEL_LAG = 50
SHOWN = 500_000
INPUTS = ("predictions", "labels", "metrics", "commands", "deploys")
SHARES = (45, 45, 4, 3, 3)
SIGNALS = ("error", "loss", "score", "prediction", "feature.a", "feature.b")
TASKS = ("binary", "multiclass", "regression")
WILD = [
    *("NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e309", "1e999", "-1e400", "5e-324", "1e-400", "-0.0"),
    *("1e15", "1e16", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615"),
    *("18446744073709551616", "1" + "0" * 400, "0." + "0" * 400 + "1", "0x10", "01", "+1", ".5", "1.", "--1"),
    *("null", "true", "false", "[]", "{}", "[[[[1]]]]", '{"a":{"b":{"c":1}}}', "[" * 40 + "]" * 40, "[" * 2000),
    *('""', '"NaN"', '"inf"', '"\\u0000"', '"\\ud800"', '"\\udfff"', '"\u2028"', '"' + "x" * 257 + '"', '"a\tb"'),
    *('"2026-13-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', "4102444800000", "-1", "0"),
    *('"' + "y" * 2000 + '"', '"\U0001f600"', '"1"', "1", "0", "0.5", "1.0", "2", '"yes"'),
]
"""What may stand where a value was."""


class NotFinite(Exception):
    """A detector was given what blinds it."""


def watched(kind: Any) -> type:
    """A river detector that refuses what is not finite."""

    class Watched(kind):  # type: ignore[misc] # river has no types
        def update(self, x: float) -> Any:
            if not math.isfinite(x) or not math.isfinite(x * x):
                raise NotFinite(repr(x))
            Seen.updates += 1
            return super().update(x)

    Watched.__name__ = kind.__name__
    return Watched


class Seen:
    """What detectors were given."""

    updates = 0


def configuration() -> Config:
    """A model of each task, with both of river's detectors on every signal."""
    detectors = {
        f"{signal.replace('.', '_')}_{kind}": {"type": kind, "signal": signal}
        for signal in SIGNALS
        for kind in ("adwin", "page_hinkley")
    }

    def model(task: str) -> dict[str, Any]:
        usable = {n: d for n, d in detectors.items() if task != "multiclass" or d["signal"] != "prediction"}
        policies = [{"name": "any", "condition": " or ".join(usable)}]
        return {"task": task, "detectors": usable, "policies": policies}

    return from_mapping(
        {
            "pipeline": "fuzz",
            "kafka": {"bootstrap.servers": "nowhere:9092"},
            "join": {"label_ttl": "1m"},
            "models": {task: model(task) for task in TASKS},
        }
    )


class Messages:
    """Fuzzed messages, from a seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - data, not secrets
        self._n = 0
        self._last = b"{}"
        self._predicted: deque[str] = deque()
        self._changes: list[Callable[[bytes], bytes]] = [self._flip, self._cut, self._mix, self._noise]

    def next(self) -> tuple[str, bytes, bytes | None]:
        """Give an input, a value and a key."""
        rng = self._rng
        self._n += 1
        name = rng.choices(INPUTS, SHARES)[0]
        fields = self._fields(name)
        draw = rng.random()
        if draw < 0.3:  # noqa: PLR2004 - so many of them
            fields[rng.choice(list(fields))] = rng.choice(WILD)
        text = "{" + ",".join([f'"{field}":{value}' for field, value in fields.items()]) + "}"
        value = text.encode("utf-8", "surrogatepass")
        if draw > 0.85:  # noqa: PLR2004 - so many of them
            value = rng.choice(self._changes)(value)
        self._last = value
        return name, value, None if rng.random() < 0.9 else rng.randbytes(8)  # noqa: PLR2004 - most have none

    def _fields(self, name: str) -> dict[str, str]:
        rng, n = self._rng, self._n
        model, at = f'"{TASKS[n % 3]}"', str(START + n)
        if name == "predictions":
            wild = rng.choice(WILD) if rng.random() < 0.1 else "2.5"  # noqa: PLR2004 - a tenth
            answer = "0.25" if n % 3 == 2 else str(n & 1)  # noqa: PLR2004 - regression is the third
            inner = f'{{"a":{rng.random()},"b":{wild}}}'
            self._predicted.append(f'"p{n}"')
            found = {"prediction_id": f'"p{n}"', "model_id": model, "prediction": answer, "time": at}
            return {**found, "score": str(rng.random()), "features": inner, "model_version": '"v1"'}
        if name == "labels":
            known = self._predicted.popleft() if len(self._predicted) > LABEL_LAG else f'"p{n}"'
            return {"prediction_id": known, "label": str(n % 2), "time": at}
        if name == "metrics":
            return {"model_id": model, "metrics": f'{{"drift":{rng.choice(WILD)}}}', "time": at}
        if name == "commands":
            word = rng.choice(("trigger", "pause", "resume", "snooze"))
            found = {"command_id": f'"c{n}"', "model_id": model, "command": f'"{word}"', "time": at}
            return {**found, "until": str(START + n + 1000)} if word == "snooze" else found
        return {"model_id": model, "model_version": f'"v{n % 5}"', "status": '"deployed"', "time": at}

    def _flip(self, value: bytes) -> bytes:
        changed = bytearray(value)
        for _ in range(self._rng.randint(1, 4)):
            changed[self._rng.randrange(len(changed))] = self._rng.randrange(256)
        return bytes(changed)

    def _cut(self, value: bytes) -> bytes:
        return value[: self._rng.randrange(len(value))]

    def _mix(self, value: bytes) -> bytes:
        return value[: self._rng.randrange(len(value))] + self._last[self._rng.randrange(len(self._last) or 1) :]

    def _noise(self, value: bytes) -> bytes:
        return self._rng.randbytes(self._rng.randrange(40))


class Bench:
    """One partition of both stages, in memory."""

    def __init__(self) -> None:
        self._config = config = configuration()
        self._join, self._monitor = JoinStage(config, 1).task(0), MonitorStage(config, 1).task(0)
        self._topics = {name: getattr(config.topics, name) for name in INPUTS}
        self._out = MemoryOutputs()
        self._offsets: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def take(self, messages: Sequence[tuple[str, bytes, bytes | None]], now: int) -> None:
        """All of them, and what follows from them."""
        for name, value, key in messages:
            self._give(self._join, self._topics[name], value, key, now)
        self._join.wake(now, self._out)
        self._monitor.wake(now, self._out)
        journal = self._config.topics.journal
        while sent := list(self._out.take()):
            for topic, value, key in sent:
                self.written[topic] += 1
                if topic == journal:
                    self._give(self._monitor, topic, value, key, now)
        for _, error in self._out.rejected:
            self.rejected[error.code] += 1
        self._out.rejected.clear()

    def _give(self, task: Task, topic: str, value: bytes, key: bytes | None, now: int) -> None:
        record = MemoryRecord(topic, 0, self._offsets[topic], value, key, now)
        self._offsets[topic] += 1
        task.process(topic, [record], self._out)


def main() -> int:
    """Returns 1 when something got through that must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    drift.ADWIN, drift.PageHinkley = watched(drift.ADWIN), watched(drift.PageHinkley)  # type: ignore[misc,assignment]
    bench, messages, began = Bench(), Messages(options.seed), time.process_time()
    for start in range(0, options.messages, BATCH):
        batch = [messages.next() for _ in range(min(BATCH, options.messages - start))]
        try:
            bench.take(batch, START + start)
        except Exception as exc:
            exc.add_note(f"messages {start} to {start + len(batch)} of seed {options.seed}: {batch!r}"[:20_000])
            raise
        if (start + BATCH) % SHOWN == 0:
            seconds = time.process_time() - began
            print(f"{start + BATCH:,} messages, {Seen.updates:,} detector updates, {seconds:.0f} s of CPU", flush=True)
    rejected = sum(bench.rejected.values())
    print(
        json.dumps(
            {
                "messages": options.messages,
                "seed": options.seed,
                "rejected": rejected,
                "reasons": dict(bench.rejected.most_common()),
                "written": dict(bench.written),
                "detector_updates": Seen.updates,
                "cpu_seconds": round(time.process_time() - began, 1),
            }
        )
    )
    return 0 if Seen.updates and rejected else 1


if __name__ == "__main__":
    sys.exit(main())
