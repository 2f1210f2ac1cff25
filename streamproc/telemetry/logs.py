"""Logs: one JSON object a line, or lines for people when standard error is a terminal. Secrets are masked in both."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
_TELLING = r"(?:passw(?:or)?d|passphrase|secret|token|credential|jaas|api[._-]?key|private[._-]?key|key[._-]pem)"
_SECRET_KEY = re.compile(_TELLING, re.IGNORECASE)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s,;&"'}\])]+)"""
# Repetitions are bounded: users' texts come by here, and must not be gone through again from each of their letters.
_SECRET_IN_TEXT = (
    (re.compile(rf"""({_TELLING}[\w.-]{{0,64}}["']?\s{{0,4}}[=:]\s{{0,4}}){_VALUE}""", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(://[^\s/:@]{1,256}):[^\s/@]{1,256}@"), rf"\1:{MASK}@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
)


def set_up_logs(log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Configure structlog and the standard library's logging for this process, on `stream` (standard error).

    `log_format`: `json`, `text`, or `auto` (text on a terminal, JSON elsewhere). `level`: debug, info, warning, error.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    text = log_format == "text" or (log_format == "auto" and terminal)
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _for_people(colours=terminal and "NO_COLOR" not in os.environ) if text else _for_machines()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def mask(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: no value of a key that names a secret, and none in a text, comes out."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key) and value is not None:
        return MASK
    if isinstance(value, str):
        for pattern, instead in _SECRET_IN_TEXT:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, Mapping):
        return {k: _masked(k, v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(None, item) for item in value]
    return value if isinstance(value, (int, float, bool, type(None))) else _masked(None, str(value))


def _for_machines() -> list[Processor]:
    def dumps(event: object, **_: Any) -> str:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    return [
        structlog.processors.format_exc_info,
        mask,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(serializer=dumps),
    ]


def _for_people(*, colours: bool) -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        mask,
        structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback),
    ]
