"""A search finds what holds the words or means the same, says when it cannot, and is the same from disk and memory."""

import numpy as np
import pandas as pd
import pytest
from small_run import make_articles, make_run

from toolkit import embed, neighbours, searching, space, store, wordindex
from toolkit.schema import InputError
from toolkit.settings import EmbedSettings

TEXTS = {
    "floods": ("en", "Rivers rose after heavy rain and the dam overflowed into the valley."),
    "bank": ("en", "The central bank raised interest rates to slow inflation."),
    "court": ("en", "A judge sentenced the men for smuggling weapons."),
    "extremism": ("ru", "Суд признал мужчин виновными в экстремизме и пропаганде терроризма."),
    "services": ("ru", "Экстренные службы тушили пожар на складе всю ночь."),
    "exchange": ("ru", "Курс рубля к доллару вырос после решения банка."),
    "water": ("kk", "Су ресурстары туралы келісімге министрлер қол қойды."),
    "harvest": ("kk", "Егіншілер биыл мол өнім жинады, деп хабарлады министрлік."),
}


@pytest.fixture(scope="module")
def articles():
    rows = [(name, language, "", text) for name, (language, text) in TEXTS.items()]
    return pd.DataFrame(rows, columns=["article_id", "language", "title", "text"])


@pytest.fixture(scope="module")
def reader(articles):
    """The pipeline's own encoder, fitted on the texts."""
    return embed.CorpusEncoder(embed.load_encoder("embedded"), articles["text"].tolist(), EmbedSettings())


@pytest.fixture
def run(tmp_path, articles, reader):
    """A folder with what notebook 2 leaves for a search, and its manifest."""
    folder = tmp_path / "run"
    store.write_table(articles, folder / "tables" / "articles.parquet")
    store.write_vectors(reader.encode(articles["text"]), folder / "tables" / "vectors.safetensors")
    searching.write_index(articles, reader.space(), folder / "tables")
    return folder


# Meaning --------------------------------------------------------------------------------------------------------


def test_a_query_is_placed_where_the_run_s_own_encoder_puts_it(articles, reader):
    queries = [
        "a dam and rising water",
        "министр егіншілер",
        "курс доллара",
        "су келісімі",
        "Unheard-of xylophones",
        "the",
        "",
    ]
    kept = reader.space()
    kept = kept._replace(axes=kept.axes.astype(np.float16))
    found = space.place(kept, embed.load_encoder("embedded"), queries)
    assert found == pytest.approx(reader.encode(queries), abs=2e-3)


def test_what_is_kept_for_a_search_holds_no_code(run):
    kept = sorted(path.name for path in (run / "tables").iterdir())
    assert {path.rsplit(".")[-1] for path in kept} == {"parquet", "safetensors", "json"}


def test_a_search_finds_articles_that_share_no_word_with_it(run):
    found = searching.search(searching.open_run(run), "flooding of a reservoir", 1)
    assert found["article_id"].tolist() == ["floods"] and found["by_words"].isna().all()


# Words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("judges", "court"),
        ("экстремистов судили", "extremism"),
        ("курсы рубля", "exchange"),
        ("министрлердің келісімі", "water"),
    ],
)
def test_other_forms_of_a_word_are_found_in_each_language(articles, query, first):
    assert searching.search(searching.prepare(articles), query)["article_id"].iloc[0] == first


def test_a_russian_word_is_not_taken_for_another_with_the_same_beginning(articles):
    assert searching.search(searching.prepare(articles), "экстремизм")["article_id"].tolist() == ["extremism"]


def test_words_that_no_article_holds_are_told(articles):
    index = searching.prepare(articles)
    assert searching.unknown_words(index, "The bank of xylophones") == ["xylophones"]
    assert searching.search(index, "xylophones").empty and searching.search(index, " ").empty


def test_a_word_in_few_articles_says_more_than_one_in_many():
    texts = ["common rare words here"] + ["common words and others"] * 8
    articles = pd.DataFrame({"article_id": [str(i) for i in range(9)], "language": "en", "title": "", "text": texts})
    scores = {word: wordindex.score_words(wordindex.index_words(articles), word)[0] for word in ("common", "rare")}
    assert scores["rare"] > 5 * scores["common"] > 0


# Both -----------------------------------------------------------------------------------------------------------


