"""Search of a run: by words, by meaning, or by an article, joined into one ranking.

*Words* are BM25 over stems (`wordindex`), *meaning* is the cosine between vectors: a query is placed in the space of
the run's own vectors (`space`). Both rankings are joined by reciprocal rank fusion: an article's score is the sum of
1 / (60 + rank) over the rankings that it is in (Cormack, Clarke & Buettcher 2009, "Reciprocal Rank Fusion Outperforms
Condorcet and Individual Rank Learning Methods").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from toolkit import arrays, embed, encoders, neighbours, space, store, wordindex
from toolkit.schema import InputError, ToolkitError
from toolkit.space import Space
from toolkit.wordindex import WordIndex

Floats = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]

COLUMNS = ("article_id", "score", "by_words", "by_meaning")
_CONSTANT = 60
_DEPTH = 1000
_INDEX = "nearest.usearch"


class Searchable(NamedTuple):
    """Articles ready to be searched; make it with `open_run` or `prepare`."""

    article_ids: npt.NDArray[Any]
    words: WordIndex
    vectors: Floats | None
    """A row an article; None: there are none."""
    encode: Encode | None
    """Texts to rows in the space of ``vectors``; None: queries have no meaning here, see ``note``."""
    find: neighbours.Find | None
    note: str = ""
    """Why only words are searched; empty where meaning is, too."""


# What is searched -----------------------------------------------------------------------------------------------


def write_index(articles: pd.DataFrame | Iterable[pd.DataFrame], made: Space, tables: Path | str) -> None:
    """Keep beside a run's tables what its search needs: its space, the index of its words, and of very many vectors.

    `articles` as `wordindex.index_words` takes them, in pieces where they are many.
    """
    tables, known = Path(tables), wordindex.index_words(articles)
    learnt: dict[str, npt.NDArray[Any]] = {"used": made.used.astype(np.int64), "idf": made.idf}
    arrays.write_arrays(learnt | {"axes": made.axes.astype(np.float16)}, tables / "space.safetensors")
    store.write_json({"encoder": made.encoder, "terms": list(made.rows)}, tables / "space.json")
    parts = {
        "data": known.weights.data.astype(np.float16),
        "indices": known.weights.indices.astype(np.int32, copy=False),
    }
    shape = np.array(known.weights.shape, dtype=np.int64)
    parts |= {"indptr": known.weights.indptr.astype(np.int64), "shape": shape}
    arrays.write_arrays(parts, tables / "words.safetensors")
    store.write_json(list(known.rows), tables / "words.json")
    if known.weights.shape[1] > neighbours.EXACT:
        neighbours.keep_index(store.read_vectors(tables / "vectors.safetensors"), tables / _INDEX)


def open_run(run_dir: Path | str) -> Searchable:
    """Return the articles of a run, ready to be searched, wherever its folder lies now.

    Raises `InputError` where the run is not finished. One without vectors, of an older version, or whose encoder is
    missing here is searched by words alone, and ``note`` says why.
    """
    run = Path(run_dir)
    tables = run / "tables"
    if not (tables / "articles.parquet").is_file():
        raise InputError(f"{run} holds no articles, expected a finished run: check the folder, or run it to its end.")
    articles = store.read_table(tables / "articles.parquet", ["article_id"])
    vectors = store.read_vectors(tables / "vectors.safetensors") if (tables / "vectors.safetensors").is_file() else None
    if vectors is not None and len(vectors) != len(articles):
        raise InputError(f"{run} holds {len(vectors)} vectors for {len(articles)} articles: run 2-themes again.")
    encode, note = _encoder(tables, run) if vectors is not None else (None, "the run has no vectors")
    find = neighbours.finder(vectors, tables / _INDEX) if vectors is not None else None
    return _searchable(articles, _read_words(tables, articles), vectors, encode, note)._replace(find=find)


def prepare(articles: pd.DataFrame, vectors: Floats | None = None, encode: Encode | None = None) -> Searchable:
    """Return tables in memory, ready to be searched; `encode` is that of the encoder that made `vectors`."""
    note = (
        "" if vectors is not None and encode else "there are no vectors" if vectors is None else "there is no encoder"
    )
    return _searchable(articles, wordindex.index_words(articles), vectors, encode, note)


def _searchable(
    articles: pd.DataFrame, known: WordIndex, vectors: Floats | None, encode: Encode | None, note: str
) -> Searchable:
    find = neighbours.finder(vectors) if vectors is not None else None
    told = f"Only words are searched: {note}." if note else ""
    return Searchable(articles["article_id"].to_numpy(dtype=object), known, vectors, encode, find, told)


def _read_words(tables: Path, articles: pd.DataFrame) -> WordIndex:
    """Return the index that the run kept; one of an older version, or that does not fit, is made again."""
    if not (tables / "words.json").is_file() or not (tables / "words.safetensors").is_file():
        return _index(tables)
    parts, terms = arrays.read_arrays(tables / "words.safetensors"), store.read_json(tables / "words.json")
    shape = tuple(int(size) for size in parts["shape"])
    if not isinstance(terms, list) or shape != (len(terms), len(articles)):
        return _index(tables)
    weights = sparse.csr_matrix((parts["data"].astype(np.float32), parts["indices"], parts["indptr"]), shape=shape)
    return WordIndex({str(term): row for row, term in enumerate(terms)}, weights)


def _index(tables: Path) -> WordIndex:
    return wordindex.index_words(store.read_batches(tables / "articles.parquet", ["title", "text", "language"]))


def _encoder(tables: Path, run: Path) -> tuple[Encode | None, str]:
    """Return what places texts among the run's vectors, and else why nothing does."""
    if not (tables / "space.json").is_file() or not (tables / "space.safetensors").is_file():
        return None, "the run was made by an older version, which kept no encoder; run 2-themes again"
    parts, said = arrays.read_arrays(tables / "space.safetensors"), store.read_json(tables / "space.json")
    assert isinstance(said, dict)
    rows = {str(term): row for row, term in enumerate(said["terms"])}
    made = Space(str(said["encoder"]), parts["used"], rows, parts["idf"], parts["axes"])
    manifest = store.read_manifest(run) or {}
    parameters = manifest.get("parameters")
    name = str(parameters.get("encoder", encoders.EMBEDDED)) if isinstance(parameters, dict) else encoders.EMBEDDED
    try:
        base = _load(name)
    except ToolkitError as error:
        return None, f"its encoder is not here ({error})"
    if base.name != made.encoder:
        return None, f"its encoder was {made.encoder}, here it is {base.name}"
    return lambda texts: space.place(made, base, texts), ""


