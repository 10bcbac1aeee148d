"""What finding stories promises: copies go, rewordings join, different events stay apart, order does not matter."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from toolkit import schema
from toolkit.dedupe import find_stories
from toolkit.settings import DedupeSettings
from toolkit.shingles import jaccard, read_words, shingles

CORPORA = Path("../shared/data")
needs_corpora = pytest.mark.skipif(not CORPORA.exists(), reason="the real corpora are not here")
REWRITES = DedupeSettings(shingle=3, similarity=0.35)
"""The settings at which a text with 15 % of its words changed is found."""

FIRE = "Fire broke out in the old market of the northern port on Sunday night, and nobody was hurt, officials said"


def table(rows: list[dict[str, str]]) -> pd.DataFrame:
    """Build an article table; what a row leaves out is empty, and a row without an id gets its number."""
    full = [{"source": "s", "title": "", "text": "", "published": "2024-05-01", **row} for row in rows]
    made = pd.DataFrame(full, columns=["article_id", "source", "title", "text", "published"])
    made["article_id"] = [row.get("article_id", f"id{at:04}") for at, row in enumerate(rows)]
    made["published"] = pd.to_datetime(made["published"], utc=True)
    return schema.check_articles(made.assign(url="", language="").astype({"source": "str", "text": "str"}))


def story_of(rows: list[dict[str, str]], chosen: DedupeSettings = REWRITES) -> dict[str, str]:
    _, stories = find_stories(table(rows), chosen)
    return dict(zip(stories["article_id"], stories["story_id"], strict=True))


def reworded(text: str, share: float, seed: int) -> str:
    """Replace, remove or add words, `share` of them in all."""
    chance = random.Random(seed)
    words = text.split()
    for at in chance.sample(range(len(words)), max(1, round(share * len(words)))):
        words[at] = chance.choice([f"new{at}", "", f"{words[at]} more{at}"])
    return " ".join(words)


def speech(words: int, seed: int) -> str:
    chance = random.Random(seed)
    return " ".join(
        f"{chance.choice('bdfgklmnprst')}{chance.choice('aeiou')}{chance.randrange(60)}" for _ in range(words)
    )


# --- exact copies --------------------------------------------------------------------------------------------


def test_a_copy_from_the_same_source_is_dropped_and_names_the_earliest():
    rows = [
        {"title": "Oil", "text": "Prices ROSE, again!", "published": "2024-05-03"},
        {"title": "oil", "text": "prices  rose again", "published": "2024-05-01"},
        {"title": "", "text": "Oil prices rose again.", "published": "2024-05-02"},
        {"title": "Oil", "text": "Prices fell again", "published": "2024-05-01"},
    ]
    (kept, dropped), stories = find_stories(table(rows))
    assert kept["article_id"].tolist() == ["id0001", "id0003"] == stories["article_id"].tolist()
    assert dropped["duplicate_of"].tolist() == ["id0001", "id0001"]
    assert dropped["reason"].tolist() == ["exact copy of id0001"] * 2
    assert dropped["title"].tolist() == ["Oil", ""]


def test_the_same_text_from_another_source_is_kept_in_the_same_story():
    rows = [{"text": FIRE, "source": "one", "published": "2024-05-02"}, {"text": FIRE, "source": "two"}]
    (kept, dropped), stories = find_stories(table(rows))
    assert len(kept) == 2 and dropped.empty
    assert stories["story_id"].tolist() == ["id0001", "id0001"]


@pytest.mark.parametrize("text", ["", "😀 !"])
def test_articles_without_words_are_nobody_s_copies(text):
    assert story_of([{"text": text}, {"text": text}, {"text": text, "source": "t"}]) == {
        "id0000": "id0000",
        "id0001": "id0001",
        "id0002": "id0002",
    }


def test_an_empty_table_has_no_stories():
    (kept, dropped), stories = find_stories(table([]))
    assert len(kept) == len(dropped) == len(stories) == 0
    assert stories.columns.tolist() == ["article_id", "story_id"]
    assert {"reason", "duplicate_of"} <= set(dropped.columns)


# --- stories -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [20, 60, 400])
@pytest.mark.parametrize("share", [0.10, 0.15])
def test_rewordings_are_found(words, share):
    originals = [speech(words, seed) for seed in range(100)]
    rows = [{"article_id": f"a{at}", "text": text, "source": "one"} for at, text in enumerate(originals)]
    again = [
        {"article_id": f"b{at}", "text": reworded(text, share, at), "source": "two"}
        for at, text in enumerate(originals)
    ]
    story = story_of(rows + again)
    assert np.mean([story[f"b{at}"] == f"a{at}" for at in range(100)]) >= 0.95
    assert len({story[f"a{at}"] for at in range(100)}) == 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Тоқаев Путинмен кездесті", "Тоқаев Путинмен кездесті:"),
        ("Взрыв прогремел в центре Кабула", "⚡Взрыв прогремел в самом центре Кабула"),
        ("Central bank holds its base rate", "Central bank keeps its base rate"),
        ("Blast", "blast!"),
    ],
)
def test_headlines_as_short_as_a_shingle_join(one, other):
    assert len(set(story_of([{"text": one, "source": "a"}, {"text": other, "source": "b"}]).values())) == 1


@pytest.mark.parametrize(("asked", "stories"), [(0.75, 1), (0.77, 2)])
def test_two_texts_are_one_story_from_the_asked_similarity_on(asked, stories):
    rows = [{"text": FIRE, "source": "a"}, {"text": FIRE.replace("market", "theatre"), "source": "b"}]
    chosen = DedupeSettings(shingle=3, similarity=asked)
    shingles = len(FIRE.split()) + 2
    assert 0.75 < (shingles - 3) / (shingles + 3) < 0.77
    assert len(set(story_of(rows, chosen).values())) == stories


def test_different_articles_on_one_subject_stay_apart():
    texts = [
        FIRE,
        "The central bank raised its rate on Sunday night, and officials said that inflation was slowing in the north",
        "Ministers of five states signed an agreement on transit in the northern port on Sunday, officials said",
        "Blast in Kabul",
        "Summit in Astana",
    ]
    assert len(set(story_of([{"text": text} for text in texts]).values())) == len(texts)


def test_a_story_bears_the_id_of_its_earliest_article_and_of_the_smaller_id_in_a_tie():
    rows = [
        {"article_id": "c", "text": FIRE + ".", "source": "1", "published": "2024-05-02"},
        {"article_id": "b", "text": FIRE + " now", "source": "2", "published": "2024-05-01"},
        {"article_id": "a", "text": FIRE + " on", "source": "3", "published": "2024-05-01"},
        {"article_id": "0", "text": FIRE + " by", "source": "4", "published": ""},
    ]
    assert set(story_of(rows).values()) == {"a"}


def test_no_story_is_longer_than_the_window_though_each_link_of_the_chain_is_short():
    days = pd.date_range("2024-05-01", periods=30, tz="UTC")
    rows = [
        {"text": f"{FIRE} bulletin {'x' * at}", "source": str(at), "published": str(day)} for at, day in enumerate(days)
    ]
    made = table(rows)
    _, stories = find_stories(made, REWRITES)
    span = made["published"].groupby(stories["story_id"]).agg(["min", "max", "size"])
    assert (span["max"] - span["min"] <= pd.Timedelta(days=REWRITES.window_days)).all()
    assert span["size"].max() > 1


def test_stories_are_the_same_wherever_all_dates_lie():
    rows = [{"text": FIRE, "source": str(at), "published": f"2024-05-{1 + 14 * (at % 3):02}"} for at in range(6)]
    usual = find_stories(table(rows), DedupeSettings(window_days=14))[1]
    for hours in (5, 7.1, -1000.3):
        moved = table(rows)
        moved["published"] += pd.Timedelta(hours=hours)
        assert_frame_equal(find_stories(moved, DedupeSettings(window_days=14))[1], usual)
    assert usual["story_id"].nunique() == 2


def test_undated_articles_may_join_any_story():
    rows = [{"text": FIRE, "source": "one"}, {"text": FIRE + " late", "source": "two", "published": ""}]
    assert set(story_of(rows).values()) == {"id0000"}


# --- properties ----------------------------------------------------------------------------------------------

SAID = st.one_of(
    st.sampled_from([FIRE, FIRE.upper(), FIRE + " late", "Blast in Kabul", "Blast in Herat", "", "!"]),
    st.text(alphabet="ab қ.\n", max_size=12),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": SAID,
            "title": st.sampled_from(["", "Fire"]),
            "source": st.sampled_from(["one", "two"]),
            "published": st.sampled_from(["", "2024-05-01", "2024-05-06", "2024-05-12"]),
        }
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(1, 5), st.sampled_from([0.2, 0.5, 1.0]), st.integers(0, 20), st.randoms())
def test_stories_share_out_the_articles_whatever_their_order(rows, shingle, similarity, window, chance):
    made = table(rows)
    before = made.copy(deep=True)
    chosen = DedupeSettings(shingle=shingle, similarity=similarity, window_days=window)
    (kept, dropped), stories = find_stories(made, chosen)
    assert_frame_equal(made, before)

    assert sorted([*kept["article_id"], *dropped["article_id"]]) == made["article_id"].tolist()
    assert_frame_equal(kept, made[made["article_id"].isin(kept["article_id"])].reset_index(drop=True))
    assert stories["article_id"].tolist() == kept["article_id"].tolist()
    assert set(stories["story_id"]) <= set(kept["article_id"])
    named = stories[stories["article_id"].isin(stories["story_id"])]
    assert (named["article_id"] == named["story_id"]).all()
    assert set(dropped["duplicate_of"]) <= set(kept["article_id"])

    order = list(range(len(made)))
    chance.shuffle(order)
    (kept_2, dropped_2), stories_2 = find_stories(made.iloc[order], chosen)
    assert_frame_equal(stories_2.sort_values("article_id", ignore_index=True), stories)
    assert_frame_equal(kept_2.sort_values("article_id", ignore_index=True), kept)
    assert_frame_equal(dropped_2.sort_values("article_id", ignore_index=True), dropped)


def test_the_result_depends_neither_on_the_hash_seed_nor_on_threads():
    program = (
        "import sys; sys.path.insert(0, 'tests'); from test_dedupe import *;"
        "rows = [{'text': reworded(speech(40, n // 3), .3, n), 'source': str(n)} for n in range(300)];"
        "print(sorted(story_of(rows).items()))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "4"))
    }
    assert len(found) == 1


def test_likeness_is_that_of_the_sets_of_shingles():
    chance = random.Random(4)
    texts = ["x", "x", "", *(" ".join(chance.choices("abcdef", k=chance.randrange(1, 30))) for _ in range(60))]
    said = read_words(texts)
    padded = [["", "", *text.split(), "", ""] if text else [] for text in texts]
    sets = [set(zip(words, words[1:], words[2:], strict=False)) for words in padded]
    left, right = np.triu_indices(len(texts), 1)
    left, right = (
        left[(said.sizes[left] > 0) & (said.sizes[right] > 0)],
        right[said.sizes[right] * said.sizes[left] > 0],
    )
    wanted = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in zip(left, right, strict=True)]
    assert jaccard(*shingles(said.hashes, said.sizes, 3), left, right).tolist() == wanted
    few = left > 10
    later = shingles(*read_words(texts[11:])[:2], 3)
    assert jaccard(*later, left[few] - 11, right[few] - 11).tolist() == np.array(wanted)[few].tolist()


def test_hashes_that_differ_in_their_last_bit_alone_are_two():
    hashes = np.array([4, 5, 5], dtype=np.uint64)
    assert jaccard(hashes, np.array([0, 2, 3]), np.array([0]), np.array([1])).tolist() == [0.5]


# --- size ----------------------------------------------------------------------------------------------------


def test_many_articles_of_one_template_do_not_take_the_square_of_their_number():
    rows = [{"text": f"{FIRE} {at}", "source": str(at)} for at in range(3_000)]
    made = table(rows)
    start = time.perf_counter()
    _, stories = find_stories(made, REWRITES)
    assert time.perf_counter() - start < 5
    assert stories["story_id"].nunique() == 1


@needs_corpora
@pytest.mark.corpora
def test_a_real_corpus_of_full_articles_takes_seconds_and_finds_its_planted_rewrites():
    with gzip.open(CORPORA / "newsarticles_cc0.jsonl.gz", "rt", encoding="utf-8") as file:
        news = [json.loads(line) for line in file]
    rows = [
        {"source": row["source"], "title": row["title"] or "", "text": row["text"] or "", "published": row["date"]}
        for row in news
    ]
    planted = [
        {**row, "article_id": f"new{at}", "source": "other", "text": reworded(row["text"], 0.15, at)}
        for at, row in enumerate(rows[::40])
    ]
    made = table(rows + planted)
    start = time.perf_counter()
    (_, dropped), stories = find_stories(made, REWRITES)
    assert time.perf_counter() - start < 15
    story = dict(zip(stories["article_id"], stories["story_id"], strict=True))
    original = dict(zip(dropped["article_id"], dropped["duplicate_of"], strict=True))
    names = [f"id{at * 40:04}" for at in range(len(planted))]
    found = [story[original.get(name, name)] == story[f"new{at}"] for at, name in enumerate(names)]
    assert np.mean(found) >= 0.95
    assert stories["story_id"].nunique() > 0.95 * len(rows)
