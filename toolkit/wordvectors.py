"""The embedded default: a text is the mean of the vectors of its words, which need no network and no torch.

News says the same words again and again. Each word is read once, its vectors are summed, and a text becomes a row of
counts in a sparse matrix: the product with the words' sums gives the same means as reading every text by itself.
"""

from __future__ import annotations

import bisect
import gzip
import re
import tarfile
from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from scipy import sparse
from tokenizers import Tokenizer

from toolkit import lean, words
from toolkit.coded import distinct, in_pieces, number
from toolkit.subwords import MARK, Subwords
from toolkit.vectors import Vectors, normalise

_CYRILLIC = re.compile(r"[\u0400-\u04ff]+(?:-[\u0400-\u04ff]+)*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_SPACE, _LINE = ord(" "), ord("\n")
_NUMBER = 4
"""Bytes of a number in the file of Russian vectors."""
_FEW = 8_000
"""Words that are looked up in a vocabulary as it lies in its file; then a mapping is made of it."""
_BATCH = 1024
_MOST_WORDS = 300_000
"""Words kept from batch to batch: at 1 kB each about 300 MB; then they are read anew."""
_MORE_WORDS = 30_000
"""For so many further words there is made room at a time."""


class _Places(dict[str, int]):
    """Word, in any case -> its place in a vocabulary of lower-case words; -1 for stop words and unknown ones.

    The vocabulary is text, a word a line, in order: the first words are looked up in it as it is, which for few takes
    less time than to make a mapping of a quarter of a million.
    """

    def __init__(self, vocabulary: bytes) -> None:
        self._lines, self._stops = vocabulary, words.stop_words()
        ends = np.flatnonzero(np.frombuffer(vocabulary, dtype=np.uint8) == _LINE)
        self._ends = np.append(ends, len(vocabulary))
        self._known: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        lower = word.lower()
        self[word] = place = -1 if lower in self._stops else self._find(lower)
        return place

    def _find(self, word: str) -> int:
        if len(self) >= _FEW and not self._known:
            self._known = {known: place for place, known in enumerate(self._lines.decode().split("\n"))}
        if self._known:
            return self._known.get(word, -1)
        written = word.encode("utf-8", "replace")
        place = bisect.bisect_left(range(len(self._ends)), written, key=self._line)
        return place if place < len(self._ends) and self._line(place) == written else -1

    def _line(self, place: int) -> bytes:
        return self._lines[self._ends[place - 1] + 1 if place else 0 : self._ends[place]]


def _counts(flat: npt.NDArray[np.integer], indptr: npt.NDArray[np.integer], width: int) -> sparse.csr_matrix:
    """Return the matrix whose row i has a one in each of the columns ``flat[indptr[i]:indptr[i + 1]]``."""
    ones = np.ones(len(flat), dtype=np.float32)
    return sparse.csr_matrix((ones, flat, indptr), shape=(len(indptr) - 1, width))


def _numbered(
    texts: Sequence[Sequence[str]], rows: dict[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the numbers of all words of `texts`, one text after the other, and where each text begins."""
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    number = rows.__getitem__
    flat = np.fromiter(map(number, chain.from_iterable(texts)), dtype=np.int32, count=int(sizes.sum()))
    return flat, np.concatenate([[0], np.cumsum(sizes)])


class StaticEncoder:
    """Mean of static English token vectors (wordllama's 256-dimensional weights, which its wheel carries).

    The library pads every batch to its longest text. Here each word is split into tokens once (`subwords`): no token
    reaches over a space (in none of them does a space follow anything but a space), so that the tokens of a text are
    those of its words, spaces before them included. A text that holds one of the tokenizer's own signs is read whole.
    """

    name = "wordllama-l2-256"
    dim = 256

    def __init__(self) -> None:
        home = lean.home("wordllama")  # to import it takes longer than to read its files
        weights = load_file(home / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
        self._vectors = np.asarray(weights, dtype=np.float32)
        self._tokenizer = Tokenizer.from_file(str(home / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._subwords = Subwords(self._tokenizer)
        own = self._tokenizer.get_added_tokens_decoder().values()
        self._signs = (MARK, *(token.content for token in own))
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[str, int] = {}
        self._sums = np.empty((0, self.dim), dtype=np.float32)
        self._sizes = np.empty(0, dtype=np.int64)
        self._subwords.forget()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the mean token vector of each text, normalised; shape (n, 256)."""
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        done = 0
        for piece in in_pieces(texts):
            out[done : done + len(piece)] = self._means(piece)
            done += len(piece)
        return normalise(out)

    def _means(self, texts: Sequence[str]) -> Vectors:
        if len(self._rows) > _MOST_WORDS:
            self._forget()
        whole = [row for row, text in enumerate(texts) if any(sign in text for sign in self._signs)]
        alone = set(whole)
        flat, indptr = self._numbers(["" if row in alone else text for row, text in enumerate(texts)])
        counts = _counts(flat, indptr, len(self._rows))
        sums, sizes = counts @ self._sums[: len(self._rows)], counts @ self._sizes
        for row in whole:
            text = texts[row].encode("utf-8", "replace").decode()
            tokens = np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int64)
            sums[row], sizes[row] = self._add(tokens, np.array([0, len(tokens)]))[0], len(tokens)
        return np.asarray(sums / np.maximum(sizes, 1)[:, None], dtype=np.float32)

    def _numbers(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows of all words of `texts`, one text after the other, and where each text begins."""
        encoded = [f" {text}".encode("utf-8", "replace") if text else b"" for text in texts]
        written = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        ends = np.cumsum([0, *map(len, encoded)])
        cut = np.zeros(len(written) + 1, dtype=bool)
        spaces = written == _SPACE
        cut[1:-1] = spaces[1:] & ~spaces[:-1]
        cut[ends] = True
        cuts = np.flatnonzero(cut)
        word, known = distinct(written, cuts)
        rows, fresh = number(known, self._rows)
        if fresh:
            self._read(fresh)
        return rows[word], np.searchsorted(cuts, ends)

    def _read(self, fresh: Sequence[str]) -> None:
        """Add sum and size of further words."""
        tokens, ends = self._subwords.read(fresh)
        sums, known = self._add(tokens, ends), len(self._sizes)
        if known + len(fresh) > len(self._sums):
            more = np.empty((known + max(len(fresh), _MORE_WORDS), self.dim), dtype=np.float32)  # taken as it is filled
            more[:known] = self._sums[:known]
            self._sums = more if known else sums
        if known:
            self._sums[known : known + len(fresh)] = sums
        self._sizes = np.concatenate([self._sizes, np.diff(ends)])

    def _add(self, tokens: npt.NDArray[np.integer], ends: npt.NDArray[np.integer]) -> Vectors:
        """Return the sum of each word's token vectors."""
        return np.asarray(_counts(tokens, ends, len(self._vectors)) @ self._vectors)


class RussianEncoder:
    """Mean of Russian word vectors without stop words (navec's news vectors, which natasha's wheel carries).

    Kukushkin, A., "Navec: compact embeddings for Russian", GloVe vectors of 250,000 words trained on news, product
    quantised to 25 MB. Its file is read where it lies (the library takes five times as long to make a mapping of all
    words), and only the words at hand are unpacked. Kazakh words that Russian shares are read as well.
    """

    name = "navec-news-300"
    dim = 300

    def __init__(self) -> None:
        path = next((lean.home("natasha") / "data" / "emb").glob("navec_news*.tar"))
        with tarfile.open(path) as tar:
            vocabulary, quantised = (tar.getmember(name) for name in ("vocab.bin", "pq.bin"))
            written = gzip.decompress(tar.extractfile(vocabulary).read())  # type: ignore[union-attr]
        self._places = _Places(written[_NUMBER * (1 + int.from_bytes(written[:_NUMBER], "little")) :])
        start = quantised.offset_data
        rows, dim, parts, codes = np.memmap(path, "<u4", "r", start, 4).tolist()
        self._indexes = np.memmap(path, np.uint8, "r", start + 4 * _NUMBER, (rows, parts))  # read as it is needed
        table = np.memmap(path, "<f4", "r", start + 4 * _NUMBER + rows * parts, (parts, codes, dim // parts))
        self._codes, self._parts = np.array(table), np.arange(parts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the mean word vector of each text, normalised; zeros where no word is known; shape (n, 300)."""
        return self.encode_words([cyrillic_words(text) for text in texts])

    def encode_words(self, texts: Sequence[Sequence[str]]) -> Vectors:
        """Return the same for texts that are already split into their words, in any case."""
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            out[start : start + _BATCH] = self._means(texts[start : start + _BATCH])
        return normalise(out)

    def _means(self, texts: Sequence[Sequence[str]]) -> Vectors:
        if len(self._places) > _MOST_WORDS:
            self._places.clear()
        flat, indptr = _numbered(texts, self._places)
        used, back = np.unique(flat, return_inverse=True)
        if not len(used) or used[-1] < 0:
            return np.zeros((len(texts), self.dim), dtype=np.float32)
        unknown = int(used[0] < 0)
        vectors = self._codes[self._parts, self._indexes[used[unknown:]]].reshape(-1, self.dim)
        read = _counts(back, indptr, len(used))[:, unknown:]
        return np.asarray(read @ vectors / np.maximum(read.sum(axis=1), 1), dtype=np.float32)


def cyrillic_words(text: str) -> list[str]:
    """Return the words of `text` in Cyrillic letters, parts joined by hyphens as one.

    >>> cyrillic_words("A бизнес-форум in Алматы")
    ['бизнес-форум', 'Алматы']
    """
    return [] if text.isascii() else _CYRILLIC.findall(text)


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
        cyrillic = [cyrillic_words(text) for text in texts]
        mixed = [row for row, found in enumerate(cyrillic) if found]
        rest = {row: _CYRILLIC.sub(" ", texts[row]) for row in mixed}
        share = np.zeros(len(texts), dtype=np.float32)
        share[mixed] = [len(cyrillic[row]) / (len(_LATIN.findall(rest[row])) + len(cyrillic[row])) for row in mixed]
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        own = np.flatnonzero(share < 1).tolist()
        read = self._latin.encode([rest.get(row, texts[row]) for row in own])
        out[own, : self._latin.dim] = read * (1 - share[own, None])
        read = self._cyrillic.encode_words([cyrillic[row] for row in mixed])
        out[mixed, self._latin.dim :] = read * share[mixed, None]
        return normalise(out)
