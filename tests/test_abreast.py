"""What two processes make of a table abreast is what one makes of it."""

import os
import tempfile

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from toolkit import processors
from toolkit.abreast import MANY, abreast

PIECES = [pd.DataFrame({"text": [f"article {number}"] * number, "number": number}) for number in range(1, 14)]


def both(piece):
    """Return a frame and an array, and in which process they were made."""
    return piece.assign(long=piece["text"].str.len()), np.array([os.getpid(), piece["number"].sum()])


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(processors, "second", lambda: True)


def test_results_come_in_order_and_are_those_of_one_process():
    found, alone = list(abreast(both, PIECES, MANY)), list(map(both, PIECES))
    for (frame, array), (wanted, numbers) in zip(found, alone, strict=True):
        pd.testing.assert_frame_equal(frame, wanted)
        assert array[1] == numbers[1]
    assert len({array[0] for _, array in found}) == 2


def test_few_rows_are_left_to_one_process():
    assert {array[0] for _, array in abreast(both, PIECES, MANY - 1)} == {os.getpid()}


def test_what_the_other_process_fails_at_is_done_here():
    here = os.getpid()

    def work(piece):
        if os.getpid() != here and piece["number"].max() >= 6:
            os.kill(os.getpid(), 9)
        return both(piece)

    found = list(abreast(work, PIECES, MANY))
    assert [array[1] for _, array in found] == [both(piece)[1][1] for piece in PIECES]
    assert len({array[0] for _, array in found}) == 2


def test_an_error_is_that_of_one_process():
    def work(piece):
        if piece["number"].max() == 4:
            raise ValueError("four")
        return both(piece)

    with pytest.raises(ValueError, match="four"):
        list(abreast(work, PIECES, MANY))


def test_no_process_or_file_stays_when_the_results_are_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    results = abreast(both, PIECES, MANY)
    next(results), next(results)
    results.close()
    assert not list(tmp_path.iterdir())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_inside_one_thread_libraries_compute_with_one_and_afterwards_as_before():
    with threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpool_info()]
        with processors.one_thread(), processors.one_thread():
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert [pool["num_threads"] for pool in threadpool_info()] == before
