"""Which articles of a large corpus are looked at, so that every source and every time has its share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

Rows = npt.NDArray[np.intp]


def choose_rows(articles: pd.DataFrame, most: int) -> Rows:
    """Return the rows of at most `most` of `articles`, all where there are no more, in the order of their ids.

    A systematic sample (Cochran 1977, "Sampling Techniques", chapter 8): the articles are put in the order of their
    sources, dates and ids, and taken at even steps, so that each source and each time has the share that it has in
    all. ``source`` and ``published`` may be absent. The order of the rows has no say.
    """
    names = articles["article_id"].to_numpy()
    if len(articles) <= most:
        return np.asarray(np.argsort(names, kind="stable"), dtype=np.intp)
    keys = [name for name in ("source", "published", "article_id") if name in articles]
    order = articles.reset_index(drop=True).sort_values(keys, kind="stable").index.to_numpy()
    taken = order[((np.arange(most) + 0.5) * len(order) / most).astype(np.intp)]
    return np.asarray(taken[np.argsort(names[taken], kind="stable")], dtype=np.intp)


def needed(articles: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return `articles` with what `choose_rows` looks at of their dates: their order, nothing where it takes all."""
    if len(articles) <= most:
        return articles.drop(columns="published")
    return articles.assign(published=articles["published"].rank(method="dense"))


def texts_at(pieces: Iterable[pd.DataFrame], rows: Rows, count: int) -> list[str]:
    """Return `count` texts, those at `rows` as the column ``text`` of `pieces` has them, all others empty.

    `pieces` are frames that follow each other, as `store.read_batches` gives them; no other texts are held.
    """
    wanted = np.zeros(count, dtype=bool)
    wanted[rows] = True
    found = [""] * count
    start = 0
    for piece in pieces:
        for at in np.flatnonzero(wanted[start : start + len(piece)]).tolist():
            found[start + at] = str(piece["text"].iat[at])
        start += len(piece)
    return found
