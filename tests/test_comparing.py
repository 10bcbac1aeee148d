"""Topics of two runs are matched by what they share, a series keeps its names, and what changed themes is told."""

import pandas as pd
import pytest
from test_decisions import SUBJECTS, corpus

from toolkit import cli, compare_figures, comparing, comparison, pairing, run_tables, store, topics
from toolkit.plan import COMPARE, plan
from toolkit.schema import InputError, OutputError
from toolkit.settings import TopicSettings

THEME = {"id": "economy", "title": "Economy", "description": "", "seeds": {"en": ["bank"]}, "against": {}}
PARAMETERS = {"inputs": ["x.jsonl"], "encoder": "embedded", "threshold": 0.5, "seed": 42, "period": "auto"}


def topic_set(groups, texts=None):
    """Topics by hand: label -> ids of its articles, with the same words in all texts unless given."""
    rows = [(name, topic) for topic, ids in enumerate(groups.values()) for name in ids]
    assigned = pd.DataFrame(rows, columns=["article_id", "topic_id"]).assign(closeness=0.5, x=0.0, y=0.0)
    articles = pd.DataFrame({"article_id": assigned["article_id"], "title": ""})
    articles["text"] = [(texts or {}).get(name, "words of all") for name in articles["article_id"]]
    told = [(topic, label, [label], len(ids)) for topic, (label, ids) in enumerate(groups.items())]
    return pairing.TopicSet(articles, assigned, pd.DataFrame(told, columns=["topic_id", "label", "terms", "articles"]))


def ids(start, stop):
    return [f"a{number}" for number in range(start, stop)]


def kinds(matched):
    return {(link.earlier, link.later): link.kind for link in matched.links.itertuples()}


# Matching -------------------------------------------------------------------------------------------------------


def test_a_run_beside_itself_has_the_same_topics_whatever_their_numbers():
    one = topic_set({"rivers": ids(0, 20), "banks": ids(20, 30)})
    other = topic_set({"banks": ids(20, 30), "rivers": ids(0, 20)})
    matched = pairing.match_topics(one, other)
    assert kinds(matched) == {("rivers", "rivers"): "same", ("banks", "banks"): "same"} and matched.by == "articles"
    assert (matched.links[["kept", "taken"]] == 1).all(axis=None)


def test_topics_that_split_merged_came_and_went_are_told_as_such():
    one = topic_set(
        {"stays": ids(0, 20), "splits": ids(20, 50), "a": ids(50, 60), "b": ids(60, 70), "old": ids(90, 99)}
    )
    later = {"stays": ids(0, 20), "left": ids(20, 35), "right": ids(35, 50), "both": ids(50, 70), "news": ids(70, 90)}
    assert kinds(pairing.match_topics(one, topic_set(later))) == {
        ("stays", "stays"): "same",
        ("splits", "left"): "split",
        ("splits", "right"): "split",
        ("a", "both"): "merged",
        ("b", "both"): "merged",
        ("old", ""): "gone",
        ("", "news"): "new",
    }


def test_what_lost_a_part_is_still_the_same():
    one, other = topic_set({"all": ids(0, 30)}), topic_set({"most": ids(0, 20), "part": ids(20, 30)})
    assert kinds(pairing.match_topics(one, other)) == {("all", "most"): "same", ("all", "part"): "split"}


def test_all_articles_of_every_topic_flow_somewhere():
    one, other = topic_set({"x": ids(0, 20), "old": ids(40, 47)}), topic_set({"y": ids(0, 20), "new": ids(50, 59)})
    flows = pairing.match_topics(one, other).flows
    assert flows[["earlier_id", "later_id", "articles"]].to_numpy().tolist() == [[0, 0, 20], [1, -1, 7], [-1, 1, 9]]


