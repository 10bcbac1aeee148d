"""The gazetteer: an analyst's own list of organisations and places, read with what is wrong with it told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from toolkit.nodes import read
from toolkit.schema import InputError

KINDS = ("organisation", "country", "region", "city")
LANGUAGES = ("en", "ru", "kk")
NOT = "not"
KEYS = ("id", "kind", "name", "group", "aliases", NOT)
_USUAL = re.compile(r"[^\W_][^\s*?][^*?]*")
GAZETTEER_COLUMNS = ("actor_id", "name", "kind", "group", "language", "alias")


def load_gazetteer(path: str | Path) -> pd.DataFrame:
    """Read a gazetteer file: one row an alias, with the columns `GAZETTEER_COLUMNS`.

    ``language`` is ``en``, ``ru``, ``kk``, or ``not`` for a phrase that is no mention; the name is an English alias.
    Raises `InputError` naming the line or the entry: unreadable YAML, unknown or missing keys, an id given twice, an
    alias in two entries, too short, or with a ``*`` or ``?`` where it means nothing.
    """
    where = f"The gazetteer {path}"
    entries = _read(Path(path), where)
    rows = [row for place, entry in enumerate(entries, 1) for row in _rows(entry, f"{where}, entry {place}")]
    _refuse_duplicates(rows, [entry["id"] for entry in entries], where)
    return pd.DataFrame(rows, columns=list(GAZETTEER_COLUMNS))


def _expect(holds: object, problem: str) -> None:
    if not holds:
        raise InputError(problem)


def _read(path: Path, where: str) -> list[Any]:
    try:
        data = read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{where} cannot be read; mend what is wrong with it: {problem}.") from error
    entries = data["actors"] if isinstance(data, dict) and set(data) == {"actors"} else None
    listed = entries if isinstance(entries, list) else []
    _expect(listed, f"{where} must hold the key 'actors' alone, with a list of entries under it.")
    return listed


def _rows(entry: Any, where: str) -> list[tuple[str, str, str, str, str, str]]:
    where += f" ({entry.get('id', 'without id')})," if isinstance(entry, dict) else ","
    _known(entry, KEYS, where)
    for key in ("id", "kind", "name", "group"):
        value = entry.get(key, "-" if key == "group" else None)
        _expect(isinstance(value, str) and value.strip(), f"{where} has {value!r} as its {key}, expected text.")
    kind, form = entry["kind"], "small letters, digits and underscores, a letter first"
    _expect(kind in KINDS, f"{where} has the kind {kind!r}, expected one of: {', '.join(KINDS)}.")
    _expect(re.fullmatch("[a-z][a-z0-9_]*", entry["id"]), f"{where} has a wrong id, expected {form}.")
    base = (entry["id"], entry["name"], kind, entry.get("group", ""))
    return [(*base, language, alias) for language, alias in dict.fromkeys(_aliases(entry, where))]


def _known(table: Any, keys: tuple[str, ...], where: str) -> None:
    unknown = [key for key in table if key not in keys] if isinstance(table, dict) else [table]
    _expect(not unknown, f"{where} has the unknown key {unknown[:1]}; known are: {', '.join(keys)}.")


def _aliases(entry: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    aliases = entry.get("aliases") or {}
    _known(aliases, LANGUAGES, where)
    for language, listed in [("en", [entry["name"]]), *aliases.items(), (NOT, entry.get(NOT))]:
        words = listed or []
        _expect(isinstance(words, list), f"{where} has {words!r} under {language!r}, expected a list.")
        for word in words:
            _check_alias(word, language, where)
            yield language, word


def _check_alias(alias: Any, language: str, where: str) -> None:
    if isinstance(alias, str) and _USUAL.fullmatch(alias):  # most are, and sentences about the others take time
        return
    _expect(isinstance(alias, str), f"{where} has {alias!r} under {language!r}, expected text: put it in quotes.")
    where = f"{where} has the alias {alias!r},"
    plain = re.sub(r"^\? | \?$", "", alias) if language == NOT else alias
    _expect(len(re.sub(r"[*\s]", "", plain)) >= 2, f"{where} expected 2 characters or more.")
    _expect(plain[0].isalnum(), f"{where} expected a letter or digit at its beginning.")
    _expect(not re.search(r"\*(?![\s-]|$)", plain), f"{where} expected a * only at the end of a word.")
    _expect("?" not in plain, f"{where} expected a ? only as the first or last word of a phrase under 'not'.")


def _refuse_duplicates(rows: list[tuple[str, str, str, str, str, str]], ids: list[str], where: str) -> None:
    twice = [name for name, count in Counter(ids).items() if count > 1]
    _expect(not twice, f"{where} has {twice[:1]} as the id of two entries; give every entry its own.")
    owners: dict[str, str] = {}
    for actor, *_, language, alias in rows:
        owner = actor if language == NOT else owners.setdefault(alias if alias.isupper() else alias.lower(), actor)
        if owner != actor:
            raise InputError(f"{where} has the alias {alias!r} in both {owner!r} and {actor!r}.")
