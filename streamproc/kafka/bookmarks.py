"""Bookmarks as the metadata of committed offsets."""

from __future__ import annotations

_WHOLE_LOG = "whole log"


def bookmark_text(bookmark: int | None) -> str:
    """What is committed beside an offset."""
    return _WHOLE_LOG if bookmark is None else str(bookmark)


def bookmark_of(metadata: str | None) -> int | None:
    """The bookmark; of an offset that somebody else has committed, a reset by hand say, as far back as there is."""
    if metadata == _WHOLE_LOG:
        return None
    return int(metadata) if metadata and metadata.isdecimal() else 0