@pytest.fixture(scope="module")
def months():
    """The topics of two months without an article in common; the later one has no courts."""
    found = []
    for seed, prefix, subjects in ((0, "a", SUBJECTS), (5, "b", {k: v for k, v in SUBJECTS.items() if k != "courts"})):
        articles, vectors, _, mine = corpus(seed=seed, prefix=prefix, subjects=subjects)
        assigned, told, _ = topics.find_topics(articles, vectors, TopicSettings(n_topics=len(subjects)))
        names = assigned.assign(subject=mine).groupby("topic_id")["subject"].agg(lambda own: own.mode()[0])
        found.append(pairing.TopicSet(articles, assigned, told.assign(label=told["topic_id"].map(names))))
    return found


def test_runs_without_a_common_article_are_matched_by_words(months):
    matched = pairing.match_topics(*months)
    assert matched.by == "words"
    same = {(name, name): "same" for name in SUBJECTS if name != "courts"}
    assert kinds(matched) == same | {("courts", ""): "gone"}


def test_the_flow_is_drawn_with_its_numbers_and_no_markup_of_labels(months):
    one, other = (months[0]._replace(topics=months[0].topics.assign(label="<b>x</b>")), months[1])
    matched = pairing.match_topics(one, other)
    figure = compare_figures.topic_flows(matched, one.topics, other.topics)
    assert "&lt;b&gt;x" in figure.data[0].node.label[0] and len(figure.data[0].link.value) == 4
    assert len(figure.layout.meta["table"]["rows"]) == 4
    empty = matched._replace(flows=matched.flows.head(0))
    assert (
        "no topic to compare" in compare_figures.topic_flows(empty, one.topics, other.topics).layout.annotations[0].text
    )


# A series -------------------------------------------------------------------------------------------------------


def test_a_month_keeps_numbers_and_names_of_the_month_before(months):
    before = months[0]._replace(
        assigned=pairing.renumber(months[0].assigned, {0: 4, 1: 0, 2: 7, 3: 2}),
        topics=pairing.renumber(
            months[0].topics.assign(label="Our " + months[0].topics["label"]), {0: 4, 1: 0, 2: 7, 3: 2}
        ),
    )
    carried = pairing.carry_over(before, months[1], next_id=30)
    names = dict(zip(before.topics["label"], before.topics["topic_id"], strict=True))
    now = dict(zip(carried.topics["label"], carried.topics["topic_id"], strict=True))
    assert now == {name: number for name, number in names.items() if name != "Our courts"} and carried.next_id == 30
    sizes = carried.assigned["topic_id"].value_counts()
    assert (sizes[carried.topics["topic_id"]].to_numpy() == carried.topics["articles"].to_numpy()).all()


def test_a_new_topic_gets_a_number_that_no_run_of_the_series_had(months):
    carried = pairing.carry_over(months[1], months[0], next_id=30)
    new = carried.topics.loc[carried.topics["label"] == "courts", "topic_id"].tolist()
    assert new == [30] and carried.next_id == 31
    assert carried.matched.links.set_index("kind").loc["new", "later_id"] == 30


def test_a_name_that_was_decided_on_is_not_overruled_by_the_month_before(months):
    mine = int(months[1].topics["topic_id"].iloc[0])
    later = months[1]._replace(topics=months[1].topics.assign(label="Decided"))
    carried = pairing.carry_over(months[0], later, named=(mine,))
    assert carried.topics["label"].tolist().count("Decided") == 1


def test_articles_of_the_month_before_are_stood_for_by_one_of_the_same_topic_even_a_hidden_one(months, tmp_path):
    hidden = months[0]._replace(topics=months[0].topics[months[0].topics["label"] != "banks"])
    instead = pairing.stand_ins(make(tmp_path / "first", hidden, []), months[1])
    subject = [
        part.assigned.set_index("article_id")["topic_id"].map(part.topics.set_index("topic_id")["label"])
        for part in months
    ]
    assert {(subject[0][one], subject[1][other]) for one, other in instead.items()} == {
        (name, name) for name in SUBJECTS if name != "courts"
    }
    assert pairing.stand_ins("", months[1]) == {}


