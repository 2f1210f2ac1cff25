"""YAML text as a tree of nodes."""

# ruff: noqa: ISC004 - an expected message is compared best as it is told

from __future__ import annotations

from typing import Any

import pytest

from streamproc.config.document import read_document
from streamproc.config.findings import InvalidConfig
from streamproc.config.nodes import Budget, Items, Leaf, Mark, Table, TooMuch, find, laid_over, leaves, paths, plain


def value(text: str) -> Any:
    """The text as plain Python."""
    root = read_document(text, "x")
    return None if root is None else plain(root, Budget())


def faults(text: str) -> list[str]:
    """The messages that a text gives, one for each line."""
    with pytest.raises(InvalidConfig) as caught:
        read_document(text, "x")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", {"a": 1}),
        ("---\na: 1\n...\n", {"a": 1}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a:\r\n  b: x\r\n", {"a": {"b": "x"}}),
        ("a: [1, x, {b: }]", {"a": [1, "x", {"b": None}]}),
        ("a: '1'\nb: \"true\"\nc: |\n  1\nd: >-\n  x\n  y", {"a": "1", "b": "true", "c": "1\n", "d": "x y"}),
        ("yes: no", {"yes": "no"}),
        ("null: 1\ntrue: 2\n4: 3\n", {"null": 1, "true": 2, "4": 3}),
        ("1: a\n'01': b", {"1": "a", "01": "b"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: {c: 3, <<: [{b: 1}, {b: 2, d: 4}]}", {"a": {"c": 3, "b": 1, "d": 4}}),
        ("a: {'<<': 1}", {"a": {"<<": 1}}),
    ],
)
def test_yaml_is_read_by_its_core_schema(text: str, expected: object) -> None:
    """Scalars, lists, tables, anchors and merge keys; names are always text."""
    assert value(text) == expected


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_an_empty_text_is_nothing(text: str) -> None:
    """Comments alone are no document."""
    assert read_document(text, "x") is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3", "x:3:1: 'a' stands here twice, first in line 1"),
        ("a:\n  b: 1\n  'b': 2", "x:3:3: 'b' stands here twice, first in line 2"),
        ("1: a\n'1': b", "x:2:1: '1' stands here twice, first in line 1"),
        ("a: *none", "x:1:4: no value above is marked `&none`"),
        ("a: &a [*a]", "x:1:8: no value above is marked `&a`"),
        ("a: !!python/object:os.system x", "x:1:4: tags are not used here: remove !!python/object:os.system; "
         "quotes make text of a value"),
        ("a: !x {b: 1}", "x:1:4: tags are not used here: remove !x; quotes make text of a value"),
        ("a: ! x", "x:1:4: tags are not used here: remove !; quotes make text of a value"),
        ("? [a]\n: b", "x:1:3: a name must be text, not a list or a table; text that begins with { or [ needs quotes"),
        ("a: {<<: 3}", "x:1:9: `<<` takes a table or a list of tables, such as `<<: *name`"),
        ("a: {<<: [{}, x]}", "x:1:9: `<<` takes a table or a list of tables, such as `<<: *name`"),
        ("a: 1\n---\nb: 1", "x:2:1: a second document begins here: leave only one in the file"),
        ("%YAML 1.1\n---\na: 1", "x:1:1: this is not YAML 1.2: remove the %YAML line"),
        ("%YAML 2.0\n---\na: 1", "x:1:1: this is not YAML 1.2"),
        ("a: 99999999999999999999", "x:1:4: this number is too large: put it in quotes if it is text"),
        ('a: "\\ud800"', "x:1:4: half of a character (U+D800 to U+DFFF) is not text"),
        ("a: b\n\x07", "x:2:1: the character U+0007 cannot stand in YAML"),
        ("a: \ud800", "x:1:4: the character U+D800 cannot stand in YAML"),
        ("a:\n\t- b", "x:2:1: a tab or this character cannot stand here: indent by spaces, put text in quotes"),
        ("a: @b", "x:1:4: a tab or this character cannot stand here: indent by spaces, put text in quotes"),
        ("a: b: c", "x:1:5: `:` cannot stand here: mend the indentation, or put text with `: ` in quotes"),
        ("a: b\nccc\nd: e", "x:3:1: a `:` is missing after a name near here"),
        ("- a\nb: 1", "x:2:1: this line does not fit to those above: mend the indentation"),
        ("  a: 1\n b: 2", "x:2:2: this line does not fit to those above: mend the indentation"),
        ("a: [b, c", "x:1:9: a comma or a closing bracket is missing near here"),
        ("a: {b: c]", "x:1:9: a comma or a closing bracket is missing near here"),
        ("a: ]", "x:1:4: a value is missing here, or a bracket is not closed"),
        ("a: {b: ${X}}", "x:1:9: inside of { } and [ ], a variable needs quotes: '${NAME}'"),
        ("a: [1, ${X:-2}]", "x:1:9: inside of { } and [ ], a variable needs quotes: '${NAME}'"),
        ("a: 'b\nc: d", "x:2:5: a quote is not closed before the end of the file"),
    ],
)  # fmt: skip
def test_what_is_not_plain_yaml_is_refused_at_its_place(text: str, fault: str) -> None:
    """The first line of the message has the line, the column and what to do."""
    assert faults(text)[0] == fault


