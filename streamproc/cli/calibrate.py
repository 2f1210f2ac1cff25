"""`streamproc calibrate`: detectors that keep a budget of false alarms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.cli.options import config_option
from streamproc.cli.replay import duration, recording_from, recording_options
from streamproc.config.pipeline import Config

if TYPE_CHECKING:
    from streamproc.app.calibrate import Calibrated
    from streamproc.replay.calibrate import Chosen


@click.command()
@config_option
@recording_options
@click.option("--false-alarms", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
@click.option("--per", default="30d", show_default=True, metavar="DURATION", help="The budget's period.")
@click.option(
    "--segments",
    type=click.IntRange(min=1),
    help="Watched apart, per model.  [default: max_segments of models with policies per segment]",
)
@click.option("--shift", type=float, metavar="SIZE", help="Also say how soon such a shift of the mean is seen.")
@click.option("--block", type=click.IntRange(min=1), help="Values in a block of the bootstrap.  [default: 2 n^(1/3)]")
@click.option("--simulate", type=click.IntRange(min=20_000), default=1_000_000, show_default=True, metavar="VALUES")
@click.option("--seed", default="1", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def calibrate(config: Config, *, as_json: bool, **given: Any) -> None:
    """Choose each detector's threshold from a recording of a quiet time: at most so many false retrains in a period.

    The budget is shared equally among all detectors of all models and segments. Prints the settings for the file.
    """
    from streamproc.app.calibrate import Budget, Simulation
    from streamproc.app.calibrate import calibrate as run
    from streamproc.replay.resample import Draw

    budget = Budget(given["false_alarms"], duration(given["per"]), given["segments"])
    simulation = Simulation(Draw(given["seed"], given["block"]), given["simulate"], given["shift"])
    recording, _ = recording_from(config, given)
    found = run(config, recording, budget, simulation, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({model_id: _plain(made) for model_id, made in found.items()}, indent=2))
        return
    click.echo(_text(found, given))


def _plain(made: Calibrated) -> dict[str, Any]:
    plain = asdict(made)
    for name, chosen in made.chosen.items():
        plain["chosen"][name]["detector"] = chosen.detector.model_dump(mode="json")
    return plain


def _text(found: Mapping[str, Calibrated], given: Mapping[str, Any]) -> str:
    lines = []
    for model_id, made in found.items():
        lines.append(
            f"{model_id}: {made.outcomes:,} quiet outcomes, {made.per_period:,.0f} in {given['per']}; each detector "
            f"may raise {made.share:.3g} false alarms in that time"
        )
        lines += [_detector(name, chosen, made, given) for name, chosen in made.chosen.items()]
        lines += [f"  {name}: unchanged: {why}" for name, why in made.failed.items()]
        lines += _check(made, given)
    return "\n".join([*lines, "", "For the configuration:", "", *_yaml(found)])


def _detector(name: str, chosen: Chosen, made: Calibrated, given: Mapping[str, Any]) -> str:
    expected = chosen.rate * made.per_period
    how = "extrapolated" if chosen.extrapolated else "at most, with 95 % confidence"
    line = f"  {name}: {chosen.field} {chosen.before:g} -> {chosen.after:g}; {expected:.3g} false alarms ({how})"
    if chosen.delay is None:
        return line
    delay = chosen.delay
    if delay.median is None:
        return f"{line}; a shift of {delay.shift:g} is mostly not seen within 20,000 values"
    time = delay.median / made.per_period * duration(given["per"]) / 3_600_000
    return f"{line}; a shift of {delay.shift:g} is seen after {delay.median:,.0f} values, {time:,.3g} h (median)"


def _check(made: Calibrated, given: Mapping[str, Any]) -> list[str]:
    if made.check is None:
        return []
    told = ", ".join(f"{policy} {count}" for policy, count in made.check.triggers.items()) or "none"
    periods = made.check.outcomes / made.per_period
    simulated = f"{made.check.outcomes:,} simulated quiet outcomes ({periods:,.3g} times {given['per']})"
    return [f"  check: triggers of all policies in {simulated}: {told}"]


def _yaml(found: Mapping[str, Calibrated]) -> list[str]:
    lines = ["models:"]
    for model_id, made in found.items():
        if not made.chosen:
            continue
        lines += [f"  {json.dumps(model_id) if not model_id.isidentifier() else model_id}:", "    detectors:"]
        for name, chosen in made.chosen.items():
            settings = chosen.detector.model_dump(mode="json", exclude_defaults=True)
            settings = {"type": chosen.detector.type, "signal": chosen.detector.signal, **settings}
            settings[chosen.field] = chosen.after
            told = ", ".join(f"{key}: {_value(value)}" for key, value in settings.items())
            lines.append(f"      {name}: {{{told}}}")
    return lines


def _value(value: object) -> str:
    if isinstance(value, str) and Path(value).name == value and value.replace("_", "").replace(".", "").isalnum():
        return value
    return json.dumps(value)
