"""State that outlives its process: named fields, each with how it is written down and what may come back.

    class Errors(Stateful):
        FIELDS = fields(_ring=codes(2), _next=COUNT)

`state()` gives plain values (None, bool, int, float, str, bytes, lists of them) in the order of the fields. `restore`
puts them back in place, into the object and its parts, so that whatever refers to these stays valid.

What comes back may have been written by anybody. Each kind of field lets nothing through that its field could not
hold, and no NaN or infinity. What follows from other fields or from the configuration is not written at all:
`_settle` forms it anew, and refuses what does not fit together. After BadState the object holds a bit of everything
and must be reset.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import deque
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol

from streamproc.errors import BadState

Plain = Any
"""None, bool, int, float, str, bytes, or a list of them: what MessagePack can hold without a schema."""


class Kind(NamedTuple):
    """How one sort of value is written down, and read again."""

    give: Callable[[Any], Plain]
    take: Callable[[Plain, Any], Any]
    """(what was written, the field's present value) -> the field's new value. Raises BadState."""
    names: tuple[str, ...] = ()
    """The attributes of an object that are written."""
    fits: Callable[[Any], bool] | None = None
    """What is written as it is: whether it may come back."""


class Restorable(Protocol):
    """Whatever can give its state away and take it back."""

    def state(self) -> Plain:
        """All that the future depends on, but for the configuration."""
        ...

    def restore(self, state: Plain) -> None:
        """Be what gave this state, from an object of the same configuration. Raises BadState."""
        ...


class Stateful:
    """Gives and takes the fields that its class names."""

    __slots__ = ()

    FIELDS: ClassVar[Kind]

    def state(self) -> Plain:
        """All that the future depends on, but for the configuration."""
        return self.FIELDS.give(self)

    def restore(self, state: Plain) -> None:
        """Be what gave this state, from an object of the same configuration. Raises BadState."""
        self.FIELDS.take(state, self)
        self._settle()

    def _settle(self) -> None:
        """Form what follows from the fields. Raises BadState where they do not fit together."""


def fields(**kinds: Kind) -> Kind:
    """An object by its attributes: ours, or one of a library that has no other way."""
    gives = tuple((name, kind.give) for name, kind in kinds.items())
    takes = tuple((name, kind.take) for name, kind in kinds.items())

    def give(owner: object) -> list[Plain]:
        return [of(getattr(owner, name)) for name, of in gives]

    def take(plain: Plain, owner: object) -> object:
        for (name, of), value in zip(takes, _items(plain, len(takes)), strict=True):
            setattr(owner, name, of(value, getattr(owner, name)))
        return owner

    return Kind(give, take, tuple(kinds))


def require(fits: object, what: str) -> None:
    """Raise BadState unless it fits."""
    if not fits:
        raise BadState(what)


def plain(what: str, fits: Callable[[Any], bool]) -> Kind:
    """A value that is written as it is."""

    def take(value: Plain, _: object) -> Plain:
        if not fits(value):
            raise BadState(f"{value!r:.60} is not {what}")
        return value

    return Kind(_itself, take, fits=fits)


def _itself(value: Any) -> Any:
    return value


def within(low: float, high: float) -> Kind:
    """A number with these bounds, not NaN; int and float stay what they are, and a bool is none."""
    return plain(f"a number from {low:g} to {high:g}", lambda v: type(v) in (int, float) and low <= v <= high)


def whole(low: float, high: float) -> Kind:
    """A whole number with these bounds."""
    return plain(f"a whole number from {low:g} to {high:g}", lambda v: type(v) is int and low <= v <= high)


LARGEST = 2**53
"""Of whole numbers: their sums must not outgrow the 64 bits that MessagePack has."""
INTEGER = whole(-LARGEST, LARGEST)
COUNT = whole(0, LARGEST)
NUMBER = within(-sys.float_info.max, sys.float_info.max)
FLAG = plain("true or false", lambda v: type(v) is bool)
TEXT = plain("text", lambda v: type(v) is str)
BYTES = plain("bytes", lambda v: type(v) is bytes)
VALUE = plain("text or a finite number", lambda v: type(v) is str or (type(v) is float and math.isfinite(v)))
SCALAR = plain(
    "text, a truth value or a finite number",
    lambda v: type(v) in (str, bool, int) or (type(v) is float and math.isfinite(v)),
)


def optional(kind: Kind) -> Kind:
    """The same, or None."""
    return Kind(
        lambda value: None if value is None else kind.give(value),
        lambda value, present: None if value is None else kind.take(value, present),
    )


def choice(words: type[StrEnum]) -> Kind:
    """One of an enumeration's words."""
    known = {word.value: word for word in words}
    one = plain(f"one of {', '.join(known)}", lambda v: type(v) is str and v in known)
    return Kind(lambda word: word.value, lambda value, present: known[one.take(value, present)])


def row(*kinds: Kind) -> Kind:
    """Values of these kinds, in this order, as a tuple."""

    def give(values: Sequence[Any]) -> list[Plain]:
        return [kind.give(value) for kind, value in zip(kinds, values, strict=True)]

    def take(plain: Plain, _: object) -> tuple[Any, ...]:
        return tuple(kind.take(value, None) for kind, value in zip(kinds, _items(plain, len(kinds)), strict=True))

    return Kind(give, take)


def listed(kind: Kind) -> Kind:
    """A list."""
    fits = kind.fits
    if fits is None:
        return Kind(
            lambda values: [kind.give(value) for value in values],
            lambda plain, _: [kind.take(value, None) for value in _items(plain)],
        )

    def take(plain: Plain, _: object) -> list[Any]:
        values = list(_items(plain))
        require(all(map(fits, values)), "not values of one kind")
        return values

    return Kind(list, take)


def queue(kind: Kind) -> Kind:
    """A deque with a largest length."""
    items = listed(kind)

    def take(plain: Plain, present: deque[Any]) -> deque[Any]:
        values = items.take(plain, None)
        require(present.maxlen is None or len(values) <= present.maxlen, "longer than the queue")
        return deque(values, present.maxlen)

    return Kind(items.give, take)


def mapping(key: Kind, value: Kind) -> Kind:
    """A dict, filled in place: getters may hold on to it."""
    pairs = listed(row(key, value))

    def take(plain: Plain, present: MutableMapping[Any, Any]) -> MutableMapping[Any, Any]:
        items = pairs.take(plain, None)
        present.clear()
        present.update(items)
        require(len(present) == len(items), "two equal keys")
        return present

    return Kind(lambda values: pairs.give(values.items()), take)


def distinct(kind: Kind) -> Kind:
    """A dict that numbers its keys in their order: value -> 0, 1, 2, ..."""
    keys = listed(kind)

    def take(plain: Plain, _: object) -> dict[Hashable, int]:
        values = keys.take(plain, None)
        numbered = {value: place for place, value in enumerate(values)}
        require(len(numbered) == len(values), "two equal keys")
        return numbered

    return Kind(keys.give, take)


# -- windows --


def codes(limit: int) -> Kind:
    """A bytearray of numbers below `limit`."""
    allowed = bytes(range(limit))

    def take(value: Plain, _: object) -> bytearray:
        require(type(value) is bytes and not value.translate(None, allowed), f"not bytes below {limit}")
        return bytearray(value)

    return Kind(bytes, take)


def numbers(typecode: str) -> Kind:
    """An array of one C type, written in little endian."""
    size = array(typecode).itemsize

    def turned(values: array[Any]) -> array[Any]:
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def take(value: Plain, _: object) -> array[Any]:
        require(type(value) is bytes and len(value) % size == 0, f"not whole numbers of {size} bytes")
        return turned(array(typecode, value))

    return Kind(lambda values: turned(values[:]).tobytes(), take)


def check_ring(held: int, place: int, most: int) -> None:
    """A ring of at most `most` values, the oldest of which is at `place` once it is full. Raises BadState."""
    require(held <= most and (0 <= place < most if held == most else place == 0), "not a ring")


# -- parts --


def _part_take(plain: Plain, present: Restorable) -> Restorable:
    present.restore(plain)
    return present


def _optional_part_take(plain: Plain, present: Restorable | None) -> Restorable | None:
    require((plain is None) is (present is None), "a part too many or too few")
    return None if present is None else _part_take(plain, present)


def _parts_take(plain: Plain, present: Sequence[Restorable]) -> Sequence[Restorable]:
    for part, value in zip(present, _items(plain, len(present)), strict=True):
        part.restore(value)
    return present


def _named_take(plain: Plain, present: Mapping[str, Restorable]) -> Mapping[str, Restorable]:
    for name, item in zip(sorted(present), _items(plain, len(present)), strict=True):
        written, value = _items(item, 2)
        require(written == name, f"{written!r:.60} is not {name!r}")
        present[name].restore(value)
    return present


PART = Kind(lambda part: part.state(), _part_take)
OPTIONAL_PART = Kind(lambda part: None if part is None else part.state(), _optional_part_take)
PARTS = Kind(lambda parts: [part.state() for part in parts], _parts_take)
"""In their order, which follows from the configuration."""
NAMED_PARTS = Kind(lambda parts: [[name, parts[name].state()] for name in sorted(parts)], _named_take)
"""By name: the order in a configuration file decides nothing."""


def _items(plain: Plain, count: int | None = None) -> list[Plain]:
    if type(plain) is not list or (count is not None and len(plain) != count):
        raise BadState(f"not a list{'' if count is None else f' of {count}'}")
    return plain
