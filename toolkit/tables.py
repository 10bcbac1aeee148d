"""Tables as people read them: sources, languages, themes, evidence, names that stand together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit.exhibits import OTHERS, Table, date, number, opening, percent, probability, quoted, rows
from toolkit.languages import language_name

_LONGEST_QUOTE = 420
_OPENING = 80
_SOURCES = 20
_FEW_IN_LANGUAGE = 20


def sources(articles: pd.DataFrame) -> Table:
    """Return the largest sources with their number of articles and stories, and their first and last date."""
    grouped = articles.assign(source=articles["source"].replace("", "unknown")).groupby("source")
    summary = grouped.agg(
        articles=("article_id", "size"),
        stories=("story_id", "nunique"),
        first=("published", "min"),
        last=("published", "max"),
    ).reset_index()
    ranked = summary.sort_values(["articles", "source"], ascending=[False, True])
    cells = [
        [s.source, number(s.articles), number(s.stories), date(s.first), date(s.last)]
        for s in rows(ranked.head(_SOURCES))
    ]
    columns = [("source", "text"), ("articles", "number"), ("stories", "number"), ("first", "text"), ("last", "text")]
    more = f" (the largest {_SOURCES} of {len(ranked):,})" if len(ranked) > _SOURCES else ""
    return Table(f"Sources{more}", columns, cells)


def main_languages(articles: pd.DataFrame) -> pd.Series:
    """Return each article's language, those with few (below 20, and 1 in 100) as `OTHERS` if several."""
    sizes = articles["language"].value_counts()
    rare = sizes.index[sizes < min(_FEW_IN_LANGUAGE, len(articles) / 100)]
    return articles["language"].mask(articles["language"].isin(rare), OTHERS) if len(rare) > 3 else articles["language"]


def languages(articles: pd.DataFrame) -> Table:
    """Return the languages that were found, with their number of articles; several with few articles as one."""
    found = main_languages(articles).value_counts().sort_index(key=lambda codes: codes == OTHERS, kind="stable")
    cells = [[language_name(str(code)), number(size), percent(size / len(articles))] for code, size in found.items()]
    return Table("Languages", [("language", "text"), ("articles", "number"), ("share", "number")], cells)


def evidence(surest: pd.DataFrame, theme: str, title: str) -> Table:
    """Return the surest articles of a theme with their passages; `surest` from `counts.surest`, with ``evidence``."""
    cells = [
        [
            _headline(a),
            date(a.published) + (f", {a.source}" if a.source else ""),
            probability(a.score),
            _quote(a.evidence),
        ]
        for a in rows(surest[surest["theme"] == theme])
    ]
    columns = [("article", "text"), ("published", "text"), ("probability", "number"), ("passage", "text")]
    of = " of different sources" if surest["source"].nunique() > 1 else ""
    return Table(f"{title}: the surest articles{of}, and the passage that speaks for each", columns, cells)


def _headline(article: Any) -> str:
    return str(article.title) or opening(article.text, _OPENING)


def _quote(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        return "–"
    return quoted(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE].rsplit(' ', 1)[0]} …")


def by_language(shares: pd.DataFrame, titles: Mapping[str, str], agreement: pd.DataFrame) -> Table:
    """Return each language's share of articles per theme, and how far two readings agree on them.

    `shares` as `counts.shares_by` gives them, `agreement` as `themes.Scored` has it.
    """
    wide = shares.pivot(index=["language", "total"], columns="theme", values="share").reset_index()
    ranked = wide.sort_values(["total", "language"], ascending=[False, True])
    ranked = ranked.sort_values("language", key=lambda codes: codes == OTHERS, kind="stable")
    agreed = agreement.set_index(["language", "theme"])["agreement"].to_dict()
    cells = [
        [language_name(row["language"]), number(row["total"])]
        + [cell for theme in titles for cell in (percent(row[theme]), _of_ten(agreed.get((row["language"], theme))))]
        for row in ranked.to_dict("records")
    ]
    columns = [("language", "text"), ("articles", "number")]
    columns += [(name, "number") for title in titles.values() for name in (title, "agreed on")]
    return Table(
        "Share of each language's articles that carry a theme. Agreed on: of ten passages that one reading (by words) "
        "picks, so many are picked by the other (by meaning) as well; where it is five or fewer, check by hand",
        columns,
        cells,
    )


def _of_ten(share: float | None) -> str:
    return "too few" if share is None or pd.isna(share) else f"{10 * share:.0f} of 10"


def outside(topics: pd.DataFrame, most: int = 10) -> Table:
    """Return the largest topics outside the themes; `topics` as `counts.outside_topics` gives them."""
    cells = [
        [
            (t.label, f"articles/topic-{t.topic_id}.html"),
            number(t.outside),
            percent(t.outside / t.articles),
            ", ".join(t.terms[3:8]),
            t.headline,
        ]
        for t in rows(topics.head(most))
    ]
    columns = [
        ("topic", "link"),
        ("articles without a theme", "number"),
        ("share of the topic", "number"),
        ("further terms", "text"),
        ("for example", "text"),
    ]
    return Table("Largest topics outside the themes" if cells else "No topic lies outside the themes", columns, cells)


def totals(counted: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return the table of themes: articles, share, stories, how many carry no other theme, how many are unsure."""
    cells = [
        [
            (titles.get(t.theme, "no theme"), f"articles/{t.theme}.html" if t.theme and t.articles else ""),
            number(t.articles),
            percent(t.share),
            number(t.stories),
            number(t.alone) if t.theme else "–",
            number(t.unsure) if t.theme else "–",
        ]
        for t in rows(counted)
    ]
    columns = [
        ("theme", "link"),
        ("articles", "number"),
        ("share of all", "number"),
        ("stories", "number"),
        ("with no other theme", "number"),
        ("unsure (35 to 65%)", "number"),
    ]
    return Table("Articles by theme; one article may carry several", columns, cells)


def together(pairs: pd.DataFrame, most: int = 15) -> Table:
    """Return which names stand together in articles, with how often chance alone would put them there."""
    cells = [
        [f"{p.name_a} and {p.name_b}", number(p.articles), f"{p.expected:.1f}", f"{p.lift:.1f}×"]
        for p in rows(pairs.head(most))
    ]
    columns = [
        ("named together", "text"),
        ("articles", "number"),
        ("expected if independent", "number"),
        ("times as often", "number"),
    ]
    return Table("Organisations and places named together most often", columns, cells)
