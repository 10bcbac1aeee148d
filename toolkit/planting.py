"""A phrase becomes a seed of a theme: one piece of text put into the analyst's file, all else as it was.

Comments, order, quotes and line ends stay. What comes out is read again before it takes the old file's place, and has
to hold the same phrases and the new one.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from toolkit import nodes, store
from toolkit.schema import InputError
from toolkit.themefile import Phrase, from_records, load_themes, read_phrases
from toolkit.words import LANGUAGES, tokens

_WORDS = 40


def add_seed(path: Path | str, theme: str, language: str, phrase: str, side: str = "seeds") -> Phrase:
    """Put `phrase` behind the last seed of `theme` in `language` in a theme file; return it as it stands there.

    `side` is ``seeds`` or ``against``. A phrase that is there already is returned, and the file is left alone.
    `InputError` where the file is wrong, the theme or language unknown, or the phrase no phrase.
    """
    path = Path(path)
    themes = [found.id for found in load_themes(path)]
    before = read_phrases(path)
    wanted = _checked(phrase, theme, language, side, themes)
    same = [p for p in before if (p.theme, p.side, p.language, p.text) == (theme, side, language, wanted)]
    if same:
        return same[0]
    text = path.read_bytes().decode("utf-8")
    _replace(path, _with(text, path.name, (theme, side, language), wanted), (theme, side, language, wanted), 1)
    return next(
        p for p in read_phrases(path) if (p.theme, p.side, p.language, p.text) == (theme, side, language, wanted)
    )


def remove_seed(path: Path | str, theme: str, language: str, phrase: str, side: str = "seeds") -> None:
    """Take `phrase` out of a theme file again, where it stands last; `InputError` where it is not there."""
    path, wanted = Path(path), nodes.one_line(phrase)
    key = (theme, side, language, wanted)
    if key not in [found[:4] for found in read_phrases(path)]:
        raise InputError(f"{path} does not hold {wanted[:60]!r} among the {side} of {theme}: it was changed meanwhile.")
    _replace(path, _without(path.read_bytes().decode("utf-8"), path.name, key), key, -1)


def added_since(path: Path | str, records: Any) -> list[tuple[str, ...]]:
    """Return the phrases (theme, side, language, text) of a file that `records` of its themes do not hold.

    Nothing where it is another file: one that lacks some of theirs. Raises `InputError` or `TypeError` for what is
    no theme file, and no record of one.
    """
    known = {
        (theme.id, side, language, text)
        for theme in from_records(records)
        for side, groups in (("seeds", theme.seeds), ("against", theme.against))
        for language, texts in groups.items()
        for text in texts
    }
    now = list(dict.fromkeys(phrase[:4] for phrase in read_phrases(path)))
    return [one for one in now if one not in known] if known <= set(now) else []


def _checked(phrase: str, theme: str, language: str, side: str, themes: list[str]) -> str:
    for name, value, known in (
        ("theme", theme, themes),
        ("language", language, list(LANGUAGES)),
        ("side", side, ["seeds", "against"]),
    ):
        if value not in known:
            raise InputError(f"The {name} is {value!r}, expected one of: {', '.join(known)}.")
    line = nodes.one_line(phrase)
    if not tokens(line):
        raise InputError(f"The phrase is {line[:60]!r}, expected one with a word that is no stop word.")
    if len(line.split()) > _WORDS:
        raise InputError(
            f"The phrase has {len(line.split())} words, expected {_WORDS} at most: take its best sentence."
        )
    return line


def _replace(path: Path, text: str, new: tuple[str, str, str, str], more: int) -> None:
    """Write `text` to `path` if it reads as the file does now, with the phrase `new` once more, or once less (-1)."""
    wanted = Counter(phrase[:4] for phrase in read_phrases(path))
    wanted[new] += more
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_bytes(text.encode("utf-8"))
        after = Counter(phrase[:4] for phrase in read_phrases(trial))
    if after != +wanted:
        way, by_hand = ("put in", "add it to") if more > 0 else ("taken out", "take it out of")
        raise InputError(
            f"{path.name}: the phrase {new[3][:60]!r} cannot be {way} without changing others (an alias?): "
            f"{by_hand} the {new[1]} of {new[0]} by hand."
        )
    store.write_text(text, path)


def _with(text: str, name: str, where: tuple[str, str, str], phrase: str) -> str:
    """Return `text` with `phrase` put in: behind the last of its language, or as the first of a new language."""
    theme, side, language = where
    entry = _entry(text, name, theme)
    groups, put = _value(entry, side), nodes.quoted(phrase)
    if groups is None or nodes.is_null(groups):
        return _new_key(text, entry, side, groups, f"{{{language}: [{put}]}}")
    group = _value(groups, language)
    if group is None:
        return _new_key(text, groups, language, None, f"[{put}]")
    if group.flow_style:
        place = nodes.end(group.value[-1]) if group.value else group.start_mark.index + 1
        return text[:place] + (", " if group.value else "") + put + text[place:]
    return _new_line(text, nodes.end(group), group.start_mark.column, f"- {put}")


def _without(text: str, name: str, key: tuple[str, str, str, str]) -> str:
    """Return `text` without a phrase: with the comma before it, or with its line."""
    theme, side, language, phrase = key
    group = _value(_value(_entry(text, name, theme), side), language)
    at = max(place for place, item in enumerate(group.value) if nodes.one_line(item.value) == phrase)
    start, end = group.value[at].start_mark.index, nodes.end(group.value[at])
    if not group.flow_style:
        return text[: text.rfind("\n", 0, start) + 1] + text[nodes.after_line(text, end) :]
    if at:
        return text[: nodes.end(group.value[at - 1])] + text[end:]
    return text[:start] + text[group.value[1].start_mark.index if len(group.value) > 1 else end :]


def _entry(text: str, name: str, theme: str) -> Any:
    root = nodes.compose_text(text, name, "theme file", "see data/themes.yml")
    return next(item for item in _value(root, "themes").value if _value(item, "id").value == theme)


def _value(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _new_key(text: str, node: Any, key: str, old: Any, value: str) -> str:
    """Return `text` with ``key: value`` behind the last of a mapping; a key that is there without a value gets it."""
    if old is not None:
        place = old.start_mark.index
        return (
            text[: old.start_mark.index] + ("" if text[place - 1] == " " else " ") + value + text[old.end_mark.index :]
        )
    if node.flow_style:
        place = nodes.end(node.value[-1][1])
        return f"{text[:place]}, {key}: {value}{text[place:]}"
    return _new_line(text, nodes.end(node), node.start_mark.column, f"{key}: {value}")


def _new_line(text: str, place: int, column: int, line: str) -> str:
    """Return `text` with `line` on a line of its own, at `column`, behind the line that holds `place`."""
    ending = "\r\n" if "\r\n" in text else "\n"
    at = nodes.after_line(text, place)
    head = text[:at] if not at or text[at - 1] == "\n" else text[:at] + ending
    return f"{head}{' ' * column}{line}{ending}{text[at:]}"
