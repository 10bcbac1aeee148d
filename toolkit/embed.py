"""Texts become vectors: passages, encoders, and a cache on disk.

An `Encoder` has a name, a dimension and ``encode(texts)``; anything of that shape serves. Two stand here: the
embedded default, static token vectors that need no network and no torch, and sentence-transformers (an extra).
What an encoder really sees is a *passage*: long articles are read in several, and nothing is cut in silence.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from toolkit import words
from toolkit.schema import InputError, SettingsError
from toolkit.settings import EmbedSettings, cache_home

Vectors = npt.NDArray[np.float32]

EMBEDDED = "embedded"
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+(?=[^a-zа-яёәғқңөұүһі\s])|\n+")
_BATCH = 4096
_LATENT = 200
_VOCABULARY = 50_000
_SMALL = 50
_SLOTS = 900
_CREATE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB, checksum BLOB) WITHOUT ROWID"


class Encoder(Protocol):
    """Texts in, L2-normalised float32 vectors of shape (n, dim) out; ``name`` says which weights."""

    name: str
    dim: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text."""
        ...


def normalise(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Scale each row to length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


class StaticEncoder:
    """Mean of static token vectors (wordllama's 256-dimensional weights, which its wheel carries).

    The library pads every batch to its longest text; a sparse matrix of token counts times the token vectors
    gives the same means without padding.
    """

    name = "wordllama-l2-256"
    dim = 256

    def __init__(self) -> None:
        import wordllama
        from wordllama import WordLlama

        home = Path(wordllama.__file__).parent
        model = WordLlama.load(cache_dir=home, disable_download=True)
        self._vectors = np.asarray(model.embedding, dtype=np.float32)
        self._tokenizer = model.tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the mean token vector of each text, normalised; shape (n, 256)."""
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            ids = [e.ids for e in self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)]
            sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
            flat = np.fromiter((t for row in ids for t in row), dtype=np.int64, count=int(sizes.sum()))
            weights = np.repeat(1 / np.maximum(sizes, 1), sizes).astype(np.float32)
            indptr = np.concatenate([[0], np.cumsum(sizes)])
            counts = sparse.csr_matrix((weights, flat, indptr), shape=(len(batch), len(self._vectors)))
            out[start : start + len(batch)] = counts @ self._vectors
        return normalise(out)


class TransformerEncoder:
    """A sentence-transformers model by hub name or folder (extra ``transformers``)."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise SettingsError(
                f"The encoder {name!r} needs sentence-transformers, which is not installed: "
                "pip install 'toolkit[transformers]', or use the encoder 'embedded'."
            ) from error
        try:
            self._model = SentenceTransformer(name, device="cpu")
        except (OSError, ValueError) as error:
            raise SettingsError(f"The encoder {name!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        self.name = _folder_name(Path(name)) if Path(name).is_dir() else name
        self.dim = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the model's vectors, normalised; shape (n, dim)."""
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32).reshape(-1, self.dim)


def _folder_name(folder: Path) -> str:
    """Name a model by its folder and a hash of its weights: the cache must not take one for another."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin", ".json"})
    digest = hashlib.blake2b(b"".join(hashlib.blake2b(path.read_bytes()).digest() for path in files), digest_size=4)
    return f"{folder.name}-{digest.hexdigest()}"


def load_encoder(name: str) -> Encoder:
    """Return the encoder called `name`: ``embedded``, or a sentence-transformers name or folder.

    Raises `SettingsError` when the model or its library is missing.
    """
    return StaticEncoder() if name == EMBEDDED else TransformerEncoder(name)


def split_passages(text: str, words: int) -> list[tuple[int, str]]:
    """Cut `text` at sentence ends into passages of at most `words` words: (offset, passage) in order.

    A line break ends a passage that is at least a quarter full. A sentence longer than `words` is cut at a space.
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
    return [(begin, text[begin:end]) for begin, end in found]


def _sentences(text: str, words: int) -> list[tuple[int, int, int]]:
    """Return (begin, end, number of words) of each sentence of `text`, none above `words` words."""
    spans: list[tuple[int, int, int]] = []
    begin = 0
    for end in [*(match.end() for match in _SENTENCE.finditer(text)), len(text)]:
        pieces = list(re.finditer(r"\S+", text[begin:end]))
        for first in range(0, len(pieces), words):
            last = pieces[min(first + words, len(pieces)) - 1]
            spans.append((begin + pieces[first].start(), begin + last.end(), min(words, len(pieces) - first)))
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


def with_background(articles: pd.DataFrame, background: pd.DataFrame, least: int = 300) -> pd.DataFrame:
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
    joined, so that each has the same say.
    """

    def __init__(self, base: Encoder, texts: Sequence[str], settings: EmbedSettings) -> None:
        self._base = base
        self._cache = settings.cache_dir
        least = 2 if len(texts) > _SMALL else 1
        self._tfidf = TfidfVectorizer(
            analyzer=words.stems, sublinear_tf=True, min_df=least, max_features=_VOCABULARY, dtype=np.float32
        )
        ordered = sorted(texts)
        counts = self._fit_counts(ordered)
        size = max(1, min(_LATENT, min(counts.shape) - 1))
        with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):
            self._svd = TruncatedSVD(size, random_state=settings.seed).fit(counts)
            self._latent = normalise(self._svd.transform(counts))
        self._rows = {text: row for row, text in enumerate(ordered)}
        self.name = f"{base.name}+lsa{size}"
        self.dim = base.dim + size
        self.views = (slice(0, base.dim), slice(base.dim, self.dim))

    def _fit_counts(self, texts: Sequence[str]) -> sparse.csr_matrix:
        try:
            return self._tfidf.fit_transform(texts)
        except ValueError as error:
            raise InputError(
                "The articles hold no words besides stop words, so nothing can be compared; check the text column."
            ) from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the joined vectors; shape (n, dim)."""
        base = encode_cached(self._base, texts, self._cache)
        latent = np.empty((len(texts), self.dim - self._base.dim), dtype=np.float32)
        fresh = [place for place, text in enumerate(texts) if text not in self._rows]
        seen = [place for place, text in enumerate(texts) if text in self._rows]
        latent[seen] = self._latent[[self._rows[texts[place]] for place in seen]]
        if fresh:
            counts = self._tfidf.transform([texts[place] for place in fresh])
            latent[fresh] = normalise(self._svd.transform(counts))
        return normalise(np.hstack([base, latent]))


def encode_cached(encoder: Encoder, texts: Sequence[str], cache_dir: str = "") -> Vectors:
    """Return ``encoder.encode(texts)``, reading from the cache what it holds and keeping the rest there.

    A vector is kept under a hash of the encoder's name and the text, with a checksum that is verified when it is
    read; one that fails is made again. Writing is one SQLite transaction: all of it or nothing.
    """
    home = Path(cache_dir) if cache_dir else cache_home()
    keys = [_key(encoder.name, text) for text in texts]
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
