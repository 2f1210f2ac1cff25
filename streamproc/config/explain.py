"""pydantic's errors in plain words, each at its place in the text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from streamproc.config.base import PATTERNS
from streamproc.config.findings import Finding, Path, dotted, shown
from streamproc.config.nodes import Found, Items, Leaf, Node, Table, find
from streamproc.config.pipeline import Config
from streamproc.config.settings import Walk

_MOST = 1000
_NAMES_SHOWN = 20
_TABLE = "write settings beneath, one `name: value` a line"
_WHOLE_NUMBER = "write a whole number"
_SCALAR = "write text, a number, or true or false"
_WORDS: dict[str, str] = {
    "dict_type": _TABLE,
    "finite_number": "write a finite number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "greater_than": "write more than {gt}",
    "greater_than_equal": "write at least {ge}",
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "less_than": "write less than {lt}",
    "less_than_equal": "write at most {le}",
    "list_type": "write a list: each item on a line of its own after `- `, or all in [ ]",
    "model_attributes_type": _TABLE,
    "model_type": _TABLE,
    "string_too_long": "write at most {max_length} characters",
    "string_too_short": "write something: this must not be empty",
    "string_type": "write text; what looks like a number, true or false needs quotes",
    "too_short": "write at least one",
    "union_tag_not_found": _TABLE,
    "number": "write a number",
    "count_or_all": "write a whole number of at least 1, or `all`",
    "tuple_type": "write a list: each item on a line of its own after `- `, or all in [ ]",
}
_MISSING = {
    "pipeline": "give this pipeline a name, such as `pipeline: fraud`",
    "models": "say what to watch: `models:` and beneath it the id of each model",
    "type": "say which detector this is: adwin or page_hinkley",
    "signals": "say what to compare, such as `signals: [score]`",
    "cron": 'say when, such as `cron: "0 3 * * 1"` for Mondays at 03:00',
    "name": "give this policy a name",
}


def explain(error: ValidationError, root: Node, origins: Mapping[int, Path]) -> list[Finding]:
    """Every error, some of them several times in the same words.

    `origins` are the paths of what stands under `defaults`, by the node's id.
    """
    findings = []
    for each in error.errors(include_url=False, include_input=False)[:_MOST]:
        walk = Walk(each["loc"])
        if each["type"] == "union_tag_invalid":
            walk.path = (*walk.path, "type")
        findings.append(_finding(_Fault(each["type"], each.get("ctx") or {}, walk, find(root, walk.path)), origins))
    return findings


class _Fault(NamedTuple):
    """One error of pydantic's."""

    kind: str
    context: Mapping[str, Any]
    walk: Walk
    found: Found


def _finding(fault: _Fault, origins: Mapping[int, Path]) -> Finding:
    kind, _, walk, found = fault
    mark, path, code = found.mark, walk.path, "invalid-value"
    if kind == "missing":
        message, code = _missing(str(path[-1])), "missing"
        path = (*origins.get(id(found.node), path[:-1]), path[-1])
    elif kind == "extra_forbidden":
        message, code = _unknown(walk), "unknown-setting"
        path, mark = origins.get(id(found.node), path), found.key or mark
    else:
        message = _message(fault)
        path = origins.get(id(found.node), path)
        if walk.is_key:
            mark = found.key or mark
        elif _is_empty(found):
            code = "empty"
    return Finding("error", *mark, dotted(path), message, code)


def _missing(name: str) -> str:
    return f"this is missing: {_MISSING[name]}" if name in _MISSING else "this is missing"


def _unknown(walk: Walk) -> str:
    known = list(walk.parent.model_fields) if walk.parent else []
    if walk.parent is Config:
        known.insert(-1, "defaults")
    return f"there is no such setting; {names_like(str(walk.path[-1]), known)}"


def names_like(name: str, known: Iterable[str]) -> str:
    """`did you mean x? known: x, y, z`."""
    names = list(known)
    folded = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name.casefold()[:200], folded, n=2, cutoff=0.6)
    advice = f"did you mean {' or '.join(folded[match] for match in close)}? " if close else ""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{advice}known: {', '.join(names[:_NAMES_SHOWN]) or 'none'}{more}"


def _message(fault: _Fault) -> str:
    kind, _, walk, found = fault
    words = _SCALAR if walk.is_choice else _words(fault)
    if walk.is_key:
        return f"{words} (not {shown(walk.path[-1])})"
    if _is_empty(found):
        return f"nothing stands here: {words}"
    asks_for_kind = walk.is_choice or kind.endswith("_type")
    match found.node:
        case Leaf(written=written) if walk.path[0] != "kafka":  # there, whatever stands in the file may be a secret
            words += f" (not {shown(written)})"  # as in the file: without the values of variables
        case Items() if asks_for_kind:
            words += " (not a list)"
        case Table() if asks_for_kind:
            words += " (not a table)"
    return words


def _is_empty(found: Found) -> bool:
    return isinstance(found.node, Leaf) and found.node.value is None


def _words(fault: _Fault) -> str:
    kind, context, _, found = fault
    words = _WORDS.get(kind, f"this cannot be used ({kind.replace('_', ' ')})").format_map(context)
    match kind:
        case "string_pattern_mismatch":
            words = PATTERNS.get(context["pattern"], words)
        case "literal_error":
            words = f"write {_names(context['expected'])}"
        case "union_tag_not_found" if isinstance(found.node, Table):
            words = f"`type` is missing: {_MISSING['type']}"
        case "union_tag_invalid":
            words = f"there is no such type: write {_names(context['expected_tags']).replace(', ', ' or ')}"
        case "value_error":
            words = str(getattr(context["error"], "advice", context["error"]))
    return words


def _names(quoted: object) -> str:
    return str(quoted).replace("'", "")
