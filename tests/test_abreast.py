"""What two processes make of a table abreast is what one makes of it."""

import os
import tempfile

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from toolkit import cache, processors
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


def made(name, log):
    """Return what makes a table, and says in a file which process has made it."""

    def make():
        with log.open("a") as told:
            told.write(f"{name} {os.getpid()}\n")
        return pd.DataFrame({"name": [name]})

    return make


def test_what_was_made_ahead_is_taken_and_not_made_again(tmp_path):
    log = tmp_path / "log"
    other = cache.ahead("other", [1], made("other", log), MANY)
    made("own", log)()
    assert other()["name"].tolist() == other()["name"].tolist() == ["other"]
    by = dict(line.split() for line in log.read_text().splitlines())
    assert len(by) == len(log.read_text().splitlines()) == 2
    assert by["own"] == str(os.getpid()) != by["other"]


def test_no_process_is_begun_for_what_is_kept(tmp_path, monkeypatch):
    cache.kept("known", [1], made("known", tmp_path / "log"))
    monkeypatch.setattr(os, "fork", None)
    assert cache.ahead("known", [1], made("again", tmp_path / "log"), MANY)()["name"].tolist() == ["known"]


def test_what_fails_ahead_is_made_here(tmp_path):
    here, log = os.getpid(), tmp_path / "log"

    def failing():
        if os.getpid() != here:
            raise ValueError("there")
        return made("failing", log)()

    assert cache.ahead("failing", [1], failing, MANY)()["name"].tolist() == ["failing"]
    assert log.read_text().split() == ["failing", str(here)]


def test_nothing_is_made_ahead_where_nothing_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_FRESH", "1")
    later = cache.ahead("fresh", [1], made("fresh", tmp_path / "log"), MANY)
    assert not (tmp_path / "log").exists()
    assert later()["name"].tolist() == ["fresh"]
