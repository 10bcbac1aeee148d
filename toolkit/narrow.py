"""What is chosen of a run: filters to articles, and the same in code.

Filters of one kind are alternatives, filters of different kinds must all hold. *Collected* are the articles of the
sources and languages asked for: shares are of those, because sources and languages say what was looked through, and
the other filters what is looked for. Dates never change a trend; they choose a span of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.exhibits import rows
from toolkit.languages import language_name
from toolkit.opened import Bools, Ints, Opened
from toolkit.pieces import ahead
from toolkit.schema import InputError

_LONGEST_TITLE = 300
_MOST_LISTED, _MOST_SPELT = 20, 4
_EDGE = r"[^\p{L}\p{N}]"
"""What stands beside a word: RE2, by which Arrow looks, knows word ends in ASCII alone."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is asked for; empty means all."""

    theme: tuple[str, ...] = ()
    """Theme ids; ``""`` is no theme."""
    topic: tuple[int, ...] = ()
    source: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    actor: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    text: str = ""
    """Words that all occur in title or text; words in quotes, together; ``terror*``: with any ending."""
    picked: Ints | None = field(default=None, compare=False)
    """Rows picked on the map, or found by a search, best first."""

    def __bool__(self) -> bool:
        return self.picked is not None or any(getattr(self, f.name) for f in fields(self) if f.name != "picked")


class Chosen(NamedTuple):
    """Marks of the articles: collected (what shares are of), looked for (dates aside), chosen (dates too)."""

    collected: Bools
    wanted: Bools
    chosen: Bools


def choose(opened: Opened, choice: Choice) -> Chosen:
    """Return which articles a choice holds."""
    articles, every = opened.articles, np.ones(len(opened.articles), dtype=bool)
    collected = every.copy()
    for name, asked in (("source", choice.source), ("language", choice.language)):
        collected &= articles[name].isin(asked).to_numpy() if asked else every
    wanted = collected.copy()
    if choice.theme:
        wanted &= _of_themes(opened, choice.theme)
    if choice.topic:
        wanted &= np.isin(opened.topic, choice.topic)
    if choice.actor:
        wanted &= _marks(opened, opened.named.loc[opened.named["actor_id"].isin(choice.actor), "row"].to_numpy())
    if choice.text.strip():
        wanted &= _holding(opened, choice.text)
    if choice.picked is not None:
        wanted &= _marks(opened, choice.picked)
    return Chosen(collected, wanted, wanted & _between(opened, choice.start, choice.end))


def _marks(opened: Opened, rows: Ints) -> Bools:
    marks = np.zeros(len(opened.articles), dtype=bool)
    marks[rows] = True
    return marks


def _of_themes(opened: Opened, asked: Sequence[str]) -> Bools:
    order = list(opened.titles)
    carried = opened.judged.carried[:, [order.index(theme) for theme in asked if theme]].any(axis=1)
    return np.asarray(carried | (("" in asked) & ~opened.judged.carried.any(axis=1)))


def _holding(opened: Opened, text: str) -> Bools:
    """Mark the articles in which every word (or phrase in quotes) stands, whatever its case."""
    kept = opened.__dict__.setdefault("_kept", {})
    if ("text", text) not in kept:
        phrases = [" ".join((quoted or word).split()) for quoted, word in re.findall(r'"([^"]+)"|([^\s"]+)', text)]
        kept["text", text] = np.concatenate([_all_within(piece, phrases) for piece in ahead(opened.pieces())])
    return np.asarray(kept["text", text])


def _all_within(piece: pd.DataFrame, phrases: Sequence[str]) -> Bools:
    """Mark the articles of a piece in whose title or text each of the phrases stands."""
    title, text = (pa.array(piece[name], type=pa.large_string()) for name in ("title", "text"))
    left = np.arange(len(piece))
    for phrase in phrases:
        left = left[_within(title, phrase, left) | _within(text, phrase, left)]
    marks = np.zeros(len(piece), dtype=bool)
    marks[left] = True
    return marks


def _within(column: pa.Array, phrase: str, rows: Ints) -> Bools:
    """Mark the `rows` in which a phrase stands as whole words; the words around it are looked at where it stands."""
    bare, ending = phrase.rstrip("*"), "" if phrase.endswith("*") else _EDGE + "|$"
    inside = column if len(rows) == len(column) else column.take(pa.array(rows))
    found = np.array(pc.match_substring(inside, bare, ignore_case=True).to_numpy(zero_copy_only=False), dtype=bool)
    some = inside.take(pa.array(np.flatnonzero(found)))
    pattern = f"(?i)(?:^|{_EDGE}){re.escape(bare)}(?:{ending})"
    found[found] = pc.match_substring_regex(some, pattern).to_numpy(zero_copy_only=False)
    return found


def _between(opened: Opened, start: str, end: str) -> Bools:
    day = days(opened)
    early = day >= np.datetime64(start) if start else np.ones(len(day), dtype=bool)
    late = day <= np.datetime64(end) if end else np.ones(len(day), dtype=bool)
    return np.asarray(early & late)  # an undated article is never between


