"""`streamproc dead-letters`: what could not be used, why, and once more."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

from streamproc.cli.options import config_option
from streamproc.config.pipeline import Config
from streamproc.config.units import parse_duration
from streamproc.errors import StreamprocError, UserError
from streamproc.events.base import format_time, parse_time
from streamproc.events.dead_letter import REASONS

if TYPE_CHECKING:
    from streamproc.app.dead_letters import Box, Letter, Wanted
    from streamproc.app.retry import Parcel, Refusal

LIMIT = 20
ASK_ABOVE = 10
"""More records than this are written back only when somebody says yes."""
FLUSH_BYTES = 8_000_000
"""So much may wait for the broker."""
REFUSALS_SHOWN = 20
COLUMNS = ("id", "time", "source", "stage", "reason", "detail")
WIDTH = 160
"""Characters of a line where there is no terminal."""
LEAST_DETAIL = 20
HEX_BYTES = 16


@click.group(name="dead-letters")
def dead_letters() -> None:
    """Look at the records that could not be used; write them back once their cause is mended."""


def _since(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    from streamproc.app.run import wall_clock

    if value is None:
        return None
    try:
        return wall_clock() - parse_duration(value)
    except ValueError:
        pass
    try:
        return parse_time(value)
    except ValueError:
        raise click.BadParameter(
            "write a duration, such as 2h or 7d, or a time, such as 2026-05-01T12:00:00Z"
        ) from None


def _filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which dead letters; each option may be repeated, and then any of its values will do."""
    options = (
        click.option("--reason", "reasons", multiple=True, type=click.Choice(REASONS), help="Why it was not used."),
        click.option("--topic", "topics", multiple=True, metavar="TOPIC", help="The topic that it comes from."),
        click.option("--stage", "stages", multiple=True, metavar="STAGE", help="The stage that could not use it."),
        click.option("--since", callback=_since, metavar="TIME", help="Not before: 2h ago, or 2026-05-01T12:00:00Z."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _wanted(given: dict[str, Any]) -> Wanted:
    from streamproc.app.dead_letters import Wanted

    reasons, topics, stages = (frozenset[str](given[name]) for name in ("reasons", "topics", "stages"))
    return Wanted(reasons, topics, stages, given["since"])


def _open(config: Config) -> tuple[Box, dict[str, int]]:
    from streamproc.app.dead_letters import Box
    from streamproc.kafka.admin import Admin

    partitions = Admin(config.kafka).partitions()
    return Box(config, partitions), partitions


# -- list --


@dead_letters.command(name="list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the summary on stderr.")
@config_option
def list_(config: Config, limit: int, *, as_json: bool, **given: Any) -> None:
    """The newest dead letters, newest first, and how many there are of each reason."""
    from streamproc.app.dead_letters import newest

    box, _ = _open(config)
    found, counts = newest(box.letters(_wanted(given)), limit)
    if as_json:
        for letter in found:
            click.echo(orjson.dumps(_as_object(letter)).decode())
    elif found:
        for line in _table([_row(letter) for letter in found]):
            click.echo(line)
    more = counts.total() - len(found)
    if more:
        click.echo(f"{more:,} older: --limit {counts.total()} shows them", err=as_json)
    click.echo(_summary(counts), err=as_json)


def _summary(counts: Counter[str]) -> str:
    if not counts:
        return "no dead letters"
    return f"{_many(counts.total(), 'dead letter')}: {_counted(counts)}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _as_object(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "time": letter.time,
        "source_topic": letter.header("source_topic"),
        "source_partition": letter.number("source_partition"),
        "source_offset": letter.number("source_offset"),
        "source_timestamp": letter.number("source_timestamp"),
        "stage": letter.header("stage"),
        "reason": letter.header("reason"),
        "detail": letter.header("detail"),
        "key": None if letter.key is None else letter.key.decode("utf-8", "replace"),
        "bytes": letter.size,
        "truncated_sha256": letter.header("truncated_sha256") or None,
    }


def _row(letter: Letter) -> tuple[str, ...]:
    said = (letter.source, *(letter.header(name) for name in ("stage", "reason", "detail")))
    return (letter.id, format_time(letter.time), *(_harmless(text) for text in said))


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they need to be; the last one is cut to what is left of the line."""
    rows = [COLUMNS, *rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS) - 1)]
    left = shutil.get_terminal_size((WIDTH, 0)).columns - sum(widths) - 2 * len(widths)
    room = max(LEAST_DETAIL, left)
    for *fixed, detail in rows:
        cut = detail if len(detail) <= room else detail[: room - 3] + "..."
        yield "  ".join([*(text.ljust(width) for text, width in zip(fixed, widths, strict=True)), cut]).rstrip()


def _harmless(text: str, keep: str = "") -> str:
    """Text of strangers: what moves the cursor, or worse, is written as an escape."""
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in text
    )


# -- show --


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@click.option("--raw", is_flag=True, help="Exactly the bytes of the value, and nothing else.")
@config_option
def show(letter_id: str, config: Config, *, raw: bool) -> None:
    """All that is known of one dead letter, with the bytes of the record: text if it is UTF-8, else hexadecimal."""
    box, _ = _open(config)
    letter = box.one(letter_id)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    facts = [("id", letter.id), ("time", format_time(letter.time))]
    facts += [(name, text) for name, text in letter.headers.items() if not name.startswith("truncated_")]
    facts.append(("key", "none" if letter.key is None else _text(letter.key)))
    facts.append(("value", "none" if letter.value is None else _many(letter.size, "byte")))
    if sha256 := letter.header("truncated_sha256"):
        facts.append(("cut", f"these are the first bytes; the SHA-256 of the whole is {sha256}"))
    if whole := letter.header("truncated_key_bytes"):
        facts.append(("key cut", f"it had {whole} bytes"))
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        click.echo(f"{_harmless(name):{width}}  {_harmless(text)}")
    if letter.value:
        click.echo()
        click.echo(_text(letter.value))


def _text(value: bytes) -> str:
    try:
        return _harmless(value.decode(), keep="\n\t")
    except UnicodeDecodeError:
        rows = range(0, len(value), HEX_BYTES)
        return "\n".join(f"{start:08x}  {value[start : start + HEX_BYTES].hex(' ')}" for start in rows)


# -- retry --


@dead_letters.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_filters
@click.option("--yes", is_flag=True, help=f"Do not ask; else more than {ASK_ABOVE} are asked about.")
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@config_option
def retry(ids: tuple[str, ...], config: Config, *, yes: bool, dry_run: bool, **given: Any) -> None:
    """Write dead letters back to where they came from: those named by ID, or those that the filters find.

    The record goes, as it was, to its source topic and partition. If it is still unusable it becomes a new dead letter.
    Retried twice, it is written twice. A retrain that failed for good (retrain_failed) becomes a manual trigger, once.
    """
    wanted = _wanted(given)
    if bool(ids) is not wanted.everything:
        raise click.UsageError("name dead letters by ID, or find them by --reason, --topic, --stage, --since")
    box, partitions = _open(config)

    def letters() -> Iterable[Letter]:
        return (box.one(each) for each in dict.fromkeys(ids)) if ids else box.letters(wanted)

    _retry(config, partitions, letters, yes=yes, dry_run=dry_run)


def _retry(
    config: Config, partitions: dict[str, int], letters: Callable[[], Iterable[Letter]], *, yes: bool, dry_run: bool
) -> None:
    """Reads the letters twice, to say first what there is, and holds none of them."""
    from streamproc.app.retry import Parcel, parcel_of
    from streamproc.app.run import wall_clock

    def parcels() -> Iterator[Parcel | Refusal]:
        return (parcel_of(letter, config, partitions, wall_clock()) for letter in letters())

    counts: Counter[str] = Counter()
    refused = 0
    for each in parcels():
        if isinstance(each, Parcel):
            counts[f"{each.topic} (manual triggers)" if each.command else each.topic] += 1
            continue
        refused += 1
        if refused <= REFUSALS_SHOWN:
            click.echo(f"{each.letter_id} cannot be retried: {_harmless(each.why)}", err=True)
    if refused > REFUSALS_SHOWN:
        click.echo(f"and {refused - REFUSALS_SHOWN:,} others cannot be retried", err=True)
    total = counts.total()
    told = _many(total, "record") + (f": {_counted(counts)}" if total else "")
    if dry_run:
        click.echo(f"would write {told}")
    else:
        if total > ASK_ABOVE and not yes:
            click.confirm(f"Write {told}?", abort=True)
        _write(config, (each for each in parcels() if isinstance(each, Parcel)), total)
        click.echo(f"wrote {told}")
    if refused:
        raise UserError(f"{refused:,} of {refused + total:,} dead letters cannot be retried")


def _write(config: Config, parcels: Iterable[Parcel], total: int) -> None:
    from streamproc.kafka.plain import Sender

    sent = waiting = 0
    try:
        with Sender(config.kafka) as sender:
            for each in parcels:
                sender.send(
                    each.topic,
                    each.key,
                    each.value,
                    partition=each.partition,
                    headers=each.headers,
                    timestamp=each.timestamp,
                )
                sent += 1
                waiting += len(each.value or b"")
                if waiting > FLUSH_BYTES:
                    sender.flush()
                    waiting = 0
    except StreamprocError:
        click.echo(f"stopped: at most the first {sent:,} of {total:,} were written", err=True)
        raise
