"""The pages that list the articles behind a number: a page a theme, a theme and period, and a topic.

Tables in, page contents out: what a row says, in which order, and where it leads. Nothing is written here, and nothing
is escaped: that is the template's part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit import exhibits
from toolkit.exhibits import date, number
from toolkit.languages import language_name
from toolkit.lines import BEGUN, QUOTE, Row, listed
from toolkit.schema import InputError

PAGE = re.compile(r"articles/[a-z0-9_-]+\.html")
"""What a page of articles may be called; nothing else is ever linked from a figure."""
MOST_ROWS = 200
MOST_TOPIC_ROWS = 300
_SHORT_QUOTE = 200
SHOWN = ("article_id", "published", "source", "url", "title", "text", "language", "story_id")
"""The columns of articles that pages are made of; the last need not be there."""
_SCORED = ("source", "tongue", "also")
_SHEET = ["article_id", "published", "source", "language", "title", "url", "score", "also"]


class Tables(NamedTuple):
    """What a run left behind; a table that it did not make is None."""

    articles: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    points: pd.DataFrame | None = None
    topics: pd.DataFrame | None = None
    assigned: pd.DataFrame | None = None
    themes: Sequence[Mapping[str, Any]] = ()
    """Records with ``id, title, description``."""


class Link(NamedTuple):
    """Where to, what it says, and how many articles lie there."""

    text: str
    href: str
    articles: int = 0


class Page(NamedTuple):
    """One page of articles; links are relative to the folder it lies in."""

    title: str
    crumbs: Sequence[Link]
    lead: str
    rows: Sequence[Row]
    note: str = ""
    sheet: str = ""
    before: Link | None = None
    after: Link | None = None
    periods: Sequence[Link] = ()
    articles: int = 0


class Pages(NamedTuple):
    """Pages by their address (``articles/….html``), and tables to be written beside them as CSV."""

    pages: Mapping[str, Page]
    sheets: Mapping[str, pd.DataFrame]


class Ready(NamedTuple):
    """What pages show that no trend changes."""

    themes: Mapping[str, tuple[str, str]]
    """Theme -> its title and description."""
    carried: Mapping[str, pd.DataFrame]
    """Theme -> a row an article that carries it, the surest first."""
    topics: Mapping[str, Page]


def article_pages(tables: Tables, timezone: str = "UTC") -> Pages:
    """Make every page of articles that the tables allow; dates are those of `timezone` (an IANA name).

    Raises `InputError` where a page has an unfit name, or where a trend point counts other articles than the
    tables hold: a number that cannot be traced to its articles is not shown.
    """
    return with_points(ready(tables, timezone), tables.points)


def ready(tables: Tables, timezone: str = "UTC") -> Ready:
    """Make what `article_pages` needs and what is not of the trends; raises as it does."""
    if tables.articles is None or tables.articles.empty:
        return Ready({}, {}, {})
    articles, themes = _readable(tables.articles, timezone), _themes(tables)
    carried = _carried(articles, tables.scores)
    titles = {theme: title for theme, (title, _) in themes.items()}
    topics = dict(_chain(_topic_pages(tables, articles, carried, titles)))
    return Ready(themes, {theme: carried[carried["theme"] == theme] for theme in themes}, topics)


def with_points(known: Ready, points: pd.DataFrame | None) -> Pages:
    """Make every page of what is `ready` and of the points of trends; raises as `article_pages` does."""
    made: dict[str, Page] = {}
    for theme, (title, description) in known.themes.items():
        mine, own = known.carried[theme], _points(points, theme)
        made[_checked(f"articles/{theme}.html")] = _theme_page(theme, (title, description), mine, own)
        made.update(_chain(_period_pages(theme, title, mine, own)))
    sheets = {f"articles/{theme}.csv": mine[_SHEET] for theme, mine in known.carried.items() if len(mine) > MOST_ROWS}
    return Pages({**made, **known.topics}, sheets)


def _checked(address: str) -> str:
    if not PAGE.fullmatch(address):
        raise InputError(f"A page would be called {address!r}, expected only a-z, 0-9, '_' and '-': rename the theme.")
    return address


def _themes(tables: Tables) -> dict[str, tuple[str, str]]:
    """Return id -> (title, description) of the theme file's themes; without it, of those that were scored."""
    if tables.scores is None:
        return {}
    found = tables.themes or [{"id": theme} for theme in tables.scores["theme"].unique()]
    return {str(t["id"]): (str(t.get("title") or t["id"]), str(t.get("description") or "")) for t in found}


