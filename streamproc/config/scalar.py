"""What a YAML value without quotes means: the core schema of YAML 1.2 (section 10.3.2).

`yes`, `on`, `012` and `2024-01-01` are text or a plain number here, as they are for every editor that knows YAML 1.2.
"""

from __future__ import annotations

import re

from streamproc.config.nodes import Plain

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 400


def meaning(text: str) -> Plain:
    """The value of an unquoted scalar. Raises ValueError for whole numbers that do not fit into 64 bits."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        number = int(text, base) if len(text) <= _MOST_DIGITS else 2**64
        if not -(2**63) <= number < 2**63:
            raise ValueError("this number is too large: put it in quotes if it is text")
        return number
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float("nan") if special[3] else float(f"{special[1]}inf")
    return text
