"""Encoders: texts in, vectors out.

An `Encoder` has a name, a dimension and ``encode(texts)``; anything of that shape serves. Two stand here: the
embedded default, static word vectors that need no network and no torch, and sentence-transformers (an extra).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from toolkit import words
from toolkit.schema import SettingsError

Vectors = npt.NDArray[np.float32]

EMBEDDED = "embedded"
_CYRILLIC = re.compile(r"[\u0400-\u04ff]+(?:-[\u0400-\u04ff]+)*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_BATCH = 4096


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
    """Mean of static English token vectors (wordllama's 256-dimensional weights, which its wheel carries).

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
            out[start : start + len(batch)] = _means(ids, self._vectors)
        return normalise(out)


def _means(ids: Sequence[Sequence[int]], vectors: Vectors) -> Vectors:
    """Return the mean of the rows of `vectors` that each entry of `ids` names; an empty entry is a row of zeros."""
    sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    flat = np.fromiter((t for row in ids for t in row), dtype=np.int64, count=int(sizes.sum()))
    weights = np.repeat(1 / np.maximum(sizes, 1), sizes).astype(np.float32)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    counts = sparse.csr_matrix((weights, flat, indptr), shape=(len(ids), len(vectors)))
    return np.asarray(counts @ vectors, dtype=np.float32)


class RussianEncoder:
    """Mean of Russian word vectors without stop words (navec's news vectors, which natasha's wheel carries).

    Kukushkin, A., "Navec: compact embeddings for Russian", GloVe vectors of 250,000 words trained on news, product
    quantised to 25 MB. Only the words at hand are unpacked. Kazakh words that Russian shares are read as well.
    """

    name = "navec-news-300"
    dim = 300

    def __init__(self) -> None:
        from navec import Navec

        spec = find_spec("natasha")
        if spec is None or spec.origin is None:
            raise SettingsError("The package natasha, which carries the Russian vectors, is missing; install it again.")
        folder = Path(spec.origin).parent / "data" / "emb"
        self._navec = Navec.load(str(folder / "navec_news_v1_1B_250K_300d_100q.tar"))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the mean word vector of each text, normalised; zeros where no word is known; shape (n, 300)."""
        known, stops = self._navec.vocab.word_ids, words.stop_words()
        rows = [[known[w] for w in _CYRILLIC.findall(t.lower()) if w in known and w not in stops] for t in texts]
        used = sorted({place for row in rows for place in row})
        if not used:
            return np.zeros((len(texts), self.dim), dtype=np.float32)
        places = {word: place for place, word in enumerate(used)}
        vectors = self._navec.pq.sampled(used).unpack()
        return normalise(_means([[places[word] for word in row] for row in rows], vectors))


class EmbeddedEncoder:
    """The embedded default: each word is read by the vectors of its script, Latin by the one, Cyrillic by the other.

    The two halves stand side by side, weighted by their share of the text's words.
    """

    name = "embedded-en-ru-1"

    def __init__(self) -> None:
        self._latin, self._cyrillic = StaticEncoder(), RussianEncoder()
        self.dim = self._latin.dim + self._cyrillic.dim

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return both halves joined, normalised; shape (n, 556)."""
        counts = [(len(_LATIN.findall(text)), len(_CYRILLIC.findall(text))) for text in texts]
        share = np.array([other / (own + other) if other else 0.0 for own, other in counts], dtype=np.float32)
        latin = self._latin.encode([_CYRILLIC.sub(" ", text) for text in texts])
        cyrillic = self._cyrillic.encode(texts)
        return normalise(np.hstack([latin * (1 - share[:, None]), cyrillic * share[:, None]]))


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
    return EmbeddedEncoder() if name == EMBEDDED else TransformerEncoder(name)
