"""What words promise: the same word in another form has the same stem, and words of no matter are left out."""

from __future__ import annotations

import doctest
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import coded, stats, words


@pytest.mark.parametrize("module", [words, stats, coded])
def test_the_examples_in_the_documentation_are_true(module):
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    "forms",
    [
        ("terrorist", "terrorists"),
        ("investment", "investments", "investing"),
        ("терроризм", "терроризма", "террорист"),
        ("инвестиции", "инвестициями"),
        ("экономика", "экономикалық", "экономиканың"),
        ("лаңкестік", "лаңкестер"),
    ],
)
def test_forms_of_a_word_share_one_stem(forms):
    assert len({words.stem(form) for form in forms}) == 1


def test_words_that_differ_in_meaning_keep_different_stems():
    told = ["terror", "trade", "treaty", "терроризм", "торговля", "договор", "сауда", "келісім", "содыр"]
    assert len({words.stem(word) for word in told}) == len(told)


@pytest.mark.parametrize(
    "text",
    [
        "The and of with from would have been",
        "это было бы только для которого уже",
        "және мен бен үшін туралы бұл осы",
        "1 22 2024 3,5% $40 a я і",
        "Monday January января қаңтар",
    ],
)
def test_words_that_every_article_uses_are_left_out(text):
    assert words.tokens(text) == []


def test_e_with_dots_is_read_as_e():
    assert words.stems("Вооружённые счёты") == words.stems("вооруженные СЧЕТЫ") != []
    assert not any("ё" in word for word in words.stop_words())
    assert words.tokens("её моё её") == []


def test_kazakh_letters_belong_to_words():
    assert words.tokens("Ұлттық қауіпсіздік, ШЫҰ-ның өңірлік құрылымы") == [
        "ұлттық", "қауіпсіздік", "шыұ", "ның", "өңірлік", "құрылымы",
    ]  # fmt: skip


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_gives_lower_case_words_of_letters(text):
    for word in words.tokens(text):
        assert len(word) >= 2
        assert word not in words.stop_words()
        assert not any(unicodedata.category(letter) == "Nd" or letter.isspace() for letter in word)
        assert words.stem(word)
    assert words.stems(text) == [words.stem(word) for word in words.tokens(text)]


def test_a_stem_is_shown_in_its_commonest_form_and_ties_go_by_the_alphabet():
    forms = words.commonest_forms(["attack attacks attacks", "banker", "bankers"])
    assert forms["attack"] == "attacks"
    assert forms[words.stem("banker")] == "banker"
    assert words.commonest_forms(["bankers", "banker"]) == words.commonest_forms(["banker", "bankers"])


def test_exact_stems_keep_russian_words_apart_that_begin_alike():
    assert set(words.exact_stems("экстремизм", "ru")).isdisjoint(words.exact_stems("экстренные, экстрасенс", "ru"))
    assert words.exact_stems("экстремизма", "ru") == words.exact_stems("экстремизмом", "ru")


def test_exact_stems_of_kazakh_leave_the_endings_of_nouns_away_and_keep_words_apart():
    assert words.exact_stems("содырлар содырларды содырлардың содырларға содырмен", "kk") == ["содыр"] * 5
    assert words.exact_stems("ұйымдарының министрлігіне", "kk") == ["ұйым", "министр"]
    assert set(words.exact_stems("жарылыс", "kk")).isdisjoint(words.exact_stems("жарылқау", "kk"))
    assert words.exact_stems("terrorists ел", "kk") == ["terrorist", "ел"]


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(codec=None), max_size=30) | st.sampled_from(["Ёлка a½²", "İx ΣΑΣ \0b_c", "x" * 9]))
)
def test_words_coded_at_once_are_those_read_one_text_after_another(texts):
    found = coded.code_words(texts)
    read = [re.findall(r"[^\W\d_]{2,}", text.lower().replace("ё", "е")) for text in texts]
    mine: list[list[str]] = [[] for _ in texts]
    for text, word in zip(found.text, found.word, strict=True):
        mine[text].append(found.known[word])
    assert mine == read
    assert found.size == len(texts) and len(set(found.known)) == len(found.known)


def test_many_texts_are_coded_in_parts_as_they_are_in_one(monkeypatch):
    texts = ["Oil in Astana", "", "Суд в Астане", "oil and суд"] * 5
    whole = coded.code_words(texts)
    monkeypatch.setattr(coded, "_AT_ONCE", 20)
    parts = coded.code_words(texts)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ол өте үлкен өрт болды деген, бірақ оның себебі әлі белгісіз.", ["үлкен", "өрт", "белгісіз"]),
        (
            "Кездесуде олар шекара арқылы өту туралы келіссөз жүргізіп отыр.",
            ["кездесуде", "шекара", "өту", "келіссөз", "жүргізіп"],
        ),
        ("Многие из них, например врачи, являются участниками, которым это необходимо.", ["врачи", "участниками"]),
    ],
)
def test_words_that_only_hold_a_sentence_together_are_left_out_in_kazakh_and_russian(text, left):
    assert words.tokens(text) == left
