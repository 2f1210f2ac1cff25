"""Latency against load, as a page that needs no network: percentiles over the rate, for each layout of processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PERCENTILES = {"p50_ms": "solid", "p99_ms": "dash"}


def latency_page(rows: Mapping[str, Sequence[Mapping[str, Any]]], title: str, file: Path) -> None:
    """`rows`: layout -> what `latency.measure` gave at each rate. Rates that were not kept up are drawn hollow.

    Needs plotly (`streamproc[report]`).
    """
    from plotly import graph_objects

    figure = graph_objects.Figure()
    for layout, found in rows.items():
        for percentile, dash in PERCENTILES.items():
            kept_up = ["circle" if row["sent_rate"] >= 0.99 * row["rate"] else "circle-open" for row in found]
            figure.add_scatter(
                x=[row["sent_rate"] for row in found],
                y=[row[percentile] for row in found],
                name=f"{layout}, {percentile.removesuffix('_ms')}",
                line={"dash": dash},
                marker={"symbol": kept_up, "size": 9},
            )
    figure.update_layout(title=title, xaxis_title="events/s that were sent", yaxis_title="label to trigger, ms")
    figure.update_xaxes(type="log")
    figure.update_yaxes(type="log")
    figure.write_html(file, include_plotlyjs=True)
