"""May a task go on from what its store has kept?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from streamproc.config.pipeline import Config
from streamproc.join.inputs import source_topics
from streamproc.join.store.protocol import Kept
from streamproc.stage import Past


def rules(config: Config) -> str:
    """Stands for the configuration that entries must share to lie in one store: 16 hexadecimal digits.

    What decides which records are taken, as fields and models do, is not in it: entries follow from the configuration
    of their time, as the outcomes and dead letters do that were written with them.
    """
    return hashlib.sha256(orjson.dumps([source_topics(config), config.join.label_ttl])).hexdigest()[:16]


def unusable(kept: Kept | None, past: Mapping[str, Past]) -> str | None:
    """Why the state must be made anew from the inputs; None: it need not."""
    if kept is None:
        return "it is of other topics, another label TTL, or another version of streamproc"
    if kept.positions.keys() != past.keys():
        return "it is of other inputs than those with committed offsets"
    for topic, (first, start, committed) in past.items():
        offset = kept.positions[topic]
        if offset > committed:
            return f"it is ahead: {topic} is committed up to offset {committed}, it has come to {offset}"
        if offset < first:
            return f"{topic} begins at offset {first} by now, it has come to {offset}"
        if offset < start:
            return f"nothing before offset {start} of {topic} is needed any more, it has come to {offset}"
    return None
