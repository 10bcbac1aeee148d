"""What reading without all texts promises: the same rows and words as from the whole table."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import heads, store
from toolkit.numbered import names_of, numbered, numbers_of
from toolkit.schema import InputError, article_id


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Twelve articles on disk, each third without a title, in pieces of five."""
    table = pd.DataFrame({"article_id": [f"a{at:02}" for at in range(12)]})
    table["published"] = pd.date_range("2024-01-01", periods=12, tz="UTC")
    table["title"] = pd.Series(["" if at % 3 == 0 else f"Title {at}" for at in range(12)], dtype="str")
    table["text"] = pd.Series([f"{at} " + "мәтін " * 100 for at in range(12)], dtype="str")
    table = table.assign(source="s", language="kk", story_id=table["article_id"], url="u")
    return store.write_table(table, tmp_path_factory.mktemp("tables") / "articles.parquet"), table


def test_heads_are_all_articles_with_the_begin_of_the_text_where_there_is_no_title(written):
    path, table = written
    found = store.read_heads(path)
    assert list(found.columns) == list(heads.COLUMNS)
    pd.testing.assert_frame_equal(found.drop(columns="text"), table[[name for name in heads.COLUMNS if name != "text"]])
    assert found["text"].tolist() == [table["text"][at][:200] if at % 3 == 0 else "" for at in range(12)]


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(0, 14), max_size=8))
def test_the_rows_asked_for_are_read_and_no_others(written, ids):
    path, table = written
    names = [f"a{at:02}" for at in ids]
    rows, texts = store.read_rows(path, names, ["article_id", "text"]), store.read_texts(path, names)
    assert rows["article_id"].tolist() == [name for name in table["article_id"] if name in names]
    assert texts.index.tolist() == names
    whole = (table["title"] + "\n" + table["text"]).set_axis(table["article_id"])
    assert texts.dropna().to_dict() == {name: whole[name] for name in names if name in whole.index}


def test_a_table_without_articles_and_one_that_is_missing(tmp_path, written):
    none = store.write_table(written[1].head(0), tmp_path / "articles.parquet")
    assert store.read_heads(none).empty and store.read_rows(none, ["a00"]).empty
    with pytest.raises(InputError, match="run notebooks/1-corpus"):
        store.read_heads(tmp_path / "nowhere" / "articles.parquet")


# Ids as numbers ---------------------------------------------------------------------------------------------------

IDS = st.lists(st.integers(0, 2**64 - 1).map("{:016x}".format), max_size=20)


@given(names=IDS)
def test_numbers_are_of_one_id_each_in_the_order_of_the_ids_and_give_them_back(names):
    numbers = numbers_of(names)
    assert names_of(numbers) == names == names_of(names)
    assert numbers.argsort(kind="stable").tolist() == sorted(range(len(names)), key=names.__getitem__)


@pytest.mark.parametrize("wrong", ["a", "0" * 15 + "G", "0" * 17, "ә" * 8, "", None])
def test_what_is_no_id_is_named(wrong):
    with pytest.raises(InputError, match=f"{wrong!r}, expected 16 digits"):
        numbers_of(["0" * 16, wrong])


def test_texts_are_found_by_numbers_as_by_names(tmp_path):
    names = [article_id("s", "", "", "", str(at)) for at in range(6)]
    table = pd.DataFrame({"article_id": names, "title": "", "text": [f"Text {at}" for at in range(6)]})
    path = store.write_table(table.astype("str"), tmp_path / "articles.parquet")
    asked = [names[4], names[1], "f" * 16]
    by_number = store.read_texts(path, numbers_of(asked).tolist())
    assert by_number.index.tolist() == numbers_of(asked).tolist()
    pd.testing.assert_series_equal(by_number.set_axis(pd.Index(asked)), store.read_texts(path, asked))
    read = store.read_numbered(path, ["article_id", "text"])
    pd.testing.assert_frame_equal(read, numbered(table[["article_id", "text"]].astype("str")))
