"""What was decided about topics is kept as it was said, found again in later runs, applied, told and undone."""

import numpy as np
import pandas as pd
import pytest

from toolkit import decisions, embed, labels, run_tables, store, topics, weak
from toolkit.decisionfile import read_decisions
from toolkit.schema import InputError
from toolkit.settings import TopicSettings

SUBJECTS = {
    "rivers": "river dam reservoir flood irrigation canal",
    "banks": "bank inflation currency budget interest loan",
    "courts": "judge prison sentence lawyer trial verdict",
    "games": "football league goal coach stadium season",
}


def corpus(count=160, seed=0, subjects=SUBJECTS, prefix="a"):
    """Articles of a few plain subjects, vectors to match, and one theme that those of banks carry."""
    random, names = np.random.default_rng(seed), list(subjects)
    mine = [names[i % len(names)] for i in range(count)]
    texts = [" ".join(random.choice(subjects[name].split(), 12)) for name in mine]
    ids = [f"{prefix}{i:04}" for i in range(count)]
    articles = pd.DataFrame(
        {"article_id": ids, "title": "", "text": texts, "language": "en", "url": "", "published": pd.NaT}
    )
    centres = {name: np.random.default_rng(list(SUBJECTS).index(name)).normal(size=16) for name in names}
    vectors = embed.normalise(np.array([centres[name] for name in mine]) + 0.3 * random.normal(size=(count, 16)))
    scores = pd.DataFrame({"article_id": ids, "theme": "economy", "score": 0.5, "label": [n == "banks" for n in mine]})
    return articles, vectors, scores, pd.Series(mine)


@pytest.fixture(scope="module")
def world():
    """Articles, vectors, scores, each one's subject, and the topics found among them."""
    articles, vectors, scores, mine = corpus()
    return articles, vectors, scores, mine, topics.find_topics(articles, vectors, TopicSettings(n_topics=4))


def topic_of(world, subject):
    """Return the id of the topic that holds a subject."""
    return int(world[4].assigned["topic_id"][world[3] == subject].mode()[0])


def decided(path, world, do, *subjects, value=""):
    found = world[4]
    ids = [topic_of(world, subject) for subject in subjects]
    return decisions.decide(path, found.topics, found.assigned, do, ids, value)


def applied(path, world):
    articles, vectors, scores, _, found = world
    return decisions.apply(read_decisions(path), found, decisions.Corpus(articles, vectors, scores))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.yml"


# What each decision does ----------------------------------------------------------------------------------------


def test_without_decisions_topics_are_as_they_were_found(path, world):
    found = applied(path, world)
    assert found.assigned.equals(world[4].assigned) and found.topics["label"].equals(world[4].topics["label"])
    assert found.log.empty and decisions.summary(found.log) == []


def test_a_topic_has_the_name_that_it_was_given(path, world):
    decided(path, world, "rename", "banks", value='Money & "rates": 100%')
    found = applied(path, world)
    row = found.topics[found.topics["topic_id"] == topic_of(world, "banks")].iloc[0]
    assert row["label"] == 'Money & "rates": 100%' and row["theme"] == "economy"


def test_merged_topics_are_one_with_all_their_articles_and_terms_of_both(path, world):
    decided(path, world, "merge", "rivers", "games", value="Water and sports")
    found = applied(path, world)
    merged = found.topics[found.topics["label"] == "Water and sports"].iloc[0]
    assert merged["topic_id"] == 0 and merged["articles"] == 80 and len(found.topics) == 3
    own = found.assigned["topic_id"] == merged["topic_id"]
    assert set(world[3][own.to_numpy()]) == {"rivers", "games"}
    assert set(merged["terms"]) & set(SUBJECTS["rivers"].split()) and set(merged["terms"]) & set(
        SUBJECTS["games"].split()
    )


def test_a_topic_that_was_merged_can_be_split_again(path, world):
    decided(path, world, "merge", "rivers", "games")
    decided(path, world, "split", "rivers", value=2)
    found = applied(path, world)
    assert sorted(found.topics["articles"]) == [40, 40, 40, 40]
    assert found.log["status"].tolist() == ["applied", "applied"]


