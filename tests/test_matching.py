"""What matching promises: phrases count as phrases, and what speaks against a theme takes from it, never adds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from toolkit import encoders, matching, units, words
from toolkit import plain as words_alone
from toolkit.themefile import Theme

TEXTS = [
    "Security forces killed militants in the mountains.",
    "Forces of nature drew visitors to the valley.",
    "Militants were seen near the village.",
    "A bus and a lorry met in an accident on the road.",
    "The choir sang in the old theatre.",
    "The harvest of apples was good this autumn.",
] * 3


class Words:
    """An encoder whose vectors count stems, so that near means words in common."""

    views = (slice(0, 64),)

    def __init__(self, texts):
        stems = sorted({stem for text in texts for stem in words.stems(text)})
        self.places = {stem: place % 64 for place, stem in enumerate(stems)}

    def encode(self, texts):
        rows = np.zeros((len(texts), 64), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for stem in words.stems(text):
                if stem in self.places:
                    row[self.places[stem]] += 1
        return encoders.normalise(rows)


@pytest.fixture(scope="module")
def corpus():
    reader = Words(TEXTS)
    return reader, units.prepare(passages_of(TEXTS), reader.encode(TEXTS), reader, 42)


def passages_of(texts, articles=None, words=8):
    names = articles or [f"a{place}" for place in range(len(texts))]
    return pd.DataFrame({"article_id": names, "language": "en", "offset": 0, "text": texts, "words": words})


def theme(*seeds, against=()):
    return Theme(id="t", title="T", description="", seeds={"en": seeds}, against={"en": against} if against else {})


def plain(corpus, wanted):
    _, made = corpus
    return words_alone.plain_match(made.tfidf, made.stems, wanted, "en", words_alone.shared_stems([wanted], "en"))[:6]


def near(corpus, wanted):
    reader, made = corpus
    return matching.match_theme(made, wanted, [wanted], reader).near[:6]


def test_a_phrase_counts_in_full_where_it_stands_and_little_where_one_word_of_it_does(corpus):
    whole, part, *_ = plain(corpus, theme("security forces"))
    assert whole > 2 * part > 0


def test_a_seed_of_one_word_counts_in_full_wherever_it_stands(corpus):
    alone, inside = plain(corpus, theme("militants")), plain(corpus, theme("militants attack buildings"))
    assert alone[2] > 1.5 * inside[2] > 0


def test_words_are_counted_between_nought_and_one(corpus):
    found = plain(corpus, theme(*TEXTS[:3]))
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_a_stem_that_speaks_against_the_theme_as_well_counts_less(corpus):
    assert plain(corpus, theme("militants", against=("militants of a film",)))[2] < plain(corpus, theme("militants"))[2]


def test_what_is_nearer_to_a_phrase_against_the_theme_loses_and_the_rest_keeps_its_order(corpus):
    seeds = ("militants killed", "road")
    before, after = near(corpus, theme(*seeds)), near(corpus, theme(*seeds, against=("bus and lorry in an accident",)))
    assert before[3] > before[4]
    assert after[0] - after[3] > before[0] - before[3]
    assert list(np.argsort(after[[0, 2, 4]])) == list(np.argsort(before[[0, 2, 4]]))


def test_a_phrase_against_the_theme_lifts_nothing_that_is_far_from_both(corpus):
    before, after = near(corpus, theme("militants")), near(corpus, theme("militants", against=("militants in a film",)))
    assert after[4] <= max(before[4], 0)
    assert after[5] <= max(before[5], 0)


def test_equal_values_are_all_zero_in_standard_deviations():
    assert matching.standard(np.ones(4)).tolist() == [0, 0, 0, 0]
    assert np.allclose(matching.standard(np.array([1.0, 3.0])), [-1, 1])


def test_passages_of_one_article_are_read_together_up_to_a_hundred_and_sixty_words():
    reader = Words(TEXTS)
    table = passages_of(TEXTS[:6], ["a", "a", "b", "c", "c", "c"], [75, 85, 5, 70, 70, 70])
    made = units.prepare(table, reader.encode(TEXTS[:6]), reader, 42)
    assert made.unit.tolist() == [0, 0, 1, 2, 2, 3]
    assert made.articles.tolist() == ["a", "b", "c", "c"]
    assert len(made.vectors) == made.tfidf.shape[0] == 4
    assert len(made.part_vectors) == made.part_tfidf.shape[0] == 6
