"""The articles of a run without all their texts: their heads, and the whole texts of those that are asked for.

A million articles of 300 words are two gigabytes, of which trends and briefing read little: a title here, the words of
a finding's articles there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toolkit.parquet import columns_of, read_batches, read_table

COLUMNS = ("article_id", "published", "source", "language", "title", "text", "story_id")
HEAD = 200
"""Characters of a text that stand in for a missing title."""
_AT_ONCE = 5_000


def read_heads(path: Path | str, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Return these columns of the articles, the text of each cut after 200 characters where it has no title, else "".

    Raises `InputError` as `store.read_table` does.
    """
    parts = [_cut(piece) for piece in read_batches(path, columns, _AT_ONCE)]
    return pd.concat(parts, ignore_index=True)


def _cut(piece: pd.DataFrame) -> pd.DataFrame:
    return piece.assign(text=piece["text"].str.slice(0, HEAD).where(piece["title"] == "", ""))


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


def read_rows(path: Path | str, ids: Iterable[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the rows of a table whose ``article_id`` is among `ids`, in the table's order; the others are not kept."""
    wanted = pd.Index(list(ids)).unique()
    held = np.flatnonzero(read_table(path, ["article_id"])["article_id"].isin(wanted))
    parts, begun = [], 0
    for piece in read_batches(path, columns, _AT_ONCE):
        inside = held[np.searchsorted(held, begun) : np.searchsorted(held, begun + len(piece))] - begun
        parts += [piece.iloc[inside]] if len(inside) or not begun else []
        begun += len(piece)
    return pd.concat(parts, ignore_index=True)


def read_texts(path: Path | str, ids: Iterable[str]) -> pd.Series:
    """Return title and text of the articles `ids`, indexed by these and in their order; nothing where there is none."""
    found = read_rows(path, ids, ["article_id", "title", "text"])
    return (found["title"] + "\n" + found["text"]).set_axis(found["article_id"]).reindex(list(ids))
