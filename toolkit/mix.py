"""Why a share changed between two windows: within sources, by their mix, by newcomers and leavers; an exact split.

The share of a window is that of the sources in both windows, moved by those in one alone. So, as Melitz & Polanec 2015
("Dynamic Olley-Pakes productivity decomposition with entry and exit", equation 5) set newcomers and leavers apart,
and Kitagawa 1955 ("Components of a difference between two rates") splits the change of those that stay::

    change =   within      sum over stayers of mean weight * change of share
             + mix         sum over stayers of change of weight * (mean share - mean share of all stayers)
             + newcomers   their weight after  * (their share - the stayers' share after)
             - leavers     their weight before * (their share - the stayers' share before)

Weights of stayers are those among stayers. The four add up to the change, and so do the lines of the single sources.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.schema import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 5
"""A source with fewer articles in a window has no share to compare there."""
PARTS = ("within", "mix", "newcomers", "leavers")
_COLUMNS = ("key", "before", "after", "articles_before", "articles_after", *PARTS, "change")


def split_change(
    placed: pd.DataFrame,
    values: npt.ArrayLike,
    after: npt.ArrayLike,
    before: npt.ArrayLike,
    key: str = "source",
    least: int = FEWEST,
) -> pd.DataFrame:
    """Return what each source (or language, ...) adds to the change of a share from one window to another.

    `placed` has `key` and ``story_id``; `values` is 0 or 1 (or a probability) a row, `before` and `after` say which
    rows lie in each window. Columns: ``unit, key, before, after, articles_before, articles_after, within, mix,
    newcomers, leavers, change``, all parts in shares (0.05 is 5 points); ``unit`` is ``article`` and then ``story``.
    Per story, a story counts once in a window and is shared out among the articles that tell it; it carries the theme
    when one of them does. A source with fewer than `least` articles in either window has no share to compare there and
    counts as a newcomer, a leaver, or both. The largest change comes first. Raises `InputError` when a window is empty.
    """
    values = np.asarray(values, dtype=float)
    windows = [np.asarray(rows, dtype=bool) for rows in (before, after)]
    for name, rows in zip(("first", "second"), windows, strict=True):
        if not rows.any():
            raise InputError(f"The {name} window holds no dated article; choose one that does.")
    keys = pd.Categorical(placed[key])
    codes, stories = keys.codes.astype(np.int64), _numbered(placed["story_id"])
    inside = [(codes[rows], stories[rows], values[rows]) for rows in map(np.flatnonzero, windows)]
    counts = np.array([np.bincount(of[0], minlength=len(keys.categories)) for of in inside])
    there = np.asarray(counts.any(axis=0), dtype=bool)
    stay = np.asarray((counts >= least).all(axis=0), dtype=bool)[there]
    parts = []
    for unit in ("article", "story"):
        sums = [_sums(*columns, unit, len(there)) for columns in inside]
        sizes, hits = (np.array(both)[:, there] for both in zip(*sums, strict=True))
        parts.append(pd.DataFrame({"unit": unit, **_split(keys.categories[there], sizes, hits, stay)}))
    return pd.concat(parts, ignore_index=True)


def _numbered(stories: pd.Series) -> Ints:
    """Return a small number for each story; where they are such already, as they are."""
    numbers = stories.to_numpy()
    small = numbers.dtype.kind == "i" and len(numbers) > 0 and 0 <= numbers.min() <= numbers.max() < len(numbers)
    return np.asarray(numbers if small else pd.factorize(stories)[0], dtype=np.int64)


def _sums(codes: Ints, stories: Ints, values: Floats, unit: str, count: int) -> tuple[Floats, Floats]:
    """Return per key the weight of its articles, and of those that carry."""
    if unit == "article":
        return np.bincount(codes, np.ones(len(codes)), count).astype(float), np.bincount(codes, values, count).astype(
            float
        )
    told, carrying = np.zeros(int(stories.max()) + 1), np.flatnonzero(values)
    np.maximum.at(told, stories[carrying], values[carrying])
    weight = 1 / np.bincount(stories)[stories]
    sums = [np.asarray(np.bincount(codes, of, count), dtype=float) for of in (weight, told[stories] * weight)]
    return sums[0], sums[1]


def _split(keys: pd.Index, sizes: Floats, hits: Floats, stay: npt.NDArray[np.bool_]) -> dict[str, pd.Index | Floats]:
    """Return the columns `_COLUMNS`, the largest change first."""
    rates = np.divide(hits, sizes, out=np.full(hits.shape, np.nan), where=sizes > 0)
    parts = _parts(sizes, np.nan_to_num(rates), stay)
    change = np.sum(parts, axis=0)
    order = np.argsort(-np.abs(change), kind="stable")
    return {name: of[order] for name, of in zip(_COLUMNS, (keys, *rates, *sizes, *parts, change), strict=True)}


def _parts(sizes: Floats, rates: Floats, stay: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the four parts of each key; without any stayer the whole change lies in newcomers and leavers."""
    whole = sizes / sizes.sum(axis=1, keepdims=True)
    if not stay.any():
        return np.zeros(stay.size), np.zeros(stay.size), whole[1] * rates[1], -whole[0] * rates[0]
    own = np.where(stay, sizes, 0) / sizes[:, stay].sum(axis=1, keepdims=True)
    stayers = (own * rates).sum(axis=1)
    within = own.mean(axis=0) * (rates[1] - rates[0])
    mix = (own[1] - own[0]) * (rates.mean(axis=0) - stayers.mean())
    newcomers = np.where(stay, 0, whole[1] * (rates[1] - stayers[1]))
    leavers = np.where(stay, 0, -whole[0] * (rates[0] - stayers[0]))
    return within, mix, newcomers, leavers


def waterfall(split: pd.DataFrame) -> pd.DataFrame:
    """Return ``unit, before, within, mix, newcomers, leavers, after, change`` of `split_change`: one row a unit."""
    rows = []
    for unit, mine in split.groupby("unit", sort=False):
        sums = [(mine[side].fillna(0) * mine[f"articles_{side}"]).sum() / mine[f"articles_{side}"].sum()
                for side in ("before", "after")]  # fmt: skip
        rows.append({"unit": unit, "before": sums[0], **mine[list(PARTS)].sum(), "after": sums[1]})
    table = pd.DataFrame(rows)
    return table.assign(change=table["after"] - table["before"])
