"""How long a new process of a stage takes until it is live, and how much memory it then has had at most.

    python benchmarks/start.py [--starts N]

On an embedded Kafka, 20 models, nothing to restore: loading Python, streamproc and its libraries, joining the group,
opening four partitions. By the clock, from the command to the log line "live".
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # it is run as a script, from anywhere

from benchmarks.process import Stages, peak_rss_mb
from benchmarks.traffic import ADWIN, new_pipeline
from streamproc.kafka.broker import EmbeddedBroker

LAYOUTS: Sequence[Sequence[str]] = (["join"], ["monitor"], ["join", "monitor"])


def measure(bootstrap: str, stages: Sequence[str], starts: int, directory: Path) -> tuple[list[float], float]:
    """(seconds of each start, the most MB of them); a first start does not count: it makes the group's offsets."""
    _, written = new_pipeline(bootstrap, ADWIN)
    seconds, peak = [], 0.0
    for _ in range(starts + 1):
        began = time.perf_counter()
        with Stages(written, stages, directory) as process:
            process.wait_live()
            seconds.append(time.perf_counter() - began)
            peak = max(peak, peak_rss_mb(process.pid))
    return seconds[1:], peak


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=8)
    given = parser.parse_args()
    print(f"{'':18} {'median s':>9} {'least':>6} {'most':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as directory, EmbeddedBroker() as broker:
        for stages in LAYOUTS:
            seconds, peak = measure(broker.bootstrap_servers, stages, given.starts, Path(directory))
            middle = statistics.median(seconds)
            print(
                f"{' + '.join(stages):18} {middle:9.2f} {min(seconds):6.2f} {max(seconds):6.2f} {peak:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
