"""YAML files that people write by hand: faults with line and column, and text put in without touching the rest.

YAML is only composed, never constructed: no tag of the file makes an object, and every node knows its place.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from toolkit.schema import InputError

_DEEP = 10_000
_TAG = "tag:yaml.org,2002:"
_SCALARS: tuple[str, ...] = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "binary")
_PLAIN = re.compile(r"[^\W\d_](?:[\w ’'/()%.-]*[\w)%.])?")


class At(NamedTuple):
    """Where in the file the reader is: the file's name, and the entry in words."""

    name: str
    place: str


# How a file is read ---------------------------------------------------------------------------------------------


def compose(path: Path, what: str, expected: str, remedy: str) -> yaml.Node | None:
    """Return the root of a YAML file; `what` it is, is `expected` and the `remedy` are words for the `InputError`."""
    return compose_text(text_of(path, what, expected), path.name, what, remedy)


def text_of(path: Path, what: str, expected: str) -> str:
    """Return the text of a YAML file; `what` it is and is `expected` are words for the `InputError`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"There is no {what} {path.name!r}; {expected}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The {what} {path.name!r} cannot be read as UTF-8 text: {error}.") from error


def compose_text(text: str, name: str, what: str, remedy: str) -> yaml.Node | None:
    """Return the root of a YAML `text`, as `compose` does; marks count in its characters."""
    try:
        root: yaml.Node | None = _load(text, "get_single_node")
        return root
    except RecursionError as error:
        raise InputError(f"The {what} {name!r} is nested far too deeply; {remedy}.") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        place = f" in line {where.line + 1}, column {where.column + 1}" if where else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"The {what} {name!r} is not valid YAML{place}: {problem}.") from error


def read(text: str) -> Any:
    """Return what a YAML text holds, as ``yaml.safe_load`` does; plain text, lists and mappings in half the time."""
    with contextlib.suppress(_NotPlainError, RecursionError):
        return _held(_load(text, "get_single_node"))
    return _load(text, "get_single_data")


class _NotPlainError(Exception):
    """A node that only the library makes something of."""


def _held(node: yaml.Node | None) -> Any:
    tag = node.tag if node else ""
    if tag == _TAG + "str" and isinstance(node, yaml.ScalarNode):
        return node.value
    if tag == _TAG + "seq" and isinstance(node, yaml.SequenceNode):
        return [_held(child) for child in node.value]
    if tag == _TAG + "map" and isinstance(node, yaml.MappingNode) and all(is_text(key) for key, _ in node.value):
        return {key.value: _held(value) for key, value in node.value}
    raise _NotPlainError


def _load(text: str, what: str) -> Any:
    """Let PyYAML's safe loader with the parser in C, ten times as fast, read a text; where it cannot, the other.

    That one says better what is wrong; the one in C overflows the stack on what is nested without end: brackets nest,
    and so do columns of a line.
    """
    nested = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    if hasattr(yaml, "CSafeLoader") and nested < _DEEP:
        with contextlib.suppress(yaml.YAMLError):
            return getattr(yaml.CSafeLoader(text), what)()
    return getattr(yaml.SafeLoader(text), what)()


def mark(node: yaml.Node | None) -> str:
    """Say where a node begins, counting from 1; empty for none."""
    return f", line {node.start_mark.line + 1}, column {node.start_mark.column + 1}" if node else ""


def refuse(node: yaml.Node, name: str, sentence: str) -> NoReturn:
    """Raise `InputError` with the file's name and the place of `node`."""
    raise InputError(f"{name}{mark(node)}: {sentence}.")


def known_tag(node: yaml.Node, name: str) -> None:
    """Raise `InputError` where a node has a tag that plain YAML has not."""
    known: tuple[str, ...] = {"mapping": ("map",), "list": ("seq",)}.get(kind(node), _SCALARS)
    if node.tag.removeprefix(_TAG) not in known:
        begin = node.start_mark
        place = f"in line {begin.line + 1}, column {begin.column + 1}"
        raise InputError(f"The file {name!r} is not valid YAML {place}: unknown tag {node.tag!r}.")


def kind(node: yaml.Node) -> str:
    """Return ``mapping`` or ``list``, empty for a scalar."""
    return "mapping" if isinstance(node, yaml.MappingNode) else "list" if isinstance(node, yaml.SequenceNode) else ""


def pairs(node: yaml.MappingNode, at: At, known: Sequence[str], what: str = "key") -> dict[str, yaml.Node]:
    """Return key -> value of a mapping whose keys are all among `known`, each given once."""
    known_tag(node, at.name)
    found: dict[str, yaml.Node] = {}
    first: dict[str, int] = {}
    for key, value in node.value:
        if not is_text(key) or key.value not in known:
            close = get_close_matches(str(key.value), known, 1) if is_text(key) else []
            meant = f"did you mean {close[0]!r}? " if close else ""
            refuse(key, at.name, f"{at.place}: unknown {what} {shown(key)}; {meant}known are {', '.join(known)}")
        if key.value in found:
            refuse(key, at.name, f"{at.place}: {what} {key.value!r} given twice, first in line {first[key.value]}")
        found[key.value], first[key.value] = value, key.start_mark.line + 1
    return found


def is_text(node: yaml.Node | None) -> bool:
    """Tell whether a node is text, and not what YAML takes for a number, a date or a truth."""
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str"


def is_null(node: yaml.Node) -> bool:
    """Tell whether nothing stands there."""
    return bool(node.tag == _TAG + "null")


def shown(node: yaml.Node | None) -> str:
    """Return a value as the reader is to see it: text in quotes, what YAML takes for something else as that."""
    if node is None:
        return "None"
    if not isinstance(node, yaml.ScalarNode):
        return f"a {kind(node)}"
    tag = node.tag.removeprefix(_TAG)
    if tag == "str":
        return repr(node.value[:60])
    if tag == "bool":
        truth = node.value.lower() in ("yes", "true", "on")
        return f"{truth} (YAML reads a bare {node.value} so: put it in quotes)"
    return "None" if tag == "null" else str(node.value)[:60]


# How text is put into one -----------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Return one line of text as YAML reads it back, bare where that is safe in any place of a file.

    >>> quoted("water sharing"), quoted("no"), quoted("2024: a [year]")
    ('water sharing', '"no"', '"2024: a [year]"')
    """
    line = one_line(text)
    if _PLAIN.fullmatch(line) and yaml.safe_load(f"[{line}]") == [line]:
        return line
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'


def one_line(text: str) -> str:
    """Return `text` on one line, without characters that no YAML file may hold."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def end(node: yaml.Node) -> int:
    """Return the place (in characters) where the last value of a node ends; comments behind it do not count."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def after_line(text: str, place: int) -> int:
    """Return the beginning of the line after the one that holds `place`; the end of the text where there is none."""
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1
