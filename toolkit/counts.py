"""Plain counts: what was collected, what was lost, and how themes spread over sources and languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.exhibits import OTHERS, date, number, opening, quoted
from toolkit.numbered import names_of
from toolkit.pieces import Steps, count_rows, together
from toolkit.schema import InputError, Kept, Pieces, Stored, Tell, quiet
from toolkit.settings import SelectSettings
from toolkit.stats import wilson

_MOST_SOURCES = 9
_LONGEST_TITLE, _OPENING = 100, 120
LIGHT = ("article_id", "published", "source", "language", "story_id")
"""The columns of an article table that counting needs, which are all but its texts."""


def gather_dropped(steps: Mapping[str, Kept | Stored]) -> pd.DataFrame:
    """Return what each step dropped: ``stage, reason, detail, title, source``, in the order of the steps.

    ``reason`` is the same for all rows lost in one way; ``detail`` keeps the words of the single row.
    """
    parts = []
    for stage, step in steps.items():
        lost = step.dropped
        detail = lost["reason"].astype(str) if len(lost) else pd.Series(dtype=str)
        parts.append(
            pd.DataFrame(
                {
                    "stage": stage,
                    "reason": detail.str.replace(r" of [0-9a-f]{16}$", " of another article", regex=True)
                    .str.replace(r": .*$", "", regex=True)
                    .str.replace(r"'.*'", "…", regex=True),
                    "detail": detail,
                    "title": lost.get("title", lost.get("excerpt", pd.Series("", index=lost.index))).astype(str),
                    "source": lost.get("source", lost.get("file", pd.Series("", index=lost.index))).astype(str),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def count_dropped(dropped: pd.DataFrame) -> pd.DataFrame:
    """Return ``stage, reason, articles``, in the order of the steps, the commonest reason of each first."""
    counts = dropped.groupby(["stage", "reason"], sort=False).size().rename("articles").reset_index()
    order = {stage: place for place, stage in enumerate(dict.fromkeys(dropped["stage"]))}
    ranked = counts.assign(place=counts["stage"].map(order)).sort_values(["place", "articles"], ascending=[True, False])
    return ranked.drop(columns="place").reset_index(drop=True)


def flow(step: Kept | Stored) -> dict[str, int]:
    """Return the rows that went into a lossy step and those that came out, for the record of its stage."""
    return {"rows_in": len(step.kept) + len(step.dropped), "rows_out": len(step.kept)}


def main_sources(articles: pd.DataFrame, most: int = _MOST_SOURCES) -> pd.Series:
    """Return each article's source, those beyond the `most` largest as `OTHERS`, none as ``unknown``."""
    named = articles["source"].replace("", "unknown")
    largest = named.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:most]
    return named.where(named.isin(largest), OTHERS)


