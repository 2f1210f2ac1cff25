"""Condition text -> tokens that stand in a grammatical order; everything else is refused here, with advice.

The scan comes before Python's own parser, because the words of a SyntaxError differ between Python versions and never
say what a person who writes a policy should do instead.
"""

# ruff: noqa: RUF001 - this file is about characters that look like others

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, NoReturn

from streamproc.errors import ConditionError

MAX_LENGTH = 1000
MAX_DEPTH = 50

Kind = Literal["number", "name", "word", "operator", "comma", "open", "close"]

AT_LEAST = "at_least"
"""The one function: `at_least(2, a, b, c)`."""
_COMMA = "a comma is not part of conditions: write a decimal point, and 1000 or 1_000 for a thousand"

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
      | (?P<operator><=|>=|==|!=|[-+*/<>])
      | (?P<comma>,)
      | (?P<open>\()
      | (?P<close>\))""",
    re.VERBOSE,
)

# Tried in this order, before the tokens above: what people write, and what to say to them.
_REFUSED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"&&?", "write `and` instead of `{0}`"),
        (r"\|\|?", "write `or` instead of `{0}`"),
        (r"!==", "write `!=` instead of `{0}`"),
        (r"!(?!=)", "write `not` instead of `{0}`"),
        (r"===", "write `==` instead of `{0}`"),
        (r"=>", "write `>=` instead of `{0}`"),
        (r"=<", "write `<=` instead of `{0}`"),
        (r"<>", "write `!=` instead of `{0}`"),
        (r":=", "nothing can be assigned in a condition: write `==` to compare"),
        (r"=(?!=)", "write `==` to compare"),
        (r"\*\*", "powers are not part of conditions: write the number itself"),
        (r"//", "write `/` to divide"),
        (r"<<|>>", "write one `<` or `>` to compare"),
        (r"[\"'`“”‘’]", "text in quotes is not part of conditions: names stand without quotes"),
        (r"[\[\]]", "`{0}` is not part of conditions: a part is named with a dot, as in `feature.amount`"),
        (r"[{}]", "`{0}` is not part of conditions: names stand by themselves, without braces"),
        (r"#", "a comment cannot stand inside a condition: put it on a line of its own, outside"),
        (r";", "`;` is not part of conditions: join them by `and` or `or`"),
    )
)

_LOOKALIKES = {
    "≥": ">=", "⩾": ">=", "≤": "<=", "⩽": "<=", "≠": "!=", "＞": ">", "＜": "<", "＝": "==",
    "−": "-", "–": "-", "—": "-", "×": "*", "⋅": "*", "·": "*", "∗": "*", "÷": "/", "∕": "/",
    "∧": "and", "∨": "or", "¬": "not", "（": "(", "）": ")",
}  # fmt: skip

_WORDS = {"and", "or", "not", "true", "false"}
_RESERVED = set(keyword.kwlist) - {"and", "or", "not", "True", "False"}
_RESERVED_ADVICE = {
    "None": "a value that is not known yet makes its comparison unknown by itself, there is no need to ask for it",
    "is": "write `==`, or the name of the flag alone",
    "in": "write two comparisons, joined by `and` or `or`",
    "if": "write `and`",
    "lambda": "functions are not part of conditions",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a condition. `start` and `end` are places in its text, `end` excluded."""

    kind: Kind
    text: str
    start: int
    end: int


def scan(text: str) -> list[Token]:
    """Give the tokens of a condition.

    Whatever comes back has balanced parentheses, at most 50 deep, and is a sentence of the grammar: operators and
    values take turns. Types are not looked at.

    Raises ConditionError for anything else.
    """
    if not text.strip():
        raise ConditionError("the condition is empty: write one such as `accuracy < 0.85`")
    if len(text) > MAX_LENGTH:
        raise ConditionError(
            f"the condition is {len(text)} characters long, and {MAX_LENGTH} is the limit: make it several policies"
        )
    tokens = _tokens(text)
    _check_order(text, tokens)
    return tokens


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        _refuse_foreign(text, place, tokens)
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            _refuse_character(text, place)
        kind, word = match.lastgroup, match.group()
        if kind == "number":
            _check_number(text, match)
            tokens.append(Token("number", word, place, match.end()))
        elif kind == "name":
            tokens.append(Token(_kind_of_word(text, word, place), word, place, match.end()))
        elif kind == "operator":
            tokens.append(Token("operator", word, place, match.end()))
        elif kind == "comma":
            tokens.append(Token("comma", word, place, match.end()))
        elif kind == "open":
            tokens.append(Token("open", word, place, match.end()))
        elif kind == "close":
            tokens.append(Token("close", word, place, match.end()))
        place = match.end()
    return tokens


