"""`make chaos`: `python -m tests.chaos --seed 1 --minutes 5`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.chaos.report import Figures, as_json, table
from tests.chaos.run import Failed, Plan, run


def main() -> int:
    """Returns the exit code: 1 when a promise was broken."""
    parser = argparse.ArgumentParser(
        prog="make chaos", description="Real processes on a real Kafka, and what befalls them."
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[1], help="one run for each")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults happen in each run")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3)
    parser.add_argument("--rate", type=float, default=300.0, help="events a second that users write")
    parser.add_argument("--only", nargs="*", metavar="FAULT", help="these faults alone ('kill'), or none at all")
    parser.add_argument("--json", type=Path, default=Path("chaos.json"), help="the figures for machines")
    parser.add_argument("--logs", type=Path, default=Path("chaos-logs"), help="the logs of runs that fail")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # everything that was started is ended, as on Ctrl-C
    done: list[Figures] = []
    failures = 0
    for seed in options.seed:
        plan = Plan(
            seed,
            options.minutes * 60,
            options.brokers,
            options.rate,
            None if options.only is None else tuple(options.only),
        )
        say(plan.command)
        try:
            done.append(run(plan, options.logs / f"seed-{seed}", say))
        except Failed as failed:
            failures += 1
            say(str(failed))
    if done:
        say(table(done))
        options.json.write_text(json.dumps(as_json(done), indent=1) + "\n")
    say(f"{len(done)} of {len(options.seed)} runs kept every promise")
    return 1 if failures else 0


def say(what: str) -> None:
    """A line, at once."""
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
