"""What seeds say of themselves: what they match, whom they serve, what changes without them, what else is offered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from toolkit import check, clean, cli, embed, faults, ingest, seeds, suggest, themes
from toolkit.settings import EmbedSettings
from toolkit.themefile import Phrase, Theme, load_themes

SAMPLE = "data/sample/articles.jsonl"


def theme(name, **groups):
    return Theme(id=name, title=name.capitalize(), description="", seeds=groups, against={})


# The file alone --------------------------------------------------------------------------------------------------


def lint(*rows):
    return faults.lint([Phrase(*row, line) for line, row in enumerate(rows, 1)])[["fault", "line", "other_line"]]


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (("war", "seeds", "en", "terror attack"), "twice"),
        (("war", "seeds", "en", "Terror attacks"), "alike"),
        (("talks", "seeds", "en", "terror attack"), "twice"),
        (("war", "against", "en", "terror attacks"), "both sides"),
    ],
)
def test_what_is_said_twice_is_named_with_both_lines(second, fault):
    rest = [("talks", "seeds", "en", "summit"), ("talks", "seeds", "en", "treaty")]
    found = lint(("war", "seeds", "en", "terror attack"), ("war", "seeds", "en", "militants"), second, *rest)
    assert found.to_numpy().tolist() == [[fault, 3, 1]]


def test_the_same_phrase_in_another_language_or_against_another_theme_is_no_fault():
    rows = [("war", "seeds", "ru", "терроризм"), ("war", "seeds", "kk", "терроризм"), ("war", "seeds", "ru", "боевики")]
    assert lint(*rows, ("talks", "against", "ru", "терроризм")).empty


@pytest.mark.parametrize(
    ("phrase", "language", "fault"),
    [
        ("and the", "en", "no words"),
        ("2024", "en", "no words"),
        ("терроризм", "en", "script"),
        ("terror", "ru", "script"),
    ],
)
def test_a_phrase_that_cannot_work_is_named(phrase, language, fault):
    found = lint(("war", "seeds", language, phrase), ("war", "seeds", "en", "militants"), ("war", "seeds", "ru", "ШОС"))
    assert found.to_numpy().tolist() == [[fault, 1, 0]]


def test_an_only_seed_is_named():
    assert lint(("war", "seeds", "en", "militants"))["fault"].tolist() == ["alone"]


def test_the_shipped_file_has_no_fault(capsys):
    assert cli.main(["check", "data/themes.yml"]) == 0
    said = capsys.readouterr().out
    assert "3 themes" in said and said.endswith("No phrase is said twice.\n")


# On a corpus -----------------------------------------------------------------------------------------------------

TEXTS = {
    "a": ("en", "An act of terror: the attackers came to the base at night.", ("war",)),
    "b": ("en", "The attack on the market was terrorism, the court found.", ("war",)),
    "c": ("en", "The ministers met at the summit and signed a treaty.", ("talks",)),
    "d": ("en", "Their summit ended with a treaty on water.", ("talks",)),
    "e": ("en", "A summit of the chess clubs was held.", ("talks",)),
    "f": ("en", "The mountain summit was covered in snow.", ("talks",)),
    "g": ("en", "A summit on trade opened.", ("talks",)),
    "h": ("en", "Apples and pears were picked.", ()),
    "i": ("ru", "Экстренные службы прибыли. Экстренные выезды участились, экстремизм ни при чём.", ()),
    "j": ("ru", "Экстремисты задержаны в городе.", ("war",)),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Ten sentences whose themes are given."""
    rows = [(name, language, "", text) for name, (language, text, _) in TEXTS.items()]
    passages = embed.make_passages(pd.DataFrame(rows, columns=["article_id", "language", "title", "text"]))
    settings = EmbedSettings(cache_dir=str(tmp_path_factory.mktemp("cache")))
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), passages["text"].tolist(), settings)
    scores = pd.DataFrame(
        [(name, own, 0.9, own in carried) for name, (_, _, carried) in TEXTS.items() for own in ("war", "talks")],
        columns=["article_id", "theme", "score", "label"],
    )
    return seeds.Corpus(passages, reader.encode(passages["text"].tolist()), reader, scores)


def explained(corpus, *groups):
    return seeds.explain(corpus, groups).set_index("phrase")


def test_a_seed_holds_the_articles_with_all_its_words_in_any_form(corpus):
    found = explained(
        corpus, theme("war", en=("terrorism", "terror attacks", "base market")), theme("talks", en=("x",))
    )
    assert found.loc[["terrorism", "terror attacks", "base market"], "articles"].tolist() == [2, 2, 0]
    assert found.loc["terrorism", "carry"] == 1 and np.isnan(found.loc["base market", "carry"])


def test_of_a_long_seed_half_the_words_suffice_and_of_parts_one(corpus):
    long = "The ministers met in a palace and signed some papers."
    found = explained(corpus, theme("talks", en=(long, "chess clubs, apples")), theme("war", en=("x",)))
    assert found.loc[[long, "chess clubs, apples"], "articles"].tolist() == [1, 2]