def test_faults_that_leave_the_rest_readable_are_told_together() -> None:
    """Two names that stand twice, an unknown anchor and a tag are four lines."""
    assert [line.split(": ")[0] for line in faults("a: 1\na: 2\nb: *x\nc: !t 1\nd: 1\nd: 2")] == [
        "x:2:1", "x:3:4", "x:4:4", "x:6:1",
    ]  # fmt: skip


def test_a_broken_rest_does_not_hide_earlier_faults() -> None:
    """What was found before the text ends in nonsense is told as well."""
    assert [line.split(": ")[0] for line in faults("a: 1\na: 2\nb: [")] == ["x:2:1", "x:3:5"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 10_000, "- " * 10_000, "? " * 10_000, "a: " + "[" * 51])
def test_deep_texts_are_refused_at_once(text: str) -> None:
    """Nesting is bounded while the text is read, not by the interpreter's stack."""
    assert "nested more than 50 levels deep" in faults(text)[0]


def test_aliases_cannot_nest_deeper_than_the_text_may() -> None:
    """A chain of aliases counts with all its levels."""
    chain = "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100))
    assert faults(f"a0: &a0 [x]\n{chain}")[0] == "x:50:12: with its aliases, this is nested more than 50 levels deep"


def test_a_merge_takes_over_the_depth_of_what_it_merges() -> None:
    """Merge keys are no way round the bound either."""
    chain = "".join(f"a{n}: &a{n} {{b: {{<<: *a{n - 1}}}}}\n" for n in range(1, 100))
    assert "nested more than 50 levels deep" in faults(f"a0: &a0 {{b: 1}}\n{chain}")[0]


def test_an_alias_bomb_is_small_until_it_is_unfolded_and_then_refused() -> None:
    """Ten aliases of ten aliases, forty times: the tree stays small, and unfolding it stops at the bound."""
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40))
    root = read_document(bomb, "x")
    assert root is not None
    with pytest.raises(TooMuch, match="more than 100000 values"):
        plain(root, Budget())
    assert len(list(leaves(root))) == 1


def test_a_merge_bomb_is_refused_while_it_is_read() -> None:
    """Merging many names many times over is bounded too, as it copies them."""
    base = "b: &b {" + ",".join(f"k{n}: 1" for n in range(1000)) + "}\n"
    assert "more than 100000 values" in faults(base + "".join(f"c{n}: {{<<: *b}}\n" for n in range(200)))[0]


def test_places_are_those_of_names_and_values() -> None:
    """Each entry knows where its name stands, each value where it begins; both from 1."""
    root = read_document("a:\n  bc: [1, 'x']\n", "x")
    assert isinstance(root, Table)
    found = find(root, ("a", "bc", 1))
    assert isinstance(found.node, Leaf)
    assert (found.mark, found.whole) == (Mark(2, 11), True)
    assert find(root, ("a", "bc")).key == Mark(2, 3)
    assert find(root, ("a", "bc")).mark == Mark(2, 3)


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        (("a", "none"), (1, 1)),
        (("none",), (1, 1)),
        (("a", "l", 5), (2, 3)),
        (("a", "e"), (3, 3)),
        (("a", "l", "x"), (2, 3)),
    ],
)
def test_what_is_not_there_leads_to_its_section(path: tuple[str | int, ...], mark: tuple[int, int]) -> None:
    """The place of a missing setting is the name of the section that lacks it; that of an empty one is its name."""
    root = read_document("a:\n  l: [1]\n  e:\nb: 1", "x")
    assert root is not None
    assert find(root, path).mark == mark


def test_tables_are_laid_over_each_other_and_the_rest_replaces() -> None:
    """Names are joined at all levels; lists and single values of the upper table replace; neither is changed."""
    under, over = read_document("a: {b: 1, c: [1, 2]}\nd: 1", "x"), read_document("a: {c: [3], e: 2}\nd: {f: 1}", "x")
    assert under is not None
    assert over is not None
    assert plain(laid_over(under, over, Budget()), Budget()) == {"a": {"b": 1, "c": [3], "e": 2}, "d": {"f": 1}}
    assert plain(under, Budget()) == {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    with pytest.raises(TooMuch):
        laid_over(under, over, Budget(3))


def test_paths_name_each_value_once() -> None:
    """A value that aliases lead to has the path at which it stands."""
    root = read_document("a: &x {b: 1}\nc: [*x]", "x")
    assert root is not None
    assert list(paths(root, ("z",)).values()) == [("z",), ("z", "a"), ("z", "a", "b"), ("z", "c")]


def test_values_do_not_show_in_a_repr() -> None:
    """A tree may hold secrets."""
    root = read_document("password: hunter2\nlist: [hunter2]", "x")
    assert "hunter2" not in repr(root)
    assert isinstance(root, Table)
    assert isinstance(root.entries["list"].node, Items)
