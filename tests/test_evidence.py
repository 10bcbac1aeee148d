"""Evidence: it stands in its own article where the offset says, and nothing else in the text weighs more."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import embed, themes
from toolkit.settings import EmbedSettings
from toolkit.themefile import Theme

WANTED = [Theme(id=name, title=name, description="", seeds={"en": ("x",)}, against={}) for name in ("war", "talks")]
WORDS = st.sampled_from(["War.", "talks", "Мир,", "бейбітшілік", "é\u0301", "😀!", "a\u202eb", "<i>", "\u2028", "—"])
TEXTS = st.lists(WORDS | st.sampled_from([" ", "\n", "\n\n", "  ", ". ", "\u00a0"]), max_size=150).map("".join)
ARTICLES = st.lists(st.tuples(st.sampled_from(["", "A title", "Заголовок"]), TEXTS), min_size=1, max_size=5)


def scored(drawn, seed):
    """Return articles, their passages, made-up probabilities of these, and the scores that come of them."""
    articles = pd.DataFrame(drawn, columns=["title", "text"]).assign(language="en")
    articles["article_id"] = [f"a{place}" for place in range(len(articles))]
    passages = embed.make_passages(articles, EmbedSettings(passage_words=10))
    made = np.random.default_rng(seed).random((len(passages), len(WANTED))).round(1).astype(np.float32)
    return articles, passages, made, themes.score_articles(passages, made, WANTED)


@settings(max_examples=60, deadline=None)
@given(drawn=ARTICLES, seed=st.integers(0, 1000))
def test_whatever_the_text_evidence_stands_in_its_own_article_where_the_offset_says(drawn, seed):
    articles, _, _, found = scored(drawn, seed)
    known = articles.set_index("article_id")
    for row in found.itertuples():
        title, text = known.loc[row.article_id, ["title", "text"]]
        if row.evidence_offset < 0:
            assert row.evidence == title and not text.strip()
        else:
            assert row.evidence and text[row.evidence_offset :].startswith(row.evidence)


@settings(max_examples=40, deadline=None)
@given(drawn=ARTICLES, seed=st.integers(0, 1000))
def test_no_other_passage_of_the_text_lowers_the_score_more_when_it_is_taken_away(drawn, seed):
    _, passages, made, found = scored(drawn, seed)
    places, parts = [], []
    for place in passages.index[passages["offset"] >= 0]:
        mine = passages.index[passages["article_id"] == passages["article_id"][place]].drop(place)
        places.append(mine.to_numpy(int))
        parts.append(passages.loc[mine].assign(article_id=f"without {place}"))
    if not sum(map(len, parts)):
        return
    rest = themes.score_articles(pd.concat(parts, ignore_index=True), made[np.concatenate(places)], WANTED)
    rest = rest.set_index(["theme", "article_id"])["score"]
    for row in found[found["evidence_offset"] >= 0].itertuples():
        mine = passages[(passages["article_id"] == row.article_id) & (passages["offset"] >= 0)]
        shown = mine.index[mine["offset"] == row.evidence_offset][0]
        without = rest[row.theme].reindex([f"without {place}" for place in mine.index])
        assert without.isna().all() or without[f"without {shown}"] == without.min()