def test_a_hidden_topic_is_not_listed_but_keeps_its_articles(path, world):
    decided(path, world, "hide", "games")
    found = applied(path, world)
    assert topic_of(world, "games") not in set(found.topics["topic_id"]) and len(found.topics) == 3
    assert found.assigned.equals(world[4].assigned)


def test_a_hidden_topic_is_not_told_among_those_that_grow(path, world):
    decided(path, world, "hide", "games")
    found, articles = applied(path, world), world[0]
    weeks = pd.date_range("2024-01-01", periods=8, freq="7D")
    rest = corpus(4000, prefix="z")[0]
    both = pd.concat([articles, rest], ignore_index=True)
    own = (world[3] == "games").reindex(both.index, fill_value=False)
    turn = pd.Series(range(len(both)))
    start = weeks[np.where(own, 7 - (turn // 4 % 40) // 20, turn % 8)]
    placed = pd.DataFrame({"article_id": both["article_id"], "start": start, "source": (turn % 7).astype(str)})
    placed = placed.assign(story_id=placed["article_id"], day=placed["start"])
    assigned = pd.concat([found.assigned, rest[["article_id"]].assign(topic_id=99)], ignore_index=True)
    texts = both.set_index("article_id")["text"]
    seen = weak.weak_topics(placed, assigned, world[4].topics, texts.reindex)["topic_id"].tolist()
    assert topic_of(world, "games") in seen
    left = weak.weak_topics(placed, assigned, found.topics, texts.reindex)["topic_id"].tolist()
    assert topic_of(world, "games") not in left


def test_the_last_topic_cannot_be_hidden(path, world):
    for subject in SUBJECTS:
        decided(path, world, "hide", subject)
    found = applied(path, world)
    assert len(found.topics) == 1 and found.log["status"].tolist() == 3 * ["applied"] + ["not applied"]


def test_a_topic_belongs_to_the_theme_it_is_pinned_to_if_there_is_one(path, world):
    decided(path, world, "pin", "rivers", value="economy")
    decided(path, world, "pin", "games", value="leisure")
    found = applied(path, world)
    theme = found.topics.set_index("topic_id")["theme"]
    assert theme[topic_of(world, "rivers")] == "economy" and theme[topic_of(world, "games")] == ""
    assert "the theme file has no theme 'leisure'; it has economy" in decisions.summary(found.log)[0]


def test_the_same_decisions_give_the_same_topics(path, world):
    decided(path, world, "split", "banks", value=3)
    assert applied(path, world).assigned.equals(applied(path, world).assigned)


# Finding a topic again ------------------------------------------------------------------------------------------


def later(world, **more):
    """Return a later run on other articles of some of the same subjects."""
    articles, vectors, scores, mine = corpus(**more)
    number = mine.nunique()
    return articles, vectors, scores, mine, topics.find_topics(articles, vectors, TopicSettings(n_topics=number))


def test_a_topic_is_found_by_its_articles_whatever_its_number(path, world):
    decided(path, world, "rename", "courts", value="Justice")
    articles, vectors, scores, _mine, found = world
    turned = found._replace(
        assigned=found.assigned.assign(topic_id=3 - found.assigned["topic_id"]),
        topics=found.topics.assign(topic_id=3 - found.topics["topic_id"], terms=[[] for _ in range(4)]),
    )
    now = decisions.apply(read_decisions(path), turned, decisions.Corpus(articles, vectors, scores))
    named = now.topics[now.topics["label"] == "Justice"]
    assert named["topic_id"].tolist() == [3 - topic_of(world, "courts")]
    assert now.log["detail"].tolist() == ["found by its articles"]


def test_among_other_articles_it_is_found_by_its_terms(path, world):
    decided(path, world, "rename", "courts", value="Justice")
    other = later(world, seed=9, prefix="b")
    now = applied(path, other)
    assert now.topics.loc[now.topics["label"] == "Justice", "topic_id"].tolist() == [topic_of(other, "courts")]
    assert now.log["detail"].tolist() == ["found by its terms"]


def test_a_topic_that_is_not_there_any_more_is_told_and_nothing_is_guessed(path, world):
    decided(path, world, "rename", "courts", value="Justice")
    fewer = {name: words for name, words in SUBJECTS.items() if name != "courts"}
    now = applied(path, later(world, subjects=fewer, prefix="b"))
    assert "Justice" not in set(now.topics["label"])
    line = decisions.summary(now.log)[0]
    assert line.startswith("Decisions: 0 of 1 applied; not applied: rename") and "no topic has the articles" in line
    assert "1 of them not applied" in run_tables.decided(now.log).caption


def test_a_topic_whose_articles_lie_in_several_is_told_with_where_they_are(path, world):
    decided(path, world, "rename", "courts", value="Justice")
    articles, vectors, scores, mine, found = world
    ids = found.assigned["topic_id"].to_numpy().copy()
    own = np.flatnonzero(mine == "courts")
    for place, row in enumerate(own):
        ids[row] = place % 4
    torn = found._replace(assigned=found.assigned.assign(topic_id=ids))
    now = decisions.apply(read_decisions(path), torn, decisions.Corpus(articles, vectors, scores))
    assert now.log["status"].tolist() == ["not applied"]
    assert "no topic holds most of" in now.log["detail"][0] and "of its 12 articles here" in now.log["detail"][0]


def test_topics_that_are_one_already_need_no_merging(path, world):
    decided(path, world, "merge", "rivers", "games")
    decided(path, world, "merge", "games", "rivers")
    assert applied(path, world).log["detail"][1] == "one topic here already"


def test_in_a_series_it_is_found_by_the_topic_of_the_earlier_run_that_is_the_same(path, world):
    decided(path, world, "hide", "courts")
    articles, vectors, scores, mine, found = later(world, seed=9, prefix="b")
    bare = found._replace(topics=found.topics.assign(terms=[[] for _ in range(4)]))
    corpus_ = decisions.Corpus(articles, vectors, scores)
    assert decisions.apply(read_decisions(path), bare, corpus_).log["status"].tolist() == ["not applied"]
    other = articles["article_id"][np.flatnonzero(mine == "courts")[0]]
    instead = dict.fromkeys(world[0]["article_id"][world[3] == "courts"], other)
    now = decisions.apply(read_decisions(path), bare, corpus_, stand_ins=instead)
    assert now.log["detail"].tolist() == ["found by the earlier run"] and len(now.topics) == 3


# The file -------------------------------------------------------------------------------------------------------


def test_the_file_reads_as_it_was_said_and_keeps_comments_when_one_is_taken_back(path, world):
    decided(path, world, "rename", "banks", value="Money")
    decided(path, world, "merge", "rivers", "games")
    text = path.read_text("utf-8").replace("  - do: merge", "  # why: the same ministry\n  - do: merge  # in June")
    path.write_text(text, "utf-8")
    decided(path, world, "pin", "courts", value="economy")
    assert [decision.do for decision in read_decisions(path)] == ["rename", "merge", "pin"]
    assert decisions.undo(path).do == "pin"
    assert path.read_text("utf-8") == text
    assert decisions.undo(path, 1).name == "Money"
    assert "# why: the same ministry\n  - do: merge  # in June" in path.read_text("utf-8")
    assert decisions.undo(path).do == "merge" and decisions.undo(path) is None and read_decisions(path) == ()
    decided(path, world, "hide", "games")
    assert [decision.do for decision in read_decisions(path)] == ["hide"]


def test_a_decision_that_makes_no_sense_leaves_the_file_as_it_was(path, world):
    decided(path, world, "rename", "banks", value="Money")
    before = path.read_text("utf-8")
    wrong = [
        ("rename", ["banks"], " "),
        ("rename", ["banks"], "x" * 81),
        ("merge", ["banks"], ""),
        ("split", ["banks"], 1),
    ]
    for do, subjects, value in wrong:
        with pytest.raises(InputError):
            decided(path, world, do, *subjects, value=value)
    with pytest.raises(InputError, match="expected one of: rename, merge, split, hide, pin"):
        decided(path, world, "remove", "banks")
    with pytest.raises(InputError, match="no topic 99"):
        decisions.decide(path, world[4].topics, world[4].assigned, "hide", [99])
    assert path.read_text("utf-8") == before


HEAD = "decisions:\n  - do: hide\n    topics: [{terms: [a]}]\n"
FAULTS = {
    "a list at the top": ("- do: hide\n", 1, 1, "found a list, expected a list 'decisions'"),
    "an unknown key at the top": ("decision: []\n", 1, 1, "unknown key 'decision'; did you mean 'decisions'"),
    "text in place of the list": ("decisions: hide it\n", 1, 12, "found 'hide it', expected a list"),
    "an entry that is text": ("decisions:\n  - hide\n", 2, 5, "decision 1: found 'hide', expected a mapping"),
    "nothing to do": ("decisions:\n  - topics: []\n", 2, 5, "do is None, expected text"),
    "an unknown deed": ("decisions:\n  - do: remove\n", 2, 9, "do is 'remove', expected one of rename, merge"),
    "an unknown key": (HEAD + "    nam: x\n", 4, 5, "unknown key 'nam'; did you mean 'name'"),
    "a key without meaning": (HEAD + "    name: x\n", 4, 11, "(hide): 'name' has no meaning here"),
    "a name that is missing": (HEAD.replace("hide", "rename"), 2, 5, "there is no 'name'"),
    "a name that is a number": (
        HEAD.replace("hide", "rename") + "    name: 7\n",
        4,
        11,
        "name is 7, expected text (put",
    ),
    "one topic to merge": (HEAD.replace("hide", "merge"), 3, 13, "names 1 topics, expected two or more"),
    "no list of topics": (
        "decisions:\n  - do: hide\n    topics: {terms: [a]}\n",
        3,
        13,
        "topics is a mapping, expected a list",
    ),
    "a topic without a sign": (
        "decisions:\n  - do: hide\n    topics: [{label: x}]\n",
        3,
        14,
        "neither terms nor articles",
    ),
    "an id YAML takes for a number": (
        "decisions:\n  - do: hide\n    topics: [{articles: [12]}]\n",
        3,
        26,
        "articles is 12, expected text (put it in quotes)",
    ),
    "parts that are none": (
        HEAD.replace("hide", "split") + "    into: one\n",
        4,
        11,
        "into is 'one', expected a number from 2",
    ),
    "a Python object": (HEAD + "    decided: x\n  - !!python/name:os.system x\n", 5, 5, "found"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_every_fault_is_named_with_its_line_and_column(path, world, case):
    content, line, column, said = FAULTS[case]
    path.write_text(content, "utf-8")
    with pytest.raises(InputError) as error:
        read_decisions(path)
    message = str(error.value)
    assert (
        message.startswith(f"decisions.yml, line {line}, column {column}: ") and said in message and "\n" not in message
    )
    with pytest.raises(InputError):
        decided(path, world, "hide", "games")
    assert path.read_text("utf-8") == content


@pytest.mark.parametrize("content", ["decisions: [", "decisions:\n\t- do: hide\n", b"\xff\xfe\x00"])
def test_what_is_no_yaml_is_refused_in_a_sentence(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"file of decisions 'decisions\.yml'"):
        read_decisions(path)


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "decisions:\n", "decisions: []\n"])
def test_an_empty_file_holds_no_decision_and_takes_the_first(path, world, content):
    path.write_text(content, "utf-8")
    assert read_decisions(path) == ()
    decided(path, world, "hide", "games")
    assert len(read_decisions(path)) == 1 and ("# nothing yet" in path.read_text("utf-8")) == ("#" in content)


# Articles -------------------------------------------------------------------------------------------------------


def test_an_article_marked_wrong_is_answered_with_the_opposite_of_its_label(tmp_path, world):
    articles, _, scores, _mine, _ = world
    answers, bank, river = tmp_path / "answers.csv", articles["article_id"][1], articles["article_id"][0]
    labels.mark(answers, articles, scores, bank, "economy", right=False)
    labels.mark(answers, articles, scores, river, "economy", right=True)
    said = labels.read_answers(answers)
    assert said[["article_id", "answer"]].to_numpy().tolist() == [[bank, "no"], [river, "no"]]
    with pytest.raises(InputError, match="'leisure'"):
        labels.mark(answers, articles, scores, bank, "leisure", right=True)


def test_the_record_of_a_run_lists_each_decision(path, world, tmp_path):
    decided(path, world, "pin", "games", value="leisure")
    log = applied(path, world).log
    store.write_json(decisions.told(log), tmp_path / "told.json")
    assert (
        decisions.told(log)[0].startswith("pin “")
        and "not applied (the theme file has no theme" in decisions.told(log)[0]
    )
