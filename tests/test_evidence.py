"""Evidence: it stands in its own article where the offset says, and no other passage of the text scores higher."""

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
    alone = themes.Scored(made, made, np.arange(len(passages)), pd.DataFrame())
    return articles, passages, made, themes.score_articles(passages, alone, WANTED)


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
def test_evidence_is_the_passage_of_the_text_that_scores_highest_alone(drawn, seed):
    _, passages, made, found = scored(drawn, seed)
    for row in found[found["evidence_offset"] >= 0].itertuples():
        column = [theme.id for theme in WANTED].index(row.theme)
        mine = (passages["article_id"] == row.article_id) & (passages["offset"] >= 0)
        shown = mine & (passages["offset"] == row.evidence_offset)
        assert made[shown, column].item() == made[mine, column].max()
