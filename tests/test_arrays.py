"""What is kept of vectors: blocks put together are the matrix, a large one is read as it is used, half of one never."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from toolkit import arrays, store
from toolkit.schema import InputError

MATRIX = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors.safetensors"


@pytest.mark.parametrize("cuts", [[], [3], [0, 2, 2, 7]])
def test_rows_added_in_blocks_are_the_matrix_for_any_reader_of_the_format(path, cuts):
    with store.adding_vectors(path, 7, 5) as add:
        for block in np.split(MATRIX, cuts):
            add(block)
    assert np.array_equal(store.read_vectors(path), MATRIX)
    assert np.array_equal(load_file(path)["vectors"], MATRIX)


def test_too_few_rows_leave_the_old_matrix_and_nothing_beside_it(path):
    store.write_vectors(MATRIX, path)
    with pytest.raises(ValueError, match="2 rows were written"), store.adding_vectors(path, 3, 5) as add:
        add(MATRIX[:2])
    assert np.array_equal(store.read_vectors(path), MATRIX)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_large_matrix_is_the_same_and_stays_on_the_disk(path, monkeypatch):
    store.write_vectors(MATRIX, path)
    monkeypatch.setattr(arrays, "_LARGE", 0)
    found = store.read_vectors(path)
    assert isinstance(found, np.memmap) and found.dtype == np.float32
    assert np.array_equal(found, MATRIX)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kept", [0, 4, 40, 100])
def test_a_matrix_cut_short_is_an_input_error(path, monkeypatch, large, kept):
    path.write_bytes(store.write_vectors(MATRIX, path).read_bytes()[:kept])
    monkeypatch.setattr(arrays, "_LARGE", 0 if large else 1 << 30)
    with pytest.raises(InputError, match="no readable vectors"):
        store.read_vectors(path)


def test_a_matrix_without_rows_is_kept(path):
    store.write_vectors(MATRIX[:0], path)
    assert store.read_vectors(path).shape == (0, 5)