def test_both_rankings_are_joined_by_reciprocal_rank(run):
    found = searching.search(searching.open_run(run), "central bank raised rates", 8)
    ranks = found[["by_words", "by_meaning"]].astype("float64")
    expected = (1 / (60 + ranks)).sum(axis=1)
    assert found["score"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    assert found["score"].is_monotonic_decreasing and found["article_id"].iloc[0] == "bank"


def test_a_search_keeps_to_the_articles_asked_for(run):
    index, some = searching.open_run(run), ["court", "water", "exchange"]
    assert set(searching.search(index, "bank rates", 8, among=some)["article_id"]) <= set(some)
    assert set(searching.more_like(index, "bank", 8, among=some)["article_id"]) == set(some)
    assert searching.search(index, "bank", 8, among=[]).empty


def test_more_like_an_article_is_every_other_the_nearest_first(run):
    index = searching.open_run(run)
    found = searching.more_like(index, "extremism", 8)["article_id"].tolist()
    assert "extremism" not in found and len(found) == 7
    cosines = index.vectors @ index.vectors[list(TEXTS).index("extremism")]
    assert found == sorted(found, key=lambda name: -cosines[list(TEXTS).index(name)])


def test_without_vectors_alike_is_what_shares_words(articles):
    index = searching.prepare(articles)
    assert searching.more_like(index, "bank")["article_id"].tolist() == []
    assert searching.more_like(index, ["water"])["article_id"].tolist() == ["harvest"]
    assert "no vectors" in index.note


def test_an_unknown_article_is_named(articles):
    with pytest.raises(InputError, match="no article 'x' among the 8"):
        searching.more_like(searching.prepare(articles), ["bank", "x"])


# Runs that are not as they should be ----------------------------------------------------------------------------


def test_a_run_answers_the_same_from_disk_and_wherever_it_was_moved(run, articles, reader):
    here = searching.search(searching.open_run(run), "bank rates", 8)
    moved = run.rename(run.parent / "elsewhere")
    assert searching.search(searching.open_run(moved), "bank rates", 8).equals(here)
    fresh = searching.prepare(articles, reader.encode(articles["text"]), reader.encode)
    found = searching.search(fresh, "bank rates", 8)
    assert found["article_id"].tolist()[:2] == here["article_id"].tolist()[:2]


@pytest.mark.parametrize(
    ("missing", "said"),
    [("vectors.safetensors", "has no vectors"), ("space.json", "made by an older version"), ("words.json", "")],
)
def test_a_run_that_lacks_something_is_searched_as_far_as_it_goes(run, missing, said):
    (run / "tables" / missing).unlink()
    index = searching.open_run(run)
    assert said in index.note and bool(said) == bool(index.note)
    assert searching.search(index, "interest rates")["article_id"].iloc[0] == "bank"


def test_a_run_whose_encoder_is_not_here_says_so(run):
    manifest = {"made_by": "toolkit", "parameters": {"encoder": "no-such-model-anywhere"}}
    store.write_json(manifest, run / "manifest.json")
    index = searching.open_run(run)
    assert index.encode is None and "encoder is not here" in index.note


def test_a_run_that_is_not_finished_is_refused(tmp_path, run):
    with pytest.raises(InputError, match="expected a finished run"):
        searching.open_run(tmp_path / "nothing")
    store.write_vectors(np.ones((3, 4), np.float32), run / "tables" / "vectors.safetensors")
    with pytest.raises(InputError, match="3 vectors for 8 articles"):
        searching.open_run(run)


def test_an_old_run_of_hostile_texts_is_searched_by_words(tmp_path):
    index = searching.open_run(make_run(tmp_path))
    assert index.note and len(searching.search(index, "opening article")) == 12
    few = make_articles(3)
    assert len(searching.more_like(searching.prepare(few), few["article_id"][0])) == 2


def test_articles_without_any_word_are_no_error():
    bare = pd.DataFrame({"article_id": ["a", "b"], "language": "", "title": "", "text": ["1 2", "!"]})
    assert searching.search(searching.prepare(bare), "word").empty


# Nearest --------------------------------------------------------------------------------------------------------


def some_vectors(count, dim=24):
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, dim))
    return embed.normalise(centres[random.integers(0, 40, count)] + 0.5 * random.normal(size=(count, dim)))


def test_blocks_give_what_comparing_all_at_once_gives(monkeypatch):
    vectors = some_vectors(500)
    monkeypatch.setattr(neighbours, "_BLOCK", 64)
    rows, cosines = neighbours.nearest(vectors, vectors[:9], 7)
    every = vectors[:9] @ vectors.T
    assert (rows == np.argsort(-every, axis=1, kind="stable")[:, :7]).all()
    assert cosines == pytest.approx(np.take_along_axis(every, rows, axis=1), abs=1e-6)
    assert neighbours.nearest(vectors[:3], vectors[:1], 7)[0].shape == (1, 3)


def test_beyond_the_limit_an_index_is_kept_and_finds_nearly_the_same(tmp_path):
    pytest.importorskip("usearch", reason="usearch belongs to the extra lab")
    vectors = some_vectors(2000)
    kept = tmp_path / "nearest.usearch"
    assert not neighbours.keep_index(vectors, kept) and neighbours.keep_index(vectors, kept, exact=1000)
    exact, _ = neighbours.finder(vectors)(vectors[:50], 10)
    found, cosines = neighbours.finder(vectors, kept)(vectors[:50], 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)])
    assert recall >= 0.95 and (cosines[:, 0] > 0.99).all()
    assert neighbours.finder(vectors[:900], kept)(vectors[:1], 10)[0].max() < 900, (
        "an index of other vectors is not asked"
    )
    kept.write_bytes(b"broken")
    assert (neighbours.finder(vectors, kept)(vectors[:50], 10)[0] == exact).all()
