"""What befalls workers, brokers and frames. Each fault lasts until what it began is over, and returns nothing."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streamproc.kafka.broker import EmbeddedBroker
from tests.chaos.brokers import INTERNAL
from tests.chaos.frames import Api
from tests.chaos.pipeline import STAGES
from tests.chaos.rules import Action, Side
from tests.chaos.site import Site
from tests.chaos.workers import Worker

SESSION_SECONDS: Final = 10.0
FIRST_COMMIT_SECONDS: Final = 30.0
TAKEOVER_SECONDS: Final = 40.0
OUTAGE_SECONDS: Final = 30.0
ALWAYS: Final = ("0", "1")
SPARE: Final = ("2", "3")
LOOK_SECONDS: Final = 0.02
_TRANSACTION: Final = (
    Api.ADD_PARTITIONS_TO_TXN,
    Api.ADD_OFFSETS_TO_TXN,
    Api.TXN_OFFSET_COMMIT,
    Api.END_TXN,
)
_OTHERS: Final = (
    Api.PRODUCE,
    Api.HEARTBEAT,
    Api.JOIN_GROUP,
    Api.SYNC_GROUP,
    Api.INIT_PRODUCER_ID,
    Api.OFFSET_FETCH,
    Api.FIND_COORDINATOR,
)


@dataclass
class Tally:
    """What has been done, and how long it took to get over it. Seconds."""

    kills: int = 0
    stalls: int = 0
    stops: int = 0
    broker_kills: int = 0
    broker_restarts: int = 0
    outages: int = 0
    frames: int = 0
    first_commits: list[float] = field(default_factory=list)
    """From kill -9 to the first new commit of that slot, while nothing befell brokers and frames."""
    first_commits_amid: list[float] = field(default_factory=list)
    """Likewise, while something did."""
    takeovers: list[float] = field(default_factory=list)
    """From kill -9 of a worker that does not come back, until all of its partitions have moved on."""
    trouble: list[str] = field(default_factory=list)


class Troubles:
    """The faults of one site. `disturbed` counts what brokers and frames suffer at the moment."""

    def __init__(self, site: Site, tally: Tally, stop: threading.Event) -> None:
        self.site, self.tally, self._stop = site, tally, stop
        self._disturbed = 0
        self._disturbances = 0

    # Workers

    def kill(self, rng: random.Random) -> None:
        """SIGKILL and an immediate restart."""
        with self.site.claim(lambda free: _choose(rng, free)) as worker:
            if worker is None:
                return
            before = self._disturbances
            self.site.workers.kill(worker)
            began = time.monotonic()
            self.tally.kills += 1
            if worker.stage == "retrain":  # it has nothing to commit for many seconds
                return
            while time.monotonic() - began < FIRST_COMMIT_SECONDS and not self._stop.is_set():
                if self.site.commits.last.get(worker.client, 0.0) > began:
                    calm = not self._disturbed and before == self._disturbances
                    found = self.tally.first_commits if calm else self.tally.first_commits_amid
                    found.append(self.site.commits.last[worker.client] - began)
                    return
                time.sleep(LOOK_SECONDS)

    def freeze(self, rng: random.Random) -> None:
        """SIGSTOP for longer than the session, then SIGCONT: a zombie."""
        self._stall(rng, rng.uniform(SESSION_SECONDS + 2, SESSION_SECONDS + 9))

    def blink(self, rng: random.Random) -> None:
        """SIGSTOP for less than the session."""
        self._stall(rng, rng.uniform(0.5, SESSION_SECONDS - 2))

    def _stall(self, rng: random.Random, seconds: float) -> None:
        with self.site.claim(lambda free: _choose(rng, free)) as worker:
            if worker is None:
                return
            self.site.workers.freeze(worker)
            self.tally.stalls += 1
            self._stop.wait(seconds)
            self.site.workers.thaw(worker)

    def leave(self, rng: random.Random) -> None:
        """SIGTERM, and a start, at once or after the session."""
        with self.site.claim(lambda free: _choose(rng, free)) as worker:
            if worker is None:
                return
            self.site.workers.stop(worker)
            self.tally.stops += 1
            self._stop.wait(rng.choice((0.0, 1.0, SESSION_SECONDS + 2)))
            self.site.workers.start(worker.stage, worker.slot)

    def come(self, rng: random.Random) -> None:
        """One worker more for a while; it ends by SIGTERM or SIGKILL."""
        stage, slot = rng.choice(STAGES), rng.choice(SPARE)
        worker = self.site.workers.workers.get(f"{stage}-{slot}")
        if worker is not None and worker.wanted:
            return
        worker = self.site.workers.start(stage, slot)
        self._stop.wait(rng.uniform(8, 20))
        with self.site.claim(lambda free: worker if worker in free else None) as ours:
            if ours is not None and rng.random() < 0.5:
                self.site.workers.stop(ours)
                self.tally.stops += 1
            elif ours is not None:
                self.site.workers.lose(ours)
                self.tally.kills += 1

    def lose(self, rng: random.Random) -> None:
        """SIGKILL without a restart, until others have taken its partitions over."""
        with self.site.claim(lambda free: _choose(rng, [w for w in free if w.stage != "retrain"])) as worker:
            if worker is None:
                return
            before, disturbed = self._disturbances, self._disturbed
            self.site.workers.lose(worker)
            began = time.time()
            self.tally.kills += 1
            seconds = self._taken_over(worker, began)
            if seconds is not None and not disturbed and before == self._disturbances:
                self.tally.takeovers.append(seconds)
            self.site.workers.start(worker.stage, worker.slot)

    def _taken_over(self, worker: Worker, began: float) -> float | None:
        """Seconds until every partition that it owned has moved on; None if that was not seen."""
        config = self.site.config
        topic = config.topics.predictions if worker.stage == "join" else config.topics.journal
        owned = [(topic, number) for number in worker.lives[-1].partitions]
        self._stop.wait(1)  # until the last offset that it committed itself has been seen
        offsets = self.site.offsets
        group = f"{config.pipeline}-{worker.stage}"
        at_its_end = dict(offsets.committed[group])
        while time.time() - began < TAKEOVER_SECONDS and not self._stop.is_set():
            now = offsets.committed[group]
            if owned and all(now.get(p, -1) > at_its_end.get(p, -1) for p in owned):
                return max(offsets.moved[group][p] for p in owned) - began
            time.sleep(LOOK_SECONDS)
        return None

    # Brokers

    def kill_leader(self, topic: str) -> Callable[[random.Random], None]:
        """SIGKILL of the leader of one of the topic's partitions."""

        def kill(rng: random.Random) -> None:
            self._down([self.site.brokers.leader_of(topic, rng)], rng.choice((0.0, 3.0, 8.0)))

        return kill

    def rolling_restart(self, rng: random.Random) -> None:
        """One after the other, cleanly, as in an upgrade."""
        for broker in rng.sample(self.site.brokers.brokers, self.site.size):
            if self._stop.is_set():
                return
            with self._disturbance():
                broker.restart()
                self.tally.broker_restarts += 1
                self.site.brokers.wait_until_whole()

    def outage(self, rng: random.Random) -> None:
        """SIGKILL of all brokers; half a minute of silence."""
        self.tally.outages += 1
        self._down(list(self.site.brokers.brokers), OUTAGE_SECONDS)

    def _down(self, brokers: list[EmbeddedBroker], seconds: float) -> None:
        with self._disturbance():
            for broker in brokers:
                broker.kill()
                self.tally.broker_kills += 1
            self._stop.wait(seconds)
            self.site.brokers.start()

    # Frames

    def transaction_frames(self, rng: random.Random) -> None:
        """A step of one transaction is late, lost, or its connection breaks."""
        self._frames(rng, rng.choice(_TRANSACTION))

    def other_frames(self, rng: random.Random) -> None:
        """The same for what groups and producers say besides."""
        self._frames(rng, rng.choice(_OTHERS))

    def cut_off(self, rng: random.Random) -> None:
        """Nothing that one client says arrives, for longer than its session or less: a partition of the network."""
        with self.site.claim(lambda free: _choose(rng, free)) as worker:
            if worker is not None:
                self._catch(rng, (), worker.client, 1_000_000, rng.uniform(3, SESSION_SECONDS + 6))

    def _frames(self, rng: random.Random, api: Api) -> None:
        name = self.site.name
        client = rng.choice((name, *(f"{name}-{stage}-{slot}" for stage in STAGES for slot in ALWAYS)))
        self._catch(rng, (api,), client, rng.choice((1, 1, 3)), rng.uniform(0.5, SESSION_SECONDS + 6))

    def _catch(self, rng: random.Random, apis: tuple[int, ...], client: str, count: int, seconds: float) -> None:
        side, action = rng.choice(tuple(Side)), rng.choice(tuple(Action))
        with self._disturbance():
            rules = self.site.brokers.proxies.rules
            rule = rules.add(apis, side, action, client=client, count=count, seconds=seconds)
            self._stop.wait(seconds)
            rule.release()
            self.tally.frames += rule.caught

    def _disturbance(self) -> _Disturbance:
        return _Disturbance(self)

    def begin(self) -> None:
        """Something is done to brokers or frames."""
        self._disturbed += 1
        self._disturbances += 1

    def end(self) -> None:
        """It is over."""
        self._disturbed -= 1


