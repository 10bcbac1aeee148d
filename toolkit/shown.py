"""What is shown of the chosen articles: trends, the rows of the table, the card of one article, a table to keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import intervals
from toolkit.clumps import Clumps, find_clumps
from toolkit.exhibits import counted, date, number, probability
from toolkit.languages import language_name
from toolkit.narrow import Choice, Chosen, days
from toolkit.nearest import nearest
from toolkit.opened import Bools, Ints, Opened
from toolkit.processors import one_thread
from toolkit.trend_figures import crowded_span

_LONGEST_TITLE = 300
_MOST_LISTED = 20
_MOST_SAID, _SHORT = 3, 40


def shares(opened: Opened, marks: Chosen) -> pd.DataFrame:
    """Return the share of each period's collected articles that is wanted, by theme, ``""`` for all of them.

    Columns: ``theme, start, label, partial, articles, total, share, low, high``; the 95% interval allows for clumps
    (`intervals.share_intervals`).
    """
    columns = "theme start label partial articles total share low high".split()
    if opened.calendar.empty:
        return pd.DataFrame(columns=columns)
    placed = opened.placed
    inside = marks.collected[placed["row"].to_numpy()]
    clumps = _clumps(opened, None if inside.all() else inside)
    rows = placed["row"].to_numpy()[inside]
    parts = []
    with one_thread():  # the products are small: threads that wait for each other take ten times as long
        for place, theme in [*enumerate(opened.titles), (-1, "")]:
            wanted = marks.wanted[rows] & (opened.judged.carried[rows, place] if theme else True)
            parts.append(intervals.share_intervals(clumps, wanted, opened.when.confidence).assign(theme=theme))
    table = pd.concat(parts, ignore_index=True).merge(opened.calendar[["start", "label", "partial"]])[columns]
    return table.astype({"articles": int})


def _clumps(opened: Opened, inside: Bools | None) -> Clumps:
    """Find how articles hang together; that of all articles is kept, since most choices share it."""
    starts = opened.calendar["start"].tolist()
    if inside is not None:
        return find_clumps(opened.placed[inside], starts)
    kept = opened.__dict__.setdefault("_kept", {})
    if "clumps" not in kept:
        kept["clumps"] = find_clumps(opened.placed, starts)
    found: Clumps = kept["clumps"]
    return found


def axis(opened: Opened) -> tuple[list[pd.Timestamp], int]:
    """Return the span of time that the trends show, and how many articles with stray dates lie outside."""
    starts = opened.calendar["start"]
    sizes = opened.placed["start"].value_counts().reindex(starts, fill_value=0)
    return crowded_span(pd.DataFrame({"start": sizes.index, "total": sizes.to_numpy()}))


def said(opened: Opened, chosen: Bools) -> str:
    """Return how many articles are chosen, and from which days they are."""
    day = days(opened)[chosen]
    dated = day[~np.isnat(day)]
    ends = [date(pd.Timestamp(one)) for one in ([dated.min(), dated.max()] if len(dated) else [])]
    when = f", {' to '.join(dict.fromkeys(ends))}" if ends else ""
    return f"{number(int(chosen.sum()))} of {counted(len(opened.articles), 'article')}{when}"


def mostly(opened: Opened, chosen: Bools) -> str:
    """Return which sources, topics and names most of the chosen articles have, the most frequent first."""
    short = dict(zip(opened.topics["topic_id"], opened.topics["short"], strict=True))
    named = opened.named[chosen[opened.named["row"].to_numpy()]].drop_duplicates(["row", "actor_id"])
    topics = pd.Series(opened.topic[chosen]).map(short).dropna()
    kinds = (("Source", opened.articles["source"][chosen]), ("Topic", topics), ("Named", named["name"]))
    return " · ".join(said for kind, values in kinds if (said := _most(kind, values)))


def _most(kind: str, values: pd.Series) -> str:
    sizes = values[values.astype(str) != ""].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    first = "; ".join(
        f"{str(name)[:_SHORT].strip()} ({number(int(size))})" for name, size in sizes.head(_MOST_SAID).items()
    )
    rest = f"; {number(len(sizes) - _MOST_SAID)} more" if len(sizes) > _MOST_SAID else ""
    return f"{kind}: {first}{rest}" if first else ""


def order(opened: Opened, choice: Choice, chosen: Bools, by: str = "date", falling: bool = True) -> Ints:
    """Return the chosen rows in the order of the table; ``by`` date, source, title, a theme's id, or found."""
    if by == "found" and choice.picked is not None:
        return choice.picked[chosen[choice.picked]]
    rows = np.flatnonzero(chosen)
    rank = _rank(opened, by)[rows]
    return rows[np.argsort(-rank if falling else rank, kind="stable")]


def _rank(opened: Opened, by: str) -> npt.NDArray[Any]:
    """Return a number for each article to sort by; undated ones are the oldest."""
    if by in opened.titles:
        return opened.judged.probability[:, list(opened.titles).index(by)]
    kept = opened.__dict__.setdefault("_kept", {})
    if (by, "rank") in kept:
        return np.asarray(kept[by, "rank"])
    if by in ("source", "title"):
        kept[by, "rank"] = opened.articles[by].str.lower().rank(method="dense").to_numpy()
        return np.asarray(kept[by, "rank"])
    stamps = opened.articles["published"].dt.tz_convert(None).to_numpy().astype("datetime64[s]")
    kept["date", "rank"] = np.where(np.isnat(stamps), np.iinfo(np.int64).min + 1, stamps.astype(np.int64))
    return np.asarray(kept["date", "rank"])


