"""The tables that the stages hand to each other, and what is guaranteed about them.

An *article table* has one row an article. It is checked once, at the door (`check_articles`), and never again:

==============  =====================================  =================================================
column          type                                   guarantee
==============  =====================================  =================================================
``article_id``  string                                 unique, stable: the same article has the same id
``published``   timestamp, UTC, may be missing         an instant; missing where the file had no date
``source``      string                                 never missing; ``""`` where unknown
``url``         string                                 never missing; ``http(s)`` or ``""``
``title``       string                                 never missing; may be ``""``
``text``        string                                 never missing
``language``    string                                 ISO 639-1 code, ``""`` before `clean` has run
==============  =====================================  =================================================

Whatever else a file carried stands in further columns, untouched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, overload

if TYPE_CHECKING:
    import pandas as pd

Tell = Callable[[int, int], None]
"""Called with how much is done, and of how much; see `progress`."""
TEXT_COLUMNS = ("article_id", "source", "url", "title", "text", "language")
ARTICLE_COLUMNS = ("article_id", "published", "source", "url", "title", "text", "language")


class ToolkitError(Exception):
    """Something the user can mend: one sentence saying what was found, what was expected, what to do."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook, as IPython asks for it."""
        return [f"{type(self).__name__}: {self}"]


class InputError(ToolkitError):
    """The articles, or a file that the analyst wrote, cannot be used as they are."""


class SettingsError(ToolkitError):
    """A setting or parameter is unknown, of the wrong type, or out of range."""


class OutputError(ToolkitError):
    """A result cannot be written where it was asked for."""


class Pieces(Protocol):
    """A table in pieces, in order, as often as asked for: a list of frames, or rows on disk (`spool`)."""

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Give the frames one after another."""
        ...


class Rows(Pieces, Protocol):
    """Pieces that know how many rows they have together."""

    def __len__(self) -> int:
        """Count the rows."""
        ...


class Kept(NamedTuple):
    """What a lossy step kept and what it dropped; ``dropped`` has a ``reason`` column.

    Rows in = ``len(kept) + len(dropped)``, always.
    """

    kept: pd.DataFrame
    dropped: pd.DataFrame


def quiet(done: int, total: int) -> None:
    """Tell nobody how far a stage is."""


class Stored(NamedTuple):
    """As `Kept`, of a table in pieces; of what was dropped there is only what a report says of it."""

    kept: Rows
    dropped: pd.DataFrame


def article_id(source: str, url: str, published: str, title: str, text: str) -> str:
    """Name an article by its content: 16 hexadecimal digits of a BLAKE2b hash."""
    joined = "\x1f".join((source, url, published, title, text))
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def check_articles(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` if it keeps the promises above; raise `InputError` naming the first one broken."""
    missing = [name for name in ARTICLE_COLUMNS if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise InputError(f"The article table lacks the column {missing[0]!r}; it has: {found}.")
    for name in TEXT_COLUMNS:
        if table[name].isna().any():
            raise InputError(f"The column {name!r} has {int(table[name].isna().sum())} missing values.")
    if str(table["published"].dtype.kind) != "M" or str(getattr(table["published"].dt, "tz", None)) != "UTC":
        raise InputError(f"The column 'published' is {table['published'].dtype}, expected UTC timestamps.")
    twice = table["article_id"][table["article_id"].duplicated()]
    if len(twice):
        raise InputError(f"The article id {twice.iloc[0]!r} occurs {len(twice) + 1} times, expected once.")
    return table


@overload
def check_some(step: Kept) -> pd.DataFrame:
    """Return the one table."""


@overload
def check_some(step: Stored) -> Rows:
    """Return the pieces."""


def check_some(step: Kept | Stored) -> pd.DataFrame | Rows:
    """Return what a step kept; raise `InputError` with the commonest reasons when that is nothing."""
    if len(step.kept):
        return step.kept
    reasons = step.dropped["reason"].value_counts().head(3)
    said = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.items()) or "there was none"
    raise InputError(f"No article is left of {len(step.dropped):,}: {said}. Check the columns and what was asked for.")
