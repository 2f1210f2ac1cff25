"""The figures of a replay as one HTML page with plots: all in it, nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from streamproc.errors import MissingExtra
from streamproc.replay.table import about, columns, row

COLOURS = ("#1f6feb", "#d1242f", "#8250df", "#bf8700", "#1a7f37", "#0a7ea4", "#bf3989", "#57606a")
"""Of configurations, in their order."""
_NEVER, _BASELINES = "#24292f", ("#8c959f", "#a8a29e", "#c4a484", "#93b1a7", "#b7a9c9")
_MOST_TRIGGERS = 500
"""Rows in the list of triggers of one arm."""
_LEGEND = (
    "Triggers: &#9650; deployed, &#215; rejected or failed, &#9675; open at the end. Click a name to show its curve; "
    "drag to zoom, double-click to go back. Dotted red lines: the true drifts, where they are given."
)
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #24292f; margin: 2rem auto; max-width: 80rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 2rem 0 0.3rem; } p.about { color: #57606a; margin-top: 0.3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #d0d7de; white-space: nowrap; }
th, td { font-size: 14px; }
th { color: #57606a; font-weight: 600; } td:first-child, th:first-child { text-align: left; }
tr.configuration td { font-weight: 600; } .wide { overflow-x: auto; }
td.text { text-align: left; white-space: normal; } .swatch { display: inline-block; width: 0.7rem; height: 0.7rem;
border-radius: 2px; margin-right: 0.5rem; } details { margin-top: 1rem; } summary { cursor: pointer; color: #1f6feb; }
"""


def check_plotly() -> None:
    """Raises MissingExtra: better before a replay than after it."""
    try:
        import plotly  # noqa: F401
    except ModuleNotFoundError as exc:
        raise MissingExtra("the HTML report", "report") from exc


def page(figures: Mapping[str, Any]) -> str:
    """The whole page. Raises MissingExtra without plotly."""
    check_plotly()
    from plotly.offline import get_plotlyjs

    body = "\n".join(_body(figures))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>streamproc replay</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Whatever a script might do: the browser lets it load nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' "
        "'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:\">"
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>\n<body>\n{body}\n</body></html>"
    )


