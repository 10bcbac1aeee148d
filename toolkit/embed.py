"""Texts become vectors: passages, the corpus' own latent vectors beside an encoder's, and a cache on disk.

What an encoder really sees is a *passage*: long articles are read in several, and nothing is cut in silence.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from toolkit import words
from toolkit.encoders import EmbeddedEncoder, Encoder, Vectors, load_encoder, normalise
from toolkit.lexicon import Lexicon, in_order
from toolkit.processors import one_thread
from toolkit.schema import InputError
from toolkit.settings import EmbedSettings, cache_home
from toolkit.space import Space, join

__all__ = [
    "CorpusEncoder",
    "Encoder",
    "Vectors",
    "encode_cached",
    "load_encoder",
    "make_passages",
    "normalise",
    "pool",
    "split_passages",
    "with_background",
]

FEWEST = 300
"""Articles from which on none need stand beside them."""
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+(?=[^a-zа-яёәғқңөұүһі\s])|\n+")
_LATENT = 200
_VOCABULARY = 50_000
_SMALL = 50
_FEW = 5_000
"""Texts that are read anew as fast as from the cache, where words are only looked up."""
_SLOTS = 900
_CREATE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, checksum BLOB) WITHOUT ROWID"


def split_passages(text: str, words: int) -> list[tuple[int, str]]:
    """Cut `text` at sentence ends into passages of about `words` words: (offset, passage) in order.

    A line break ends a passage that is at least a quarter full; a last passage less full than that stays with the one
    before it, so that no passage of a long text is a mere word or two. A sentence longer than `words` is cut at a
    space.
    """
    found: list[tuple[int, int]] = []
    start, count = -1, 0
    for begin, end, size in _sentences(text, words):
        breaks = start >= 0 and (count + size > words or ("\n" in text[begin - 1 : begin] and count >= words / 4))
        if start < 0 or breaks:
            found.append((begin, end))
            start, count = begin, size
        else:
            found[-1] = (start, end)
            count += size
    if len(found) > 1 and count < words / 4:
        (first, _), (_, last) = found[-2:]
        found[-2:] = [(first, last)]
    return [(begin, text[begin:end]) for begin, end in found]


def _sentences(text: str, words: int) -> list[tuple[int, int, int]]:
    """Return (begin, end, number of words) of each sentence of `text`, none above `words` words."""
    spans: list[tuple[int, int, int]] = []
    begin = 0
    for end in [*(match.end() for match in _SENTENCE.finditer(text)), len(text)]:
        sentence = text[begin:end]
        size = len(sentence.split())
        if 0 < size <= words:
            spans.append((end - len(sentence.lstrip()), begin + len(sentence.rstrip()), size))
        elif size:
            pieces = list(re.finditer(r"\S+", sentence))
            for first in range(0, size, words):
                last = pieces[min(first + words, size) - 1]
                spans.append((begin + pieces[first].start(), begin + last.end(), min(words, size - first)))
        begin = end
    return spans


def make_passages(articles: pd.DataFrame, settings: EmbedSettings = EmbedSettings()) -> pd.DataFrame:
    """Return one row a passage: ``article_id, language, offset, text, words``.

    ``offset`` counts characters into the article's text; the title is a passage of its own with offset -1.
    """
    rows: list[tuple[str, str, int, str]] = []
    for name, language, title, text in articles[["article_id", "language", "title", "text"]].itertuples(index=False):
        if title:
            rows.append((name, language, -1, title))
        rows.extend((name, language, offset, part) for offset, part in split_passages(text, settings.passage_words))
    table = pd.DataFrame(rows, columns=["article_id", "language", "offset", "text"])
    return table.assign(words=[len(text.split()) for text in table["text"]])


def with_background(articles: pd.DataFrame, background: pd.DataFrame, least: int = FEWEST) -> pd.DataFrame:
    """Return `articles`, and `background` behind them where they are fewer than `least`.

    What is near or far, rare or common cannot be told from a handful of articles; others stand beside them then,
    and are taken away again when all is scored.
    """
    if len(articles) >= least:
        return articles
    others = background[~background["article_id"].isin(articles["article_id"])]
    return pd.concat([articles, others], ignore_index=True)


class CorpusEncoder:
    """An encoder joined with the corpus' own latent semantic vectors (TF-IDF of stems, truncated SVD).

    Deerwester et al. 1990, "Indexing by Latent Semantic Analysis". Both halves have length one before they are
    joined, so that each has the same say. Columns of the encoder that are zero in all `texts` are left out.
    """

    def __init__(self, base: Encoder, texts: Sequence[str], settings: EmbedSettings) -> None:
        self._base = base
        self._cache = settings.cache_dir
        ordered = sorted(set(texts))
        with ThreadPoolExecutor(1) as aside:
            reading = aside.submit(self._read, ordered, len(ordered) <= _FEW)
            if not isinstance(base, EmbeddedEncoder):
                reading.result()  # it computes in threads, which `one_thread` would take from it
            latent = self._fit(ordered, 2 if len(texts) > _SMALL else 1, settings.seed)
            read = reading.result()
        self._used = np.flatnonzero(read.any(axis=0))
        self._vectors = self._join(read, latent)
        self._rows = {text: row for row, text in enumerate(ordered)}
        self._ahead: dict[str, Vectors] = {}
        size = latent.shape[1]
        self.name = f"{base.name}+lsa{size}"
        self.dim = len(self._used) + size
        self.views: Sequence[slice] = (slice(0, len(self._used)), slice(len(self._used), self.dim))

    def _fit(self, texts: Sequence[str], least: int, seed: int) -> Vectors:
        """Find the latent axes of the stems of at least `least` of `texts`, and return what these are on them."""
        terms, said = _said(texts, least)
        self._words = Lexicon({"": words.stem}, {term: column for column, term in enumerate(terms)})
        self._tfidf = TfidfTransformer(sublinear_tf=True).fit(said)
        counts = self._tfidf.transform(said, copy=False)
        size = max(1, min(_LATENT, min(counts.shape) - 1))
        with one_thread(), np.errstate(invalid="ignore", divide="ignore"):
            self._axes = _latent_axes(counts, size, seed)
            return normalise(counts @ self._axes)

    def _read(self, texts: Sequence[str], quick: bool) -> Vectors:
        """Return what the encoder says of `texts`: read anew if these are `quick` to read, and the encoder is."""
        if quick and isinstance(self._base, EmbeddedEncoder):
            return np.asarray(self._base.encode(texts), dtype=np.float32)
        return encode_cached(self._base, texts, self._cache)

    def _join(self, read: Vectors, latent: Vectors) -> Vectors:
        return join(read[:, self._used], latent)

    def space(self) -> Space:
        """Return what it takes to read further texts as this encoder reads them."""
        return Space(self._base.name, self._used, self._words.columns, self._tfidf.idf_, self._axes)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the joined vectors; shape (n, dim).

        Those of texts that it was not fitted on are kept in the cache only where reading takes long: the vectors of
        millions of passages fill a disk (300 MB for 70,000), though reading them there is faster than making them anew.
        """
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        seen = [place for place, text in enumerate(texts) if text in self._rows]
        out[seen] = self._vectors[[self._rows[texts[place]] for place in seen]]
        for place, text in enumerate(texts):
            if text in self._ahead:
                out[place] = self._ahead[text]
        fresh = [place for place, text in enumerate(texts) if text not in self._rows and text not in self._ahead]
        if fresh:
            new = [texts[place] for place in fresh]
            latent = normalise(self._tfidf.transform(self._words.count(new), copy=False) @ self._axes)
            out[fresh] = self._join(self._read(new, quick=True), latent)
        return out

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Read what will be asked for a few at a time: together that takes a fraction of the time."""
        fresh = sorted(set(texts).difference(self._rows, self._ahead))
        self._ahead |= zip(fresh, self.encode(fresh), strict=True)

    def forget(self) -> None:
        """Keep no longer the vectors of the texts that it was fitted on: they are made again if asked for."""
        self._rows, self._vectors = {}, self._vectors[:0]


def _latent_axes(counts: sparse.csr_matrix, size: int, seed: int) -> npt.NDArray[np.floating]:
    """Return the `size` strongest right singular vectors of `counts` (n, stems), in columns.

    Halko, Martinsson & Tropp 2011, "Finding structure with randomness"; the sign of each is that of its largest entry.
    """
    axes = randomized_svd(counts, size, n_iter=5, n_oversamples=10, random_state=seed, flip_sign=False)[2]
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    return np.asarray((axes * signs[:, None]).T)


def _said(texts: Sequence[str], least: int) -> tuple[list[str], sparse.csr_matrix]:
    """Return the stems of at least `least` texts, in order, and how often each text holds them.

    Of more than `_VOCABULARY` the most frequent are taken.
    """
    lexicon = Lexicon({"": words.stem})
    terms, counts = in_order(lexicon.columns, lexicon.count(texts))
    kept = np.flatnonzero(np.bincount(counts.indices, minlength=len(terms)) >= least)
    if len(kept) > _VOCABULARY:
        often = np.asarray(counts.sum(axis=0)).ravel()[kept]
        kept = np.sort(kept[(-often).argsort()[:_VOCABULARY]])
    if not len(kept):
        raise InputError(
            "The articles hold no words besides stop words, so nothing can be compared; check the text column."
        )
    return [terms[column] for column in kept], counts[:, kept]


def encode_cached(encoder: Encoder, texts: Sequence[str], cache_dir: str = "") -> Vectors:
    """Return ``encoder.encode(texts)``, reading from the cache what it holds and keeping the rest there.

    A vector is kept under a hash of the encoder's name, its precision and the text, with a checksum that is verified
    when it is read; one that fails is made again. Writing is one SQLite transaction: all of it or nothing.
    """
    home = Path(cache_dir) if cache_dir else cache_home()
    name = f"{encoder.name} {getattr(encoder, 'precision', '')}".strip()
    keys = [_key(name, text) for text in texts]
    try:
        home.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(home / "embeddings.sqlite", timeout=60)) as database:
            database.execute(_CREATE)
            known = _read(database, set(keys), encoder.dim)
            absent = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            if absent:
                made = encoder.encode(list(absent.values()))
                known |= dict(zip(absent, made, strict=True))
                _write(database, absent, made)
    except (OSError, sqlite3.Error) as error:
        warnings.warn(f"The embedding cache in {home} is not used: {error}", stacklevel=2)
        return encoder.encode(texts)
    return np.vstack([known[key] for key in keys]) if keys else np.empty((0, encoder.dim), dtype=np.float32)


def _key(name: str, text: str) -> bytes:
    return hashlib.blake2b(f"{name}\x1f{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _checksum(key: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(key + vector, digest_size=8).digest()


def _read(database: sqlite3.Connection, keys: set[bytes], dim: int) -> dict[bytes, Vectors]:
    wanted = sorted(keys)
    found: dict[bytes, Vectors] = {}
    for start in range(0, len(wanted), _SLOTS):
        part = wanted[start : start + _SLOTS]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, vector, checksum FROM vectors WHERE key IN ({marks})"  # noqa: S608
        for key, vector, checksum in database.execute(query, part):
            if len(vector) == 4 * dim and _checksum(key, vector) == checksum:
                found[key] = np.frombuffer(vector, dtype="<f4")
    return found


def _write(database: sqlite3.Connection, keys: Iterable[bytes], vectors: Vectors) -> None:
    blobs = (row.astype("<f4").tobytes() for row in vectors)
    rows = ((key, blob, _checksum(key, blob)) for key, blob in zip(keys, blobs, strict=True))
    with database:
        database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)


def pool(passages: pd.DataFrame, vectors: Vectors, order: Sequence[str]) -> Vectors:
    """Return one vector an article, in `order`: the mean of its passages by length, the title counted twice.

    Shape (len(order), dim), normalised; an article without passages is a row of zeros.
    """
    rows = pd.Index(order).get_indexer(pd.Index(passages["article_id"]))
    weights = passages["words"].to_numpy(dtype=np.float32) * np.where(passages["offset"] < 0, 2, 1)
    mine = rows >= 0
    spread = sparse.csr_matrix((weights[mine], (rows[mine], np.flatnonzero(mine))), shape=(len(order), len(vectors)))
    return normalise(spread @ vectors)
