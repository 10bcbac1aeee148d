"""What k-means promises: the groups that the library finds, from the rows that it would draw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus

from toolkit import kmeans


@pytest.mark.parametrize(("rows", "dim", "number"), [(230, 60, 23), (40, 80, 4), (12, 3, 1), (9, 2, 9)])
def test_the_rows_are_those_that_the_library_draws(rows, dim, number):
    vectors = np.random.default_rng(rows).normal(size=(rows, dim))
    for seed in range(10):
        theirs = kmeans_plusplus(vectors, number, random_state=seed)[1]
        assert kmeans.far_apart(kmeans.measuring(vectors), rows, number, seed).tolist() == theirs.tolist()


def test_rows_that_are_alike_are_drawn_without_complaint():
    assert len(kmeans.far_apart(kmeans.measuring(np.ones((10, 4))), 10, 3, 0)) == 3


def scattered(rows, dim, groups):
    random = np.random.default_rng(rows)
    near = random.normal(size=(groups, dim))[np.arange(rows) % groups]
    return (near + 0.5 * random.normal(size=(rows, dim))).astype(np.float32)


@pytest.mark.parametrize(("rows", "dim", "number", "rounds"), [(230, 60, 23, 20), (40, 80, 4, 20), (5000, 20, 50, 8)])
def test_the_groups_are_those_that_the_library_finds(rows, dim, number, rounds):
    vectors = scattered(rows, dim, number)
    for seed in range(5):
        theirs = KMeans(number, init="random", n_init=1, max_iter=rounds, random_state=seed).fit(vectors)
        labels, groups = kmeans.lloyd(vectors, kmeans.some_rows(rows, number, seed), rounds)
        centres = kmeans.means(vectors, groups, number)
        assert labels.tolist() == theirs.labels_.tolist()
        np.testing.assert_allclose(centres, theirs.cluster_centers_, atol=1e-5)
        assert kmeans.nearest(vectors, centres).tolist() == theirs.predict(vectors).tolist()


def test_a_group_that_is_left_empty_begins_anew_far_from_the_others():
    vectors = np.vstack([np.zeros((8, 2)), [[5, 5], [5, 6], [40, 0]]]).astype(np.float32)
    labels, groups = kmeans.lloyd(vectors, np.array([0, 1, 8]), 20)
    centres = kmeans.means(vectors, groups, 3)
    assert len(set(labels.tolist())) == 3 and [40, 0] in centres.round(3).tolist()


def test_vectors_that_are_all_alike_are_one_group():
    labels, groups = kmeans.lloyd(np.ones((6, 3), dtype=np.float32), np.arange(3), 20)
    assert set(labels.tolist()) == set(groups.tolist()) == {0}
