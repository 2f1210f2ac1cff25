"""The process of a retrain, with `rows.jsonl` beside its job.json in the place of Kafka."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from streamproc.app.retrain_child import measure
from streamproc.retrain.child import Private, run_child
from streamproc.retrain.job import Job

DIRECTORY = Path(sys.argv[1])


def from_file(job: Job, private: Private) -> Iterator[bytes]:
    """The lines of the file; what the worker handed over is kept for the test to see."""
    if "leave" in private:
        (Path(job.artifacts) / "handed-over").write_text(str(private["leave"]))
    with (DIRECTORY.parent / "rows.jsonl").open("rb") as file:
        yield from file


if __name__ == "__main__":
    run_child(DIRECTORY, from_file, measure)
