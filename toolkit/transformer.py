"""Sentence-transformers models (extra ``transformers``), read faster than the library reads them, and held to it.

The library fills every batch up to its longest text and computes in single precision. Texts of equal length need no
filling, and a processor that multiplies bfloat16 does so about twice as fast. Each model reads a few texts both ways
when it is loaded; where the vectors differ (a cosine below .999) it stays in single precision.
"""

from __future__ import annotations

import copy
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.schema import SettingsError
from toolkit.vectors import Vectors, normalise

_TOKENS = 4096
"""Tokens in a batch: more need more memory and are no faster."""
_LEAST_COSINE = 0.999
_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""What Linux calls the instructions, on Intel's and AMD's processors and on ARM's."""
_CPU = Path("/proc/cpuinfo")
_PROBES = (
    "Prices rose.",
    "The ministers met in Astana on Monday and signed an agreement on trade, transport and water.",
    "Министры подписали соглашение о торговле; курс тенге не изменился.",
    "Қазақстан мен Өзбекстан су ресурстары туралы келісімге қол қойды.",
    "Border guards found 12 kg of heroin 🚚 (AP) – see https://example.org/a?b=1. " * 12,
)


class TransformerEncoder:
    """A sentence-transformers model by hub name or folder."""

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
        full = self._model
        if has_bfloat16():
            self._model = _halved(full)
        self.precision = "float32" if self._model is full else "bfloat16"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the model's vectors, normalised; shape (n, dim); the same for a text whatever stands beside it."""
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        for length, rows in _by_length(self._model, texts).items():
            out[rows] = _read(self._model, [texts[row] for row in rows], max(1, _TOKENS // length))
        return normalise(out)


def has_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 itself, as far as Linux tells."""
    if not _CPU.is_file():
        return False
    words = {word for line in _CPU.read_text("utf-8").splitlines() for word in line.partition(":")[2].split()}
    return bool(words & _FLAGS)


def _halved(model: Any) -> Any:
    """Return `model` in bfloat16, or as it is where that tells its vectors apart."""
    import torch

    quick = copy.deepcopy(model).to(torch.bfloat16)
    first, second = (normalise(_read(one, _PROBES, 1)) for one in (model, quick))
    return quick if float((first * second).sum(axis=1).min()) >= _LEAST_COSINE else model


def _read(model: Any, texts: Sequence[str], batch: int) -> Vectors:
    vectors = model.encode(list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1)


def _by_length(model: Any, texts: Sequence[str]) -> dict[int, list[int]]:
    """Return the rows of `texts` by their number of tokens; all under one where the model has no such tokenizer."""
    rows: dict[int, list[int]] = defaultdict(list)
    tokenizer: Any = getattr(model, "tokenizer", None)
    if not getattr(tokenizer, "is_fast", False):
        return {_TOKENS // 32: list(range(len(texts)))} if len(texts) else {}
    most = model.max_seq_length or tokenizer.model_max_length
    tokens = tokenizer(list(texts), truncation=True, max_length=most)["input_ids"] if len(texts) else []
    for row, found in enumerate(tokens):
        rows[max(1, len(found))].append(row)
    return rows


def _folder_name(folder: Path) -> str:
    """Name a model by its folder and a hash of its weights: the cache must not take one for another."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".safetensors", ".bin", ".json"})
    digest = hashlib.blake2b(b"".join(hashlib.blake2b(path.read_bytes()).digest() for path in files), digest_size=4)
    return f"{folder.name}-{digest.hexdigest()}"
