"""What reading promises: few articles are read together, and of many each is scored alike, in whatever batch it is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from toolkit import abreast, clean, embed, ingest, plain, processors, reading, store, units
from toolkit.settings import EmbedSettings, ThemeSettings
from toolkit.themefile import load_themes

ASKED = reading.Asked(load_themes("data/themes.yml"))
ENCODER = cache(embed.load_encoder)
CLOSE = 2e-3
"""Scores are rounded to four digits, and the last bits of a product of matrices depend on their size."""


@pytest.fixture(scope="module")
def articles():
    return clean.clean_articles(ingest.read_articles(["data/sample/articles.jsonl"]).kept).kept.reset_index(drop=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The weights are loaded once, and few partitions made."""
    monkeypatch.setattr(embed, "load_encoder", ENCODER)
    monkeypatch.setattr(units, "_PARTITIONS", 4)


@pytest.fixture
def table(articles, tmp_path):
    """The articles on disk, as 1-corpus leaves them."""
    return store.write_table(articles, tmp_path / "tables" / "articles.parquet")


@pytest.fixture
def large(monkeypatch):
    """A function that makes the sample a large corpus, of which so many articles are read first."""

    def make(first, batch=8_000):
        for name, value in {"TOGETHER": 30, "FIRST": first, "LEAST": 20, "BATCH": batch}.items():
            monkeypatch.setattr(reading, name, value)

    return make


def read(table, named=()):
    return reading.read_first(table, pd.DataFrame({"article_id": []}), EmbedSettings(), named)


def ordered(scores):
    return scores.sort_values(["theme", "article_id"], ignore_index=True)


def kept(table):
    """Return the scores and vectors that stand beside a table."""
    beside = table.parent
    return ordered(store.read_table(beside / "scores.parquet")), store.read_vectors(beside / "vectors.safetensors")


def assert_alike(found, expected):
    assert_frame_equal(found[0][["article_id", "theme"]], expected[0][["article_id", "theme"]])
    assert (found[0]["score"] - expected[0]["score"]).abs().max() < CLOSE
    assert (found[0][["label", "evidence_offset"]] != expected[0][["label", "evidence_offset"]]).mean().max() < 0.01
    assert np.abs(found[1] - expected[1]).max() < 1e-5


# Scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [40, 70])
def test_scores_do_not_depend_on_the_batch_that_an_article_is_in(table, large, batch):
    large(120)
    first = read(table)
    assert not first.everything and first.articles < 200
    reading.score(table, first, ASKED)
    together = kept(table)
    large(120, batch)
    reading.score(table, first, ASKED)
    assert_alike(kept(table), together)


def test_two_processes_give_the_same_scores_and_vectors_as_one(table, large, monkeypatch):
    large(120, 40)
    found = []
    monkeypatch.setattr(processors, "second", lambda: True)
    for many in (10**9, 1):
        monkeypatch.setattr(abreast, "MANY", many)
        found.append((ordered(reading.score(table, read(table), ASKED)), *kept(table)))
    assert_frame_equal(found[0][0], found[1][0])
    assert_frame_equal(found[0][1], found[1][1])
    np.testing.assert_array_equal(found[0][2], found[1][2])


def test_learnt_of_all_and_scored_in_batches_is_what_reading_together_gives(table, large, monkeypatch):
    monkeypatch.setattr(plain, "every_stem", lambda themes: set())
    first = read(table)
    assert first.everything
    reading.score(table, first, ASKED)
    together = kept(table)
    large(120, 50)
    reading.score(table, first._replace(everything=False), ASKED)
    assert_alike(kept(table), together)


def test_learnt_of_half_most_labels_are_the_same(table, large):
    reading.score(table, read(table), ASKED)
    together, _ = kept(table)
    large(120)
    reading.score(table, read(table), ASKED)
    assert (kept(table)[0]["label"] == together["label"]).mean() > 0.95


def test_every_article_has_its_row_and_vector_in_order_and_the_scores_returned_are_those_kept(table, large, articles):
    large(120, 50)
    first, told = read(table), []
    scores = reading.score(table, first, ASKED, lambda done, total: told.append((done, total)))
    found, vectors = kept(table)
    assert_frame_equal(ordered(scores), found.drop(columns=["evidence", "evidence_offset"]))
    assert len(found) == 3 * len(articles) and len(vectors) == len(articles)
    passages = embed.make_passages(articles)
    expected = embed.pool(passages, first.encoder.encode(passages["text"].tolist()), articles["article_id"])
    assert np.abs(vectors - expected).max() < 1e-5
    assert told[0] == (50, len(articles)) and told[-1] == (len(articles), len(articles))


