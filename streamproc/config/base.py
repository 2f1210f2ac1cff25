"""What all sections of a streamproc.yaml are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

MOST = 1_000_000_000

PATTERNS: dict[str, str] = {}
"""Pattern -> what it asks for, in words: for messages."""


def written(pattern: str, words: str) -> StringConstraints:
    """Text of this pattern, which messages ask for in these words."""
    PATTERNS[pattern] = words
    return StringConstraints(pattern=pattern)


def no_truth(value: object) -> object:
    """`true` is not the number 1, though Python says so."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "write a number")
    return value


Name = Annotated[
    str,
    written(
        r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", "write letters, digits and _, at most 64 of them, not beginning with a digit"
    ),
]
Callable = Annotated[
    str, written(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", "write module:function, such as `retraining:retrain`")
]
Number = Annotated[float, BeforeValidator(no_truth)]
Share = Annotated[float, Field(gt=0, lt=1), BeforeValidator(no_truth)]
Count = Annotated[int, Field(ge=0, le=MOST), BeforeValidator(no_truth)]
Positive = Annotated[int, Field(ge=1, le=MOST), BeforeValidator(no_truth)]


def _count_or_all(value: object) -> object:
    """One message for a union that no reader of a file thinks of as one."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if value != "all" and (isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST):
        raise PydanticCustomError("count_or_all", "write a whole number of at least 1, or all")
    return number


CountOrAll = Annotated[Annotated[int, Field(ge=1, le=MOST)] | Literal["all"], BeforeValidator(_count_or_all)]
Scalar = bool | int | float | str


class Section(BaseModel):
    """The base of all sections: nothing unknown, nothing changed after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