def days(opened: Opened) -> npt.NDArray[np.datetime64]:
    """Return each article's day where the run counted its days; NaT where it has none."""
    kept = opened.__dict__.setdefault("_kept", {})
    if "days" not in kept:
        local = opened.articles["published"].dt.tz_convert(opened.when.timezone).dt.tz_localize(None)
        kept["days"] = local.to_numpy().astype("datetime64[D]")
    return np.asarray(kept["days"])


def check(opened: Opened, asked: dict[str, Any]) -> dict[str, Any]:
    """Return filters as a `Choice` takes them; `InputError` names what no article of the run has."""
    names = [f.name for f in fields(Choice) if f.name != "picked"]
    if unknown := [name for name in asked if name not in names]:
        raise InputError(f"There is no filter {unknown[0]!r}; the filters are {', '.join(names)}.")
    known = {name: {value for value, _, _ in offered} for name, offered in offers(opened).items()}
    found: dict[str, Any] = {}
    for name, value in asked.items():
        if name not in known:
            found[name] = _day(str(value or ""), name) if name in ("start", "end") else str(value or "")
            continue
        values = tuple(value) if isinstance(value, list | tuple | set) else (value,)
        for each in values:
            if each not in known[name]:
                some = ", ".join(repr(one) for one, _, _ in offers(opened)[name][:8])
                raise InputError(f"No article has the {name} {each!r}; the largest are {some or 'none at all'}.")
        found[name] = values
    return found


def _day(text: str, name: str) -> str:
    if text and (not _DAY.fullmatch(text) or pd.isna(pd.to_datetime(text, errors="coerce"))):
        raise InputError(f"{name} is {text!r}, expected a date such as 2024-08-31.")
    return text


def offers(opened: Opened) -> dict[str, list[tuple[Any, str, int]]]:
    """Return what each filter offers, as (value, words, articles), the largest first; themes in their order."""
    kept = opened.__dict__.setdefault("_kept", {})
    if "offers" in kept:
        return dict(kept["offers"])
    carried = opened.judged.carried
    themes = [(theme, title, int(carried[:, at].sum())) for at, (theme, title) in enumerate(opened.titles.items())]
    topics = [(int(t.topic_id), str(t.label), int(t.articles)) for t in rows(opened.topics)]
    named = opened.named.drop_duplicates(["row", "actor_id"])
    names = dict(zip(named["actor_id"], named["name"], strict=True))
    kept["offers"] = {
        "theme": [*themes, ("", "no theme", int((~carried.any(axis=1)).sum()))],
        "topic": sorted(topics, key=lambda topic: (-topic[2], topic[0])),
        "source": [(str(s), str(s) or "unknown", int(n)) for s, n in _sizes(opened.articles["source"])],
        "language": [(str(c), language_name(str(c)), int(n)) for c, n in _sizes(opened.articles["language"])],
        "actor": [(str(a), str(names[a]), int(n)) for a, n in _sizes(named["actor_id"])],
    }
    return dict(kept["offers"])


def _sizes(values: pd.Series) -> list[tuple[Any, int]]:
    found = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return list(found.items())


def code(choice: Choice, opened: Opened, found: str = "") -> str:
    """Return the call that makes this choice; `found` is the call that made what is picked, if there is one."""
    given = {f.name: getattr(choice, f.name) for f in fields(choice) if f.name != "picked" and getattr(choice, f.name)}
    words = ", ".join(f"{name}={list(value) if isinstance(value, tuple) else value!r}" for name, value in given.items())
    calls = [f"view.filter({words})"] * bool(words)
    if choice.picked is not None and found:
        calls.append(found)
    elif choice.picked is not None and len(choice.picked) <= _MOST_SPELT:
        calls.append(f"view.pick({opened.articles['article_id'].to_numpy()[choice.picked].tolist()})")
    elif choice.picked is not None:
        calls.append('ids = view.selection["article_id"].tolist(); view.pick(ids)')
    return "; ".join(calls) or "view.clear()"


def without(choice: Choice, name: str, value: Any) -> Choice:
    """Return the choice without one of its filters."""
    if name == "picked":
        return replace(choice, picked=None)
    now = getattr(choice, name)
    left: dict[str, Any] = {name: tuple(one for one in now if one != value) if isinstance(now, tuple) else ""}
    return replace(choice, **left)


def periods(opened: Opened, low: pd.Timestamp, high: pd.Timestamp) -> tuple[str, str] | None:
    """Return the first and last day of the periods that begin between two times; no last day where none follows."""
    every = opened.calendar["start"]
    inside, after = every[(every >= low) & (every <= high)], every[every > high]
    end = f"{after.iloc[0] - pd.Timedelta(days=1):%Y-%m-%d}" if len(after) else ""
    return (f"{inside.iloc[0]:%Y-%m-%d}", end) if len(inside) else None
