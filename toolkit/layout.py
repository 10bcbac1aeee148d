"""Where articles lie on the map: t-SNE of landmarks, and the others beside theirs.

van der Maaten & Hinton 2008, "Visualizing data using t-SNE". There are 800 landmarks at most: of so few the forces
between all pairs are had in a few products of matrices, nine times as fast as approximated by a tree.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from toolkit.sharpening import Floats, Labels, find_axes, means

Doubles = npt.NDArray[np.float64]

_FEW = 800
_BLOCK = 8192
_PERPLEXITY = 30.0
_HALVINGS = 30
_ROUNDS = 250
_START = 1e-4
_PHASES = ((12.0, 0.5), (1.0, 0.8))
"""How much stronger landmarks attract each other, and how much of the last move is kept, in one half of the rounds."""


def lay_out(vectors: Floats, parts: Labels) -> tuple[Floats, Doubles]:
    """Return the landmarks (m, d) and their places in the plane (m, 2).

    The landmarks are the means of `parts`, 800 of them at even steps if they are more, or the `vectors` (n, d; of
    length one) themselves where they are 800 or fewer.
    """
    marks = vectors if len(vectors) <= _FEW else means(vectors, parts)
    if len(marks) > _FEW:
        marks = marks[np.linspace(0, len(marks) - 1, _FEW).astype(np.intp)]
    if len(np.unique(marks, axis=0)) < 5:
        return marks, np.column_stack([np.arange(len(marks), dtype=float), np.zeros(len(marks))])
    axes = find_axes(marks)
    start = (marks - axes.mean) @ axes.directions[:, :2]
    return marks, _descend(_attraction(marks), start * (_START / start[:, 0].std()))


def _attraction(marks: Floats) -> Floats:
    """Return how strongly each pair of landmarks is to attract each other, (m, m), one in all.

    What one is to another falls with the square of their distance (one less the cosine), so fast that each has about 30
    neighbours; only the 90 nearest count (van der Maaten 2014, "Accelerating t-SNE using tree-based algorithms").
    """
    count = len(marks)
    wanted = min(_PERPLEXITY, (count - 1) / 4)
    apart = np.maximum(1 - marks.astype(np.float64) @ marks.T.astype(np.float64), 0) ** 2
    np.fill_diagonal(apart, np.inf)
    near = np.argpartition(apart, int(3 * wanted) - 1, axis=1)[:, : int(3 * wanted)]
    far = np.take_along_axis(apart, near, axis=1)
    far -= far.min(axis=1, keepdims=True)
    low, high = np.full((count, 1), -30.0), np.full((count, 1), 40.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        pull = np.exp(-np.exp(middle) * far)
        total = pull.sum(axis=1, keepdims=True)
        entropy = np.log(total) + np.exp(middle) * (far * pull).sum(axis=1, keepdims=True) / total
        wide = entropy > np.log(wanted)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    found = np.zeros((count, count))
    np.put_along_axis(found, near, pull / total, axis=1)
    return np.asarray((found + found.T) / (2 * count), dtype=np.float32)


def _descend(attraction: Floats, start: Doubles) -> Doubles:
    """Return the places (m, 2) to which gradient descent from `start` leads; each goes at a pace of its own.

    Jacobs 1988, "Increased rates of convergence through learning rate adaptation"; how far a step goes is taken from
    Belkina et al. 2019, "Automated optimized parameters for t-distributed stochastic neighbor embedding".
    """
    at, one = start.astype(np.float32), np.ones((len(start), 1), np.float32)
    near, force = np.empty((2, len(at), len(at)), np.float32)
    for stronger, kept in _PHASES:
        wanted, pace, move = stronger * attraction, np.ones_like(at), np.zeros_like(at)
        for _ in range(_ROUNDS):
            square = np.einsum("ij,ij->i", at, at)[:, None]
            np.matmul(np.hstack([at, square + 1, one]), np.hstack([-2 * at, one, square]).T, out=near)
            np.reciprocal(np.maximum(near, 1, out=near), out=near)
            np.fill_diagonal(near, 0)
            np.multiply(near, -1 / near.sum(), out=force)
            force += wanted
            force *= near
            drawn = force @ np.hstack([at, one])
            slope = 4 * (drawn[:, 2:] * at - drawn[:, :2])
            pace = np.maximum(np.where(move * slope < 0, pace + 0.2, pace * 0.8), 0.01, dtype=np.float32)
            move = kept * move - max(len(at) / 48, 50.0) * pace * slope
            at = at + move
    return at.astype(np.float64)


def place(vectors: Floats, marks: Floats, places: Doubles) -> Doubles:
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
