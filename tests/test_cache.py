"""A table is made once of the same inputs, and again when any of them differs."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from toolkit import blobs, cache, clean, dedupe, store
from toolkit.pieces import together
from toolkit.schema import InputError
from toolkit.settings import CleanSettings, DedupeSettings


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


def test_lists_come_back_as_lists(made):
    terms = pd.DataFrame({"terms": [["a", "b"], []], "n": [1.5, 2.5]})
    for _ in range(2):
        (found,) = cache.kept_tables("lists", [1], lambda: [terms])
        assert found["terms"].tolist() == [["a", "b"], []]


# Stages in pieces -------------------------------------------------------------------------------------------------

STAGES = {
    "clean": (partial(clean.clean_pieces, aside=list), CleanSettings(min_words=2)),
    "stories": (dedupe.story_pieces, DedupeSettings(window_days=7)),
}


def corpus(hours=0.0, **changed):
    """Two pieces of articles, all dates moved by so many hours: a copy, a reprint, an undated one, one without text."""
    said = "The ministers of the region signed an agreement on trade and transit in the capital"
    rows = [
        ("a", said, "2024-05-01"),
        ("a", said + "!", "2024-05-02"),
        ("b", said, "2024-05-08"),
        ("b", "", "2024-05-09"),
    ]
    rows += [("b", "A fire broke out in the old market of the northern port", None), ("c", said, "2024-05-20")]
    table = pd.DataFrame(rows, columns=["source", "text", "published"]).astype({"source": "str", "text": "str"})
    table["published"] = pd.to_datetime(table["published"], utc=True) + pd.Timedelta(hours=hours)
    plain = {"article_id": [f"id{at}" for at in range(len(rows))], "title": "", "url": "", "language": "en"}
    table = table.assign(**plain).astype(dict.fromkeys(plain, "str")).assign(**changed)
    return [table.iloc[:3].reset_index(drop=True), table.iloc[3:].reset_index(drop=True)]


def again(stage, pieces, **settings):
    """Return what a stage keeps and drops of `pieces`, by way of the cache, and whether it was called for it."""
    make, usual = STAGES[stage]
    asked, called = replace(usual, **settings), []
    steps = cache.kept_steps(stage, pieces, asked, lambda: (called.append(1), make(pieces, settings=asked))[1])
    return together(steps), bool(called)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_done_once_though_all_dates_move_and_gives_what_a_fresh_one_does(made, stage):
    make, settings = STAGES[stage]
    for at, hours in enumerate([0, 5, -0.3]):
        found, called = again(stage, corpus(hours))
        assert called == (at == 0)
        for mine, fresh in zip(found, together(make(corpus(hours), settings=settings)), strict=True):
            assert len(mine)
            pd.testing.assert_frame_equal(mine, fresh)


def test_a_stage_is_done_again_where_anything_it_reads_has_changed(made):
    for stage in STAGES:
        assert again(stage, corpus())[1]
        assert again(stage, corpus(source=pd.Series(list("xyzxyz"), dtype="str")))[1]
    assert again("clean", corpus(), min_words=3)[1]
    assert again("stories", corpus(), window_days=8)[1]
    apart = pd.date_range("2024-05-01", periods=6, tz="UTC", unit="us")
    assert all(again(stage, corpus(published=apart))[1] for stage in STAGES)


def test_a_stage_that_looks_at_no_date_is_done_once_however_these_differ(made):
    make, settings = STAGES["clean"]
    for at, dates in enumerate(([None] * 6, ["2024-05-01"] * 6, ["2024-05-02", None, *["2024-01-01"] * 4])):
        pieces, called = corpus(published=pd.Series(pd.to_datetime(dates, utc=True)).astype("datetime64[us, UTC]")), []
        once = partial(lambda seen, read: (seen.append(1), make(read, settings=settings))[1], called, pieces)
        steps = cache.kept_steps("clean", pieces, settings, once, undated=True)
        found = together(steps)
        assert bool(called) == (at == 0)
        for mine, fresh in zip(found, together(make(pieces, settings=settings)), strict=True):
            pd.testing.assert_frame_equal(mine, fresh)


def test_a_table_of_which_a_column_is_not_read_is_known_by_the_others(made, tmp_path):
    path, found = tmp_path / "articles.parquet", []
    for day, text in ((1, "a"), (2, "a"), (2, "b")):
        store.write_table(pd.DataFrame({"published": [pd.Timestamp(2024, 5, day)], "text": [text]}), path)
        cache.kept("texts", [cache.Without(path, "published")], lambda: pd.DataFrame({"n": [found.append(1)]}))
    assert len(found) == 2


def test_the_heads_of_articles_are_those_that_are_read_whether_they_were_kept_or_not(made, tmp_path, monkeypatch):
    names = [f"{at:016x}" for at in (3, 1, 2)]
    plain = {"source": "s", "language": "en", "title": ["", "b", "c"], "text": "long " * 99, "story_id": names}
    table = pd.DataFrame({"article_id": names, **plain}).astype("str")
    table["published"] = pd.Timestamp("2024-05-01", tz="UTC")
    path = store.write_table(table, tmp_path / "articles.parquet")
    fresh = cache.heads(path)
    monkeypatch.setattr(cache, "_LARGE", 0)
    for _ in range(2):
        pd.testing.assert_frame_equal(cache.heads(path), fresh)
    pd.testing.assert_frame_equal(fresh, store.numbered(store.read_heads(path)))
    assert len(blobs.files(blobs.home() / "entries" / "heads")) == 1


def test_of_very_many_articles_no_stage_is_kept(made, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_KEPT", 5)
    assert [again("clean", corpus())[1] for _ in range(2)] == [True, True]


def test_of_a_stage_that_fails_half_way_nothing_is_kept(made):
    def broken():
        yield from STAGES["clean"][0](corpus(), settings=CleanSettings(min_words=2))
        raise InputError("half way")

    with pytest.raises(InputError):
        together(cache.kept_steps("clean", corpus(), CleanSettings(min_words=2), broken))
    assert not blobs.files(blobs.home() / "entries")
    assert again("clean", corpus())[1]
