"""A table is made once of the same inputs, and again when any of them differs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from toolkit import blobs, cache


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A cache of its own, and a call that counts how often the table was really made."""
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    calls = []

    def make():
        calls.append(1)
        return pd.DataFrame({"word": ["a", "ә"], "n": [1, 2]}, index=[5, 7])

    return lambda *inputs, name="words": (cache.kept(name, inputs, make), len(calls))


@dataclass(frozen=True)
class Settings:
    seed: int = 1


def test_a_table_is_made_once_and_is_the_same_each_time(made):
    first, second = made(1, "a"), made(1, "a")
    assert (first[1], second[1]) == (1, 1)
    pd.testing.assert_frame_equal(first[0], second[0])
    assert made(1, "a", name="others")[1] == 2


def test_every_kind_of_input_is_told_from_others_by_what_it_holds(made, tmp_path):
    (tmp_path / "file").write_text("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("a")
    table = pd.DataFrame({"text": ["a", "b"], "terms": [["a"], []]})
    inputs = [
        *(None, True, 1, 1.0, "1", [1], {"a": 1}, Settings(), Settings(2), "file", tmp_path / "file"),
        *(tmp_path / "folder", table, table[::-1], table.assign(text=["a", "c"]), table["text"].to_frame()),
        *(np.zeros(2), np.zeros((1, 2)), np.zeros(2, dtype=np.float32), np.ones(2), tmp_path / "absent"),
    ]
    counts = [made(item)[1] for item in inputs]
    assert counts == list(range(1, len(inputs) + 1))
    assert {made(item)[1] for item in inputs} == {len(inputs)}
    (tmp_path / "file").write_text("b")
    (tmp_path / "folder" / "y").write_text("")
    assert [made(tmp_path / name)[1] for name in ("file", "folder")] == [len(inputs) + 1, len(inputs) + 2]


def test_an_input_that_cannot_be_told_from_others_is_refused(made):
    with pytest.raises(TypeError, match="object cannot be told from others"):
        made(object())


def test_a_damaged_table_is_made_again_and_that_is_said(made):
    made(1)
    for path in blobs.files(blobs.home() / "blobs"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="'words' was damaged"):
        assert made(1)[1] == 2
    assert made(1)[1] == 2