def volume(articles: pd.DataFrame, calendar: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Return ``start, label, source, articles`` for every period and main source, absent pairs as zeros.

    `calendar` and `periods` as `trends.calendar` and `trends.assign_periods` give them.
    """
    named = articles[["article_id"]].assign(source=main_sources(articles))
    placed = periods.merge(named, on="article_id")
    counts = placed.groupby(["source", "start"]).size()
    every = calendar[["start", "label"]]
    sizes = placed["source"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    sources = [*sizes.index.drop(OTHERS, errors="ignore"), *sizes.index[sizes.index == OTHERS]]
    full = pd.MultiIndex.from_product([sources, every["start"]], names=["source", "start"])
    table = counts.reindex(full, fill_value=0).rename("articles").reset_index()
    return table.merge(every, on="start")


def shares_by(articles: pd.DataFrame, scores: pd.DataFrame, groups: pd.Series, name: str) -> pd.DataFrame:
    """Return ``theme, <name>, articles, total, share`` for each theme and group, the largest first, `OTHERS` last.

    `groups` gives each row of `articles` its group.
    """
    keyed = pd.DataFrame({"article_id": articles["article_id"].to_numpy(), name: groups.to_numpy()})
    totals = keyed[name].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    totals = pd.concat([totals.drop(OTHERS, errors="ignore"), totals[totals.index == OTHERS]])
    joined = scores.merge(keyed, on="article_id")
    carrying = joined.groupby(["theme", name], sort=False)["label"].sum()
    full = pd.MultiIndex.from_product([scores["theme"].unique(), totals.index], names=["theme", name])
    table = carrying.reindex(full, fill_value=0).astype(int).rename("articles").reset_index()
    table["total"] = table[name].map(totals).astype(int)
    return table.assign(share=table["articles"] / table["total"])


def with_interval(shares: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return `shares` (``articles, total``) with the Wilson interval of each share: ``low, high``."""
    low, high = wilson(shares["articles"], shares["total"], confidence)
    return shares.assign(low=low, high=high)


def theme_totals(scores: pd.DataFrame, articles: pd.DataFrame) -> pd.DataFrame:
    """Return ``theme, articles, share, stories, alone, unsure`` per theme, and a last row for no theme at all.

    ``alone`` counts articles that carry no other theme, ``unsure`` those with a probability from 35% to 65%.
    """
    at = pd.Index(articles["article_id"]).get_indexer(pd.Index(scores["article_id"]))
    carrying = (at >= 0) & scores["label"].to_numpy(dtype=bool)
    several, story = np.bincount(at[carrying], minlength=len(articles)), pd.factorize(articles["story_id"])[0]
    unsure, rows = scores[scores["score"].between(0.35, 0.65)].groupby("theme").size(), []
    for theme, mine in scores.groupby("theme", sort=False).indices.items():
        own = at[mine[carrying[mine]]]
        rows.append((theme, len(own), _count(story[own]), int((several[own] == 1).sum()), int(unsure.get(theme, 0))))
    none = np.flatnonzero(several == 0)
    rows.append(("", len(none), _count(story[none]), len(none), 0))
    table = pd.DataFrame(rows, columns=["theme", "articles", "stories", "alone", "unsure"])
    return table.assign(share=table["articles"] / max(1, len(articles)))


def _count(codes: npt.NDArray[np.intp]) -> int:
    """Return how many different ones of these numbers there are."""
    return int((np.bincount(codes) > 0).sum())


def surest_theme(scores: pd.DataFrame) -> pd.Series:
    """Return article_id -> the theme it carries with the highest probability, ``""`` where it carries none."""
    best = scores.sort_values("score", ascending=False, kind="stable").drop_duplicates("article_id")
    return best["theme"].where(best["label"], "").set_axis(best["article_id"])


def surest(scores: pd.DataFrame, articles: pd.DataFrame, most: int = 4) -> pd.DataFrame:
    """Return the surest articles of each theme, one a story, as many sources as there are: `articles` with
    ``theme, score``, in the order in which they are shown.

    `scores` needs ``article_id, theme, score, label``.
    """
    names = ["theme", "article_id", "score"]
    told, parts = articles[["article_id", "story_id", "source"]], [scores.head(0)[names]]
    for _, mine in scores[scores["label"].astype(bool)].groupby("theme", sort=False):
        ranked = mine[names].merge(told, on="article_id")
        ranked = ranked.sort_values(["score", "article_id"], ascending=[False, True]).drop_duplicates("story_id")
        ranked = ranked.assign(turn=ranked.groupby("source").cumcount())
        shown = ranked.sort_values(["turn", "score"], ascending=[True, False], kind="stable").head(most)
        parts.append(shown[names])
    return pd.concat(parts, ignore_index=True).merge(articles, on="article_id")


def select(
    articles: pd.DataFrame, settings: SelectSettings = SelectSettings(), named: Sequence[str] | None = None
) -> Kept:
    """Keep the articles that are wanted, among the ids `named` (None: all).

    Undated articles are dropped when a date is asked for. Raises `InputError` on a source that no article has, and
    where no article is left.
    """
    naming = None if named is None else (lambda _: named)
    return together(select_pieces([articles], settings, naming))


def select_pieces(
    pieces: Pieces,
    settings: SelectSettings = SelectSettings(),
    naming: Callable[[pd.DataFrame], Iterable[str]] | None = None,
    tell: Tell = quiet,
) -> Steps:
    """Keep as `select` does, of articles in pieces; `naming` gives the ids of those of a piece that are named.

    Without anything asked for, each piece is kept as it is.
    """
    if settings.sources:
        known = Counter(name for piece in pieces for name in piece["source"])
        unknown = sorted(set(settings.sources) - set(known))
        if unknown:
            largest = ", ".join(repr(name) for name, _ in known.most_common(8))
            raise InputError(f"No article has the source {unknown[0]!r}; the largest sources are {largest}.")
    done, some, lost = 0, False, Counter[str]()
    for piece in pieces:
        reason = _unwanted(piece, settings, naming)
        keep = reason == ""
        dropped = piece[~keep].assign(reason=reason[~keep]).reset_index(drop=True)
        yield Kept(piece[keep].reset_index(drop=True), dropped)
        lost.update(dropped["reason"])
        done, some = done + len(piece), some or bool(keep.any())
        tell(done, count_rows(pieces))
    if not some:
        raise InputError(_none_left(pieces, lost, settings.timezone))
    return None


def _unwanted(
    piece: pd.DataFrame, settings: SelectSettings, naming: Callable[[pd.DataFrame], Iterable[str]] | None
) -> npt.NDArray[np.object_]:
    """Return why each article is not wanted; empty where it is."""
    reason = np.full(len(piece), "", dtype=object)
    if naming is not None:
        reason[~piece["article_id"].isin(set(naming(piece))).to_numpy()] = "names none of the places asked for"
    if settings.start or settings.end:
        day = _days(piece, settings.timezone)
        if settings.start:
            reason[(day < settings.start).to_numpy()] = "published before the start asked for"
        if settings.end:
            reason[(day > settings.end).to_numpy()] = "published after the end asked for"
        reason[day.isna().to_numpy()] = "has no date, where dates were asked for"
    if settings.sources:
        reason[~piece["source"].isin(set(settings.sources)).to_numpy()] = "source not asked for"
    return reason


def _days(articles: pd.DataFrame, timezone: str) -> pd.Series:
    return pd.Series(articles["published"].dt.tz_convert(timezone).dt.tz_localize(None).dt.normalize())


def _none_left(pieces: Pieces, lost: Mapping[str, int], timezone: str) -> str:
    """Say what became of the articles where none is left, and from when to when they are dated."""
    if not lost:
        return "No article is left: there was none. Check the columns and what was asked for."
    said = "; ".join(f"{reason} ({number(count)})" for reason, count in Counter(lost).most_common())
    ends = pd.concat([_days(piece, timezone).agg(["min", "max"]) for piece in pieces])
    span = f" They are dated {date(ends.min())} to {date(ends.max())}." if ends.notna().any() else ""
    return f"No article is left of {number(sum(lost.values()))}: {said}.{span} Check what was asked for."


def map_places(
    articles: pd.DataFrame, assigned: pd.DataFrame, topics: pd.DataFrame, scores: pd.DataFrame
) -> pd.DataFrame:
    """Return what the map shows of each article: ``x, y, title, published, source, topic, page, theme``."""
    label = topics.set_index("topic_id")["label"]
    shown = articles.merge(assigned, on="article_id")
    return pd.DataFrame(
        {
            "x": shown["x"],
            "y": shown["y"],
            "title": shown["title"].where(shown["title"] != "", shown["text"].str.slice(0, 120)),
            "published": shown["published"],
            "source": shown["source"],
            "topic": shown["topic_id"].map(label).fillna("hidden topic"),
            "page": "articles/topic-" + shown["topic_id"].astype(str) + ".html",
            "theme": shown["article_id"].map(surest_theme(scores)),
        }
    )


def topic_places(assigned: pd.DataFrame, topics: pd.DataFrame) -> pd.DataFrame:
    """Return `topics` with the median place of their articles (``x, y``) and ``short``, their first term."""
    middle = assigned.groupby("topic_id")[["x", "y"]].median().reset_index()
    return topics.merge(middle, on="topic_id").assign(short=topics["label"].str.split(", ").str[:2].str.join(", "))


def outside_topics(
    topics: pd.DataFrame, assigned: pd.DataFrame, scores: pd.DataFrame, articles: pd.DataFrame
) -> pd.DataFrame:
    """Return the topics at least half of whose articles carry no theme: `topics` with ``outside`` and ``headline``.

    ``outside`` counts those articles, the largest first; ``headline`` is the title (or beginning) of the one among
    them that is nearest to the topic's centre.
    """
    carried = scores.loc[scores["label"], "article_id"]
    bare = assigned[~assigned["article_id"].isin(carried)].merge(articles[["article_id", "title", "text"]])
    central = bare.sort_values(["closeness", "article_id"], ascending=[False, True]).drop_duplicates("topic_id")
    heads = [title or opening(text, _OPENING) for title, text in zip(central["title"], central["text"], strict=True)]
    sizes = bare.groupby("topic_id").size()
    counted = topics.assign(
        outside=topics["topic_id"].map(sizes).fillna(0).astype(int),
        headline=topics["topic_id"].map(dict(zip(central["topic_id"], heads, strict=True))).fillna(""),
    )
    largest = counted[counted["outside"] * 2 >= counted["articles"]]
    return largest.sort_values(["outside", "topic_id"], ascending=[False, True]).reset_index(drop=True)


def cited(found: pd.DataFrame, articles: pd.DataFrame) -> pd.DataFrame:
    """Return `found` with ``cited``, the articles of ``led`` as people cite them: title, source and date.

    ``led`` has ids as `articles` has them, and their names after that.
    """
    named = articles[articles["article_id"].isin({one for ids in found["led"] for one in ids})].set_index("article_id")
    cells = [[_citation(named.loc[one]) for one in ids] for ids in found["led"]]
    names = pd.Series([names_of(ids) for ids in found["led"]], index=found.index, dtype=object)
    return found.assign(led=names, cited=pd.Series(cells, index=found.index, dtype=object))


def _citation(article: pd.Series) -> str:
    said = " ".join(str(article["title"]).split())
    if not said or len(said) > _LONGEST_TITLE:
        said = opening(said or str(article["text"])[: 2 * _LONGEST_TITLE], _LONGEST_TITLE)
    return f"{quoted(said)} ({', '.join(filter(None, [article['source'], date(article['published'])]))})"


def with_organisation(pairs: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Keep the pairs of `actors.named_together` in which at least one is an organisation.

    A city and its country stand together in most articles, which says nothing.
    """
    known = set(named.loc[named["kind"] == "organisation", "actor_id"])
    return pairs[pairs["actor_a"].isin(known) | pairs["actor_b"].isin(known)].reset_index(drop=True)


def top_named(named: pd.DataFrame, kinds: Sequence[str], themes: Sequence[str], most: int = 12) -> pd.DataFrame:
    """Return the `most` names of the given kinds in each theme; `named` as `actors.count_actors` gives it."""
    mine = named[named["kind"].isin(list(kinds)) & named["theme"].isin(list(themes))]
    ranked = mine.sort_values(["articles", "name"], ascending=[False, True])
    return ranked.groupby("theme", sort=False).head(most).reset_index(drop=True)