def _body(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "<h1>Replay</h1>"
    yield f'<p class="about">{escape(about(dict(figures)))}</p>'
    for number, (model_id, model) in enumerate(figures["models"].items()):
        yield f"<h2>{escape(model_id)}</h2>"
        colours = _colours(model["arms"])
        yield from _table(model, colours)
        if any(arm["curve"]["time"] for arm in model["arms"]):
            yield _plot(_errors(model, figures, colours), f"errors-{number}", 560)
            yield f'<p class="about">{_LEGEND}</p>'
        for at, arm in enumerate(model["arms"]):
            if arm["kind"] == "configuration" and arm["curve"]["values"]:
                yield f"<h3>What the conditions of {escape(arm['name'])} saw</h3>"
                yield _plot(_values(arm, colours[at]), f"values-{number}-{at}", 120 + 150 * len(arm["curve"]["values"]))
        for arm in model["arms"]:
            if arm["raised"]:
                yield from _triggers(arm)
    for name, reasons in figures["rejected"].items():
        told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
        yield f"<p>{escape(name)}: events that could not be used: {escape(told)}</p>"
    for note in figures["notes"]:
        yield f"<p>Note: {escape(note)}</p>"


def _colours(arms: list[dict[str, Any]]) -> list[str]:
    colours, configured, others = [], 0, 0
    for arm in arms:
        if arm["kind"] == "configuration":
            colours.append(COLOURS[configured % len(COLOURS)])
            configured += 1
        elif arm["kind"] == "never":
            colours.append(_NEVER)
        else:
            colours.append(_BASELINES[others % len(_BASELINES)])
            others += 1
    return colours


def _table(model: dict[str, Any], colours: list[str]) -> Iterator[str]:
    yield '<div class="wide"><table><tr>' + "".join(f"<th>{escape(name)}</th>" for name in columns(model)) + "</tr>"
    for arm, colour in zip(model["arms"], colours, strict=True):
        name, *cells = row(arm, model)
        first = f'<td><span class="swatch" style="background:{colour}"></span>{escape(name)}</td>'
        yield f'<tr class="{arm["kind"]}">{first}' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table></div>"


def _errors(model: dict[str, Any], figures: Mapping[str, Any], colours: list[str]) -> Any:
    """Error rates above, a row of triggers for each arm below; the true drifts through both."""
    from plotly import graph_objects
    from plotly.subplots import make_subplots

    what = "mean absolute error" if model["task"] == "regression" else "error rate"
    plot = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    for arm, colour in zip(model["arms"], colours, strict=True):
        name, main = escape(arm["name"]), arm["kind"] in ("configuration", "never")
        line = {"color": colour, "width": 2 if main else 1.2, "shape": "spline", "smoothing": 0.3}
        line |= {"dash": "dot"} if arm["kind"] == "never" else {}  # what lies beneath it is seen
        times, rates = _smoothed(arm["curve"]["time"], arm["curve"]["error_rate"])
        shown: Any = True if main else "legendonly"
        plot.add_trace(
            graph_objects.Scatter(x=times, y=rates, name=name, line=line, visible=shown, legendgroup=name), 1, 1
        )
        if arm["raised"]:
            plot.add_trace(_marks(arm, name, colour), 2, 1)
    for drift in figures["drifts"] or []:
        plot.add_vline(x=drift, line={"color": "#d1242f", "dash": "dot", "width": 1.5})
    plot.update_yaxes(title_text=what, rangemode="tozero", row=1, col=1)
    if model["task"] != "regression":
        plot.update_yaxes(tickformat=".0%", row=1, col=1)
    plot.update_yaxes(title_text="triggers", automargin=True, autorange="reversed", row=2, col=1)
    return plot


def _smoothed(times: list[str], rates: list[float], most: int = 120) -> tuple[list[str], list[float]]:
    """At most so many points, each the mean of its neighbours: a curve to be seen, not noise."""
    step = -(-len(times) // most) or 1
    groups = [rates[at : at + step] for at in range(0, len(rates), step)]
    return times[step - 1 :: step] + ([times[-1]] if len(times) % step else []), [sum(g) / len(g) for g in groups]


def _marks(arm: dict[str, Any], name: str, colour: str) -> Any:
    from plotly import graph_objects

    symbols = {"deployed": "triangle-up", "rejected": "x-thin-open", "failed": "x-thin-open"}
    hover = [
        f"{escape(str(raised['policy']))}: {escape(raised['reason'][:120])}<br>{escape(raised['status'])}"
        for raised in arm["raised"]
    ]
    marker = {
        "color": colour,
        "size": 9 if arm["kind"] == "configuration" else 6,
        "symbol": [symbols.get(raised["status"], "circle-open") for raised in arm["raised"]],
        "line": {"color": colour, "width": 1.5},
    }
    return graph_objects.Scatter(
        x=[raised["time"] for raised in arm["raised"]],
        y=[name] * len(arm["raised"]),
        mode="markers",
        marker=marker,
        hovertext=hover,
        hoverinfo="text+x",
        showlegend=False,
    )


def _values(arm: dict[str, Any], colour: str) -> Any:
    from plotly import graph_objects
    from plotly.subplots import make_subplots

    values = arm["curve"]["values"]
    plot = make_subplots(rows=len(values), shared_xaxes=True, vertical_spacing=0.12 / len(values))
    for at, (name, series) in enumerate(values.items(), start=1):
        is_flag = set(series) <= {0.0, 1.0, None}
        line = {"color": colour, "width": 1.3, "shape": "hv" if is_flag else "linear"}
        fill = "tozeroy" if is_flag else None
        trace = graph_objects.Scatter(x=arm["curve"]["time"], y=series, line=line, fill=fill, name=escape(name))
        plot.add_trace(trace, at, 1)
        plot.update_yaxes(title_text=escape(name), automargin=True, row=at, col=1)
        if is_flag:
            plot.update_yaxes(tickvals=[0, 1], ticktext=["no", "yes"], range=[-0.05, 1.1], row=at, col=1)
    for raised in arm["raised"]:
        plot.add_vline(x=raised["time"], line={"color": "#8c959f", "dash": "dot", "width": 1})
    plot.update_layout(showlegend=False)
    return plot


def _plot(plot: Any, name: str, height: int) -> str:
    plot.update_layout(
        template="plotly_white",
        height=height,
        margin={"l": 70, "r": 20, "t": 20, "b": 40},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        font={"family": "system-ui, sans-serif", "size": 13},
    )
    # Without plotly's buttons: one of them leads to its own server. To drag zooms, a double click goes back.
    config = {"displayModeBar": False, "displaylogo": False, "responsive": True}
    html: str = plot.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config)
    return html


def _triggers(arm: dict[str, Any]) -> Iterator[str]:
    raised = arm["raised"]
    yield f"<details><summary>{len(raised):,} triggers of {escape(arm['name'])}</summary>"
    yield '<div class="wide"><table><tr><th>time</th><th>outcomes</th><th>policy</th><th>status</th><th>why</th></tr>'
    for each in raised[:_MOST_TRIGGERS]:
        cells = f"<td>{escape(each['time'])}</td><td>{each['outcomes']:,}</td><td>{escape(str(each['policy']))}</td>"
        why = each["why"] or each["reason"]
        yield f'<tr>{cells}<td>{escape(each["status"])}</td><td class="text">{escape(why)}</td></tr>'
    yield "</table></div>"
    if len(raised) > _MOST_TRIGGERS:
        yield f"<p>The first {_MOST_TRIGGERS:,}; the JSON file has them all.</p>"
    yield "</details>"
