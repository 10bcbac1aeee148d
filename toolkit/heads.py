"""The articles of a run without all their texts: their heads, and the whole texts of those that are asked for.

A million articles of 300 words are two gigabytes, of which trends and briefing read little: a title here, the words of
a finding's articles there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.numbered import names_of, numbered
from toolkit.parquet import ROWS, columns_of, read_at, read_batches, read_table

COLUMNS = ("article_id", "published", "source", "language", "title", "text", "story_id")
HEAD = 200
"""Characters of a text that stand in for a missing title."""
_AT_ONCE = 5_000


def read_heads(path: Path | str, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Return these columns of the articles, the text of each cut after 200 characters where it has no title, else "".

    Raises `InputError` as `store.read_table` does.
    """
    table = read_table(path, [name for name in columns if name != "text"])
    bare = np.flatnonzero(table["title"] == "")
    words: pd.Series = pd.Series("", index=table.index, dtype="str")
    if len(bare):
        parts = [read_at(path, bare[at : at + ROWS], ["text"])["text"] for at in range(0, len(bare), ROWS)]
        words.iloc[bare] = pd.concat([part.str.slice(0, HEAD) for part in parts]).array
    table.insert(list(columns).index("text"), "text", words)
    return table


def read_numbered(path: Path | str, columns: Sequence[str]) -> pd.DataFrame:
    """Return these columns of a table, ids as numbers (`numbered`); raises as `store.read_table` does."""
    return numbered(read_table(path, columns))


def read_brief(path: Path | str, text: str = "text", head: int = HEAD) -> pd.DataFrame:
    """Return a table with all its columns but for the words of one, which are read where they are needed.

    The column `text` is ``""``, or its first `head` characters where there is a ``title`` and it is empty. Raises as
    `store.read_table` does.
    """
    names = columns_of(path)
    table = read_table(path, [name for name in names if name != text])
    if text not in names:
        return table
    bare = (table["title"] == "").to_numpy() if "title" in names else np.zeros(len(table), dtype=bool)
    words: pd.Series = pd.Series("", index=table.index, dtype="str")
    if bare.any():
        parts = [piece[text].str.slice(0, head) for piece in read_batches(path, [text], _AT_ONCE)]
        words = pd.concat(parts, ignore_index=True).where(bare, "")
    table.insert(names.index(text), text, words)
    return table


def read_rows(path: Path | str, ids: Iterable[int | str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the rows of a table whose ``article_id`` is among `ids`, in the table's order; the others are not kept.

    `ids` are names, or numbers that `numbered` made of them.
    """
    wanted, names = pa.array(names_of(ids), type=pa.large_string()), read_table(path, ["article_id"])["article_id"]
    held = pc.is_in(pa.array(names, type=pa.large_string()), value_set=wanted)
    return read_at(path, np.flatnonzero(held), columns_of(path) if columns is None else columns)


def read_texts(path: Path | str, ids: Sequence[int] | Sequence[str]) -> pd.Series:
    """Return title and text of the articles `ids`, indexed by these and in their order; nothing where there is none."""
    found = read_rows(path, ids, ["article_id", "title", "text"])
    texts = (found["title"] + "\n" + found["text"]).set_axis(found["article_id"]).reindex(names_of(ids))
    return texts.set_axis(pd.Index(list(ids)))
