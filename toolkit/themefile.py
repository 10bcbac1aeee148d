"""The theme file: what the analyst means by each theme, checked key by key, every fault with its line and column.

YAML is only composed, never constructed: no tag of the file makes an object, and every node knows its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from toolkit.schema import InputError
from toolkit.words import LANGUAGES

_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEYS = ("id", "title", "description", "seeds", "against")
_TAG = "tag:yaml.org,2002:"
_SCALARS: tuple[str, ...] = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "binary")


@dataclass(frozen=True, kw_only=True)
class Theme:
    """A theme: seed phrases per language, and phrases that speak against it."""

    id: str
    title: str
    description: str
    seeds: Mapping[str, tuple[str, ...]]
    against: Mapping[str, tuple[str, ...]]

    def seeds_in(self, language: str) -> tuple[str, ...]:
        """Return the seeds in `language`; those of all languages where it has none."""
        return self.seeds.get(language) or tuple(phrase for group in self.seeds.values() for phrase in group)


class Phrase(NamedTuple):
    """A phrase where it stands in the file; ``side`` is ``seeds`` or ``against``, lines count from 1."""

    theme: str
    side: str
    language: str
    text: str
    line: int


class _At(NamedTuple):
    """Where in the file the reader is: the file's name, and the theme in words."""

    name: str
    place: str


def load_themes(path: str | Path) -> tuple[Theme, ...]:
    """Read a theme file; raise `InputError` naming the file, line and column, and what is wrong there."""
    return tuple(theme for theme, _ in _read(path))


def read_phrases(path: str | Path) -> list[Phrase]:
    """Return every phrase of a theme file in its order, those said twice included; raises as `load_themes`."""
    return [phrase for _, phrases in _read(path) for phrase in phrases]


def _read(path: str | Path) -> list[tuple[Theme, list[Phrase]]]:
    name = Path(path).name
    root = _compose(Path(path))
    top = _pairs(root, _At(name, "the file"), ("themes",)) if isinstance(root, yaml.MappingNode) else {}
    entries = top.get("themes")
    if entries:
        _known_tag(entries, name)
    if not isinstance(entries, yaml.SequenceNode) or not entries.value:
        place = _mark(entries or root)
        raise InputError(f"{name}{place}: there is no list 'themes'; see data/themes.yml for an example.")
    read = [_theme(entry, _At(name, f"theme {number}")) for number, entry in enumerate(entries.value, 1)]
    lines: dict[str, int] = {}
    for (theme, _), entry in zip(read, entries.value, strict=True):
        if theme.id in lines:
            _refuse(
                entry, name, f"two themes with the id {theme.id!r}, the first in line {lines[theme.id]}; rename one"
            )
        lines[theme.id] = entry.start_mark.line + 1
    return read