def headline(opened: Opened, row: int, width: int = _LONGEST_TITLE) -> str:
    """Return an article's title, or how it begins, in one line of at most `width` characters."""
    title, text = (opened.articles[name].iat[row] for name in ("title", "text"))
    words = " ".join(str(title or str(text)[: 2 * width])[: 2 * width].split()) or "(no title)"
    return words if len(words) <= width else words[: width - 1].rstrip() + "…"


def listed(opened: Opened, rows: Ints) -> list[dict[str, Any]]:
    """Return the rows of the table: ``row, date, source, title, themes, topic``."""
    short = dict(zip(opened.topics["topic_id"], opened.topics["short"], strict=True))
    day, themes = days(opened), list(opened.titles)
    return [
        {
            "row": int(row),
            "date": "" if np.isnat(day[row]) else str(day[row]),
            "source": str(opened.articles["source"].iat[row])[:_LONGEST_TITLE],
            "title": headline(opened, row),
            "themes": [themes[at] for at in np.flatnonzero(opened.judged.carried[row])],
            "topic": str(short.get(opened.topic[row], "")),
        }
        for row in rows
    ]


def card(opened: Opened, row: int) -> dict[str, Any]:
    """Return what the reader shows of an article: all of it, its evidence marked, its themes, and others like it."""
    about = opened.articles.iloc[row]
    topic = opened.topics.loc[opened.topics["topic_id"] == opened.topic[row], "label"]
    same = (opened.articles["story_id"] == about["story_id"]).to_numpy()
    others, (text,) = np.flatnonzero(same & (np.arange(len(same)) != row)), opened.texts([row])
    near = nearest(opened.vectors, row, same) if opened.vectors is not None else []
    url, spoken = str(about["url"]), language_name(str(about["language"]))
    marks = _evidence(opened, row, text)
    return {
        "row": int(row),
        "article_id": str(about["article_id"]),
        "title": str(about["title"]),
        "meta": [part for part in (str(about["source"]), date(about["published"]), spoken) if part],
        "url": url if url.startswith(("http://", "https://")) else "",
        "topic": str(topic.iat[0]) if len(topic) else "",
        "topic_id": int(opened.topic[row]),
        "themes": _themes(opened, row),
        "titled": [theme for start, _, theme in marks if start < 0],
        "parts": _parts(text, marks),
        "reprints": [*listed(opened, others[:_MOST_LISTED])],
        "reprinted": len(others),
        "near": [{**listed(opened, np.array([place]))[0], "cosine": f"{cosine:.2f}"} for place, cosine in near],
        "named": opened.named.loc[opened.named["row"] == row, "name"].drop_duplicates().tolist(),
    }


def _themes(opened: Opened, row: int) -> list[dict[str, Any]]:
    scored = zip(opened.titles, opened.judged.probability[row], opened.judged.carried[row], strict=True)
    return [
        {"theme": theme, "share": round(float(value), 4), "words": probability(float(value)), "carried": bool(carried)}
        for theme, value, carried in scored
    ]


def _evidence(opened: Opened, row: int, text: str) -> list[tuple[int, int, str]]:
    """Return (start, end, theme) of each carried theme's passage in the text; a start below 0 is the title."""
    carried = [at for at in np.flatnonzero(opened.judged.carried[row]) if opened.judged.row[row, at] >= 0]
    themes, places = list(opened.titles), [int(opened.judged.row[row, at]) for at in carried]
    found = []
    for at, where, evidence in zip(carried, places, opened.evidence(places), strict=True):
        theme = themes[at]
        start = int(opened.scores["evidence_offset"].to_numpy()[where])
        if start < 0 or text[start : start + len(evidence)] == evidence:
            found.append((start, start + len(evidence) if start >= 0 else -1, theme))
    return found


def _parts(text: str, marks: Sequence[tuple[int, int, str]]) -> list[tuple[str, list[str]]]:
    """Cut a text where passages begin and end: (words, themes whose evidence they are)."""
    inside = [mark for mark in marks if mark[0] >= 0]
    cuts = sorted({0, len(text), *(place for start, end, _ in inside for place in (start, end))})
    return [
        (text[left:right], [theme for start, end, theme in inside if start <= left and right <= end])
        for left, right in pairwise(cuts)
    ]


def frame(opened: Opened, rows: Ints) -> pd.DataFrame:
    """Return the chosen articles as a table: theirs, ``topic_id, topic`` and a probability a theme."""
    table = opened.articles.iloc[rows].reset_index(drop=True).assign(text=pd.Series(opened.texts(rows), dtype="str"))
    label = dict(zip(opened.topics["topic_id"], opened.topics["label"], strict=True))
    topic = opened.topic[rows]
    more: dict[str, Any] = {"topic_id": topic, "topic": [label.get(one, "") for one in topic]}
    for at, theme in enumerate(opened.titles):
        more[f"score_{theme}"] = opened.judged.probability[rows, at]
    return table.assign(**more)