def test_without_an_earlier_run_nothing_changes(months):
    carried = pairing.join_series("", months[1])
    assert carried.assigned is months[1].assigned and carried.next_id == 3 and carried.matched is None
    assert run_tables.carried(None).text == ""


def test_an_earlier_run_that_is_none_is_refused_before_anything_runs(months, tmp_path):
    sample = str(store.asset("data/sample/articles.jsonl"))
    for call in (
        lambda: pairing.join_series(tmp_path, months[1]),
        lambda: plan({"inputs": [sample], "earlier": str(tmp_path)}, tmp_path / "out"),
    ):
        with pytest.raises(InputError, match=r"earlier: .* is no finished run"):
            call()


def test_a_run_depends_on_the_tables_of_the_earlier_one_and_on_the_decisions(first, tmp_path):
    given = {"inputs": [str(store.asset("data/sample/articles.jsonl"))], "earlier": str(first)}
    before = plan(given, tmp_path / "out").facts
    store.write_text("made anew", first / "index.html")
    assert plan(given, tmp_path / "out").facts["key"] == before["key"]
    said = store.write_text("decisions: []\n", tmp_path / "d.yml")
    decided = plan(given | {"decisions": str(said)}, tmp_path / "out").facts
    assert decided["key"] != before["key"] and decided["hashes"].keys() >= {"decisions", "earlier"}


# Runs -----------------------------------------------------------------------------------------------------------


def make(folder, months_part, labels, score=0.4, themes=(THEME,), **manifest):
    """Write a finished run by hand; `labels` are the ids that carry the theme."""
    articles = months_part.articles.assign(url="", source="s", published=pd.Timestamp("2024-01-01", tz="UTC"))
    names = articles["article_id"]
    scores = pd.DataFrame({"article_id": names, "theme": "economy", "label": names.isin(labels)})
    tables = {"articles": articles, "scores": scores.assign(score=scores["label"] * 0.2 + score)}
    for name, table in (tables | {"assigned": months_part.assigned, "topics": months_part.topics}).items():
        store.write_table(table, folder / "tables" / f"{name}.parquet")
    store.write_json(list(themes), folder / "tables" / "themes.json")
    facts = {"made_by": "toolkit", "status": "finished", "parameters": PARAMETERS, "hashes": {"code": "c"}}
    store.write_json(facts | manifest, folder / "manifest.json")
    return folder


@pytest.fixture
def first(tmp_path, months):
    return make(tmp_path / "first", months[0], ["a0000", "a0001"])


