"""Where articles lie on the map: t-SNE of landmarks, and the others beside theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from toolkit.sharpening import Floats, Labels, means

_FEW = 800
_BLOCK = 8192
_ROUNDS = 750


def lay_out(vectors: Floats, parts: Labels, seed: int) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Return the landmarks (m, d) and their places in the plane (m, 2).

    van der Maaten & Hinton 2008, "Visualizing data using t-SNE". The landmarks are the means of `parts`, or the
    `vectors` (n, d; of length one) themselves where they are 800 or fewer.
    """
    marks = vectors if len(vectors) <= _FEW else means(vectors, parts)
    if len(np.unique(marks, axis=0)) < 5:
        return marks, np.column_stack([np.arange(len(marks), dtype=float), np.zeros(len(marks))])
    model = TSNE(
        2,
        perplexity=min(30.0, (len(marks) - 1) / 4),
        init="pca",
        random_state=seed,
        metric="cosine",
        max_iter=_ROUNDS,
    )
    return marks, np.asarray(model.fit_transform(marks), dtype=np.float64)


def place(vectors: Floats, marks: Floats, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where each of `vectors` lies: the mean of its three nearest landmarks, by similarity; shape (n, 2)."""
    if len(vectors) == len(marks) and np.array_equal(vectors, marks):
        return places
    most = min(3, len(marks))
    found = np.empty((len(vectors), 2))
    for start in range(0, len(vectors), _BLOCK):
        similar = vectors[start : start + _BLOCK] @ marks.T
        near = np.argsort(-similar, axis=1, kind="stable")[:, :most]
        pull = np.exp(12 * np.take_along_axis(similar, near, axis=1).astype(np.float64))
        shares = pull / pull.sum(axis=1, keepdims=True)
        found[start : start + _BLOCK] = (places[near] * shares[:, :, None]).sum(axis=1)
    return found
