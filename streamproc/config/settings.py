"""Which settings there are: the models of a configuration, walked along a path."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from streamproc.config.findings import Path
from streamproc.config.pipeline import Config


class Walk:
    """Follows the `loc` of a pydantic error. A loc also holds union members and tags, which nobody has written."""

    def __init__(self, loc: Path) -> None:
        self.path: Path = ()
        """The settings' own names."""
        self.is_key = False
        """Whether the error is about the last name itself, and not about what stands under it."""
        self.is_choice = False
        """Whether the error is that a value is none of several kinds of scalars; each kind has an error then."""
        self.parent: type[BaseModel] | None = Config
        """The section that the last name belongs to; None for names of the user's own."""
        kind: Any = Config
        for part in loc:
            if part == "[key]":
                self.is_key = True
                return
            kind = self._step(kind, part)

    def _step(self, kind: Any, part: str | int) -> Any:
        kind = _bare(kind)
        sections = _sections(kind)
        if len(sections) > 1:  # the part is a tag
            return next((s for s in sections if s.model_fields["type"].default == part), None)
        if sections:
            self.path, self.parent = (*self.path, part), sections[0]
            field = sections[0].model_fields.get(str(part))
            return field.annotation if field else None
        if get_origin(kind) in (dict, tuple):
            self.path, self.parent = (*self.path, part), None
            return get_args(kind)[1 if get_origin(kind) is dict else 0]
        self.is_choice = True  # the part is a member of a union of scalars
        return None


def _bare(kind: Any) -> Any:
    """Without what is around a type: Annotated, and None as an alternative."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind):
            kind = Union[tuple(member for member in get_args(kind) if member is not type(None))]  # noqa: UP007
        else:
            return kind


def _sections(kind: Any) -> list[type[BaseModel]]:
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