CAUSES = {
    "seeds": ({"themes": [THEME | {"seeds": {"en": ["bank", "tax"]}}]}, "seeds of the theme"),
    "encoder": ({"parameters": PARAMETERS | {"encoder": "other"}}, "encoder"),
    "settings": ({"parameters": PARAMETERS | {"seed": 7}}, "settings"),
    "answers": ({"hashes": {"code": "c", "answers": "x"}}, "answers"),
    "program": ({"hashes": {"code": "d"}}, "program"),
    "what no score depends on": ({"parameters": PARAMETERS | {"period": "month"}}, "not known"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_an_article_that_changed_theme_is_told_with_what_differs(tmp_path, months, first, cause):
    more, why = CAUSES[cause]
    second = make(tmp_path / "second", months[0], ["a0001", "a0002"], **more)
    moved = comparing.compare(first, second).moved
    assert moved[["article_id", "change"]].to_numpy().tolist() == [["a0000", "lost"], ["a0002", "gained"]]
    assert moved["why"].tolist() == [why, why]


def test_a_label_that_changed_at_the_same_score_is_the_threshold_s_doing(tmp_path, months, first):
    second = make(tmp_path / "second", months[0], [], score=0.6, parameters=PARAMETERS | {"threshold": 0.7, "seed": 7})
    table = store.read_table(first / "tables" / "scores.parquet").assign(label=False)
    store.write_table(table, second / "tables" / "scores.parquet")
    assert set(comparing.compare(first, second).moved["why"]) == {"threshold"}


def test_an_article_whose_text_changed_is_known_by_its_address(tmp_path, months, first):
    second = make(tmp_path / "second", months[0], ["a0000", "b"])
    for run, name in ((first, "a0003"), (second, "b")):
        for table in ("articles", "scores", "assigned"):
            path = run / "tables" / f"{table}.parquet"
            frame = store.read_table(path)
            frame.loc[frame["article_id"] == "a0003", "article_id"] = name
            frame = frame.assign(url=["https://x.org/3" if n == name else "" for n in frame["article_id"]])
            store.write_table(
                frame.assign(label=frame["article_id"].isin(["a0000", "b", "a0001"])) if table == "scores" else frame,
                path,
            )
    compared = comparing.compare(first, second)
    assert compared.paired == 160
    assert compared.moved[["article_id", "later_article_id", "change"]].to_numpy().tolist() == [
        ["a0003", "b", "gained"]
    ]
    assert compared.moved["why"][0].startswith("its text")


def test_runs_compared_are_told_in_sentences_and_tables(tmp_path, months, first):
    compared = comparing.compare(first, make(tmp_path / "second", months[1], []))
    said = comparing.sentences(compared)
    assert said[0].startswith("Topics, matched by their words, as few articles are shared: 3 same, 1 gone")
    assert said[1] == "0 of 0 articles in both changed a theme"
    assert "**first** (160 articles, 1 January 2024" in comparing.overview(compared)
    assert run_tables.moved_counts(compared.moved, {}).caption == "No article changed theme"
    assert "only here" in str(run_tables.differences(compared.differences).rows)


def test_runs_that_are_not_as_they_should_be_are_refused_in_a_sentence(tmp_path, months, first):
    with pytest.raises(InputError, match="is no finished run"):
        comparing.compare(first, tmp_path / "nothing")
    old = make(tmp_path / "old", months[0], [])
    store.write_table(months[0].assigned.drop(columns="closeness"), old / "tables" / "assigned.parquet")
    with pytest.raises(InputError, match="lacks 'closeness': an older version made it"):
        comparing.compare(first, old)
    (old / "tables" / "topics.parquet").unlink()
    store.write_table(months[0].assigned, old / "tables" / "assigned.parquet")
    with pytest.raises(InputError, match=r"run notebooks/3-topics\.ipynb first"):
        comparing.compare(old, first)


def test_runs_without_dates_manifest_or_more_than_three_articles_are_compared(tmp_path, first):
    few = make(tmp_path / "few", topic_set({"all": ids(0, 3)}), ["a0"])
    (few / "manifest.json").unlink()
    path = few / "tables" / "articles.parquet"
    store.write_table(store.read_table(path).assign(published=pd.Series(pd.NaT, range(3), "datetime64[ns, UTC]")), path)
    compared = comparing.compare(few, few)
    assert kinds(compared.matched) == {("all", "all"): "same"} and "without dates" in comparing.overview(compared)
    assert len(comparing.compare(few, first).matched.links) == 5


def test_a_comparison_takes_the_place_of_no_run(first, tmp_path):
    with pytest.raises(OutputError, match="is one of the two runs"):
        comparison.plan_comparison((str(first), str(first)), str(first))
    with pytest.raises(InputError, match="is no finished run"):
        comparison.plan_comparison((str(first), str(tmp_path)), None)
    planned = comparison.plan_comparison((str(first), str(first)), str(tmp_path / "out"))
    assert [path.stem for path in planned.notebooks] == ["9-compare"] and COMPARE == "9-*.ipynb"
    assert cli.main(["compare", str(first), str(tmp_path / "none")]) == 2