class _Disturbance:
    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles

    def __enter__(self) -> None:
        self._troubles.begin()

    def __exit__(self, *_: object) -> None:
        self._troubles.end()


def _choose(rng: random.Random, free: list[Worker]) -> Worker | None:
    return rng.choice(sorted(free, key=lambda worker: worker.name)) if free else None


Fault = Callable[[random.Random], None]


def tracks(troubles: Troubles) -> Mapping[str, tuple[float, Mapping[str, Fault]]]:
    """Track -> the mean pause between its faults in seconds, and its faults. Tracks go on side by side."""
    journal = troubles.site.config.topics.journal
    single = {
        "kills": (6.0, {"kill": troubles.kill}),
        "workers": (
            2.0,
            {
                "freeze": troubles.freeze,
                "lose": troubles.lose,
                "leave": troubles.leave,
                "come": troubles.come,
                "blink": troubles.blink,
            },
        ),
        "frames": (
            4.0,
            {
                "transaction frames": troubles.transaction_frames,
                "other frames": troubles.other_frames,
                "cut off": troubles.cut_off,
            },
        ),
    }
    if troubles.site.size == 1:
        return single
    of_leaders = {f"leader of {topic}": troubles.kill_leader(topic) for topic in (*INTERNAL, journal)}
    all_brokers = {"rolling restart": troubles.rolling_restart, "outage": troubles.outage}
    return {**single, "brokers": (12.0, {**of_leaders, **all_brokers})}
