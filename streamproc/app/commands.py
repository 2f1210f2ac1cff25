"""Commands to one model, as records of the commands topic."""

from __future__ import annotations

from typing import Any

import orjson

from streamproc.config.pipeline import Config
from streamproc.errors import UserError
from streamproc.events.codec import validate
from streamproc.events.command import Command


def command_record(
    config: Config, model: str, word: str, *, command_id: str, now: int, reason: str | None = None, **more: Any
) -> tuple[bytes, bytes]:
    """(key, value) of a command; `now` in epoch ms. Raises UserError for a model that is not configured, BadRecord."""
    if model not in config.models:
        raise UserError(f"no model {model!r} in the configuration; there are: {', '.join(config.models)}")
    event = {"command_id": command_id, "model_id": model, "command": word, "time": now, "reason": reason, **more}
    return model.encode(), orjson.dumps(validate(Command, event))
