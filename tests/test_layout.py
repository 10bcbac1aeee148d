"""What the map promises: neighbours stay neighbours, as well as with the library's own t-SNE, however few or alike."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import TSNE, trustworthiness
from threadpoolctl import threadpool_limits

from toolkit import layout, sharpening


def scattered(count, groups=12, dim=20, seed=0):
    """`count` vectors of length one, in groups some of which lie near each other."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups, dim))
    return sharpening.unit(centres[np.arange(count) % groups] + 0.7 * random.normal(size=(count, dim)))


def trust(vectors, places):
    return trustworthiness(vectors, places, n_neighbors=10, metric="cosine")


def test_neighbours_on_the_map_are_neighbours_as_the_librarys_own_t_sne_has_them():
    vectors = scattered(240)
    with threadpool_limits(1):
        own = layout.lay_out(vectors, np.arange(240))[1]
        theirs = TSNE(2, metric="cosine", init="pca", random_state=0, max_iter=750).fit_transform(vectors)
    assert trust(vectors, own) > max(0.9, trust(vectors, theirs) - 0.01)


def test_the_same_vectors_have_the_same_map():
    vectors = scattered(100)
    with threadpool_limits(1):
        first, second = (layout.lay_out(vectors, np.arange(100))[1] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 9, 30])
def test_a_handful_of_vectors_has_places(count):
    places = layout.lay_out(scattered(count), np.arange(count))[1]
    assert places.shape == (count, 2) and np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == count


def test_vectors_that_are_alike_lie_together():
    vectors = np.repeat(scattered(8, groups=8), 12, axis=0)
    with threadpool_limits(1):
        places = layout.lay_out(vectors, np.arange(len(vectors)))[1].reshape(8, 12, 2)
    apart = np.linalg.norm(places[:, None, 0] - places[None, :, 0], axis=2) + np.diag(np.full(8, np.inf))
    assert np.isfinite(places).all() and np.ptp(places, axis=1).max() < apart.min() / 3


def test_more_small_groups_than_the_map_has_landmarks_are_shown_by_some_of_them():
    vectors = scattered(2000)
    with threadpool_limits(1):
        marks, at = layout.lay_out(vectors, np.arange(2000) // 2)
    assert len(marks) == len(at) == 800