def test_a_seed_that_serves_another_theme_pulls(corpus):
    found = explained(corpus, theme("war", en=("summit", "terrorism")), theme("talks", en=("treaty",)))
    assert found.loc["summit", ["articles", "carry", "rival", "rival_carry"]].tolist() == [5, 0, "talks", 1]
    assert found["pulls"].to_dict() == {"summit": True, "terrorism": False, "treaty": False}


def test_a_stem_of_two_words_shows_what_else_is_written_with_it(corpus):
    found = explained(corpus, theme("war", ru=("экстремизм",)), theme("talks", en=("treaty",)))
    assert found.loc["экстремизм", ["articles", "carry", "written"]].tolist() == [2, 0.5, "экстренные"]


def test_seeds_in_a_language_that_no_article_has_say_nothing(corpus):
    found = explained(
        corpus, theme("war", en=("terrorism",), ru=("теракт",), kk=("лаңкестік",)), theme("talks", en=("x",))
    )
    assert found["near"].isna().to_dict() == {"terrorism": False, "теракт": False, "лаңкестік": True, "x": False}


def test_seeds_of_another_language_work_where_a_theme_has_none(corpus):
    found = explained(corpus, theme("war", kk=("экстремизм",)), theme("talks", en=("x",)))
    assert found.loc["экстремизм", "articles"] == 2


def test_a_stray_article_in_a_language_calls_for_no_seeds():
    languages = pd.Series(["ru"] * 500 + ["en"] * 2)
    assert seeds.spoken(languages) == {"ru"}
    assert seeds.spoken(pd.Series(["ru"] * 50 + ["en"] * 2)) == {"ru", "en"}


def test_what_stood_beside_a_corpus_is_not_counted(corpus):
    own = corpus._replace(scores=corpus.scores[corpus.scores["article_id"] != "a"])
    assert explained(own, theme("war", en=("terrorism",)), theme("talks", en=("x",))).loc["terrorism", "articles"] == 1


# Without a seed --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The bundled sample, scored with the shipped themes."""
    articles = clean.clean_articles(ingest.read_articles([SAMPLE]).kept).kept
    passages = embed.make_passages(articles)
    texts = passages["text"].tolist()
    settings = EmbedSettings(cache_dir=str(tmp_path_factory.mktemp("cache")))
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), texts, settings)
    vectors, wanted = reader.encode(texts), load_themes("data/themes.yml")
    scores = themes.score_articles(passages, themes.score_passages(passages, vectors, wanted, reader), wanted)
    return articles, seeds.Corpus(passages, vectors, reader, scores), wanted


@pytest.fixture(scope="module")
def english(sample):
    """Eighty English articles of the sample, as they were scored with the others."""
    articles, corpus, wanted = sample
    names = articles.loc[articles["language"] == "en", "article_id"].head(80)
    rows = corpus.passages["article_id"].isin(names).to_numpy()
    passages = corpus.passages[rows].reset_index(drop=True)
    scores = corpus.scores[corpus.scores["article_id"].isin(names)].reset_index(drop=True)
    return articles, corpus._replace(passages=passages, vectors=corpus.vectors[rows], scores=scores), wanted


def few(wanted):
    """Two themes of a few seeds, one of them of little worth."""
    return [
        theme("economic_stability", en=("inflation", "economy", "investors")),
        theme("talks", en=wanted[1].seeds["en"]),
    ]


def test_without_a_seed_the_same_labels_change_every_time(english):
    _, corpus, wanted = english
    tried = pd.DataFrame({"theme": "economic_stability", "language": "en", "phrase": ["inflation", "economy"]})
    before = corpus.passages.copy(), corpus.vectors.copy(), corpus.scores.copy()
    steps = []
    found = seeds.leave_out(corpus, few(wanted), tried=tried, progress=lambda *step: steps.append(step))
    assert found["phrase"].tolist() == ["inflation", "economy"] and steps == [(1, 2), (2, 2)]
    assert (found[["lost", "gained"]].sum(axis=1) > 0).any()
    assert (found["sampled"] == corpus.scores["article_id"].nunique()).all()
    assert_frame_equal(found, seeds.leave_out(corpus, few(wanted), tried=tried))
    assert_frame_equal(corpus.passages, before[0])
    assert_frame_equal(corpus.scores, before[2])
    assert np.array_equal(corpus.vectors, before[1])


def test_a_theme_is_not_tried_without_its_only_seed_nor_in_a_language_that_is_absent(english):
    _, corpus, _ = english
    assert seeds.leave_out(corpus, [theme("t", en=("inflation",))]).empty
    assert seeds.leave_out(corpus, [theme("t", en=("inflation",), kk=("сауда",))])["phrase"].tolist() == ["inflation"]


# What is offered -------------------------------------------------------------------------------------------------