def _compose(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise InputError(f"There is no theme file {path.name!r}; expected YAML with a list 'themes'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The theme file {path.name!r} cannot be read as UTF-8 text: {error}.") from error
    except RecursionError as error:
        raise InputError(f"The theme file {path.name!r} is nested far too deeply; see data/themes.yml.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(f"The theme file {path.name!r} is not valid YAML{place}: {problem}.") from error


def _mark(node: yaml.Node | None) -> str:
    return f", line {node.start_mark.line + 1}, column {node.start_mark.column + 1}" if node else ""


def _refuse(node: yaml.Node, name: str, sentence: str) -> NoReturn:
    raise InputError(f"{name}{_mark(node)}: {sentence}.")


def _known_tag(node: yaml.Node, name: str) -> None:
    known: tuple[str, ...] = {"mapping": ("map",), "list": ("seq",)}.get(_kind(node), _SCALARS)
    if node.tag.removeprefix(_TAG) not in known:
        mark = node.start_mark
        place = f"in line {mark.line + 1}, column {mark.column + 1}"
        raise InputError(f"The theme file {name!r} is not valid YAML {place}: unknown tag {node.tag!r}.")


def _kind(node: yaml.Node) -> str:
    return "mapping" if isinstance(node, yaml.MappingNode) else "list" if isinstance(node, yaml.SequenceNode) else ""


def _pairs(node: yaml.MappingNode, at: _At, known: Sequence[str], what: str = "key") -> dict[str, yaml.Node]:
    """Return key -> value of a mapping whose keys are all among `known`, each given once."""
    _known_tag(node, at.name)
    found: dict[str, yaml.Node] = {}
    first: dict[str, int] = {}
    for key, value in node.value:
        if not _is_text(key) or key.value not in known:
            close = get_close_matches(str(key.value), known, 1) if _is_text(key) else []
            meant = f"did you mean {close[0]!r}? " if close else ""
            _refuse(key, at.name, f"{at.place}: unknown {what} {_shown(key)}; {meant}known are {', '.join(known)}")
        if key.value in found:
            _refuse(key, at.name, f"{at.place}: {what} {key.value!r} given twice, first in line {first[key.value]}")
        found[key.value], first[key.value] = value, key.start_mark.line + 1
    return found


def _is_text(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "str"


def _shown(node: yaml.Node | None) -> str:
    """Return a value as the reader is to see it: text in quotes, what YAML takes for something else as that."""
    if node is None:
        return "None"
    if not isinstance(node, yaml.ScalarNode):
        return f"a {_kind(node)}"
    tag = node.tag.removeprefix(_TAG)
    if tag == "str":
        return repr(node.value[:60])
    if tag == "bool":
        truth = node.value.lower() in ("yes", "true", "on")
        return f"{truth} (YAML reads a bare {node.value} so: put it in quotes)"
    return "None" if tag == "null" else str(node.value)[:60]


def _theme(node: yaml.Node, at: _At) -> tuple[Theme, list[Phrase]]:
    if not isinstance(node, yaml.MappingNode):
        _refuse(node, at.name, f"{at.place}: found {_shown(node)}, expected a mapping with {', '.join(_KEYS)}")
    given = next((value for key, value in node.value if _is_text(key) and key.value == "id"), None)
    named = _is_text(given) and given is not None and _ID.fullmatch(given.value) is not None
    entry = _pairs(node, _At(at.name, f"{at.place} ({given.value})") if named and given else at, _KEYS)
    if not named or given is None:
        expected = "expected lower-case letters, digits and _, a letter first, at most 40"
        _refuse(given or node, at.name, f"{at.place}: the id is {_shown(given)}, {expected}")
    theme_id = str(given.value)
    at = _At(at.name, f"{at.place} ({theme_id})")
    title = _text(entry.get("title"), at) or theme_id.replace("_", " ").capitalize()
    description = _text(entry.get("description"), at)
    sides = {side: _phrases(entry.get(side), at, theme_id, side) for side in ("seeds", "against")}
    if not sides["seeds"]:
        known = ", ".join(LANGUAGES)
        _refuse(entry.get("seeds", node), at.name, f"{at.place}: no seeds; give phrases for at least one of {known}")
    seeds, against = (_by_language(sides[side]) for side in ("seeds", "against"))
    theme = Theme(id=theme_id, title=title, description=description, seeds=seeds, against=against)
    return theme, [*sides["seeds"], *sides["against"]]


def _text(node: yaml.Node | None, at: _At) -> str:
    if node is None:
        return ""
    if not _is_text(node):
        _refuse(node, at.name, f"{at.place}: title and description must be text, found {_shown(node)}")
    return str(node.value).strip()


def _phrases(node: yaml.Node | None, at: _At, theme: str, side: str) -> list[Phrase]:
    at = _At(at.name, f"{at.place}, {side}")
    if node is None or node.tag == _TAG + "null":
        return []
    if not isinstance(node, yaml.MappingNode):
        found = "text" if _is_text(node) else _kind(node) or _shown(node)
        _refuse(node, at.name, f"{at.place}: found {found}, expected phrases per language ({', '.join(LANGUAGES)})")
    phrases = []
    for language, group in _pairs(node, at, LANGUAGES, "language").items():
        if not isinstance(group, yaml.SequenceNode):
            _refuse(group, at.name, f"{at.place}, {language}: expected a list of phrases, found {_shown(group)}")
        _known_tag(group, at.name)
        for phrase in group.value:
            if not _is_text(phrase) or not phrase.value.strip():
                expected = f"expected a text that is not empty, found {_shown(phrase)}"
                _refuse(phrase, at.name, f"{at.place}, {language}: {expected}")
            line = phrase.start_mark.line + 1
            phrases.append(Phrase(theme, side, language, " ".join(phrase.value.split()), line))
    return phrases


def _by_language(phrases: Sequence[Phrase]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for phrase in phrases:
        found.setdefault(phrase.language, {})[phrase.text] = None
    return {language: tuple(texts) for language, texts in found.items()}


def as_records(themes: Sequence[Theme]) -> list[dict[str, Any]]:
    """Return themes as plain records, for a JSON file beside the scores."""
    return [asdict(theme) for theme in themes]


def from_records(records: Any) -> tuple[Theme, ...]:
    """Return the themes that `as_records` made."""
    return tuple(Theme(**record) for record in records)
