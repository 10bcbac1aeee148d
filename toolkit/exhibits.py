"""What a notebook shows besides figures: tables and sentences, in the words and units that people read."""

from __future__ import annotations

import html
import re
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from toolkit import periods

_OPENING, _CLOSING = re.compile(r'(?:^|(?<=[\s(\[—–-]))"(?=\S)'), re.compile('"')
_LEAST_SHARE, _DUST = 0.0005, 1e-9
"""Below the first a share is small, below the second an error of arithmetic."""
OTHERS = "all others"
"""What sources or languages that are not told one by one are called."""
TABLE_MIME = "application/vnd.toolkit.table+json"


@dataclass(frozen=True)
class Table:
    """Rows as a person reads them: text, numbers with units, links to pages of the report."""

    caption: str
    columns: Sequence[tuple[str, str]]
    """Name and kind of each column: ``text``, ``number``, ``link``, or ``below``, a line of its own under the row."""
    rows: Sequence[Sequence[Any]] = field(default_factory=list)
    """Cells: strings; in a link column a pair (text, page)."""

    def as_json(self) -> dict[str, Any]:
        """Return the table as the report reads it."""
        kinds = [kind for _, kind in self.columns]
        rows = [
            [
                {"text": cell[0], "href": cell[1]} if kind == "link" and cell else cell
                for cell, kind in zip(row, kinds, strict=True)
            ]
            for row in self.rows
        ]
        return {
            "caption": self.caption,
            "columns": [{"name": name, "kind": kind} for name, kind in self.columns],
            "rows": rows,
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        head = "".join(f"<th>{html.escape(name)}</th>" for name, _ in self.columns)
        cells = [[html.escape(str(c[0] if isinstance(c, tuple) else c)) for c in row] for row in self.rows]
        body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return {
            TABLE_MIME: self.as_json(),
            "text/html": f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
            "text/plain": f"{self.caption} ({len(self.rows)} rows)",
        }


@dataclass(frozen=True)
class Prose:
    """Sentences made from the numbers, shown as Markdown."""

    text: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": self.text, "text/plain": self.text}


def quoted(text: str) -> str:
    """Return a passage in quotation marks; those around the whole go, those within become single ones.

    >>> quoted('"We agree," he said.'), quoted('"All of it"'), quoted('"Cut at the end')
    ('“‘We agree,’ he said.”', '“All of it”', '“Cut at the end”')
    """
    text = " ".join(text.split())
    marks = text.count('"')
    if marks == 2 and text[:1] == text[-1:] == '"' and len(text) > 1:
        text = text[1:-1]
    elif marks % 2 and '"' in (text[:1], text[-1:]):
        text = text[1:] if text[:1] == '"' else text[:-1]
    return f"“{_CLOSING.sub('’', _OPENING.sub('‘', text))}”"


def one_line(text: str) -> str:
    """Return a text with one space wherever white space stands, and none at its ends.

    >>> one_line(" Rain\\n  fell. ")
    'Rain fell.'
    """
    plain = text.isprintable() and "  " not in text and not text.startswith(" ") and not text.endswith(" ")
    return text if plain else " ".join(text.split())


def continued(passage: str, title: str) -> str:
    """Return a passage without the beginning that already stands beside it as `title`, cut with an ellipsis.

    >>> continued("Rain fell on the town. Rivers rose.", "Rain fell on the…"), continued("Rain", "Rain")
    ('… town. Rivers rose.', '')
    """
    passage, begun = one_line(passage), title.removesuffix("…").rstrip()
    if passage == title:
        return ""
    if not title.endswith("…") or not begun or not passage.startswith(begun):
        return passage
    rest = passage[len(begun) :].lstrip(" ,;:.")
    return f"… {rest}" if rest else ""


def opening(text: str, length: int) -> str:
    """Return the beginning of a text on one line, cut behind a word with an ellipsis where it is longer.

    >>> opening("Rain fell on the town.", 12), opening("Rain fell.", 12)
    ('Rain fell…', 'Rain fell.')
    """
    line = one_line(text)
    if len(line) <= length:
        return line
    head = line[: length - 1]
    return (head.rsplit(" ", 1)[0] if " " in head[length // 2 :] else head).rstrip(" ,;:.") + "…"


def percent(share: float) -> str:
    """Return a share as people write it: one digit below 10%, none above; a dash where there is none.

    >>> percent(0.0432), percent(0.55), percent(0.0001), percent(1e-17)
    ('4.3%', '55%', '<0.1%', '0%')
    """
    if pd.isna(share):
        return "–"
    if _DUST < share < _LEAST_SHARE:
        return "<0.1%"
    return f"{share:.1%}" if _DUST < share < 0.0995 else f"{share:.0%}"


def with_bounds(share: float, low: float, high: float) -> str:
    """Return a share with its interval.

    >>> with_bounds(0.081, 0.06, 0.123)
    '8.1% (6.0–12)'
    """
    return percent(share) if pd.isna(low) else f"{percent(share)} ({percent(low)[:-1]}–{percent(high)[:-1]})"


def points(difference: float) -> str:
    """Return the size of a difference of shares in points, with a digit where it is below 2.

    >>> points(-0.056), points(0.0104), points(0.004)
    ('6 points', '1.0 points', '0.4 points')
    """
    size = abs(difference) * 100
    return f"{size:.0f} points" if size >= 1.95 else f"{size:.1f} points"


def signed(difference: float) -> str:
    """Return a difference of shares in points with its sign, 0 where it is next to nothing.

    >>> signed(-0.056), signed(0.0104), signed(0.0004)
    ('−5.6', '+1.0', '0')
    """
    return f"{difference * 100:+.1f}".replace("-", "−") if abs(difference) >= 0.0005 else "0"


def probability(value: float) -> str:
    """Return a probability in whole percent; nothing is ever quite sure."""
    return ">99%" if value > 0.99 else "<1%" if value < 0.01 else f"{value:.0%}"


def number(value: float) -> str:
    """Return a count with thousands set apart."""
    return f"{int(value):,}"


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with what it counts, in the singular or the plural.

    >>> counted(1, "article"), counted(1200, "article"), counted(2, "story", "stories")
    ('1 article', '1,200 articles', '2 stories')
    """
    return f"{number(count)} {one if int(count) == 1 else many or f'{one}s'}"


def duration(seconds: object) -> str:
    """Return seconds as people write them: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min; a dash where unknown.

    >>> duration(0.42), duration(200), duration(7500)
    ('0.4 s', '3 min 20 s', '2 h 5 min')
    """
    if not isinstance(seconds, int | float):
        return "–"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def date(value: pd.Timestamp | None) -> str:
    """Return a date as people write it, such as 7 February 2017; ``no date`` where it is missing."""
    return "no date" if value is None or pd.isna(value) else f"{value.day} {value:%B %Y}"


def windows_named(compared: pd.DataFrame) -> str:
    """Return which two windows are compared; `compared` as `changes.compare_windows` gives it, not empty."""
    first, second, since = compared[["first", "second", "since"]].iloc[0]
    if since:
        return f"from the first half of the coverage to the second, which begins with {periods.named(since)}"
    return f"from the window {first} to the window {second}"


def rows(table: pd.DataFrame) -> list[Any]:
    """Return the rows of `table` as named tuples, for loops over cells that are shown."""
    kind = _row(tuple(map(str, table.columns)))
    return list(map(kind._make, zip(*(column.tolist() for _, column in table.items()), strict=True)))


@lru_cache(64)
def _row(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)