def test_the_phrases_of_sure_articles_are_offered_without_names_and_without_seeds():
    told = [
        "Since then Abaev spoke of rising grain prices at the market.",
        "Today apples were picked and sold by hand.",
    ]
    rows = [(f"{kind}{at}", "en", "", told[kind]) for kind in (0, 1) for at in range(40)]
    articles = pd.DataFrame(rows, columns=["article_id", "language", "title", "text"])
    scores = pd.DataFrame({"article_id": articles["article_id"], "theme": "food", "score": 0.9})
    scores["label"] = scores["article_id"].str.startswith("0")
    found = suggest.suggest(articles, scores, [theme("food", en=("market prices",))])
    assert not found.empty
    offered = " ".join(found["phrase"])
    assert "grain" in offered and "abaev" not in offered and "apples" not in offered
    assert not set(found["phrase"]) & {"market", "prices", "market prices"}
    assert (found["articles"] == 40).all() and (found["carry"] == 1).all()


def test_nothing_is_offered_where_too_few_articles_are_sure(sample):
    articles, corpus, wanted = sample
    unsure = corpus.scores.assign(score=0.6)
    assert suggest.suggest(articles, unsure, wanted).empty


# Doubts ----------------------------------------------------------------------------------------------------------


def doubts(labels, languages="en", held=5, **groups):
    """Return kinds of doubt on articles that carry the themes named by `labels`, 20 articles a word."""
    names = sorted(groups)
    articles = pd.DataFrame({"article_id": [f"{at}" for at in range(20 * len(labels))]})
    articles["language"] = np.resize(languages.split(), len(articles))
    rows = [
        (name, own, 0.9 if own in labels[at // 20] else 0.1, own in labels[at // 20])
        for at, name in enumerate(articles["article_id"])
        for own in names
    ]
    scores = pd.DataFrame(rows, columns=["article_id", "theme", "score", "label"])
    found = faults.doubts(
        articles, scores, [theme(n, **groups[n]) for n in names], pd.Series(dict.fromkeys(names, held))
    )
    return found["kind"].tolist()


EN = {"en": ("x",)}


@pytest.mark.parametrize(
    ("said", "case"),
    [
        ([], {"labels": ["a", "", "b", ""], "a": EN, "b": EN}),
        (["nothing"], {"labels": ["a", "", "", ""], "a": EN, "b": EN}),
        (["wordless"], {"labels": ["a", "", ""], "held": 0, "a": EN}),
        (["too many"], {"labels": ["a", "a", ""], "a": EN}),
        (["overlap"], {"labels": ["ab", "a", "", "", ""], "a": EN, "b": EN}),
        (["no seeds"], {"labels": ["a", "", ""], "languages": "en ru", "a": EN}),
        (["no such seeds"], {"labels": ["a", "", ""], "languages": "en en uk", "a": EN}),
        (["unused"], {"labels": ["a", "", ""], "a": {"en": ("x",), "kk": ("y",)}}),
    ],
)
def test_what_makes_scores_doubtful_is_named_and_nothing_else(said, case):
    assert doubts(**case) == said


# The command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.yml"
    path.write_text(
        "themes:\n- {id: prices, title: Prices, seeds: {en: [inflation, economy, 'the'], ru: [цены]}}\n"
        "- {id: talks, title: Talks, seeds: {en: [summit, foreign ministers, inflation]}}\n",
        encoding="utf-8",
    )
    return path


def test_a_check_on_a_corpus_fits_the_terminal_warns_and_ends_well(small, capsys, monkeypatch):
    monkeypatch.setattr(seeds, "_SAMPLE", 100)
    monkeypatch.setattr(seeds, "_LEAST_CARRYING", 10)
    table = small.with_name("seeds.csv")
    assert cli.main(["check", str(small), "--corpus", SAMPLE, "--csv", str(table)]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= check.WIDTH
    for part in (
        "line 3: “inflation” is a seed of Talks and of Prices (line 2)",
        "“the” holds only stop words",
        "Talks has no seeds in Russian",
        "in Kazakh",
        "without it",
        "articles drawn at random",
    ):
        assert part in said
    assert not {"prices", "talks"} & set(said.split())
    kept = pd.read_csv(table)
    assert kept["phrase"].tolist() == [
        "inflation",
        "economy",
        "the",
        "цены",
        "summit",
        "foreign ministers",
        "inflation",
    ]
    assert {"articles", "carry", "near", "lost", "gained", "line", "remark"} <= set(kept.columns)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["data/themes.yml", "--csv", "x.csv"], "--csv needs --corpus"),
        (["data/gazetteer.yml", "--corpus", SAMPLE], "--corpus needs a theme file"),
        (["data/themes.yml", "--corpus", "absent.csv"], "absent.csv"),
        (["data/themes.yml", "--corpus", SAMPLE, "--encoder", "absent/model"], "absent/model"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence_and_exit_code_2(arguments, reason, capsys):
    assert cli.main(["check", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1