def _refuse_foreign(text: str, place: int, before: list[Token]) -> None:
    if text[place] == "%":
        number = before[-1] if before and before[-1].kind == "number" else None
        example = f"write {float(number.text) / 100:.6g} for {number.text}%" if number else "write 0.2 for 20%"
        raise ConditionError(f"`%` is not part of conditions: {example}", text, place)
    for pattern, advice in _REFUSED:
        if match := pattern.match(text, place):
            raise ConditionError(advice.format(match.group()), text, place)


def _refuse_character(text: str, place: int) -> NoReturn:
    character = text[place]
    if character in _LOOKALIKES:
        raise ConditionError(f"write `{_LOOKALIKES[character]}` instead of `{character}`", text, place)
    if character.isascii() and character.isprintable():
        raise ConditionError(f"`{character}` is not part of conditions", text, place)
    name = unicodedata.name(character, "no name")
    raise ConditionError(f"the character U+{ord(character):04X} ({name}) is not part of conditions", text, place)


def _check_number(text: str, match: re.Match[str]) -> None:
    word = match.group()
    if (rest := re.compile(r"[\w.]+").match(text, match.end())) is None:
        try:
            if abs(float(word)) < float("inf"):
                return
        except ValueError:
            pass
        else:
            raise ConditionError(f"`{word[:20]}...` is too large a number", text, match.start())
    written = word + (rest.group() if rest else "")
    raise ConditionError(
        f"`{written[:40]}` is not a number: write plain digits, such as 300, 1_000, 0.85 or 1e-3, without a unit",
        text,
        match.start(),
    )


def _kind_of_word(text: str, word: str, place: int) -> Kind:
    if word in {"and", "or", "not"}:
        return "word"
    if word in {"true", "false", "True", "False"}:
        return "name"
    if word in _RESERVED:
        advice = _RESERVED_ADVICE.get(word, "only `and`, `or` and `not` join comparisons")
        raise ConditionError(f"`{word}` is not part of conditions: {advice}", text, place)
    if word.lower() in _WORDS:
        raise ConditionError(f"write `{word.lower()}` instead of `{word}`", text, place)
    return "name"


def _check_order(text: str, tokens: list[Token]) -> None:
    """Refuse what is no sentence: values and operators must take turns, parentheses must pair."""
    opened: list[Token] = []
    calls: list[bool] = []
    """Of each open parenthesis: whether it is that of `at_least`, where commas may stand."""
    before: Token | None = None
    for token in tokens:
        if token.kind == "comma" and not (opened and calls[len(opened) - 1]):
            raise ConditionError(_COMMA, text, token.start)
        if _ends_value(before):
            _check_after_value(text, before, token, opened)
        else:
            _check_before_value(text, before, token)
        if token.kind == "open":
            del calls[len(opened) :]
            calls.append(before is not None and before.text == AT_LEAST)
            opened.append(token)
            if len(opened) > MAX_DEPTH:
                raise ConditionError(f"more than {MAX_DEPTH} parentheses within each other", text, token.start)
        before = token
    if before is not None and not _ends_value(before):
        raise ConditionError(f"a value is missing after `{before.text}`", text, before.start)
    if opened:
        raise ConditionError("this parenthesis is never closed", text, opened[-1].start)


def _ends_value(token: Token | None) -> bool:
    return token is not None and token.kind in {"number", "name", "close"}


def _check_before_value(text: str, before: Token | None, token: Token) -> None:
    if token.kind in {"number", "name", "open"} or token.text in {"-", "+"}:
        return
    if token.text == "not":
        if before is None or before.kind in {"open", "word", "comma"}:
            return
        raise ConditionError("`not` needs parentheses here: write `(not ...)`", text, token.start)
    if token.kind == "close" and before is not None and before.kind == "open":
        raise ConditionError("nothing stands between these parentheses", text, before.start)
    advice = f"a value is missing before `{token.text}`"
    if token.text[0] in "<>=!" and before is not None and before.kind == "word":
        advice += ": write the name again, as in `accuracy > 0.5 and accuracy < 0.8`"
    raise ConditionError(advice, text, token.start)


def _check_after_value(text: str, before: Token | None, token: Token, opened: list[Token]) -> None:
    if before is None or token.kind in {"operator", "comma"} or token.text in {"and", "or"}:
        return
    if token.kind == "close":
        if not opened:
            raise ConditionError("this parenthesis was never opened", text, token.start)
        opened.pop()
        return
    if token.kind == "open" and before.text == AT_LEAST:
        return
    if token.kind == "open" and before.kind == "name":
        advice = f"`{before.text}(...)`: functions cannot be called in a condition, it compares metrics with numbers"
        raise ConditionError(advice, text, before.start)
    advice = f"an operator, such as `and` or `<`, is missing between `{before.text}` and `{token.text}`"
    raise ConditionError(advice, text, token.start)
