"""The theme file: what the analyst means by each theme, checked key by key, every fault with its line and column.

YAML is only composed, never constructed: no tag of the file makes an object, and every node knows its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from toolkit.nodes import At, compose_text, is_null, is_text, kind, known_tag, mark, pairs, refuse, shown, text_of
from toolkit.schema import InputError
from toolkit.words import LANGUAGES

_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEYS = ("id", "title", "description", "seeds", "against")


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


def load_themes(path: str | Path) -> tuple[Theme, ...]:
    """Read a theme file; raise `InputError` naming the file, line and column, and what is wrong there."""
    return tuple(theme for theme, _ in _read(path))


def read_phrases(path: str | Path) -> list[Phrase]:
    """Return every phrase of a theme file in its order, those said twice included; raises as `load_themes`."""
    return [phrase for _, phrases in _read(path) for phrase in phrases]


def _read(path: str | Path) -> tuple[tuple[Theme, tuple[Phrase, ...]], ...]:
    text = text_of(Path(path), "theme file", "expected YAML with a list 'themes'")
    return _parsed(text, Path(path).name)


@lru_cache(4)
def _parsed(text: str, name: str) -> tuple[tuple[Theme, tuple[Phrase, ...]], ...]:
    """Return themes and phrases of the text of a theme file; that of a run is asked for three times."""
    root = compose_text(text, name, "theme file", "see data/themes.yml")
    top = pairs(root, At(name, "the file"), ("themes",)) if isinstance(root, yaml.MappingNode) else {}
    entries = top.get("themes")
    if entries:
        known_tag(entries, name)
    if not isinstance(entries, yaml.SequenceNode) or not entries.value:
        place = mark(entries or root)
        raise InputError(f"{name}{place}: there is no list 'themes'; see data/themes.yml for an example.")
    read = [_theme(entry, At(name, f"theme {number}")) for number, entry in enumerate(entries.value, 1)]
    lines: dict[str, int] = {}
    for (theme, _), entry in zip(read, entries.value, strict=True):
        if theme.id in lines:
            refuse(entry, name, f"two themes with the id {theme.id!r}, the first in line {lines[theme.id]}; rename one")
        lines[theme.id] = entry.start_mark.line + 1
    return tuple(read)


def _theme(node: yaml.Node, at: At) -> tuple[Theme, tuple[Phrase, ...]]:
    if not isinstance(node, yaml.MappingNode):
        refuse(node, at.name, f"{at.place}: found {shown(node)}, expected a mapping with {', '.join(_KEYS)}")
    given = next((value for key, value in node.value if is_text(key) and key.value == "id"), None)
    named = is_text(given) and given is not None and _ID.fullmatch(given.value) is not None
    entry = pairs(node, At(at.name, f"{at.place} ({given.value})") if named and given else at, _KEYS)
    if not named or given is None:
        expected = "expected lower-case letters, digits and _, a letter first, at most 40"
        refuse(given or node, at.name, f"{at.place}: the id is {shown(given)}, {expected}")
    theme_id = str(given.value)
    at = At(at.name, f"{at.place} ({theme_id})")
    title = _text(entry.get("title"), at) or theme_id.replace("_", " ").capitalize()
    description = _text(entry.get("description"), at)
    sides = {side: _phrases(entry.get(side), at, theme_id, side) for side in ("seeds", "against")}
    if not sides["seeds"]:
        known = ", ".join(LANGUAGES)
        refuse(entry.get("seeds", node), at.name, f"{at.place}: no seeds; give phrases for at least one of {known}")
    seeds, against = (_by_language(sides[side]) for side in ("seeds", "against"))
    theme = Theme(id=theme_id, title=title, description=description, seeds=seeds, against=against)
    return theme, (*sides["seeds"], *sides["against"])


def _text(node: yaml.Node | None, at: At) -> str:
    if node is None:
        return ""
    if not is_text(node):
        refuse(node, at.name, f"{at.place}: title and description must be text, found {shown(node)}")
    return str(node.value).strip()


def _phrases(node: yaml.Node | None, at: At, theme: str, side: str) -> list[Phrase]:
    at = At(at.name, f"{at.place}, {side}")
    if node is None or is_null(node):
        return []
    if not isinstance(node, yaml.MappingNode):
        found = "text" if is_text(node) else kind(node) or shown(node)
        refuse(node, at.name, f"{at.place}: found {found}, expected phrases per language ({', '.join(LANGUAGES)})")
    phrases = []
    for language, group in pairs(node, at, LANGUAGES, "language").items():
        if not isinstance(group, yaml.SequenceNode):
            refuse(group, at.name, f"{at.place}, {language}: expected a list of phrases, found {shown(group)}")
        known_tag(group, at.name)
        for phrase in group.value:
            if not is_text(phrase) or not phrase.value.strip():
                expected = f"expected a text that is not empty, found {shown(phrase)}"
                refuse(phrase, at.name, f"{at.place}, {language}: {expected}")
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
