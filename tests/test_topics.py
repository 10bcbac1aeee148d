"""What discovery promises: every article has a topic, the same input the same topics, and names that say something."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import sparse
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from toolkit import clusters, embed, layout, naming, topics, words
from toolkit.schema import SettingsError
from toolkit.settings import EmbedSettings, TopicSettings

SUBJECTS = {
    "harvest": "farmers wheat grain harvest field tractor silo barley rain crop",
    "court": "judge court verdict lawyer prison sentence trial prosecutor appeal jury",
    "football": "goal striker match league coach stadium penalty referee keeper cup",
    "bank": "bank inflation currency rate loan budget deficit investor bond market",
    "school": "pupils teacher school exam lesson university classroom textbook student grade",
}


def made_articles(texts):
    return pd.DataFrame(
        {
            "article_id": [f"a{at:03}" for at in range(len(texts))],
            "language": "en",
            "title": [f"{text[:30]}" for text in texts],
            "text": texts,
        }
    )


def subjects(each, seed=0):
    """`each` articles a subject, of its words and of words that all share; and which subject each is of."""
    random = np.random.default_rng(seed)
    shared = "city people report river street morning office letter".split()
    texts, truth = [], []
    for number, vocabulary in enumerate(SUBJECTS.values()):
        for _ in range(each):
            texts.append(" ".join([*random.choice(vocabulary.split(), 14), *random.choice(shared, 6)]))
            truth.append(number)
    return made_articles(texts), truth


@pytest.fixture(scope="module")
def encoder():
    return embed.load_encoder("embedded")


@pytest.fixture(scope="module")
def vectors_of(encoder, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("cache"))

    def make(articles):
        passages = embed.make_passages(articles)
        texts = passages["text"].tolist()
        reader = embed.CorpusEncoder(encoder, texts, EmbedSettings(cache_dir=cache))
        return embed.pool(passages, reader.encode(texts), articles["article_id"].tolist())

    return make


@pytest.fixture(scope="module")
def corpus(vectors_of):
    articles, truth = subjects(24)
    vectors = vectors_of(articles)
    return articles, vectors, truth, topics.find_topics(articles, vectors)


def check(found, articles):
    """Assert what holds of any answer."""
    assigned, described, _ = found
    assert assigned["article_id"].tolist() == articles["article_id"].tolist()
    assert described["topic_id"].tolist() == list(range(len(described)))
    assert described["articles"].is_monotonic_decreasing
    sizes = assigned["topic_id"].value_counts()
    assert [sizes[topic] for topic in described["topic_id"]] == described["articles"].tolist()
    assert described["share"].sum() == pytest.approx(1)
    assert described["label"].str.len().gt(0).all()
    assert np.isfinite(assigned[["x", "y", "closeness"]].to_numpy(dtype=float)).all()
    assert assigned["closeness"].between(-1.001, 1.001).all()
    assert described["titles"].map(len).between(1, 3).all()


def test_planted_subjects_are_found(corpus):
    articles, _, truth, found = corpus
    check(found, articles)
    assert adjusted_rand_score(truth, found.assigned["topic_id"]) > 0.9


def test_the_number_of_topics_comes_from_the_data_and_the_table_says_why(corpus):
    *_, found = corpus
    close = found.choice.dropna(subset=["silhouette"]).set_index("topics")
    assert len(found.topics) == len(SUBJECTS) == close["silhouette"].idxmax()
    assert found.choice["topics"].tolist() == list(range(1, len(found.choice) + 1))


def test_the_same_input_gives_the_same_topics_on_one_thread_and_on_two(corpus):
    articles, vectors, _, found = corpus
    for threads in (1, 2):
        with threadpool_limits(threads):
            again = topics.find_topics(articles, vectors)
        for first, second in zip(found, again, strict=True):
            assert_frame_equal(first, second)


def test_the_same_articles_in_another_order_have_the_same_topics(corpus):
    articles, vectors, _, found = corpus
    order = np.random.default_rng(5).permutation(len(articles))
    again = topics.find_topics(articles.iloc[order].reset_index(drop=True), vectors[order])
    assert_frame_equal(again.assigned.sort_values("article_id", ignore_index=True), found.assigned)
    assert_frame_equal(again.topics, found.topics)


def test_inputs_are_left_as_they_were(corpus):
    articles, vectors, *_ = corpus
    table, numbers = articles.copy(deep=True), vectors.copy()
    topics.find_topics(articles, vectors, TopicSettings(n_topics=3))
    assert_frame_equal(articles, table)
    assert np.array_equal(vectors, numbers)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_the_number_asked_for_is_the_number_found(corpus, number):
    articles, vectors, *_ = corpus
    found = topics.find_topics(articles, vectors, TopicSettings(n_topics=number))
    check(found, articles)
    assert len(found.topics) == number
    assert found.choice.empty


def test_more_topics_than_articles_are_not_made_up(vectors_of):
    articles = subjects(1)[0]
    assert len(topics.find_topics(articles, vectors_of(articles), TopicSettings(n_topics=99)).topics) <= 5
    with pytest.raises(SettingsError, match="n_topics"):
        TopicSettings(n_topics=-1)


def test_topics_are_named_by_their_own_words_without_stop_words(corpus):
    *_, found = corpus
    own = [set(vocabulary.split()) | {name} for name, vocabulary in SUBJECTS.items()]
    for terms in found.topics["terms"]:
        parts = [part for term in terms for part in term.split()]
        assert len(parts) == len(set(parts))
        assert not set(parts) & words.stop_words()
        assert any(set(parts[:3]) <= {form for word in mine for form in (word, word + "s")} for mine in own), terms


def test_a_topic_is_named_by_the_articles_in_its_middle_and_not_by_those_at_its_border():
    middle, border = "wheat harvest in the fields", "tractor repair at the depot"
    texts = [middle] * 40 + [border] * 60 + ["court verdict of the judge"] * 40
    labels, closeness = np.repeat([0, 1], [100, 40]), np.repeat([0.9, 0.3, 0.9], [40, 60, 40])
    assert set(naming.name_groups(texts, labels)[0][:2]) & {"tractor repair", "tractor", "repair", "depot"}
    named = naming.name_groups(texts, labels, closeness=closeness)[0][:2]
    assert set(" ".join(named).split()) <= {"wheat", "harvest", "fields"}, named


def test_terms_that_stand_in_the_same_texts_are_shown_and_the_five_most_telling_in_any_case():
    texts = np.zeros((90, 15))
    texts[np.arange(90), np.arange(90) % 5] = 1
    texts[:40, 5:10] = np.random.default_rng(0).random((40, 5)) < 0.8
    texts[40 + np.arange(50), 10 + np.arange(50) % 5] = 1
    for order in (np.arange(15), np.r_[np.arange(5), np.arange(10, 15), np.arange(5, 10)]):
        shown = [int(order[at]) for at in naming.together(sparse.csc_matrix(texts[:, order]))]
        assert shown[:5] == [0, 1, 2, 3, 4] and sorted(shown[5:]) == [5, 6, 7, 8, 9]
    assert naming.together(sparse.csc_matrix(np.ones((4, 3)))) == [0, 1, 2]


def test_articles_far_from_every_middle_have_names_too():
    texts = ["wheat harvest in the fields"] * 20 + ["court verdict of the judge"] * 20
    for terms in naming.name_groups(texts, np.repeat([0, 1], 20), closeness=np.repeat([0.0, -0.2], 20)):
        assert terms


@pytest.mark.parametrize("number", [1, 2, 3, 5, 30])
def test_a_tiny_corpus_has_topics_too(vectors_of, number):
    articles = subjects(6)[0].sample(number, random_state=1).reset_index(drop=True)
    check(topics.find_topics(articles, vectors_of(articles)), articles)


@pytest.mark.parametrize("number", [3, 40])
def test_identical_articles_are_one_topic(vectors_of, number):
    articles = made_articles(["Farmers brought in the wheat harvest before the rain."] * number)
    found = topics.find_topics(articles, vectors_of(articles))
    check(found, articles)
    assert len(found.topics) == 1


def test_articles_of_stop_words_and_digits_have_a_topic_among_others(vectors_of):
    articles = pd.concat([subjects(5)[0], made_articles(["the and of it 12 2024", "1 2 3"])], ignore_index=True)
    articles["article_id"] = [f"b{at}" for at in range(len(articles))]
    check(topics.find_topics(articles, vectors_of(articles)), articles)


def test_a_corpus_without_any_word_says_that_topics_cannot_be_named():
    articles = made_articles(["the and of 12"] * 6)
    vectors = embed.normalise(np.random.default_rng(0).normal(size=(6, 20)))
    found = topics.find_topics(articles, vectors)
    check(found, articles)
    assert found.topics["label"].str.startswith("topic without telling words").all()
    assert found.topics["terms"].map(len).eq(0).all()


def test_an_article_without_vector_has_a_topic(vectors_of):
    articles = pd.concat([subjects(5)[0], made_articles([""])], ignore_index=True)
    articles["article_id"] = [f"b{at}" for at in range(len(articles))]
    check(topics.find_topics(articles, vectors_of(articles)), articles)


def blobs(each, groups=3, dim=30, spread=0.2):
    """Vectors around `groups` centres, and which each is of."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(groups, dim))
    truth = np.repeat(np.arange(groups), each)
    return embed.normalise(centres[truth] + spread * random.normal(size=(len(truth), dim))), truth