_load = cache(embed.load_encoder)
"""Weights are loaded once, however many runs are open."""


# Search ---------------------------------------------------------------------------------------------------------


def search(index: Searchable, query: str, most: int = 20, among: Collection[str] | None = None) -> pd.DataFrame:
    """Return the articles that answer `query`, words or a passage, the best first: `COLUMNS`.

    ``by_words`` and ``by_meaning`` are the ranks in either ranking, from 1, missing where an article is in one alone;
    `among` keeps to the articles of these ids. No row where nothing is known of the query.
    """
    allowed = _allowed(index, among)
    found = wordindex.score_words(index.words, query)
    by_words = _ranked(np.where(allowed, found, 0), found > 0)
    by_meaning: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
    if index.encode is not None and query.strip():
        vector = index.encode([query])
        by_meaning = _near(index, vector, allowed) if vector.any() else by_meaning
    return _joined(index, by_words, by_meaning, most)


def unknown_words(index: Searchable, query: str) -> list[str]:
    """Return the words of `query` that no article holds in any form: what a search does not look for by words."""
    return wordindex.unknown_words(index.words, query)


def more_like(
    index: Searchable, article_ids: str | Sequence[str], most: int = 20, among: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the articles most like one, or like several together, without themselves: `COLUMNS`.

    Without vectors, like means that they share telling words. `InputError` where an id is not among the articles.
    """
    ids = [article_ids] if isinstance(article_ids, str) else list(article_ids)
    rows = [np.flatnonzero(index.article_ids == name) for name in ids]
    if not ids or not all(len(row) for row in rows):
        unknown = next((name for name, row in zip(ids, rows, strict=True) if not len(row)), "")
        raise InputError(
            f"There is no article {unknown!r} among the {len(index.article_ids):,} searched; check the id."
        )
    mine = np.concatenate(rows)
    allowed = _allowed(index, among)
    allowed[mine] = False
    if index.vectors is not None:
        middle = embed.normalise(index.vectors[mine].mean(axis=0, keepdims=True))
        return _joined(index, np.empty(0, dtype=np.intp), _near(index, middle, allowed), most)
    shared = index.words.weights[:, mine].sum(axis=1)
    alike = np.asarray(index.words.weights.T @ shared, dtype=np.float32).ravel()
    return _joined(index, _ranked(np.where(allowed, alike, 0), alike > 0), np.empty(0, dtype=np.intp), most)


def _allowed(index: Searchable, among: Collection[str] | None) -> npt.NDArray[np.bool_]:
    if among is None:
        return np.ones(len(index.article_ids), dtype=bool)
    return np.asarray(pd.Index(index.article_ids).isin(list(among)), dtype=bool)


def _ranked(scores: Floats, there: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the rows with the highest scores, above zero and `there`, the best first, ties by row."""
    rows = np.flatnonzero((scores > 0) & there)
    if len(rows) > _DEPTH:
        limit = np.partition(scores[rows], -_DEPTH)[-_DEPTH]
        rows = rows[scores[rows] >= limit]
    return rows[np.argsort(-scores[rows], kind="stable")][:_DEPTH]


def _near(index: Searchable, vector: Floats, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the rows nearest to `vector`, the nearest first; those allowed alone are compared where they are few."""
    assert index.vectors is not None and index.find is not None
    if allowed.mean() < 0.5:
        rows = np.flatnonzero(allowed)
        return np.asarray(rows[neighbours.nearest(index.vectors[rows], vector, _DEPTH)[0][0]])
    found = index.find(vector, 3 * _DEPTH if not allowed.all() else _DEPTH)[0][0]
    return np.asarray(found[allowed[found]][:_DEPTH])


def _joined(
    index: Searchable, by_words: npt.NDArray[np.intp], by_meaning: npt.NDArray[np.intp], most: int
) -> pd.DataFrame:
    """Join two rankings of rows by reciprocal rank fusion; ties by the order of the articles."""
    ranks = [pd.Series(np.arange(1, len(rows) + 1), index=rows) for rows in (by_words, by_meaning)]
    table = pd.concat(ranks, axis=1, keys=["by_words", "by_meaning"]).sort_index()
    table["score"] = (1 / (_CONSTANT + table)).sum(axis=1)
    best = table.sort_values("score", ascending=False, kind="stable").head(most)
    ids = pd.Series(index.article_ids[best.index.to_numpy(dtype=np.intp)], dtype=object)
    best = best.astype({"by_words": "Int64", "by_meaning": "Int64"}).reset_index(drop=True)
    return best.assign(article_id=ids, score=best["score"].round(6))[list(COLUMNS)]
