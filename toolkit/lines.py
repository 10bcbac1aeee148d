"""What the line of an article says, and the lines of lists and of tables as HTML.

A page lists hundreds of articles, a table has thousands of cells, and a run hundreds of such pages: a template that is
asked for each cell takes most of a report's time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup, escape

from toolkit.exhibits import continued, opening

QUOTE = 320
_OPENING = 90
BEGUN = 4 * _OPENING
"""Characters of a text that an opening is taken from."""
_WEB = re.compile(r"https?://[^\s\x00-\x20<>\"]+", re.IGNORECASE)
_APART = "\x1f"
_AWAY = ' target="_blank" rel="noopener noreferrer nofollow"'
_LONG = 60
"""Characters of a cell from which on it is given room."""


class Row(NamedTuple):
    """One article as the reader sees it."""

    title: str
    lang: str
    facts: str
    url: str
    percent: str = ""
    quote: str = ""


def listed(articles: pd.DataFrame, facts: Sequence[str], length: int = QUOTE) -> list[Row]:
    """Say of each article its date, what the columns `facts` hold, its score and passage (up to `length`), if any."""
    if "score" not in articles.columns:
        articles = articles.assign(score=float("nan"), evidence="")
    cells = [articles[name].tolist() for name in ("title", "text", "language", "url", "score", "evidence")]
    told = zip(*(articles[name].tolist() for name in ("dated", *facts)), strict=True)
    made = []
    for title, text, language, url, score, evidence, own in zip(*cells, told, strict=True):
        shown = _headline(title, text)
        quote = opening(continued(evidence, shown), length) if evidence and isinstance(evidence, str) else ""
        address = url if isinstance(url, str) and _WEB.fullmatch(url) else ""
        made.append(Row(shown, _lang(language), " · ".join(filter(None, own)), address, percent(score), quote))
    return made


def _headline(title: str, text: str) -> str:
    """Return the title that an article is shown by; where it has none, how its text begins."""
    return (title and opening(title, 2 * _OPENING)) or opening(text, _OPENING) or "(no text)"


@lru_cache(1000)
def _lang(language: object) -> str:
    """Return the code for a ``lang`` attribute; empty for English, which is the page's own."""
    return str(language) if re.fullmatch(r"[a-z]{2,3}", str(language)) and language != "en" else ""


def percent(probability: float) -> str:
    """Return a probability as a percentage that never claims certainty; empty where there is none."""
    if pd.isna(probability):
        return ""
    if probability > 0.99:
        return ">99%"
    return "<1%" if probability < 0.01 else f"{probability:.0%}"


def as_html(rows: Sequence[Row]) -> Markup:
    """Return the items of a list, each on a line of its own; every cell is escaped.

    >>> print(as_html([Row("Rain & snow", "ru", "7 May 2024", "")]), end="")
    <li><p lang="ru">Rain &amp; snow</p><p>7 May 2024</p></li>
    """
    return Markup("".join(_line(*cells) for cells in _escaped(rows)))  # noqa: S704 - every cell is escaped


def _escaped(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each row escaped: all at once, and one by one where that sign stands in one of them."""
    cells = list(chain.from_iterable(rows))
    safe = str(escape(_APART.join(cells))).split(_APART)
    if len(safe) != len(cells):
        safe = [str(escape(cell)) for cell in cells]
    return zip(*[iter(safe)] * len(Row._fields), strict=True)


def _line(title: str, lang: str, facts: str, url: str, percent: str, quote: str) -> str:
    tongue = f' lang="{lang}"' if lang else ""
    begun = f'<li class="s"><b>{percent}</b>' if percent else "<li>"
    if url:
        title = f'<a href="{url}"{_AWAY}>{title}</a>'
    said = f"<blockquote{tongue}>{quote}</blockquote>" if quote else ""
    return f"{begun}<p{tongue}>{title}</p><p>{facts}</p>{said}</li>\n"


def body(table: Mapping[str, Any]) -> Markup:
    """Return the rows of a table (``columns`` of ``name`` and ``kind``, ``rows``) in HTML; every cell is escaped.

    A cell is a text, a number, None or a link (``text, href, away``). What is of the kind ``below`` stands in a row of
    its own.

    >>> print(body({"columns": [{"name": "", "kind": "text"}, {"name": "n", "kind": "number"}], "rows": [["<a>", 2]]}))
    <tr><th scope="row">&lt;a&gt;</th><td class="n">2</td></tr>
    <BLANKLINE>
    """
    kinds, names = ([column[part] for column in table["columns"]] for part in ("kind", "name"))
    across = len(kinds) - kinds.count("below")
    return Markup("".join(_row(row, kinds, names, across) for row in table["rows"]))  # noqa: S704 - cells are escaped


def _row(row: Sequence[Any], kinds: Sequence[str], names: Sequence[str], across: int) -> str:
    cells, under = [], []
    for at, value in enumerate(row):
        if kinds[at] == "below":
            under += [f"<div><dt>{escape(names[at])}</dt><dd>{escape(value)}</dd></div>"] if value else []
        elif kinds[at] == "number":
            cells.append(f'<td class="n">{_cell(value)}</td>')
        elif at == 0:
            cells.append(f'<th scope="row">{_cell(value)}</th>')
        else:
            long = ' class="l"' if isinstance(value, str) and len(value) > _LONG else ""
            cells.append(f"<td{long}>{_cell(value)}</td>")
    below = f'<tr class="b"><td colspan="{across}"><dl>{"".join(under)}</dl></td></tr>\n' if under else ""
    return f"<tr>{''.join(cells)}</tr>\n{below}"


def _cell(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "" if value is None else escape(value)
    text = escape(value["text"])
    away = _AWAY if value["away"] else ""
    return f'<a href="{escape(value["href"])}"{away}>{text}</a>' if value["href"] else text
