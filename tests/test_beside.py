"""What stands beside a small corpus: the shipped articles are those of the sample, and other files are read."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from goldens import ROOT
from pandas.testing import assert_frame_equal

from toolkit import beside, clean, ingest
from toolkit.schema import InputError

SAMPLE = ROOT / "data" / "sample" / "articles.jsonl"


@pytest.fixture(scope="module")
def cleaned():
    return clean.clean_articles(ingest.read_articles([SAMPLE]).kept).kept[beside.COLUMNS]


def test_the_shipped_articles_are_those_of_the_sample_cleaned_as_today(cleaned):
    kept = pd.read_parquet(ROOT / "toolkit" / "sample.parquet")
    assert_frame_equal(kept, cleaned, obj="what `make goldens` keeps")
    assert_frame_equal(beside.articles_beside([str(SAMPLE)], 5), cleaned)


def test_a_sample_that_was_changed_is_read_anew(tmp_path, cleaned):
    changed = tmp_path / "articles.jsonl"
    changed.write_bytes(b"".join(SAMPLE.read_bytes().splitlines(keepends=True)[:40]))
    read = beside.articles_beside([changed], 5)
    assert len(read) and set(read["article_id"]) < set(cleaned["article_id"])


def test_other_files_are_read_and_cleaned(tmp_path):
    lines = [{"title": "Dam opened", "text": f"<p>The ministers opened dam number {at}.</p>"} for at in range(3)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    read = beside.articles_beside([tmp_path / "own.jsonl"], 5)
    assert read.columns.tolist() == beside.COLUMNS
    assert read["text"].tolist() == [f"The ministers opened dam number {at}." for at in range(3)]


def test_a_large_corpus_needs_none(tmp_path):
    assert beside.articles_beside([tmp_path / "not there.jsonl"], 300).empty


def test_files_that_are_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match="There is no file or folder"):
        beside.articles_beside([tmp_path / "not there.jsonl"], 5)


def test_what_is_shipped_is_made_again_the_same(tmp_path):
    made = beside.keep(SAMPLE, tmp_path / "sample.parquet")
    assert_frame_equal(pd.read_parquet(made), pd.read_parquet(ROOT / "toolkit" / "sample.parquet"))