def test_an_answer_counts_wherever_its_article_stands(table, large):
    large(60)
    reading.score(table, read(table), ASKED)
    before = kept(table)[0]
    unsure = before[before["theme"] == "extremism"].assign(far=lambda rows: (rows["score"] - 0.5).abs())
    answers = unsure.nsmallest(20, "far")[["article_id", "theme"]].assign(answer=False)
    first = read(table, answers["article_id"])
    assert set(answers["article_id"]) <= set(first.passages["article_id"])
    reading.score(table, first, ASKED._replace(answers=answers))
    after = kept(table)[0].merge(answers, on=["article_id", "theme"]).merge(before, on=["article_id", "theme"])
    assert after["score_x"].mean() < after["score_y"].mean() - 0.05


def test_articles_without_words_are_counted_and_have_no_scores(table, large, articles):
    empty = articles.assign(title="", text=[*[""] * 20, *articles["text"].iloc[20:]])
    store.write_table(empty, table)
    large(60, 20)
    found = reading.score(table, read(table), ASKED)
    assert not found["article_id"].isin(empty["article_id"].head(20)).any()
    assert len(found) == 3 * (len(articles) - 20)
    assert not kept(table)[1][:20].any()


def test_the_words_of_a_theme_are_known_even_if_no_article_read_first_has_them(table, large, articles):
    odd = ["A theremin was heard, and again the theremin."] * 3
    store.write_table(articles.assign(text=[*articles["text"].iloc[:-3], *odd], title="", language="en"), table)
    large(60)
    first = read(table)
    assert not first.passages["text"].str.contains("theremin").any()
    wanted = [load_themes("data/themes.yml")[0]]

    themes = [replace(wanted[0], seeds={"en": ("theremin",)}, against={})]
    found = reading.score(table, first, reading.Asked(themes, ThemeSettings()))
    assert set(found[found["label"]]["article_id"]) == set(articles["article_id"].iloc[-3:])


# What is read first ---------------------------------------------------------------------------------------------


def overview(count):
    """Return a corpus of one large and two small languages, two sources, and ten years."""
    language = np.array(["en"] * count, dtype=object)
    language[::50], language[1 : 1 + 5] = "kk", "ky"
    day = pd.Timestamp("2015-01-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 3650 // count, "D")
    source = np.where(np.arange(count) % 4 == 0, "few", "many")
    rows = {"article_id": [f"{at:05}" for at in range(count)], "language": language, "source": source}
    return pd.DataFrame(rows | {"published": day, "characters": 2000})


def test_few_articles_are_all_read_first_and_many_are_not(large):
    large(500)
    known = overview(31)
    assert reading.draw(known.head(30), 42).all() and not reading.draw(overview(1000), 42).all()


def test_every_language_source_and_year_has_its_share(large):
    large(500)
    known = overview(5000)
    part = known[reading.draw(known, 42)]
    assert 500 <= len(part) <= 540
    languages = part["language"].value_counts()
    assert languages["kk"] >= 20 and languages["ky"] == 5
    assert (part["source"] == "few").mean() == pytest.approx(0.25, abs=0.02)
    assert part["published"].dt.year.value_counts(normalize=True).between(0.08, 0.12).all()


def test_the_same_articles_are_drawn_again_and_others_by_another_seed(large):
    large(500)
    known = overview(5000)
    assert (reading.draw(known, 1) == reading.draw(known, 1)).all()
    assert (reading.draw(known, 1) != reading.draw(known, 2)).any()


def test_long_articles_make_the_part_smaller_and_those_without_words_or_date_do_no_harm(large, monkeypatch):
    large(500)
    known = overview(5000).assign(characters=lambda rows: np.where(rows.index < 100, 0, 2000))
    known.loc[200:300, "published"] = pd.NaT
    assert not reading.draw(known, 42)[:100].any()
    monkeypatch.setattr(reading, "CHARACTERS", 20_000)
    assert reading.draw(known, 42).sum() < 250


def test_what_was_read_first_is_told_and_nothing_where_all_was(table, large):
    assert reading.told(read(table), 206) is None
    large(120)
    first = read(table)
    assert f"learnt of {first.articles} of the 206 articles" in reading.told(first, 206).text


def test_the_surest_articles_are_looked_at_besides_those_read_first(table, large):
    large(60)
    first = read(table)
    scores = reading.score(table, first, ASKED)
    looked = reading.surest(table, first, scores, most=3)
    best = scores[scores["label"]].sort_values("score", ascending=False, kind="stable").groupby("theme").head(3)
    assert set(best["article_id"]) <= set(looked["article_id"])
    assert not looked.duplicated(["article_id", "offset"]).any()


def test_the_texts_come_in_pieces_and_it_is_told_how_many_were_taken(table, articles):
    told = []
    pieces = list(reading.texts(table, lambda done, total: told.append((done, total))))
    assert_frame_equal(pd.concat(pieces), articles[list(reading.COLUMNS)])
    assert told == [(len(articles), len(articles))]