def test_a_large_corpus_is_laid_out_by_landmarks():
    vectors, truth = blobs(400)
    with threadpool_limits(1):
        marks, at = layout.lay_out(vectors, np.arange(len(vectors)) % 60 + 60 * truth)
        places = layout.place(vectors, marks, at)
    means = np.vstack([places[truth == number].mean(axis=0) for number in range(3)])
    nearest = np.linalg.norm(places[:, None] - means[None], axis=2).argmin(axis=1)
    assert len(marks) == 180
    assert np.isfinite(places).all() and (nearest == truth).mean() > 0.95


def test_a_topic_has_the_theme_that_most_of_its_articles_carry():
    described = pd.DataFrame({"topic_id": [0, 1, 2, 3], "articles": [3, 2, 2, 1]})
    assigned = pd.DataFrame({"article_id": list("abcdefgh"), "topic_id": [0, 0, 0, 1, 1, 2, 2, 3]})
    carried = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x"), ("f", "x"), ("g", "x"), ("f", "y"), ("g", "y")]
    scores = pd.DataFrame(carried, columns=["article_id", "theme"]).assign(label=True)
    scores = pd.concat([scores, pd.DataFrame({"article_id": ["h"], "theme": ["x"], "label": [False]})])
    found = topics.topic_themes(described, assigned, scores)
    assert found["theme"].tolist() == ["x", "", "x", ""]
    assert found["theme_share"].tolist() == [0.6667, 0.5, 1.0, 0.0]
    assert list(described.columns) == ["topic_id", "articles"]


def test_topics_have_no_theme_where_no_article_carries_one():
    described = pd.DataFrame({"topic_id": [0], "articles": [1]})
    assigned = pd.DataFrame({"article_id": ["a"], "topic_id": [0]})
    scores = pd.DataFrame({"article_id": ["a"], "theme": ["x"], "label": [False]})
    assert topics.topic_themes(described, assigned, scores)["theme"].tolist() == [""]


def test_a_small_group_that_is_nobodys_neighbour_is_counted_all_the_same():
    parts = np.array([0, 0, 1, 1, 2])
    near = np.array([[1], [0], [3], [2], [0]], dtype=np.int32)
    merges = clusters.ward(np.eye(3), np.bincount(parts))
    found = clusters.modularity(near, parts, merges)
    assert found["topics"].tolist() == [1, 2, 3] and found["modularity"].iat[0] == pytest.approx(0)
