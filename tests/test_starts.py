"""Where k-means begins: the rows that the library would draw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import kmeans_plusplus

from toolkit import starts


@pytest.mark.parametrize(("rows", "dim", "number"), [(230, 60, 23), (40, 80, 4), (12, 3, 1), (9, 2, 9)])
def test_the_rows_are_those_that_the_library_draws(rows, dim, number):
    vectors = np.random.default_rng(rows).normal(size=(rows, dim))
    for seed in range(10):
        theirs = kmeans_plusplus(vectors, number, random_state=seed)[1]
        assert starts.far_apart(starts.measuring(vectors), rows, number, seed).tolist() == theirs.tolist()


def test_rows_that_are_alike_are_drawn_without_complaint():
    assert len(starts.far_apart(starts.measuring(np.ones((10, 4))), 10, 3, 0)) == 3
