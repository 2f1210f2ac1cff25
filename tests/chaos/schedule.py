"""Runs the tracks of faults side by side, each by a random number generator of its own."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tests.chaos.faults import Fault, Tally, Troubles, tracks
from tests.chaos.site import Site

Say = Callable[[str], None]
END_SECONDS: Final = 120.0
"""How long the last faults may take to be over."""


def order(rng: random.Random, names: Sequence[str]) -> Iterator[str]:
    """Every fault once, in any order, and again: none is left out by chance."""
    while True:
        yield from rng.sample(names, len(names))


def befall(site: Site, seed: int, seconds: float, tally: Tally, say: Say, *, only: Sequence[str] | None = None) -> None:
    """Let faults happen for so long, and wait until the last one is over. Raises TimeoutError if one does not end.

    With `only`, no others than those.
    """
    stop = threading.Event()
    troubles = Troubles(site, tally, stop)
    threads = [
        threading.Thread(
            target=_run,
            args=(random.Random(f"{seed} {name}"), pause, faults, tally),
            kwargs={"stop": stop, "say": say},
            name=f"faults-{name}",
            daemon=True,
        )
        for name, (pause, all_faults) in tracks(troubles).items()
        if (faults := {word: fault for word, fault in all_faults.items() if only is None or word in only})
    ]
    try:
        for thread in threads:
            thread.start()
        stop.wait(seconds)
    finally:
        stop.set()
        deadline = time.monotonic() + END_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        raise TimeoutError(f"faults did not end: {[thread.name for thread in threads if thread.is_alive()]}")


def _run(
    rng: random.Random,
    pause: float,
    faults: Mapping[str, Fault],
    tally: Tally,
    *,
    stop: threading.Event,
    say: Say,
) -> None:
    for name in order(rng, tuple(faults)):
        if stop.wait(rng.expovariate(1 / pause)):
            return
        own = random.Random(rng.random())  # how often a fault draws must not change what comes after it
        say(name)
        try:
            faults[name](own)
        except Exception:  # noqa: BLE001 - said at the end: the others go on
            tally.trouble.append(f"{name}: {traceback.format_exc()}")