def _readable(articles: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return the columns that pages show, the local date, and what is known of further copies, a row an article."""
    shown = articles[list(SHOWN[:-1])].copy()
    shown["text"] = shown["text"].str.slice(0, BEGUN).fillna("")
    shown["title"] = shown["title"].fillna("")
    shown["local"] = shown["published"].dt.tz_convert(timezone).dt.tz_localize(None)
    shown["dated"] = _each(shown["local"].dt.normalize(), date)
    shown["tongue"] = _each(shown["language"], language_name)
    shown["also"] = _copies(articles)
    return shown


def _each(column: pd.Series, say: Callable[[Any], str]) -> npt.NDArray[np.object_]:
    """Return what `say` makes of each cell of a column in which few are different."""
    codes, known = pd.factorize(column, use_na_sentinel=False)
    return np.array([say(one) for one in known], dtype=object)[codes]


def _copies(articles: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Say for each article how often its story is told elsewhere; empty where it is not."""
    said = np.full(len(articles), "", dtype=object)
    if "story_id" not in articles.columns:
        return said
    story = pd.factorize(articles["story_id"])[0]
    several = np.flatnonzero((np.bincount(story + 1)[story + 1] > 1) & (story >= 0))
    known = articles["source"].iloc[several].reset_index(drop=True)
    known = known.where(known != "")
    stories = known.groupby(story[several])
    outlets, copies = stories.transform("nunique") - known.notna(), stories.transform("size") - 1
    said[several] = [_retold(others, more) for others, more in zip(outlets, copies, strict=True)]
    return said


def _retold(outlets: int, copies: int) -> str:
    if outlets > 0:
        return f"also told by {_number(outlets, 'other outlet')}"
    return f"{_number(copies, 'further version')} of this story" if copies > 0 else ""


def _number(count: int, noun: str) -> str:
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def _verb(count: int) -> str:
    return "carries" if count == 1 else "carry"


def _carried(articles: pd.DataFrame, scores: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row a labelled article and theme, the surest first."""
    if scores is None:
        return articles.head(0).assign(theme="", score=0.0, evidence="")
    joined = scores.loc[scores["label"].astype(bool), ["article_id", "theme", "score", "evidence"]].merge(
        articles, on="article_id"
    )
    return joined.sort_values(["score", "article_id"], ascending=[False, True], ignore_index=True)


def _points(points: pd.DataFrame | None, theme: str) -> pd.DataFrame:
    if points is None or points.empty:
        return pd.DataFrame()
    return points[points["theme"] == theme].sort_values("start", ignore_index=True)


def _theme_page(theme: str, names: tuple[str, str], mine: pd.DataFrame, points: pd.DataFrame) -> Page:
    title, description = names
    note, sheet = _cut(theme, len(mine))
    links = [Link(str(p.label), _inside(p.page), int(p.articles)) for p in exhibits.rows(points) if p.articles]
    lead = f"{description} {_number(len(mine), 'article')} {_verb(len(mine))} this theme."
    shown = listed(mine.head(MOST_ROWS), _SCORED, _SHORT_QUOTE if links else QUOTE)
    return Page(title, [], lead.strip(), shown, note, sheet, periods=links, articles=len(mine))


def _cut(theme: str, count: int) -> tuple[str, str]:
    if count <= MOST_ROWS:
        return "", ""
    return f"Showing the {MOST_ROWS} surest of {number(count)}; all of this theme are in", f"{theme}.csv"


def _inside(page: str) -> str:
    """Return the address of a page of articles as seen from another."""
    return _checked(str(page)).removeprefix("articles/")


def _period_pages(theme: str, title: str, mine: pd.DataFrame, points: pd.DataFrame) -> Iterator[tuple[Link, Page]]:
    if points.empty:
        return
    dated = mine[mine["local"] <= _end(points.iloc[-1])]  # what lies beyond is a stray date
    place = pd.Series(points["start"].searchsorted(dated["local"], side="right") - 1, index=dated.index)
    _check_counts(theme, points, place)
    of = place.to_numpy()
    order = np.argsort(of, kind="stable")
    bounds = np.searchsorted(of[order], np.arange(len(points) + 1))
    parts = [order[begin : min(begin + MOST_ROWS, end)] for begin, end in pairwise(bounds)]
    shown = iter(listed(dated.iloc[np.concatenate(parts)], _SCORED))
    for point, many, part in zip(exhibits.rows(points), np.diff(bounds).tolist(), parts, strict=True):
        if not many:
            continue
        crumbs = [Link(title, f"{theme}.html"), Link(str(point.label), "")]
        inside = list(islice(shown, len(part)))
        page = Page(f"{title}, {point.label}", crumbs, _period_lead(point), inside, *_cut(theme, many))
        yield Link(str(point.label), _inside(point.page)), page


def _end(point: pd.Series) -> pd.Timestamp:
    """Return the last moment of a period, whose key tells which kind it is, such as ``2017-w05``."""
    key = str(point["key"])
    kind = "W-SUN" if "-w" in key else "Q" if "-q" in key else {4: "Y", 7: "M", 10: "D"}[len(key)]
    return pd.Timestamp(point["start"]).to_period(kind).end_time


def _chain(found: Iterable[tuple[Link, Page]]) -> Iterator[tuple[str, Page]]:
    """Yield address and page, each page leading to the one before and the one after."""
    pairs = list(found)
    links = [link for link, _ in pairs]
    for before, (link, page), after in zip([None, *links[:-1]], pairs, [*links[1:], None], strict=False):
        yield _checked(f"articles/{link.href}"), page._replace(before=before, after=after)


def _check_counts(theme: str, points: pd.DataFrame, place: pd.Series) -> None:
    found = place.value_counts().reindex(points.index, fill_value=0)
    wrong = points[points["articles"] != found]
    if len(wrong):
        point = wrong.iloc[0]
        raise InputError(
            f"The trend of {theme!r} counts {point['articles']} articles for {point['label']}, the tables hold "
            f"{found[wrong.index[0]]}: they are of different runs or time zones; run the notebooks again."
        )


def _period_lead(point: Any) -> str:
    counts = f"{number(point.articles)} of {_number(int(point.total), 'article')} ({exhibits.percent(point.share)})"
    part = " The corpus covers this period only in part." if point.partial else ""
    return f"{counts} {_verb(point.articles)} this theme.{part}"


def _topic_pages(
    tables: Tables, articles: pd.DataFrame, carried: pd.DataFrame, titles: Mapping[str, str]
) -> Iterator[tuple[Link, Page]]:
    if tables.topics is None or tables.assigned is None:
        return
    assigned = tables.assigned.sort_values(["closeness", "article_id"], ascending=[False, True])
    near = (
        assigned.groupby("topic_id").head(MOST_TOPIC_ROWS)[["article_id", "topic_id"]].merge(articles, on="article_id")
    )
    told = carried[carried["article_id"].isin(near["article_id"])]
    named = told["theme"].map(titles).groupby(told["article_id"]).agg(", ".join).to_dict()
    near["themes"] = [named.get(article, "") for article in near["article_id"]]
    members, sizes = dict(list(near.groupby("topic_id"))), assigned["topic_id"].value_counts()
    for topic in exhibits.rows(tables.topics):
        mine, many = members.get(topic.topic_id, near.head(0)), int(sizes.get(topic.topic_id, 0))
        crumbs = [Link("Topics", "../topics.html"), Link(str(topic.label), "")]
        lead = f"{_number(many, 'article')}. Telling words: {', '.join(map(str, topic.terms))}."
        shown = listed(mine, ("source", "themes"))
        cut = many > MOST_TOPIC_ROWS
        note = f"Showing the {MOST_TOPIC_ROWS} nearest to the centre of {number(many)}." if cut else ""
        yield Link(str(topic.label), f"topic-{topic.topic_id}.html"), Page(str(topic.label), crumbs, lead, shown, note)
