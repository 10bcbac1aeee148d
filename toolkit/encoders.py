"""Encoders: texts in, vectors out.

An `Encoder` has a name, a dimension and ``encode(texts)``; anything of that shape serves. The embedded default is
static word vectors (`wordvectors`), which need no network and no torch; sentence-transformers is an extra
(`transformer`).
"""

from __future__ import annotations

from functools import cache

from toolkit.transformer import TransformerEncoder
from toolkit.vectors import Encoder, Vectors, normalise
from toolkit.wordvectors import EmbeddedEncoder, RussianEncoder, StaticEncoder

__all__ = [
    "EMBEDDED",
    "EmbeddedEncoder",
    "Encoder",
    "RussianEncoder",
    "StaticEncoder",
    "TransformerEncoder",
    "Vectors",
    "load_encoder",
    "normalise",
]

EMBEDDED = "embedded"


def load_encoder(name: str) -> Encoder:
    """Return the encoder called `name`: ``embedded``, or a sentence-transformers name or folder.

    Raises `SettingsError` when the model or its library is missing.
    """
    return load_embedded() if name == EMBEDDED else TransformerEncoder(name)


@cache
def load_embedded() -> Encoder:
    """Return the embedded default, one for the whole process: it keeps the words that it has read."""
    return EmbeddedEncoder()
