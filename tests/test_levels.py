"""What coarser and finer topics promise: every number is there, nothing is lost, and firm is told from loose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import adjusted_rand_score

from toolkit import clusters, embed, levels, sampling, sharpening, stability, topics
from toolkit.settings import TopicSettings

KINDS = ["harvest wheat farmer", "court judge prison", "football goal match", "bank loan inflation"]


def corpus(each=150, spread=0.25, seed=0):
    """Four subjects, each of two halves that lie near to each other; which subject and half each article is of."""
    random = np.random.default_rng(seed)
    subjects = random.normal(size=(4, 40))
    halves = subjects[:, None] + 0.5 * random.normal(size=(4, 2, 40))
    subject, half = np.repeat(np.arange(4), 2 * each), np.tile(np.repeat([0, 1], each), 4)
    vectors = embed.normalise(halves[subject, half] + spread * random.normal(size=(8 * each, 40)))
    texts = [
        f"{KINDS[s]} {'north' if h else 'south'} {random.choice(list('abcdef')) * 3}"
        for s, h in zip(subject, half, strict=True)
    ]
    dates = pd.date_range("2024-01-01", periods=len(texts), freq="h", tz="UTC")
    articles = pd.DataFrame(
        {"article_id": [f"a{at:05}" for at in random.permutation(len(texts))], "title": "", "text": texts}
    )
    return articles.assign(source=random.choice(["x", "y"], len(texts)), published=dates), vectors, subject, half


@pytest.fixture(scope="module")
def made():
    articles, vectors, subject, half = corpus()
    found = topics.find_topics(articles, vectors, TopicSettings(n_topics=4))
    return articles, vectors, subject, half, found, levels.build(articles, vectors, found.assigned, found.topics)


def test_the_tree_has_all_articles_and_passes_through_the_topics(made):
    *_, found, tree = made
    leaves = tree[tree["step"] == 0]
    assert leaves["articles"].sum() == tree["articles"].iloc[-1] == len(found.assigned)
    assert tree["parent"].tolist().count(-1) == 1 and len(tree) == 2 * len(leaves) - 1
    tops = tree[tree["topic_id"] >= 0].groupby("topic_id")["articles"].max()
    assert tops.tolist() == found.topics["articles"].tolist()
    assert set(tree.columns) == set(levels.COLUMNS)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8, 99])
def test_any_number_of_topics_is_read_from_the_tree(made, number):
    *_, found, tree = made
    parts = int((tree["step"] == 0).sum())
    assigned, told = levels.coarser(found.assigned, found.topics, tree, number)
    assert len(told) == min(number, parts)
    assert told["articles"].tolist() == assigned["topic_id"].value_counts().reindex(told["topic_id"]).tolist()
    assert told["articles"].is_monotonic_decreasing and told["share"].sum() == pytest.approx(1)
    assert list(told.columns) == list(found.topics.columns)
    assert told["label"].str.len().gt(0).all()


def test_the_number_that_is_there_gives_the_topics_as_they_are(made):
    *_, found, tree = made
    assigned, told = levels.coarser(found.assigned, found.topics, tree, len(found.topics))
    assert_frame_equal(assigned, found.assigned, check_dtype=False)
    assert_frame_equal(told, found.topics, check_dtype=False)


def test_topics_are_never_cut_by_coarser_ones_nor_joined_by_finer_ones(made):
    *_, found, tree = made
    for number in (2, 3, 8):
        assigned, _ = levels.coarser(found.assigned, found.topics, tree, number)
        pairs = pd.DataFrame({"was": found.assigned["topic_id"], "is": assigned["topic_id"]}).drop_duplicates()
        assert pairs["was" if number < 4 else "is"].is_unique


def test_parts_are_the_halves_that_were_planted(made):
    _, _, subject, half, found, _ = made
    assert adjusted_rand_score(subject, found.assigned["topic_id"]) > 0.95
    assert adjusted_rand_score(2 * subject + half, found.assigned["part"]) > 0.6


def test_the_tree_follows_merged_split_and_hidden_topics(made):
    articles, vectors, *_, found, _ = made
    joined = found.assigned["topic_id"].replace({3: 0}).to_numpy()
    assigned, told = topics.regroup(articles, vectors, found.assigned, joined)
    tree = levels.build(articles, vectors, assigned, told.iloc[1:])
    assert set(tree["topic_id"]) == {-1, 1, 2}
    moved, coarse = levels.coarser(assigned, told.iloc[1:], tree, 1)
    assert set(moved["topic_id"]) == {-1, 0} and coarse["articles"].tolist() == [told["articles"].iloc[1:].sum()]


def test_tables_without_parts_have_a_tree_of_their_topics(made):
    articles, vectors, *_, found, _ = made
    bare = found.assigned.drop(columns="part")
    tree = levels.build(articles, vectors, bare, found.topics)
    assert (tree["step"] == 0).sum() == len(found.topics)
    assert levels.coarser(bare, found.topics, tree, 2)[1]["articles"].sum() == len(bare)


def test_one_topic_is_a_tree_too():
    articles, vectors, *_ = corpus(each=4)
    found = topics.find_topics(articles, vectors, TopicSettings(n_topics=1))
    tree = levels.build(articles, vectors, found.assigned, found.topics)
    lines, told = levels.branches(tree)
    assert lines.empty and len(told) == 1


def test_branches_meet_above_the_topics_that_they_join(made):
    *_, tree = made
    lines, told = levels.branches(tree)
    assert sorted(told["topic_id"]) == [0, 1, 2, 3]
    assert len(lines) == 3 * 3 and (lines["x1"] >= lines["x0"]).all()


# How firm topics are --------------------------------------------------------------------------------------------


def test_a_topic_that_is_there_is_firm_and_one_cut_at_will_is_loose():
    articles, vectors, *_ = corpus(each=40)
    plain = topics.find_topics(articles, vectors, TopicSettings(n_topics=4)).assigned
    assert stability.measure(plain, vectors).min() > 0.9
    random = np.random.default_rng(1)
    noise = embed.normalise(random.normal(size=(320, 40)))
    cut = topics.find_topics(articles, noise, TopicSettings(n_topics=4)).assigned
    assert stability.measure(cut, noise).max() < 0.75


def test_stability_is_measured_the_same_each_time_and_in_any_order(made):
    _, vectors, *_, found, _ = made
    order = np.random.default_rng(3).permutation(len(vectors))
    first = stability.measure(found.assigned, vectors, trials=2)
    again = stability.measure(found.assigned.iloc[order].reset_index(drop=True), vectors[order], trials=2)
    pd.testing.assert_series_equal(first, again)


def test_what_the_analyst_merged_has_no_stability():
    before = pd.DataFrame({"topic_id": [0, 0, 1, 2]})
    after = pd.DataFrame({"topic_id": [1, 1, 0, 0]})
    told = stability.beside(pd.DataFrame({"topic_id": [0, 1]}), after, before, pd.Series([0.9, 0.8, 0.7]))
    assert told["stability"].isna().tolist() == [True, False] and told["stability"].iloc[1] == 0.9


# Large corpora --------------------------------------------------------------------------------------------------


def test_a_sample_has_every_source_and_month_in_its_share_whatever_the_order():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"article_id": [f"{at:05}" for at in random.permutation(9000)]})
    table["source"] = random.choice(["a", "b", "c"], 9000, p=[0.7, 0.25, 0.05])
    table["published"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 365, 9000), unit="D")
    rows = sampling.choose_rows(table, 1000)
    for column in (table["source"], table["published"].dt.month):
        shares = column.value_counts(normalize=True)
        assert (column.iloc[rows].value_counts(normalize=True) - shares).abs().max() < 0.02
    order = random.permutation(9000)
    again = sampling.choose_rows(table.iloc[order].reset_index(drop=True), 1000)
    assert table["article_id"].iloc[rows].tolist() == table["article_id"].iloc[order[again]].tolist()


def test_only_the_texts_asked_for_are_held():
    pieces = [pd.DataFrame({"text": ["a", "b"]}), pd.DataFrame({"text": ["c"]})]
    assert sampling.texts_at(pieces, np.array([2, 0]), 3) == ["a", "", "c"]


def test_topics_of_a_sample_are_those_of_all_and_every_article_has_one(tmp_path):
    articles, vectors, subject, _ = corpus(each=260)
    path = tmp_path / "vectors.npy"
    np.save(path, vectors.astype(np.float16))
    settings = TopicSettings(sample=1000, n_topics=4)
    blank = articles.assign(text="")
    rows = sampling.choose_rows(articles, settings.sample)
    blank.loc[rows, "text"] = articles.loc[rows, "text"]
    found = topics.find_topics(blank, np.load(path, mmap_mode="r"), settings)
    assert found.assigned["article_id"].tolist() == articles["article_id"].tolist()
    assert adjusted_rand_score(subject, found.assigned["topic_id"]) > 0.95
    assert found.topics["articles"].sum() == len(articles)
    assert all(titles and all(titles) for titles in found.topics["titles"])
    assert np.isfinite(found.assigned[["x", "y", "closeness"]].to_numpy(dtype=float)).all()


# The parts ------------------------------------------------------------------------------------------------------


def test_neighbours_are_nearly_all_the_right_ones():
    _, vectors, *_ = corpus(each=300)
    near = sharpening.neighbours(vectors, 42)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2)
    right = np.argsort(-similar, axis=1)[:, : near.shape[1]]
    assert np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(near, right, strict=True)]) > 0.8
    assert (near != np.arange(len(near))[:, None]).all()


def test_of_many_vectors_without_clear_groups_most_neighbours_are_the_right_ones():
    vectors = sharpening.unit(np.random.default_rng(0).normal(size=(3000, 10)))
    near = sharpening.neighbours(vectors, 42)
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2)
    right = np.argsort(-similar, axis=1)[:, : near.shape[1]]
    assert np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(near, right, strict=True)]) > 0.65


def test_a_sharpened_vector_lies_between_itself_and_the_mean_of_its_neighbours():
    vectors = sharpening.unit(np.random.default_rng(0).normal(size=(60, 5)))
    near = sharpening.neighbours(vectors, 42)
    drawn = vectors[near].mean(axis=1)
    assert np.allclose(sharpening.sharpen(vectors, near, 1), sharpening.unit(0.5 * vectors + 0.5 * drawn), atol=2e-5)
    assert np.array_equal(sharpening.sharpen(vectors, near, 0), vectors)


def test_joining_by_size_is_what_joining_the_points_would_give():
    from scipy.cluster.hierarchy import cut_tree, linkage

    random = np.random.default_rng(0)
    points = random.normal(size=(30, 3))
    copies = np.repeat(points, random.integers(1, 6, 30), axis=0)
    distinct, which, sizes = np.unique(copies, axis=0, return_inverse=True, return_counts=True)
    merges = clusters.ward(distinct, sizes)
    for number in (2, 5, 12):
        theirs = cut_tree(linkage(copies, "ward"), number)[:, 0]
        assert adjusted_rand_score(theirs, clusters.cut(merges, number)[which.reshape(-1)]) == 1


def test_modularity_is_the_greatest_for_the_groups_that_were_planted():
    _, vectors, subject, _ = corpus(each=60, spread=0.1)
    near = sharpening.neighbours(vectors, 42)
    parts = np.arange(len(vectors)) % 5 + 5 * subject
    tried = clusters.modularity(near, parts, clusters.ward(sharpening.means(vectors, parts), np.bincount(parts)))
    assert tried["topics"].tolist() == list(range(1, 21))
    assert tried.set_index("topics")["modularity"].loc[1] == pytest.approx(0)
    assert tried["modularity"].idxmax() == 3


@pytest.mark.parametrize(("subjects", "uneven"), [(3, True), (8, True), (20, False), (20, True)])
def test_subjects_that_lie_apart_are_all_found_however_many_and_unequal(subjects, uneven):
    random = np.random.default_rng(subjects)
    middles = sharpening.unit(random.normal(size=(subjects, 100)))
    sizes = 30 + (1500 * random.dirichlet(np.full(subjects, 2.0 if uneven else 1e6))).astype(int)
    truth = np.repeat(np.arange(subjects), sizes)
    vectors = sharpening.unit(middles[truth] + random.normal(scale=0.1, size=(len(truth), 100)))
    reduced = sharpening.reduce(vectors, sharpening.find_axes(vectors))
    found, _ = clusters.group(sharpening.make_ready(reduced, 0, 42), 0)
    assert adjusted_rand_score(truth, found) > 0.98


def test_vectors_without_any_group_are_one_topic_or_few_and_no_error():
    vectors = sharpening.unit(np.tile([[1.0, 0.01], [1.0, -0.01]], (20, 1)))
    ready = sharpening.Sharpened(vectors, vectors, np.zeros((40, 1), dtype=np.int32), np.zeros(40, dtype=np.intp))
    labels, tried = clusters.group(ready, 0)
    assert labels.tolist() == [0] * 40 and tried["topics"].tolist() == [1]


def test_a_large_subject_is_not_cut_to_pieces_beside_small_ones():
    random = np.random.default_rng(1)
    truth, sizes = np.repeat([0, 1, 2], [200, 10, 10]), np.repeat([8, 2], [200, 20])
    middles = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0.6, 0.8, 0]])
    spread = np.where(truth == 0, 0.15, 0.02)[:, None]
    centres = sharpening.unit(middles[truth] + spread * random.normal(size=(220, 4)))
    ours, wards = (clusters.cut(join(centres, sizes), 3) for join in (clusters.average, clusters.ward))
    assert adjusted_rand_score(truth, ours) == 1
    assert len(np.unique(wards[truth == 0])) > 1


def test_a_doubtful_vector_goes_to_the_larger_group():
    vectors = sharpening.unit(np.array([[1.0, 0, 0]] * 30 + [[0, 1.0, 0]] * 4 + [[1.0, 1.02, 0]]))
    labels = np.repeat([0, 1], [30, 5])
    assert clusters.settle(vectors, labels, 1)[-1] == 1
    assert clusters.place(vectors, labels)[-1] == 0
    assert clusters.place(vectors, labels)[:-1].tolist() == labels[:-1].tolist()


def test_the_silhouette_is_the_same_of_weights_and_of_copies():
    random = np.random.default_rng(0)
    vectors, labels, weights = (
        sharpening.unit(random.normal(size=(40, 5))),
        np.arange(40) % 3,
        random.integers(1, 5, 40),
    )
    copies = clusters.silhouette(np.repeat(vectors, weights, axis=0), np.repeat(labels, weights))
    assert clusters.silhouette(vectors, labels, weights) == pytest.approx(copies, abs=1e-3)
    assert clusters.silhouette(vectors, np.zeros(40, dtype=np.intp)) == 0
