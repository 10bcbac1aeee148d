"""What is decided in the view is in its file, shown at once, and what the next run makes of it."""

import os

import numpy as np
import pandas as pd
import pytest
from test_decisions import corpus

from toolkit import decisions, desk, embed, labels, searching, store, themefile, topics
from toolkit.schema import InputError
from toolkit.settings import EmbedSettings, TopicSettings


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run folder with what notebooks 1 to 3 leave for the view and its search."""
    folder = tmp_path_factory.mktemp("desk") / "run"
    articles, vectors, scores, _ = corpus()
    days = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(articles)), unit="D")
    articles = articles.assign(published=days, source="Outlet", story_id=articles["article_id"])
    found = topics.find_topics(articles, vectors, TopicSettings(n_topics=4))
    tables = {"articles": articles, "assigned": found.assigned, "topics": found.topics}
    tables["scores"] = scores.assign(evidence="", evidence_offset=0)
    for name, table in tables.items():
        store.write_table(table, folder / "tables" / f"{name}.parquet")
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), articles["text"].tolist(), EmbedSettings())
    store.write_vectors(vectors, folder / "tables" / "vectors.safetensors")
    store.write_json([{"id": "economy", "title": "Economy"}], folder / "tables" / "themes.json")
    searching.write_index(articles, reader.space(), folder / "tables")
    (folder / "tables" / "space.json").unlink()  # the vectors are made up, so that words alone are searched
    return folder


@pytest.fixture
def run(made, tmp_path):
    """The run, of which a test may take a table away."""
    for path in (made / "tables").iterdir():
        (tmp_path / "run" / "tables").mkdir(parents=True, exist_ok=True)
        os.link(path, tmp_path / "run" / "tables" / path.name)
    return tmp_path / "run"


@pytest.fixture
def files(tmp_path):
    return tmp_path / "decisions.yml", tmp_path / "answers.csv"


def ask(view, panel="filters", **said):
    """Send what the browser sends; return what is said, and what went wrong."""
    view.widget()
    sent = getattr(view.screen, panel)
    view.screen.heard(sent, {"number": 1, **said})
    return view.screen.filters.saved, sent.trouble


def decide(view, panel="filters", **decision):
    return ask(view, panel, do="decide", decision=decision)


def after(run, path):
    """Return the topics that a run makes of the same articles by the file."""
    articles, vectors, scores, _ = corpus()
    kept = run / "tables"
    found = topics.Topics(
        store.read_table(kept / "assigned.parquet"), store.read_table(kept / "topics.parquet"), pd.DataFrame()
    )
    return decisions.apply(decisions.read_decisions(path), found, decisions.Corpus(articles, vectors, scores))


def groups(articles_topic):
    """Return which articles are together, whatever their topic is called."""
    return {frozenset(mine) for _, mine in articles_topic.groupby("topic_id")["article_id"]}


# Search ---------------------------------------------------------------------------------------------------------


def test_words_are_searched_in_the_run_and_what_no_article_holds_is_told(run, files):
    view = desk.open_desk(run, *files, most=7)
    said, trouble = ask(view, do="find", value="inflation xylophones")
    assert len(view.selection) == 7 and view.selection["text"].str.contains("inflation").all() and not trouble
    assert said.startswith("Only words are searched: ") and said.endswith("No article holds xylophones.")
    assert view.find("prison").selection["text"].str.contains("prison").all()


def test_a_run_without_search_tables_opens_without_search_and_says_so(run, files):
    (run / "tables" / "words.json").unlink()
    view = desk.open_desk(run, *files)
    assert "this run cannot be searched" in view.run.notes[-1] and len(view.selection) == 160
    assert not view.widget().children[0].searching
    with pytest.raises(InputError, match="no search"):
        view.find("inflation")


# Decisions ------------------------------------------------------------------------------------------------------


def test_merged_topics_are_one_at_once_and_in_the_next_run_with_the_same_articles(run, files):
    view = desk.open_desk(run, *files)
    view.filter(topic=[3, 1])
    before = set(view.selection["article_id"])
    said, trouble = decide(view, what="merge", topics=[3, 1])
    assert not trouble and said.startswith("Merge “") and "from the next run" in said and str(files[0]) in said
    assert set(view.selection["article_id"]) == before and view.choice.topic == (1,)
    assert view.run.topics["articles"].tolist() == [40, 80, 40]
    assert groups(view.selection) < groups(view.clear().selection) == groups(after(run, files[0]).assigned)


def test_decisions_follow_each_other_as_in_the_next_run(run, files):
    view = desk.open_desk(run, *files)
    decide(view, what="merge", topics=[0, 1])
    decide(view, what="rename", topics=[0], name="Both")
    decide(view, what="merge", topics=[0, 2])
    assert not decide(view, what="hide", topics=[3])[1]
    there = after(run, files[0])
    assert there.log["status"].tolist() == 4 * ["applied"]
    assert view.run.topics["label"].tolist() == there.topics["label"].tolist() == ["Both"]
    assert groups(view.clear().selection) == groups(there.assigned)
    assert view.selection.query("topic == ''")["topic_id"].nunique() == 1


def test_what_is_renamed_is_called_so_in_filters_table_and_reader(run, files):
    view = desk.open_desk(run, *files)
    view.filter(topic=2)
    view.widget()
    ask(view, "articles", do="open", row=int(view.rows[0]))
    said, _ = decide(view, what="rename", topics=[2], name="  Money: a & b  ")
    assert "to “Money: a & b”" in said
    offered, panel = view.screen.filters.offers["topic"], view.screen.articles
    assert [2, "Money: a & b", 40] in [list(one) for one in offered]
    assert panel.card["topic"] == "Money: a & b" and {row["topic"] for row in panel.rows} == {"Money: a & b"}
    assert set(view.selection["topic"]) == {"Money: a & b"}


@pytest.mark.parametrize("name", ["Война", "会議", "🔥"])
def test_a_topic_may_be_called_by_what_the_map_cannot_measure(run, files, name):
    view = desk.open_desk(run, *files)
    assert not decide(view, what="rename", topics=[2], name=name)[1]
    assert f"{name} " in view.screen.map.scatter.widget.labels["label"].tolist()
    again = desk.open_desk(run, *files)
    again.widget()
    assert f"{name} " in again.screen.map.scatter.widget.labels["label"].tolist()


def test_a_view_opened_again_shows_what_the_run_does_not_know_yet(run, files):
    first = desk.open_desk(run, *files)
    decide(first, what="merge", topics=[0, 1])
    decide(first, what="split", topics=[2], into=2)
    decide(first, what="pin", topics=[3], theme="economy")
    decide(first, what="hide", topics=[0])
    again = desk.open_desk(run, *files)
    pd.testing.assert_frame_equal(again.run.topics, first.run.topics)
    assert (again.run.topic == first.run.topic).all() and len(again.run.topics) == 3
    assert [one["number"] for one in again.pending()] == [1, 2, 3, 4] == [one["number"] for one in first.pending()]
    assert not any(one["why"] for one in again.pending())
    store.write_table(after(run, files[0]).log, run / "tables" / "decided.parquet")
    assert not desk.open_desk(run, *files).pending() and len(desk.open_desk(run, *files).run.topics) == 4


def test_parts_of_a_topic_are_those_of_the_next_run_and_named_by_their_words(run, files):
    view = desk.open_desk(run, *files)
    decide(view, what="merge", topics=[0, 1])
    merged = set(view.filter(topic=0).selection["article_id"])
    assert not decide(view, what="split", topics=[0], into=2)[1]
    assert len(view.choice.topic) == 2 and set(view.selection["article_id"]) == merged, "both parts are chosen"
    assert groups(view.clear().selection) == groups(after(run, files[0]).assigned)
    parts = view.run.topics.iloc[-2:]
    assert parts["articles"].tolist() == [40, 40] and not set(parts["label"].iloc[0].split(", ")) & set(
        parts["label"].iloc[1].split(", ")
    )


def test_what_is_taken_back_is_out_of_the_file_and_no_longer_shown(run, files):
    view = desk.open_desk(run, *files)
    decide(view, what="merge", topics=[0, 1])
    decide(view, what="rename", topics=[2], name="Third")
    first, second = view.pending()
    said, _ = decide(view, what="undo", number=1, said=first["said"])
    assert said.startswith("Taken back: merge “") and [one.do for one in decisions.read_decisions(files[0])] == [
        "rename"
    ]
    assert len(view.run.topics) == 4 and "Third" in view.run.topics["label"].tolist()
    assert [one["said"] for one in view.pending()] == [second["said"]] == [view.screen.filters.pending[0]["said"]]
    decide(view, what="undo", number=1, said=second["said"])
    assert not view.pending() and "Third" not in view.run.topics["label"].tolist()


def test_what_cannot_be_shown_any_more_is_listed_with_the_reason(run, files):
    view = desk.open_desk(run, *files)
    decide(view, what="split", topics=[0], into=2)
    decide(view, what="merge", topics=[0, 4])
    decide(view, what="split", topics=[0], into=3)
    decide(view, what="hide", topics=[5])
    decide(view, what="undo", number=3, said=view.pending()[2]["said"])
    assert view.pending()[2]["why"] or len(view.run.topics) < 4
    files[0].write_text(
        "decisions:\n  - do: hide\n    topics: [{label: Gone, terms: [nowhere], articles: [x1, x2, x3]}]\n", "utf-8"
    )
    (gone,) = desk.open_desk(run, *files).pending()
    assert gone["said"] == "hide “Gone”" and "no topic has the articles" in gone["why"]


def test_a_topic_too_small_to_split_is_told_and_the_file_is_as_it_was(run, files):
    view = desk.open_desk(run, *files)
    vectors = store.read_vectors(run / "tables" / "vectors.safetensors")
    view.run.__dict__["vectors"] = np.ones_like(vectors)
    assert "too few for 2 parts" in decide(view, what="split", topics=[1], into=2)[1]
    assert not files[0].exists() and len(view.run.topics) == 4


def test_a_topic_that_is_pinned_has_its_theme_at_once(run, files):
    view = desk.open_desk(run, *files)
    view.widget()
    said, _ = decide(view, what="pin", topics=[1], theme="economy")
    assert "to the theme economy" in said and [1, "economy"] in view.screen.filters.pinned
    there = after(run, files[0]).topics.set_index("topic_id")["theme"]
    assert there[1] == "economy"


def test_the_words_on_the_map_follow_what_is_decided(run, files):
    view = desk.open_desk(run, *files)
    view.widget()
    before = set(view.screen.map.points["topic"])
    decide(view, what="rename", topics=[0], name="Rivers of the east")
    decide(view, what="hide", topics=[1])
    names = set(view.screen.map.scatter.widget.labels["label"])
    assert "Rivers of the east" in names and "none" not in names and len(names) == len(before) - 1


def test_an_article_leads_to_those_like_it(run, files):
    view = desk.open_desk(run, *files, most=9)
    view.widget()
    _, trouble = ask(view, "articles", do="like", row=3)
    subject = view.run.articles["text"].iat[3].split()
    assert not trouble and len(view.selection) == 9 and view.screen.filters.choice["picked"].startswith("9 like “")
    assert view.code == "view.like('a0003')"
    assert view.selection["text"].head(3).map(lambda text: len(set(text.split()) & set(subject))).min() >= 2
    with pytest.raises(InputError, match="No article of this run has the id 'nobody'"):
        view.like("nobody")


def test_a_search_becomes_a_seed_of_a_theme_in_one_step(run, files, tmp_path):
    themes = tmp_path / "themes.yml"
    themes.write_text("themes:\n  - id: economy\n    title: Economy\n    seeds: {en: [inflation]}\n", "utf-8")
    view = desk.open_desk(run, *files, themes=themes)
    ask(view, do="find", value="interest loan")
    assert view.screen.filters.asked == "interest loan"
    said, trouble = decide(view, what="seed", theme="economy", phrase="interest loan")
    assert not trouble and said.startswith("“interest loan” (English) is a seed of Economy in ")
    decide(view, what="seed", theme="economy", phrase="су қоймасы")
    assert {(one.language, one.text) for one in themefile.read_phrases(themes)} == {
        ("en", "inflation"), ("en", "interest loan"), ("kk", "су қоймасы")
    }  # fmt: skip


def test_a_seed_that_the_run_does_not_know_is_listed_and_taken_back_also_later(run, files, tmp_path):
    themes = tmp_path / "themes.yml"
    text = "themes:\n  - id: economy\n    title: Economy\n    seeds: {en: [inflation]}\n"
    themes.write_text(text, "utf-8")
    store.write_json(themefile.as_records(themefile.load_themes(themes)), run / "tables" / "themes.json")
    first = desk.open_desk(run, *files, themes=themes)
    assert not decide(first, what="seed", theme="economy", phrase="interest loan")[1]
    assert decide(first, what="seed", theme="economy", phrase="football", side="against")[0].startswith(
        "“football” (English) speaks against Economy in "
    )
    view = desk.open_desk(run, *files, themes=themes)
    assert view.pending() == first.pending() and len(view.pending()) == 2
    for one in view.pending():
        assert decide(view, what="unseed", seed=one["seed"])[0].startswith("Taken back: “")
    assert view.pending() == [] and [one.text for one in themefile.read_phrases(themes)] == ["inflation"]
    assert "changed meanwhile" in decide(view, what="unseed", seed=["economy", "seeds", "en", "interest loan"])[1]
    themes.write_text(text.replace("inflation", "prices, loans"), "utf-8")
    assert desk.open_desk(run, *files, themes=themes).pending() == [], "of another file nothing is said"


def test_a_search_looks_among_what_the_filters_leave_and_again_when_they_change(run, files):
    view = desk.open_desk(run, *files, most=9)
    one, other = (int(view.clear().find(word).selection["topic_id"].iat[0]) for word in ("prison", "inflation"))
    inside = view.clear().filter(topic=one).find("inflation prison").selection
    assert len(inside) == 9 and set(inside["topic_id"]) == {one} != {other}
    assert view.code == f"view.filter(topic=[{one}]); view.find('inflation prison')"
    assert set(view.filter(topic=other).selection["topic_id"]) == {other} and len(view.selection) == 9
    pd.testing.assert_frame_equal(view.filter(topic=one).selection, inside)
    like = view.clear().filter(topic=one).like("a0003").selection
    assert len(like) == 9 and set(like["topic_id"]) == {one}


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"what": "merge", "topics": [1]}, "names 1 topics, expected two or more"),
        ({"what": "merge", "topics": [1, 77]}, "There is no topic 77"),
        ({"what": "hide", "topics": [0, 1, 2, 3]}, "it names 4 topics, expected one"),
        ({"what": "split", "topics": [1], "into": 90}, "expected a number from 2 to 20"),
        ({"what": "split", "topics": [1], "into": 20.5}, "expected a number from 2 to 20"),
        ({"what": "pin", "topics": [1], "theme": "sport"}, "There is no theme 'sport' in this run; it has economy"),
        ({"what": "undo", "number": 1, "said": "merge"}, "was changed meanwhile"),
        ({"what": "unmark", "article_id": "a0001", "theme": "economy"}, "holds no answer"),
        ({"what": "seed", "theme": "extremism", "phrase": "the of"}, "expected one with a word that is no stop word"),
        ({"what": "seed", "theme": "sport", "phrase": "football"}, "The theme is 'sport'"),
        ({"what": "rename", "topics": [1], "name": " "}, "expected text"),
        ({"what": "rename", "topics": [1], "name": "x" * 81}, "80 at most"),
        ({"what": "rename", "topics": ["1"], "name": "One"}, "expected merge, hide, rename, split"),
        ({"what": "delete", "topics": [1]}, "expected merge, hide, rename, split"),
        ({"what": "right", "article_id": "nobody", "theme": "economy"}, "'nobody' has no score"),
        ({}, "expected merge, hide, rename, split"),
    ],
)
def test_a_decision_that_makes_no_sense_is_told_and_leaves_files_and_view_alone(run, files, decision, why):
    view = desk.open_desk(run, *files)
    _, trouble = decide(view, **decision)
    assert why in trouble and not any(path.exists() for path in files)
    assert len(view.run.topics) == 4


def test_a_run_without_topics_opens_and_tells_what_a_decision_needs(run, files):
    (run / "tables" / "topics.parquet").unlink()
    view = desk.open_desk(run, *files)
    assert "run notebooks/3-topics.ipynb" in decide(view, what="hide", topics=[1])[1]


def test_a_file_of_decisions_that_cannot_be_read_is_told_and_stays_as_it_was(run, files):
    files[0].write_text("decisions: 3\n", "utf-8")
    view = desk.open_desk(run, *files)
    assert "expected a list" in view.run.notes[-1]
    assert "expected a list" in decide(view, what="hide", topics=[1])[1]
    assert files[0].read_text("utf-8") == "decisions: 3\n" and len(view.run.topics) == 4


def test_tables_in_memory_have_no_desk(files):
    with pytest.raises(InputError, match="expected a run folder"):
        desk.open_desk({"articles": pd.DataFrame()}, *files)


def test_a_run_that_is_not_finished_has_no_desk(run, files):
    run.rename(run.with_name("run.part"))
    with pytest.raises(InputError, match="not finished"):
        desk.open_desk(run, *files)


def said_of(path, article_id):
    """Return the latest answer about an article."""
    kept = labels.read_answers(path)
    return kept.loc[kept["article_id"] == article_id, "answer"].iloc[-1]


# Answers --------------------------------------------------------------------------------------------------------


def test_right_and_wrong_are_answers_that_the_next_run_learns_from(run, files):
    view = desk.open_desk(run, *files)
    about, other = (view.run.articles["article_id"].iloc[row] for row in (1, 0))
    said, _ = decide(view, "articles", what="right", article_id=about, theme="economy")
    assert said.startswith("“This article is about Economy”: kept in ") and "counts from the next run" in said
    assert view.screen.articles.saved == said
    decide(view, "articles", what="right", article_id=other, theme="economy")
    decide(view, "articles", what="wrong", article_id=about, theme="economy")
    settled = labels.settle(labels.read_answers(files[1]), view.run.articles["article_id"], ["economy"])
    assert view.card(1)["answered"] == {"economy": said_of(files[1], about)}
    taught = labels.training(settled).set_index("article_id")["answer"]
    assert dict(taught) == {other: False, about: False}
    decide(view, "articles", what="unmark", article_id=other, theme="economy")
    assert view.screen.articles.card["answered"] == {}
    assert labels.read_answers(files[1])["article_id"].tolist() == [about, about]
