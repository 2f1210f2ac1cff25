"""One run of the chaos, from its seed: users, faults, calm, checks, figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.brokers import Brokers
from tests.chaos.checks import breaches, read_all
from tests.chaos.faults import ALWAYS, Tally
from tests.chaos.heirs import compare_restored
from tests.chaos.kept import OFFSETS_TOPIC
from tests.chaos.pipeline import STAGES
from tests.chaos.report import Figures, figures
from tests.chaos.schedule import befall
from tests.chaos.site import Site, scratch

REST_SECONDS: Final = 180.0
AFTER_SECONDS: Final = 5.0
"""How long users go on when the faults are over."""
TRIES: Final = 5


@dataclass(frozen=True)
class Plan:
    """What makes a run. The same plan gives the same users and the same faults, not the same instants."""

    seed: int
    seconds: float
    brokers: int
    rate: float = 300.0
    """Events a second."""
    only: tuple[str, ...] | None = None
    """Nothing else than these faults happens; None: everything."""

    @property
    def command(self) -> str:
        """How to repeat it."""
        return (
            f'make chaos ARGS="--seed {self.seed} --minutes {self.seconds / 60:g} --brokers {self.brokers} '
            f'--rate {self.rate:g}{self._only}"'
        )

    @property
    def _only(self) -> str:
        return "" if self.only is None else "".join([" --only", *(f" '{name}'" for name in self.only)])


class Failed(AssertionError):
    """Promises were broken, or the pipeline did not come to rest."""


def run(plan: Plan, logs: Path, say: Callable[[str], None]) -> Figures:
    """Raises Failed, with what is wrong and how to repeat it; logs are then in `logs`."""
    began = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - began:7.1f}  {what}")

    try:
        with (
            scratch(logs) as (work, live_logs),
            Brokers(plan.brokers, work / "brokers", live_logs) as brokers,
            Site("chaos", brokers, work, live_logs) as site,
        ):
            try:
                return _run(plan, site, tell)
            except TimeoutError:
                site.workers.post_mortem()
                raise
    except (Failed, TimeoutError, RuntimeError) as exc:
        raise Failed(f"{exc}\nseed {plan.seed}; logs in {logs}\nRepeat it with: {plan.command}") from exc


def _run(plan: Plan, site: Site, tell: Callable[[str], None]) -> Figures:
    tell("Kafka is up")
    for stage in STAGES:
        for slot in ALWAYS:
            site.workers.start(stage, slot)
    site.workers.wait_live()
    tell("all stages are live")
    tally = Tally()
    feed = site.feed(plan.seed, plan.seconds + AFTER_SECONDS, plan.rate)
    befall(site, plan.seed, plan.seconds, tally, tell, only=plan.only)
    site.brokers.proxies.rules.clear()
    feed.finish()
    tell(f"calm: {feed.written} records written")
    come_to_rest(site)
    tell("at rest")
    kept, fates, truths = read_all(site)
    wrong = breaches(site, kept, fates, truths, feed.delivered)
    wrong += [f"fault: {trouble}" for trouble in tally.trouble]
    wrong += filter(None, [site.open_transactions(OFFSETS_TOPIC)])
    if not wrong:
        wrong = compare_restored(site, kept, truths)
    tell(f"checked: {len(wrong)} breaches")
    if wrong:
        raise Failed("\n".join(wrong))
    return figures(plan.seed, site, kept, tally, feed.delivered)


def come_to_rest(site: Site) -> None:
    """Stopped, with nothing unread: a tick may come between rest and stop, and is then read by another start."""
    wanted = [(worker.stage, worker.slot) for worker in site.workers.running() if worker.slot in ALWAYS]
    for _ in range(TRIES):
        for stage, slot in wanted:
            site.workers.start(stage, slot)
        site.wait_at_rest(REST_SECONDS)
        site.workers.stop_all()
        try:
            site.wait_at_rest(10.0)
        except TimeoutError:
            continue
        return
    raise TimeoutError("something was always written between rest and stop")
