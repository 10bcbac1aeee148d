"""What is decided in the view is in its file, shown at once, and what the next run makes of it."""

import os

import numpy as np
import pandas as pd
import pytest
from test_decisions import corpus

from toolkit import decisions, desk, embed, labels, searching, store, topics
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
    sent = view._shown[panel]
    view._heard(sent, {"number": 1, **said})
    return view._shown["filters"].saved, sent.trouble


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
    assert not trouble and said.startswith("merge “") and "from the next run" in said and str(files[0]) in said
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
    ask(view, "articles", do="open", row=int(view._rows[0]))
    said, _ = decide(view, what="rename", topics=[2], name="  Money: a & b  ")
    assert "to “Money: a & b”" in said
    offered, panel = view._shown["filters"].offers["topic"], view._shown["articles"]
    assert [2, "Money: a & b", 40] in [list(one) for one in offered]
    assert panel.card["topic"] == "Money: a & b" and {row["topic"] for row in panel.rows} == {"Money: a & b"}
    assert set(view.selection["topic"]) == {"Money: a & b"}


def test_a_view_opened_again_tells_what_the_run_does_not_know_yet(run, files):
    decide(desk.open_desk(run, *files), what="merge", topics=[0, 1])
    assert desk.open_desk(run, *files).run.notes[-1].startswith("1 of the decisions in ")
    store.write_table(after(run, files[0]).log, run / "tables" / "decided.parquet")
    assert not [note for note in desk.open_desk(run, *files).run.notes if "decisions" in note]


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"what": "merge", "topics": [1]}, "names 1 topics, expected two or more"),
        ({"what": "merge", "topics": [1, 77]}, "There is no topic 77"),
        ({"what": "hide", "topics": [0, 1, 2, 3]}, "the last topic shown"),
        ({"what": "rename", "topics": [1], "name": " "}, "expected text"),
        ({"what": "rename", "topics": [1], "name": "x" * 81}, "80 at most"),
        ({"what": "rename", "topics": ["1"], "name": "One"}, "expected merge, hide, rename"),
        ({"what": "delete", "topics": [1]}, "expected merge, hide, rename"),
        ({"what": "right", "article_id": "nobody", "theme": "economy"}, "'nobody' has no score"),
        ({}, "expected merge, hide, rename"),
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


# Answers --------------------------------------------------------------------------------------------------------


def test_right_and_wrong_are_answers_that_the_next_run_learns_from(run, files):
    view = desk.open_desk(run, *files)
    about, other = (view.run.articles["article_id"].iloc[row] for row in (1, 0))
    said, _ = decide(view, "articles", what="right", article_id=about, theme="economy")
    assert said.startswith("“This article is about Economy”: kept in ") and "counts from the next run" in said
    assert view._shown["articles"].saved == said
    decide(view, "articles", what="right", article_id=other, theme="economy")
    decide(view, "articles", what="wrong", article_id=about, theme="economy")
    settled = labels.settle(labels.read_answers(files[1]), view.run.articles["article_id"], ["economy"])
    taught = labels.training(settled).set_index("article_id")["answer"]
    assert dict(taught) == {other: False, about: False}
