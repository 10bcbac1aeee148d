"""What reading without all texts promises: the same rows and words as from the whole table."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import heads, store
from toolkit.schema import InputError


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
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(heads, "_AT_ONCE", 5)
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
