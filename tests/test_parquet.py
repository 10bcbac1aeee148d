import itertools

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import progress, store
from toolkit.schema import InputError, OutputError


def articles(count):
    """Return a table with every type that an article table can have."""
    day = pd.date_range("2024-01-31", periods=count, freq="D", tz="UTC").as_unit("us")
    frame = pd.DataFrame({"article_id": [f"{row:04}" for row in range(count)], "published": day})
    some = [None if row % 2 else row for row in range(count)]
    frame["published"] = frame["published"].where(frame.index % 3 != 0)
    frame["shares"] = pd.array(some, dtype="Int64")
    frame["tags"] = pd.array([None if each is None else str(each) for each in some], dtype="string")
    frame["text"] = pd.Series([f"Құттықтаймыз {row}" for row in range(count)], dtype="str")
    return frame.assign(led=[[str(row)] for row in range(count)])


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 12), rows=st.integers(1, 13))
def test_the_pieces_of_a_table_are_the_table(tmp_path_factory, count, rows):
    frame = articles(count)
    path = store.write_table(frame, tmp_path_factory.mktemp("tables") / "articles.parquet")
    pieces = list(store.read_batches(path, rows=rows))
    assert [len(piece) for piece in pieces[:-1]] == [rows] * (len(pieces) - 1)
    pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), store.read_table(path))


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 12), max_size=4))
def test_a_table_written_in_pieces_is_the_one_written_whole(tmp_path_factory, cuts):
    folder, frame = tmp_path_factory.mktemp("tables"), articles(12)
    whole = store.write_table(frame, folder / "whole.parquet")
    edges = [0, *sorted(cuts), 12]
    with store.adding(folder / "pieces.parquet") as add:
        for start, end in itertools.pairwise(edges):
            add(frame.iloc[start:end])
    pd.testing.assert_frame_equal(store.read_table(folder / "pieces.parquet"), store.read_table(whole))


@settings(deadline=None, max_examples=30)
@given(cut=st.integers(0, 12), places=st.lists(st.integers(0, 11), max_size=8))
def test_the_rows_at_some_places_are_those_rows_in_their_order(tmp_path_factory, cut, places):
    path, frame = tmp_path_factory.mktemp("tables") / "articles.parquet", articles(12)
    with store.adding(path) as add:
        add(frame[:cut])
        add(frame[cut:])
    found = store.read_at(path, places, ["text", "shares"])
    pd.testing.assert_frame_equal(found, frame[["text", "shares"]].iloc[places].reset_index(drop=True))
    with pytest.raises(IndexError, match="12 rows, asked for that at 12"):
        store.read_at(path, [*places, 12], ["text"])


def test_only_the_columns_asked_for_are_read_in_the_order_asked(tmp_path):
    path = store.write_table(articles(5), tmp_path / "articles.parquet")
    assert list(store.read_table(path, ["text", "article_id"])) == ["text", "article_id"]
    assert [list(piece) for piece in store.read_batches(path, ["text", "article_id"], rows=3)] == [
        ["text", "article_id"]
    ] * 2


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = store.write_table(articles(5), tmp_path / "articles.parquet")
    for read in (store.read_table, lambda *asked: list(store.read_batches(*asked))):
        with pytest.raises(InputError, match="has no column 'story_id'; it has: article_id"):
            read(path, ["story_id"])


def test_a_missing_or_broken_table_is_an_input_error_in_pieces_too(tmp_path):
    with pytest.raises(InputError, match=r"run notebooks/1-corpus\.ipynb first"):
        next(store.read_batches(tmp_path / "articles.parquet"))
    whole = store.write_table(articles(5), tmp_path / "articles.parquet").read_bytes()
    (tmp_path / "articles.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no readable Parquet"):
        next(store.read_batches(tmp_path / "articles.parquet"))


def test_adding_that_fails_midway_leaves_the_old_table_and_nothing_beside_it(tmp_path):
    path = store.write_table(articles(5), tmp_path / "articles.parquet")
    with pytest.raises(OutputError, match="cannot be stored"), store.adding(path) as add:
        add(articles(3))
        add(articles(3).assign(shares="many"))
    assert len(store.read_table(path)) == 5
    assert [item.name for item in tmp_path.iterdir()] == ["articles.parquet"]


def test_a_stage_tells_how_far_it_is_while_it_runs_and_not_after(tmp_path):
    assert progress.read_progress(tmp_path) == []
    with store.stage(tmp_path, "clean") as facts:
        facts.tell(20, 20)
        assert [told[:3] for told in progress.read_progress(tmp_path)] == [("clean", 20, 20)]
    assert progress.read_progress(tmp_path) == []
    assert [record["name"] for record in store.read_stages(tmp_path)] == ["clean"]


def test_each_of_two_stages_that_run_at_once_tells_how_far_it_is_the_one_begun_last_at_the_end(tmp_path):
    with store.stage(tmp_path, "topics") as first:
        with store.stage(tmp_path, "trends") as second:
            second.tell(1, 2)
            first.tell(3, 3)
            assert [told[:3] for told in progress.read_progress(tmp_path)] == [("topics", 3, 3), ("trends", 0, 0)]
        assert [told.stage for told in progress.read_progress(tmp_path)] == ["topics"]


def test_records_of_stages_are_in_the_order_of_the_notebooks_whichever_ended_first(tmp_path):
    for name in ("own", "trends", "topics", "clean"):
        with store.stage(tmp_path, name):
            pass
    assert [record["name"] for record in store.read_stages(tmp_path)] == ["clean", "topics", "trends", "own"]


def test_a_stage_that_fails_tells_no_more(tmp_path):
    with pytest.raises(InputError), store.stage(tmp_path, "clean") as facts:
        facts.tell(1, 2)
        raise InputError("no")
    assert progress.read_progress(tmp_path) == []


def test_a_half_written_progress_is_none(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / ".clean.progress").write_text('["clean", 1')
    assert progress.read_progress(tmp_path) == []
