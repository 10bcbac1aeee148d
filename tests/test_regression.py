"""What the regression promises: what the library's gives, also where all lies apart or nothing does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from toolkit import regression


def scattered(count, dim, pull):
    random = np.random.default_rng(count)
    truth = np.arange(count) % 4 == 0
    vectors = random.normal(size=(count, dim)) / np.sqrt(dim)
    vectors[truth, :2] += pull
    return vectors.astype(np.float32), truth


@pytest.mark.parametrize(("count", "dim"), [(60, 200), (400, 30), (2000, 60)])
@pytest.mark.parametrize("pull", [0.0, 0.3, 3.0])
def test_the_log_odds_are_those_of_the_library(count, dim, pull):
    vectors, truth = scattered(count, dim, pull)
    theirs = LogisticRegression(C=3.0, max_iter=500).fit(vectors, truth)
    own = regression.fit(vectors, truth, 3.0)
    np.testing.assert_allclose(own.log_odds(vectors), theirs.decision_function(vectors), atol=2e-3)


def test_the_same_vectors_give_the_same_line():
    vectors, truth = scattered(300, 40, 0.3)
    first, second = (regression.fit(vectors, truth, 3.0) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes() and first.bias == second.bias
