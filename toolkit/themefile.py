"""The theme file: what the analyst means by each theme, read with `yaml.safe_load` and checked key by key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

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


def load_themes(path: str | Path) -> tuple[Theme, ...]:
    """Read a theme file; raise `InputError` naming the file, the place and what is wrong there."""
    name = Path(path).name
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"There is no theme file {name!r}; expected YAML with a list 'themes'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The theme file {name!r} cannot be read as UTF-8 text: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputError(f"The theme file {name!r} is not valid YAML{place}: {problem}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("themes"), list) or not content["themes"]:
        raise InputError(f"The theme file {name!r} has no list 'themes'; see data/themes.yml for an example.")
    themes = tuple(_theme(entry, f"{name}, theme {number}") for number, entry in enumerate(content["themes"], 1))
    ids = [theme.id for theme in themes]
    twice = next((theme for theme in ids if ids.count(theme) > 1), None)
    if twice:
        raise InputError(f"{name} has two themes with the id {twice!r}; give each its own.")
    return themes


def _theme(entry: Any, place: str) -> Theme:
    if not isinstance(entry, dict):
        raise InputError(f"{place}: found {entry!r}, expected a mapping with {', '.join(_KEYS)}.")
    unknown = [str(key) for key in entry if key not in _KEYS]
    if unknown:
        raise InputError(f"{place}: unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}.")
    theme_id = entry.get("id")
    if not isinstance(theme_id, str) or not _ID.fullmatch(theme_id):
        raise InputError(f"{place}: the id is {theme_id!r}, expected lower-case letters, digits and _.")
    title = entry.get("title", theme_id.replace("_", " ").capitalize())
    description = entry.get("description", "")
    if not isinstance(title, str) or not isinstance(description, str):
        raise InputError(f"{place} ({theme_id}): title and description must be text.")
    seeds = _phrases(entry.get("seeds"), f"{place} ({theme_id}), seeds")
    if not seeds:
        raise InputError(f"{place} ({theme_id}): no seeds; give a few phrases for at least one of {_known()}.")
    against = _phrases(entry.get("against"), f"{place} ({theme_id}), against")
    return Theme(id=theme_id, title=title, description=description.strip(), seeds=seeds, against=against)


def _known() -> str:
    return ", ".join(LANGUAGES)


def _phrases(entry: Any, place: str) -> dict[str, tuple[str, ...]]:
    if entry is None:
        return {}
    if not isinstance(entry, dict):
        raise InputError(f"{place}: found {type(entry).__name__}, expected phrases per language ({_known()}).")
    found: dict[str, tuple[str, ...]] = {}
    for language, phrases in entry.items():
        if language not in LANGUAGES:
            raise InputError(f"{place}: unknown language {language!r}; known are {_known()}.")
        if not isinstance(phrases, list) or not all(isinstance(p, str) and p.strip() for p in phrases):
            raise InputError(f"{place}, {language}: expected a list of phrases, each a text that is not empty.")
        if phrases:
            found[language] = tuple(dict.fromkeys(phrase.strip() for phrase in phrases))
    return found


def as_records(themes: Sequence[Theme]) -> list[dict[str, Any]]:
    """Return themes as plain records, for a JSON file beside the scores."""
    return [asdict(theme) for theme in themes]


def from_records(records: Any) -> tuple[Theme, ...]:
    """Return the themes that `as_records` made."""
    return tuple(Theme(**record) for record in records)
