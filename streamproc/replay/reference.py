"""The summary of a file of training rows: what drift is measured against while no deploy event has brought one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.events.summary import Summary, summarise
from streamproc.monitor.signals import FEATURE, extractor
from streamproc.replay.mapping import Mapper
from streamproc.replay.rows import rows_of


def summary_of(config: Config, model_id: str, files: Sequence[Path]) -> Summary:
    """Of all rows of this model: its features, and the other signals of its `drift` section that rows have.

    Rows are read as outcomes are in a replay, but need neither a time nor an id. Raises UserError, MissingExtra.
    """
    model = config.models[model_id]
    others = [s for s in (model.drift.signals if model.drift else ()) if not s.startswith(FEATURE)]
    summary = summarise(_rows(config, model_id, files), {signal: extractor(signal, model) for signal in others})
    if not summary.rows:
        raise UserError(f"there are no rows of {model_id} in {', '.join(map(str, files))}")
    kept = {name: signal for name, signal in summary.signals.items() if signal.n}
    if not kept:
        raise UserError(
            f"none of the {summary.rows} rows has features: columns are taken for them, but for those with a meaning "
            "of their own (prediction, label, ...), or what stands under `features`"
        )
    return summary.model_copy(update={"signals": kept})


def _rows(config: Config, model_id: str, files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    alone = config.model_copy(update={"models": {model_id: config.models[model_id]}})
    mapper = Mapper(alone, "predictions", with_labels=True, gathers=True)
    for file in files:
        for number, row in rows_of(file):
            try:
                event = mapper.event(row, number)
            except UserError as exc:
                raise UserError(f"{file}, row {number}: {exc}") from exc
            if event["model_id"] == model_id:
                yield event
