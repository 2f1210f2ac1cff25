"""`streamproc replay`: what would have happened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamproc.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from streamproc.app.replay import Recording
    from streamproc.config.pipeline import Config

ROLES = ("predictions", "labels", "metrics", "commands", "deploys")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def recording_options(function: Any) -> Any:
    """What says where recorded events are: files, several of a kind if need be, or Kafka."""
    for each in (
        click.option("--offsets", multiple=True, metavar="PARTITION:FROM-TO", help="Kafka journal: only these."),
        click.option("--to", "until", metavar="TIME", help="Kafka: up to this time, exclusive."),
        click.option("--from", "since", metavar="TIME", help="Kafka: from this time on, such as 2026-05-01."),
        click.option("--kafka", type=click.Choice(["journal", "topics"]), help="The journal, or the input topics."),
    ):
        function = each(function)
    for name in reversed((*ROLES, "outcomes", "journal")):
        what = {
            "outcomes": "Predictions with their labels, a row each (label, label_time).",
            "journal": "Records of the journal topic: `kcat -J` lines, or bare ones.",
        }.get(name, f"Events as on the {name} topic.")
        option = "--deploy-events" if name == "deploys" else f"--{name}"  # --deploys says what answers triggers
        function = click.option(option, f"{name}_files", type=_FILE, multiple=True, metavar="FILE", help=what)(function)
    return function


@click.command()
@click.option(
    "--config",
    "-c",
    "config_files",
    multiple=True,
    metavar="FILE",
    help="A configuration; several are compared.  [default: streamproc.yaml]",
)
@recording_options
@click.option("--demo", is_flag=True, help="The packaged electricity market, with the demo's policy and training.")
@click.option(
    "--deploys",
    type=click.Choice(["recorded", "none", "retrain"]),
    help="What answers triggers: the recorded deploys; nothing, each is rejected at once; or retrains run here."
    "  [default: recorded; with --demo retrain]",
)
@click.option("--takes", default="1h", show_default=True, metavar="DURATION", help="From a trigger to its deploy.")
@click.option("--baselines/--no-baselines", default=None, help="[default: with retrain, or with --drift-at]")
@click.option("--every", multiple=True, type=click.IntRange(min=1), metavar="N", help="A baseline: every N outcomes.")
@click.option("--cron", multiple=True, metavar="CRON", help="A baseline: by this schedule, such as '0 3 * * 1' (UTC).")
@click.option("--drift-at", multiple=True, metavar="TIME", help="When the world is known to have changed, or `none`.")
@click.option("--horizon", metavar="DURATION", help="A trigger later than this after a drift is a false alarm.")
@click.option("--retrain-cost", type=float, metavar="PRICE", help="Of one retrain.")
@click.option("--error-cost", type=float, metavar="PRICE", help="Of one error; regression: of one unit of it.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a report with plots here.")
@click.option("--json", "json_file", metavar="FILE", help="Write the figures here; `-` for standard output.")
def replay(config_files: tuple[str, ...], *, html: Path | None, json_file: str | None, **given: Any) -> None:
    """Run the real join and monitor over recorded events: what would have been triggered, and what it were worth.

    Events come from files (.jsonl, .csv, .parquet), from Kafka, or from the packaged data (--demo). The configuration's
    `inputs` map the columns of files as they map payloads.
    """
    from streamproc.app.replay import replay as run
    from streamproc.replay.table import table

    configs = _configs(config_files, demo=given["demo"])
    recording, source = recording_from(next(iter(configs.values())), given)
    question = _question(source, given)
    everies = given["every"] or ((1000,) if given["demo"] else ())
    wanted, crons = given["baselines"], _crons(given["cron"])
    if wanted is None:
        wanted = question.deploys == "retrain" or question.drifts is not None or bool(everies or crons)
    if html is not None:
        from streamproc.replay.page import check_plotly

        check_plotly()
    for file in (html, Path(json_file) if json_file not in (None, "-") else None):
        if file is not None and not file.absolute().parent.is_dir():
            raise UserError(f"{file} cannot be written: there is no directory {file.parent}")
    asked = everies if wanted else None
    figures = run(recording, configs, question, lambda line: click.echo(line, err=True), asked, crons=crons)
    if json_file == "-":
        click.echo(_json(figures))
    else:
        click.echo(table(figures))
        if json_file is not None:
            _write(Path(json_file), _json(figures))
    if html is not None:
        from streamproc.replay.page import page

        _write(html, page(figures))


def _crons(given: tuple[str, ...]) -> tuple[str, ...]:
    from streamproc.policy.schedule import Schedule

    for cron in given:
        Schedule.parse(cron, "UTC")
    return given


def _json(figures: Mapping[str, Any]) -> str:
    import orjson

    return orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode()


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as exc:
        raise UserError(f"{file} cannot be written: {exc.strerror}") from exc
    click.echo(f"wrote {file}", err=True)


def _configs(files: tuple[str, ...], *, demo: bool) -> dict[str, Config]:
    from streamproc.config.load import load

    if demo and not files:
        from streamproc.demo.recorded import config

        return {"demo": config()}
    names = files or ("streamproc.yaml",)
    short = [Path(name).stem for name in names]
    return {(stem if short.count(stem) == 1 else name): load(name) for stem, name in zip(short, names, strict=True)}


def recording_from(config: Config, given: Mapping[str, Any]) -> tuple[Recording, str]:
    """What `recording_options` (and `--demo`) name, and how to call it. Raises UserError, BrokerUnavailable."""
    files = {name: given[f"{name}_files"] for name in (*ROLES, "outcomes", "journal") if given[f"{name}_files"]}
    chosen = [name for name in ("demo", "kafka") if given.get(name)] + (["files"] if files else [])
    if len(chosen) != 1:
        raise UserError(
            "say what was recorded: files (--predictions and --labels, --outcomes, or --journal), --kafka journal or "
            "topics" + (", or --demo" if "demo" in given else "") + "; one of these"
        )
    if given.get("demo"):
        return _demo()
    if given["kafka"]:
        return _from_kafka(config, given)
    for name in ("since", "until", "offsets"):
        if given[name]:
            raise UserError("--from, --to and --offsets choose from Kafka; a file is replayed whole")
    return _from_files(config, files)


def _demo() -> tuple[Recording, str]:
    from streamproc.app.replay import Recording
    from streamproc.demo.market import load

    try:
        from streamproc.demo.recorded import events
    except ModuleNotFoundError as exc:  # scikit-learn, joblib
        raise MissingExtra("streamproc replay --demo", "demo") from exc

    return Recording(events=events(load())), "the electricity market of New South Wales, 1996 to 1998"


def _from_files(config: Config, files: Mapping[str, tuple[Path, ...]]) -> tuple[Recording, str]:
    from streamproc.app.replay import Recording
    from streamproc.replay.files import events_of, is_numbered, journal_of

    source = ", ".join(path.name for paths in files.values() for path in paths)
    if "journal" not in files:
        roles: Any = {name: paths for name, paths in files.items() if name != "outcomes"}
        return Recording(events=events_of(config, roles, files.get("outcomes", ()))), source
    if len(files) > 1:
        raise UserError("a journal holds all that the monitor reacts to: give --journal alone")
    paths, topic = files["journal"], config.topics.journal
    numbered = is_numbered(paths[0])
    partitions = config.topics.partitions if numbered else 1
    return Recording(journal=lambda: journal_of(paths, topic), partitions=partitions, numbered=numbered), source


def _from_kafka(config: Config, given: Mapping[str, Any]) -> tuple[Recording, str]:
    from streamproc.app import recordings
    from streamproc.app.replay import Recording

    since, until = _time(given["since"]), _time(given["until"])
    if given["kafka"] == "topics":
        if given["offsets"]:
            raise UserError("--offsets are those of the journal: use --kafka journal, or --from and --to")
        partitions = recordings.partitions_of(config, [getattr(config.topics, role) for role in ROLES])
        events, rejected = recordings.raw_events(config, recordings.spans(config, partitions, since, until))
        return Recording(events=events, rejected=rejected), "Kafka topics"
    topic = config.topics.journal
    partitions = recordings.partitions_of(config, [topic])
    spans = recordings.spans(config, partitions, since, until)
    spans = recordings.narrowed(spans, topic, dict(map(_offsets, given["offsets"])))
    journal = Recording(journal=lambda: recordings.journal_records(config, spans), partitions=partitions[topic])
    return journal, f"journal {topic}"


def _offsets(text: str) -> tuple[int, tuple[int, int | None]]:
    partition, _, span = text.partition(":")
    start, _, end = span.partition("-")
    if not partition.isdecimal() or not start.isdecimal() or not (end.isdecimal() or not end):
        raise UserError(f"--offsets {text}: write PARTITION:FROM-TO, such as 0:1000-2000 (TO is exclusive) or 0:1000-")
    return int(partition), (int(start), int(end) if end else None)


def _question(source: str, given: Mapping[str, Any]) -> Any:
    from streamproc.replay.results import Question

    deploys: Any = given["deploys"] or ("retrain" if given["demo"] else "recorded")
    moments = [moment.strip() for text in given["drift_at"] for moment in text.split(",")]
    drifts = None if not moments else tuple(sorted(filter(None, map(_time, (m for m in moments if m != "none")))))
    return Question(
        source,
        deploys,
        duration(given["takes"]) if deploys == "retrain" else None,
        drifts,
        duration(given["horizon"]) if given["horizon"] else None,
        given["retrain_cost"],
        given["error_cost"],
    )


def _time(text: str | None) -> int | None:
    from streamproc.events.base import parse_time

    if text is None:
        return None
    try:
        is_date = len(text) == len("2026-05-01") and text.count("-") == 2  # noqa: PLR2004 - year-month-day
        return parse_time(int(text) if text.isdecimal() else f"{text}T00:00:00Z" if is_date else text)
    except ValueError as exc:
        raise UserError(str(exc)) from exc


def duration(text: str) -> int:
    """As in a configuration, to ms. Raises UserError."""
    from streamproc.config.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as exc:
        raise UserError(str(exc)) from exc
