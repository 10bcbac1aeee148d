"""What themes and corpora that are badly off get: a clear error, or scores with a warning, never a silent nonsense."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from toolkit import check, clean, cli, embed, ingest, seeds, themes
from toolkit.settings import EmbedSettings
from toolkit.themefile import load_themes

SAMPLE = "data/sample/articles.jsonl"
SEEDS = {"en": ["inflation", "economy", "central bank"], "ru": ["экономика"], "kk": ["экономика"]}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Try the seeds on a hundred passages instead of two thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeds, "_SAMPLE", 100)
        patch.setattr(seeds, "_LEAST_CARRYING", 10)
        yield


@pytest.fixture
def place(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("TOOLKIT_CACHE", str(cache))
    return tmp_path


@pytest.fixture(scope="module")
def odd(tmp_path_factory, cache):
    """What a check of the sample says of four themes that are each badly off, and its table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(cache))
        pair = [entry(name, en=["trade", "railway"]) for name in ("goods", "wares")]
        others = [entry(en=["inflation"]), entry("opera", en=["xyzzy plugh", "frobnicate"])]
        return checked(themefile(tmp_path_factory.mktemp("odd"), *others, *pair))


@pytest.fixture(scope="module")
def english(tmp_path_factory, cache, sample):
    """What a check of English articles says of a theme with Kazakh seeds alone and one with seeds in all languages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(cache))
        place = tmp_path_factory.mktemp("english")
        path = themefile(place, entry(kk=["лаңкестік", "содырлар"]), entry("money", **SEEDS))
        return checked(path, corpus(place, sample[sample["language"] == "en"]))


@pytest.fixture(scope="module")
def sample():
    return clean.clean_articles(ingest.read_articles([SAMPLE]).kept).kept


def themefile(place, *entries):
    path = place / "mine.yml"
    path.write_text(json.dumps({"themes": list(entries)}, ensure_ascii=False), encoding="utf-8")
    return path


def entry(name="prices", **seeds):
    return {"id": name, "title": name.capitalize(), "seeds": seeds}


def corpus(place, articles):
    path = place / "articles.jsonl"
    columns = articles[["title", "text", "language", "source", "url"]]
    columns.to_json(path, orient="records", lines=True, force_ascii=False)
    return [str(path)]


def checked(path, inputs=(SAMPLE,)):
    """Return all that a check says, in one line."""
    file, found = check.check_file(path), check.check_corpus(path, list(inputs), "embedded")
    return " ".join(" ".join([*file, *found.lines]).split()), found.table


def scored(articles, path):
    """Return the scores of `articles` as the second notebook gets them for a corpus that is large enough."""
    passages = embed.make_passages(articles)
    texts, wanted = passages["text"].tolist(), load_themes(path)
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), texts, EmbedSettings())
    return themes.score_articles(
        passages, themes.score_passages(passages, reader.encode(texts), wanted, reader), wanted
    )


@pytest.mark.parametrize("arguments", [[], ["--corpus", SAMPLE]])
def test_a_theme_without_seeds_is_refused_with_its_line(place, arguments, capsys):
    path = themefile(place, entry("empty", en=[]))
    assert cli.main(["check", str(path), *arguments]) == 2
    assert "mine.yml, line 1, column 56: theme 1 (empty): no seeds" in capsys.readouterr().err


def test_a_theme_of_one_seed_is_scored_and_the_analyst_warned(odd):
    said, table = odd
    mine = table[table["theme_title"] == "Prices"]
    assert "“inflation” is the only seed of Prices; a theme is found far better with ten" in said
    assert mine["articles"].tolist() == [7] and mine["lost"].isna().all()


def test_seeds_in_a_language_that_the_corpus_lacks_are_said_to_do_nothing(english):
    said, table = english
    assert "No article is in Kazakh: 3 seeds do" in said and "No article is in Russian: 1 seed do" in said
    assert table.loc[(table["language"] != "en") & (table["theme_title"] == "Money"), "carry"].isna().all()


def test_a_theme_of_seeds_in_an_absent_language_alone_is_said_to_have_none_there(english):
    said, _ = english
    assert "Prices has no seeds in English" in said
    assert "Prices: no article carries it" in said or "none has the words of any seed" in said


def test_the_same_seed_in_two_themes_is_named_with_both_lines(place):
    path = themefile(place, entry(en=SEEDS["en"]), entry("money", en=["budget", "inflation"]))
    assert "“inflation” is a seed of Money and of Prices (line 1)" in " ".join(check.check_file(path))


def test_two_themes_that_are_the_same_are_said_to_be_hard_to_tell_apart(odd):
    said, _ = odd
    assert "Goods and Wares are hard to tell apart" in said or "Wares: no article carries it" in said
    assert "is a seed of Wares and of Goods" in said


def test_a_theme_that_nothing_matches_carries_no_article_and_says_so(odd):
    said, table = odd
    assert "Opera: no article carries it, and none has its words" in said
    assert (table.loc[table["theme_title"] == "Opera", "articles"] == 0).all()


@pytest.mark.parametrize("number", [1, 5])
def test_a_corpus_of_a_few_articles_is_scored_beside_the_sample_and_the_analyst_warned(place, sample, number):
    said, table = checked(themefile(place, entry(en=SEEDS["en"][:2])), corpus(place, sample.head(number)))
    assert f"Only {number} article" in said and "scored beside the bundled sample" in said
    assert table["articles"].max() <= number and table["sampled"].dropna().max() <= number


@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_a_corpus_of_one_language_is_scored_by_its_own_seeds(place, sample, language):
    few = corpus(place, sample[sample["language"] == language].head(30))
    said, table = checked(themefile(place, entry(**{**SEEDS, "en": SEEDS["en"][:1]})), few)
    assert set(table.loc[table["near"].notna(), "language"]) == {language}
    assert said.count("do nothing here") == 2


def test_a_corpus_in_a_language_without_seeds_is_scored_with_a_warning(place, sample):
    strange = sample.head(60).assign(
        language="fr", text=["La récolte de pommes fut bonne cette année au village. "] * 60
    )
    strange = strange.assign(title=[f"Numéro {at} du journal" for at in range(60)])
    said, _ = checked(themefile(place, entry(en=SEEDS["en"][:1])), corpus(place, strange))
    assert "in which a theme file holds no seeds" in said and "hardly to be trusted" in said


def test_a_run_says_what_its_scores_lack_and_nothing_of_seeds_in_a_language_that_no_article_has(place):
    others = [entry("opera", en=["xyzzy <b>"]), entry("money", **SEEDS), entry("goods", kk=["лаңкестік"])]
    articles = pd.DataFrame({"article_id": [f"a{at}" for at in range(40)], "language": "en", "title": ""})
    articles["text"] = ["Inflation rose, said the central bank."] * 20 + ["It rained."] * 20
    rows = [(name, own, 0.9, own == "money" and at < 20) for at, name in enumerate(articles["article_id"])
            for own in ("opera", "money", "goods")]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["article_id", "theme", "score", "label"])
    path = themefile(place, *others)
    said = check.warnings(path, articles, embed.make_passages(articles), scores).text
    assert "Opera: no article carries it, and none has its words" in said
    assert "Goods has no seeds in English" in said and "is the only seed of Goods" in said
    assert "do nothing here" not in said and "Money" not in said and "xyzzy <b>" not in said
    two = entry("money", en=["inflation", "central bank"])
    only = scores[scores["theme"] == "money"]
    assert check.warnings(themefile(place, two), articles, embed.make_passages(articles), only) is None


def test_two_hundred_themes_are_scored_and_their_table_stays_readable(place, sample):
    words = sorted({word.lower() for text in sample.loc[sample["language"] == "en", "text"] for word in text.split()})
    words = [word for word in words if word.isascii() and word.isalpha() and len(word) > 5][:400]
    path = themefile(place, *(entry(f"theme_{at}", en=words[2 * at : 2 * at + 2]) for at in range(200)))
    found = scored(sample[sample["language"] == "en"].head(12), path)
    assert found.groupby("theme").size().eq(12).all() and found["theme"].nunique() == 200
    assert found["score"].between(0, 1).all()
    assert found.groupby("theme")["label"].mean().median() < 0.5
    file = check.check_file(path)
    assert len(file) > 200 and max(map(len, file)) <= check.WIDTH
