"""An article as a line of a list: what it says, and that as HTML.

A page lists hundreds of articles, and a run has hundreds of such pages: a template that is asked for each cell of them
takes most of a report's time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from markupsafe import Markup, escape

_APART = "\x1f"


class Row(NamedTuple):
    """One article as the reader sees it."""

    title: str
    lang: str
    facts: str
    url: str
    percent: str = ""
    quote: str = ""


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
        title = f'<a href="{url}" target="_blank" rel="noopener noreferrer nofollow">{title}</a>'
    said = f"<blockquote{tongue}>{quote}</blockquote>" if quote else ""
    return f"{begun}<p{tongue}>{title}</p><p>{facts}</p>{said}</li>\n"
