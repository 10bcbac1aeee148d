"""A lexicon counts what reading every text by itself would count, however the texts come."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import coded, lexicon, words
from toolkit.lexicon import Lexicon, in_order

TEXTS = [
    "The SCO's summit in Astana,\nthe summits of “2024”: терроризм/extremism",
    "",
    "  Экстренные службы\u00a0против экстремизма; ЁЛКА\0ёлки -- ",
    "Summit summits\tSUMMIT summit-level ΟΔΟΣ οδος İstanbul x",
]


def said(counts, columns):
    """Return the stems of each text with their numbers, as the matrix has them."""
    names = sorted(columns, key=columns.get)
    return [{names[c]: int(row[c]) for c in np.flatnonzero(row)} for row in counts.toarray()]


def read(texts, kinds):
    return [dict(Counter(words.exact_stems(text, kind))) for text, kind in zip(texts, kinds, strict=True)]


@given(st.lists(st.text(alphabet="abыёЁб'-\n \t\0\u00a0ΣσİI1", max_size=30), max_size=6))
def test_counts_are_those_of_each_text_read_by_itself(texts):
    made = Lexicon(words.EXACT)
    for some in (TEXTS, texts, TEXTS):
        kinds = ["ru" if number % 2 else "" for number in range(len(some))]
        assert said(made.count(some, kinds), made.columns) == read(some, kinds)


def test_many_texts_are_counted_in_parts_as_they_are_at_once(monkeypatch):
    texts, kinds = TEXTS * 3, ["ru", "", ""] * 4
    whole, parts = Lexicon(words.EXACT), Lexicon(words.EXACT)
    first = whole.count(texts, kinds)
    monkeypatch.setattr(coded, "_AT_ONCE", 60)
    assert (parts.count(texts, kinds) != first).nnz == 0
    assert parts.columns == whole.columns


def test_stems_without_a_column_are_not_counted():
    made = Lexicon({"": words.stem}, {"summit": 0, "astana": 1})
    assert made.count(TEXTS).toarray().tolist() == [[2, 1], [0, 0], [0, 0], [4, 0]]
    assert list(made.columns) == ["summit", "astana"]


def test_a_lexicon_that_forgot_its_words_counts_as_before(monkeypatch):
    whole = Lexicon({"": words.stem})
    first = whole.count(TEXTS)
    monkeypatch.setattr(lexicon, "_MOST", 1)
    assert (whole.count(TEXTS) != first).nnz == 0


def test_columns_are_brought_into_the_order_of_the_alphabet():
    made = Lexicon({"": words.stem})
    terms, counts = in_order(made.columns, made.count(["zebra apple", "apple apple"]))
    assert (terms, counts.toarray().tolist()) == (["appl", "zebra"], [[1, 1], [2, 0]])


@pytest.mark.parametrize("texts", [[], ["", "the of"]])
def test_texts_without_words_make_a_matrix_without_columns(texts):
    assert Lexicon({"": words.stem}).count(texts).shape == (len(texts), 0)
