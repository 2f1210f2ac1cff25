"""How often a probation ends in a rollback, after how many outcomes, and what it costs an outcome.

    python benchmarks/probation.py [--runs 400] [--market]

The code of the monitor, on made-up outcomes: 1,000 of the old version, the deploy, and up to 1,000 of the new one. With
equal error rates each rollback is a false one: at most `alpha` of the runs may have one, over all 1,000 looks together.
Under "the world changes before" the old version met a harder world in its newest outcomes only; the new one is better
in it. Under "after" it gets harder for the new version, which is as good as the old one.

--market replays the demo's data, a market that drifts nearly all the time, with its own retrains, with and without a
probation: whether good versions are lost to it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from streamproc.config.model import Model
from streamproc.config.retrain import Probation as Settings
from streamproc.monitor.probation import Probation

COUNT = 1000
Draw = Callable[[Random, int], dict[str, Any]]
"""The number of an outcome, of the old version counted back from its newest -> the outcome."""


def classes(rate: float, other: float | None = None, first: int = 0) -> Draw:
    """Wrong at this rate, or at another one while the number is below `first`."""

    def draw(rng: Random, n: int) -> dict[str, Any]:
        wrong = rng.random() < (other if other is not None and n < first else rate)
        return {"prediction": 1, "label": int(not wrong)}

    return draw


def in_runs(rate: float, length: int) -> Draw:
    """Wrong at this rate, but so many outcomes one after the other are all wrong or all right."""
    last = [False]

    def draw(rng: Random, n: int) -> dict[str, Any]:
        if n % length == 0:
            last[0] = rng.random() < rate
        return {"prediction": 1, "label": int(not last[0])}

    return draw


def numbers(scale: float) -> Draw:
    """Errors of a normal distribution with this standard deviation."""
    return lambda rng, _: {"prediction": 0.0, "label": rng.gauss(0.0, scale)}


def ended(task: str, old: Draw, new: Draw, seed: int, alpha: float) -> int | None:
    """After how many outcomes the new version was rolled back, if it was."""
    rng = Random(seed)  # noqa: S311 - made-up data
    probation = Probation(Model.model_validate({"task": task}), Settings(outcomes=COUNT, alpha=alpha))
    for n in reversed(range(COUNT)):
        probation.outcome(old(rng, n))
    probation.deployed(None, 0, begins=True)
    for n in range(COUNT):
        probation.outcome(new(rng, n))
        if probation.is_worse:
            return n + 1
    return None


def show(name: str, runs: int, old: Draw, new: Draw, *, task: str = "binary", alpha: float = 0.01) -> None:
    """A line of the table."""
    ends = [end for seed in range(runs) if (end := ended(task, old, new, seed, alpha)) is not None]
    median = f"{statistics.median(ends):6.0f}" if ends else "     -"
    print(f"{name:58s} {len(ends) / runs:7.1%} {median}", flush=True)


def cost() -> float:
    """µs of CPU time an outcome."""
    rng, probation = Random(1), Probation(Model(), Settings(outcomes=COUNT))  # noqa: S311 - made-up data
    records = [classes(0.1)(rng, n) for n in range(COUNT)]
    took = []
    for _ in range(20):
        for record in records:
            probation.outcome(record)
        probation.deployed(None, 0, begins=True)
        began = time.process_time()
        for record in records:
            probation.outcome(record)
        took.append((time.process_time() - began) / COUNT * 1e6)
    return statistics.median(took)


def market() -> None:
    """What becomes of the demo's deploys."""
    from streamproc.app.replay import Recording, replay
    from streamproc.demo import market, recorded
    from streamproc.replay.results import Question

    plain = recorded.config()
    models = {name: model.model_copy(update={"probation": Settings()}) for name, model in plain.models.items()}
    configs = {"without": plain, "with a probation": plain.model_copy(update={"models": models})}
    question = Question("the demo", "retrain", takes=3_600_000)
    figures = replay(Recording(events=recorded.events(market.load())), configs, question, lambda _: None)
    for arm in figures["models"]["electricity"]["arms"]:
        told = {name: arm["decisions"].get(name, 0) for name in ("probation: begun", "worse: rollback")}
        print(f"{arm['name']:18s} {arm['errors']:,.0f} errors, {arm['deployed']} deployed, {told}")


def main() -> None:
    """The table, and the cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--market", action="store_true")
    arguments = parser.parse_args()
    if arguments.market:
        market()
        return
    runs = arguments.runs
    print(f"{'':58s} rolled  median\n{f'{runs} runs each':58s}   back  outcomes")
    for rate in (0.02, 0.1, 0.3):
        show(f"equal: {rate:.0%} wrong, alpha 0.01", runs, classes(rate), classes(rate))
    show("equal: 10% wrong, alpha 0.1", runs, classes(0.1), classes(0.1), alpha=0.1)
    show("equal: a regression, alpha 0.01", runs, numbers(1), numbers(1), task="regression")
    for length in (2, 5, 20):
        show(f"equal: 10% wrong, in runs of {length}", runs, in_runs(0.1, length), in_runs(0.1, length))
    for rate in (0.15, 0.2, 0.3, 0.5, 1.0):
        show(f"worse: 10% -> {rate:.0%} wrong", runs, classes(0.1), classes(rate))
    for scale in (1.2, 1.5, 2.0):
        show(f"worse: absolute errors x {scale}", runs, numbers(1), numbers(scale), task="regression")
    for newest in (100, 200, 400, 600):
        old = classes(0.1, other=0.3, first=newest)
        show(f"the world changes {newest} outcomes before: 10%, 30% -> 20%", runs, old, classes(0.2))
    for easy_for in (100, 400):
        new = classes(0.2, other=0.1, first=easy_for)
        show(f"the world changes {easy_for} outcomes after: 10% -> 10%, 20%", runs, classes(0.1), new)
    print(f"\n{cost():.2f} µs of CPU time an outcome on probation")


if __name__ == "__main__":
    main()
