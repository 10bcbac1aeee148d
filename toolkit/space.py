"""The space that a run's vectors lie in, kept as plain numbers, so that a text written later can be placed there.

`embed.CorpusEncoder` is fitted on the corpus: stems, their weights and the latent dimensions are those of its articles.
What it takes to read a further text as it did is small and holds no code: a list of stems, two arrays and a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit import words
from toolkit.vectors import Encoder, Vectors, normalise


class Space(NamedTuple):
    """What a corpus' encoder learnt.

    ``encoder`` names the one that it was joined with, ``used`` are the columns of that one which are not all zero;
    ``rows`` tells each stem's row in ``idf`` (stems,), their weights, and ``axes`` (stems, latent dimensions), where it
    points.
    """

    encoder: str
    used: npt.NDArray[np.intp]
    rows: Mapping[str, int]
    idf: npt.NDArray[np.float32]
    axes: npt.NDArray[np.floating]


def join(read: Vectors, latent: Vectors) -> Vectors:
    """Return both halves side by side, each of length one before, all of it after."""
    return normalise(np.hstack([normalise(read), normalise(latent)]))


def place(space: Space, encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Return where `texts` lie in `space`, as the run's own encoder would have put them; shape (n, dim).

    `encoder` is the one that `space` names. A text of unknown words alone is read by the encoder only, and one of which
    nothing is known is a row of zeros.
    """
    latent = np.zeros((len(texts), space.axes.shape[1]), dtype=np.float32)
    for number, text in enumerate(texts):
        counts = Counter(space.rows[stem] for stem in words.stems(text) if stem in space.rows)
        known = sorted(counts)
        if known:
            weights = (1 + np.log([counts[row] for row in known])) * space.idf[known]
            latent[number] = (weights / np.linalg.norm(weights)) @ space.axes[known].astype(np.float32)
    return join(encoder.encode(texts)[:, space.used], latent)
