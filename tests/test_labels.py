"""The analyst's answers: kept as they were given, asked where they help, honest about errors, and learned from."""

import csv
import io
import json
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from toolkit import ask, label_tables, labels, learning
from toolkit.schema import InputError, OutputError

THEMES = ["extremism", "cooperation"]
HEADER = "article_id,theme,answer,title,url,published,picked_as,answered\n"
HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=2</script>'


def corpus(count=60):
    """Articles with ids as the toolkit makes them."""
    names = [f"{number:015x}f" for number in range(count)]
    return pd.DataFrame(
        {
            "article_id": names,
            "published": pd.Timestamp("2024-08-05", tz="UTC"),
            "source": "outlet",
            "url": "https://example.org/a",
            "title": [f"Title {number}" for number in range(count)],
            "text": [f"First of {number}. Second here. Third there." for number in range(count)],
            "language": "en",
        }
    )


def row(article_id, theme="extremism", said="yes", when="2024-08-05T10:00:00.000+00:00", **more):
    """One answer as the file holds it."""
    given = {"article_id": article_id, "theme": theme, "answer": said, "answered": when, **more}
    return {name: given.get(name, "") for name in dict.fromkeys([*labels.COLUMNS, *given])}


def table(*rows):
    """Answers as `read_answers` gives them."""
    return pd.DataFrame(list(rows), columns=list(rows[0]) if rows else list(labels.COLUMNS), dtype=object)


# How answers are kept -------------------------------------------------------------------------------------------


def test_an_answer_is_in_the_file_at_once_and_reads_as_it_was_given(tmp_path):
    articles, path = corpus(), tmp_path / "new" / "answers.csv"
    labels.answer(path, articles, articles["article_id"][3], "extremism", "yes", "random")
    found = labels.read_answers(path)
    assert list(found.columns) == list(labels.COLUMNS)
    said = found.iloc[0].drop("answered").tolist()
    where = ["Title 3", "https://example.org/a", "2024-08-05"]
    assert said == [articles["article_id"][3], "extremism", "yes", *where, "random"]
    assert pd.Timestamp(found["answered"][0]).tz is not None


cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20)
names = st.one_of(st.from_regex(r"[0-9a-f]{16}", fullmatch=True), st.from_regex(r"[0-9]{2}e[0-9]{13}", fullmatch=True))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, cells, cells, st.sampled_from(labels.ANSWERS)), min_size=1, max_size=5))
def test_whatever_stands_in_a_row_survives_writing_and_reading(tmp_path, drawn):
    wanted = table(*(row(name, said=said, title=title, note=note) for name, title, note, said in drawn))
    wanted[["title", "note"]] = wanted[["title", "note"]].map(lambda cell: " ".join(cell.split()).lstrip("'"))
    labels.write_answers(wanted, tmp_path / "a.csv")
    pd.testing.assert_frame_equal(labels.read_answers(tmp_path / "a.csv"), wanted, check_dtype=False)


def test_no_cell_of_the_file_is_a_formula_or_a_number_to_a_spreadsheet(tmp_path):
    danger = ["=1+1", "+7 777", "-2", "@here"]
    rows = [row("1234567890123456", title=title) for title in danger]
    rows += [row("12e3456789012345", title="x", note="=cmd|' /C calc'!A0")]
    labels.write_answers(table(*rows[:4]), tmp_path / "a.csv")
    raw = list(csv.reader(io.StringIO((tmp_path / "a.csv").read_text("utf-8-sig"))))
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert not [cell for line in raw for cell in line if cell[:1] in tuple("=+-@")]
    assert all(line[0] == "'1234567890123456" for line in raw[1:])
    assert labels.read_answers(tmp_path / "a.csv")["title"].tolist() == danger
    labels.write_answers(table(rows[4]), tmp_path / "b.csv")
    assert labels.read_answers(tmp_path / "b.csv")["article_id"].tolist() == ["12e3456789012345"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1251"])
def test_a_file_that_a_spreadsheet_wrote_back_is_understood(tmp_path, encoding):
    text = (
        "Note;Answer;article_id;Theme;title\r\n"
        "мой;Да;abc;extremism;Заголовок о том и о сём\r\n"
        ";;;;\r\n\r\n"
        ";no;def;extremism;Ещё один заголовок здесь\r\n"
        ";?;'12345;extremism;\r\n"
    )
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    found = labels.read_answers(tmp_path / "a.csv")
    assert found["answer"].tolist() == ["yes", "no", "unsure"]
    assert found["article_id"].tolist() == ["abc", "def", "12345"]
    assert found["note"].tolist() == ["мой", "", ""] and list(found.columns[:8]) == list(labels.COLUMNS)


def test_columns_that_somebody_added_stay_when_answers_are_added(tmp_path):
    articles, path = corpus(), tmp_path / "a.csv"
    labels.write_answers(table(row("abc", note="ask Ainur")), path)
    labels.answer(path, articles, articles["article_id"][0], "extremism", "no")
    assert labels.read_answers(path)["note"].tolist() == ["ask Ainur", ""]


def test_an_answer_given_elsewhere_meanwhile_is_not_lost(tmp_path):
    articles, path = corpus(), tmp_path / "a.csv"
    held = labels.answer(path, articles, articles["article_id"][0], "extremism", "no")
    labels.write_answers(pd.concat([held, table(row("by-hand"))]), path)
    labels.answer(path, articles, articles["article_id"][1], "extremism", "no")
    assert labels.read_answers(path)["article_id"].tolist() == [*articles["article_id"][:1], "by-hand", f"{1:015x}f"]


@pytest.mark.parametrize("content", [None, "", HEADER, "\ufeff" + HEADER])
def test_a_file_without_answers_has_none(tmp_path, content):
    if content is not None:
        (tmp_path / "a.csv").write_text(content, "utf-8")
    found = labels.read_answers(tmp_path / "a.csv")
    assert found.empty and list(found.columns) == list(labels.COLUMNS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("article_id,theme\na,b\n", "no column 'answer'"),
        (HEADER + "a,extremism,yes\n", "line 2: 3 fields where the header has 8"),
    ],
)
def test_a_file_that_would_lose_answers_is_refused_by_name_and_line(tmp_path, content, said):
    (tmp_path / "a.csv").write_text(content, "utf-8")
    with pytest.raises(InputError, match=said):
        labels.read_answers(tmp_path / "a.csv")


@pytest.mark.parametrize("wrong", [{"said": "perhaps so"}, {"article_id": "unheard-of"}, {"picked_as": "chance"}])
def test_what_is_no_answer_is_refused_and_nothing_is_written(tmp_path, wrong):
    articles = corpus()
    right = {"article_id": articles["article_id"][0], "said": "yes", "picked_as": "random"}
    with pytest.raises(InputError):
        labels.answer(tmp_path / "a.csv", articles, theme="extremism", **{**right, **wrong})
    assert not (tmp_path / "a.csv").exists()


def test_a_file_that_cannot_be_written_keeps_what_it_held(tmp_path):
    (tmp_path / "folder").write_text("a file where a folder should be", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        labels.write_answers(table(row("abc")), tmp_path / "folder" / "a.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_undo_takes_back_the_latest_and_then_the_one_before(tmp_path):
    articles, path = corpus(), tmp_path / "a.csv"
    for number, theme in enumerate(["extremism", "cooperation", "extremism"]):
        labels.answer(path, articles, articles["article_id"][number], theme, "yes")
    assert labels.undo(path, theme="cooperation")["article_id"] == articles["article_id"][1]
    assert labels.undo(path)["article_id"] == articles["article_id"][2]
    assert labels.undo(path)["article_id"] == articles["article_id"][0]
    assert labels.undo(path) is None and labels.read_answers(path).empty


# What counts ----------------------------------------------------------------------------------------------------


def test_the_last_of_contradicting_answers_counts_and_the_contradiction_is_counted():
    given = table(
        row("a", said="no", when="2024-08-06T10:00:00.000+00:00"),
        row("a", said="yes"),
        row("b", said="yes"),
        row("b", said="no", when=""),
        row("c", said="unsure"),
        row("c", said="yes"),
    )
    settled = labels.settle(given, ["a", "b", "c"], THEMES)
    assert settled.answers.set_index("article_id")["answer"].to_dict() == {"a": "no", "b": "no", "c": "yes"}
    assert settled.contradicting == 2
    assert settled.left_out["reason"].tolist() == ["answered again later"] * 3


def test_what_is_not_known_is_left_out_with_its_reason_and_shown():
    given = table(row("a"), row("gone"), row("a", theme="water"), row("b", said="perhaps"))
    before = given.copy(deep=True)
    settled = labels.settle(given, ["a", "b"], THEMES)
    assert settled.answers["article_id"].tolist() == ["a"]
    assert len(settled.answers) + len(settled.left_out) == len(given)
    shown = {why: (rows, such) for why, rows, such in label_tables.left_out(settled).rows}
    assert shown["an article that is not in the corpus"] == ("1", "gone")
    assert shown["a theme that is not in the theme file"] == ("1", "water")
    assert shown["not yes, no or unsure"] == ("1", "perhaps")
    pd.testing.assert_frame_equal(given, before)


def test_where_nobody_has_answered_a_sentence_says_so_and_no_empty_table_stands_there():
    nobody = labels.settle(labels.read_answers("absent.csv"), ["a"], THEMES)
    assert label_tables.answered(nobody, {"extremism": "Extremism"}).text.startswith("No answer counts yet")
    assert label_tables.left_out(nobody) is None
    someone = labels.settle(table(row("a")), ["a"], THEMES)
    assert label_tables.answered(someone, {"extremism": "Extremism"}).rows[0][:2] == ["Extremism", "1"]


def test_unsure_and_random_answers_do_not_train():
    given = table(row("a"), row("b", said="no", picked_as="uncertain"), row("c", said="unsure"))
    given = pd.concat([given, table(row("d", picked_as="random"))], ignore_index=True)
    trained = labels.training(labels.settle(given, list("abcd"), THEMES))
    assert trained["answer"].dtype == bool
    assert dict(zip(trained["article_id"], trained["answer"], strict=True)) == {"a": True, "b": False}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcx"), st.sampled_from([*THEMES, "water"]), st.sampled_from(["yes", "no", "unsure", "so"])
        )
    )
)
def test_every_answer_counts_or_is_left_out_and_no_question_counts_twice(drawn):
    settled = labels.settle(table(*(row(*each) for each in drawn)), list("abc"), THEMES)
    assert len(settled.answers) + len(settled.left_out) == len(drawn)
    assert not settled.answers.duplicated(["article_id", "theme"]).any()
    assert (settled.left_out["reason"] != "").all()


# What to ask next -----------------------------------------------------------------------------------------------


def scored(count=400, seed=0):
    """Scores and vectors of a made corpus: the score follows the first dimension, with noise."""
    rng = np.random.default_rng(seed)
    names = [f"{number:016x}" for number in rng.permutation(count)]
    points = rng.normal(size=(count, 6))
    score = 1 / (1 + np.exp(-2 * points[:, 0] - rng.normal(size=count)))
    scores = pd.DataFrame({"article_id": names, "theme": "extremism", "score": score, "label": score >= 0.5})
    return scores, pd.DataFrame(points, names)


def test_one_in_five_is_drawn_at_random_and_stands_among_the_others():
    scores, vectors = scored()
    picks = labels.pick(scores, vectors, table(), "extremism", 25)
    assert np.flatnonzero(picks["picked_as"] == labels.RANDOM).tolist() == [4, 9, 14, 19, 24]
    assert picks["article_id"].is_unique and len(picks) == 25
    chosen = picks[picks["picked_as"] == labels.UNCERTAIN]
    assert (chosen["score"] - 0.5).abs().max() < 0.4 < (scores["score"] - 0.5).abs().max()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 20))
def test_as_many_are_picked_as_there_are_and_none_that_was_answered(count, articles, answered):
    scores, vectors = scored(articles)
    given = table(*(row(name) for name in scores["article_id"][:answered]))
    picks = labels.pick(scores, vectors, given, "extremism", count)
    assert len(picks) == min(count, max(0, articles - answered)) and picks["article_id"].is_unique
    assert not set(picks["article_id"]) & set(given["article_id"])


def test_the_same_is_picked_whatever_the_order_of_the_rows():
    scores, vectors = scored()
    first = labels.pick(scores, vectors, table(), "extremism", 20)
    mixed = labels.pick(scores.sample(frac=1, random_state=1), vectors.iloc[::-1], table(), "extremism", 20)
    pd.testing.assert_frame_equal(first, mixed)


def test_of_ten_reprints_of_an_uncertain_article_one_is_picked():
    scores, vectors = scored()
    reprints = scores["article_id"][:10]
    scores.loc[:9, "score"] = 0.5
    vectors.loc[reprints] = vectors.loc[reprints[0]].to_numpy() * 3
    picks = labels.pick(scores, vectors, table(), "extremism", 20)
    uncertain = picks.loc[picks["picked_as"] == labels.UNCERTAIN, "article_id"]
    assert uncertain.isin(reprints).sum() == 1


def test_identical_articles_alone_can_be_picked_too():
    scores, vectors = scored(60)
    vectors[:] = 1.0
    assert len(labels.pick(scores, vectors, table(), "extremism", 20)) == 20


def test_a_theme_without_scores_is_refused():
    scores, vectors = scored(10)
    with pytest.raises(InputError, match="'water', expected one of: extremism"):
        labels.pick(scores, vectors, table(), "water", 5)


# What the answers say of the scores -----------------------------------------------------------------------------


def answer_rounds(scores, vectors, truth, rounds=5, each=25):
    """Answer what is picked, by the truth."""
    given = table()
    for _ in range(rounds):
        picks = labels.pick(scores, vectors, given, "extremism", each)
        said = np.where(truth[picks["article_id"]], "yes", "no")
        new = [
            row(name, said=word, picked_as=how)
            for name, word, how in zip(picks.iloc[:, 0], said, picks.iloc[:, 2], strict=True)
        ]
        given = pd.concat([given, table(*new)], ignore_index=True)
    return given


def test_the_intervals_hold_the_truth_though_most_answers_are_about_the_uncertain():
    held, low_hanging = [], []
    for seed in range(16):
        scores, vectors = scored(900, seed)
        rng = np.random.default_rng(seed + 1000)
        scores["article_id"] = [f"{seed:02}{name}" for name in scores["article_id"]]
        vectors.index = scores["article_id"]
        truth = pd.Series(rng.random(900) < scores["score"].to_numpy() ** 2, scores["article_id"])
        given = answer_rounds(scores, vectors, truth, rounds=4, each=50)
        found = labels.estimate_error(given, scores).set_index("measure")
        label = pd.Series(scores["label"].to_numpy(), truth.index)
        real = {"prevalence": truth.mean(), "precision": truth[label].mean(), "recall": label[truth].mean()}
        held += [found.at[name, "low"] <= value <= found.at[name, "high"] for name, value in real.items()]
        low_hanging.append((given["answer"] == "yes").mean() - truth.mean())
        assert found.at["prevalence", "total"] >= 40
    assert np.mean(held) >= 0.9
    assert abs(np.mean(low_hanging)) > 0.02, "all answers together are no random sample"


def test_the_random_part_ends_where_an_article_of_the_corpus_was_not_asked():
    scores, _ = scored(20)
    order = sorted(scores["article_id"], key=labels._place)
    given = table(*(row(name, picked_as="random") for name in [*order[:3], *order[4:8]]))
    assert labels.estimate_error(given, scores)["total"].iloc[0] == 3


def test_an_uncertain_article_counts_where_chance_would_have_drawn_it_and_unsure_ones_are_told():
    scores, _ = scored(20)
    order = sorted(scores["article_id"], key=labels._place)
    said = ["yes", "no", "unsure", "yes", "no"]
    how = ["random", "uncertain", "random", "random", "uncertain"]
    given = table(*(row(*each[:1], said=each[1], picked_as=each[2]) for each in zip(order[:5], said, how, strict=True)))
    found = labels.estimate_error(given, scores).set_index("measure")
    assert found.loc["prevalence", ["hits", "total", "unsure"]].tolist() == [2, 3, 1]


def test_without_random_answers_nothing_is_claimed():
    scores, _ = scored(20)
    found = labels.estimate_error(table(row(scores["article_id"][0], picked_as="uncertain")), scores)
    assert found["total"].eq(0).all() and found[["value", "low", "high"]].isna().all(axis=None)
    shown = label_tables.errors(found, {"extremism": "Extremism"}).rows
    assert {line[-1] for line in shown} == {"no answer tells"}


# What scores learn from answers ---------------------------------------------------------------------------------


def passages(count=600, each=3, seed=0):
    """Articles of three passages, the first of which may be about the theme; seeds that see a third of it."""
    rng = np.random.default_rng(seed)
    owner = np.repeat([f"{number:04}" for number in range(count)], each).astype(object)
    points = rng.normal(size=(count * each, 30)).astype(np.float32) / np.sqrt(30)
    about = rng.random(count) < 0.25
    first = np.arange(count) * each
    points[first[about], :3] += 0.4
    start = 1 / (1 + np.exp(3 - 8 * points[:, 0]))
    return points, start, owner, about


def best(probability, each=3):
    """The score of each article: its best passage."""
    return probability.reshape(-1, each).max(axis=1)


def test_without_answers_of_its_articles_nothing_changes():
    points, start, owner, _ = passages(20)
    for told in ({}, {"elsewhere": True}):
        assert np.array_equal(learning.learn(points, start, owner, told), start)


def test_answers_teach_what_the_seeds_do_not_see():
    points, start, owner, about = passages()
    doubt = np.argsort(np.abs(best(start) - 0.5), kind="stable")
    told = {f"{number:04}": bool(about[number]) for number in doubt[:60]}
    rest = np.setdiff1d(np.arange(len(about)), doubt[:60])
    after = best(learning.learn(points, start, owner, told))
    seeds = average_precision_score(about[rest], best(start)[rest])
    assert average_precision_score(about[rest], after[rest]) > seeds + 0.05


def test_a_yes_raises_its_article_and_a_no_lowers_it_and_one_answer_moves_little_elsewhere():
    points, start, owner, about = passages()
    for number, said in ((int(np.argmin(best(start))), True), (int(np.argmax(best(start))), False)):
        after = learning.learn(points, start, owner, {f"{number:04}": said})
        moved = best(after)[number] - best(start)[number]
        assert moved > 0 if said else moved < 0
        assert average_precision_score(about, best(after)) > average_precision_score(about, best(start)) - 0.05


def test_a_single_answer_against_a_sure_score_leaves_the_share_of_a_theme_alone_and_many_raise_it():
    points, start, owner, _ = passages()
    start = start**2 / (start**2 + (1 - start) ** 2)  # twice the log-odds
    low = np.argsort(best(start), kind="stable")
    share = [
        float((best(learning.learn(points, start, owner, {f"{n:04}": True for n in low[:many]})) > 0.5).mean())
        for many in (0, 1, 30)
    ]
    assert abs(share[1] - share[0]) < 0.01 and share[2] > share[0] + 0.05


def test_a_yes_says_nothing_of_the_passages_that_do_not_speak_for_it():
    owner = np.array(["a"] * 4)
    scores = np.array([2.0, -3.0, -4.0, -5.0])
    assert learning._weights(owner, scores, np.ones(4, bool)).tolist() == [1, 0, 0, 0]
    assert learning._weights(owner, scores, np.zeros(4, bool)).tolist() == [1, 1, 1, 1]
    long = learning._weights(np.array(["a"] * 8), np.arange(8.0), np.ones(8, bool))
    assert long.tolist() == [0] * 6 + [0.5, 0.5]


def test_learning_leaves_its_inputs_alone_and_is_the_same_in_any_order_of_answers():
    points, start, owner, about = passages(100)
    told = {f"{number:04}": bool(about[number]) for number in range(30)}
    copies = points.copy(), start.copy(), dict(told)
    first = learning.learn(points, start, owner, told)
    again = learning.learn(points, start, owner, dict(reversed(told.items())))
    assert np.array_equal(first, again) and first.shape == start.shape and ((first >= 0) & (first <= 1)).all()
    assert np.array_equal(points, copies[0]) and np.array_equal(start, copies[1]) and told == copies[2]


def test_the_scale_of_the_vectors_and_seeds_that_are_quite_sure_do_no_harm():
    points, start, owner, about = passages(200)
    told = {f"{number:04}": bool(about[number]) for number in range(60)}
    first = learning.learn(points, start, owner, told)
    assert np.allclose(learning.learn(points * 7, start, owner, told), first, atol=1e-3)
    hard = np.where(start > 0.5, 1.0, 0.0)
    assert np.isfinite(learning.learn(points, hard, owner, told)).all()


# The questions --------------------------------------------------------------------------------------------------

THEME = SimpleNamespace(id="extremism", title="Extremism", description="What is meant by it.")


@pytest.fixture
def asked(tmp_path):
    """Three articles to ask about, the first with hostile text, and their scores."""
    articles = corpus(3)
    articles.loc[0, ["title", "text", "url"]] = [HOSTILE, f"Before. {HOSTILE} After.", "javascript:window.hacked=3"]
    evidence = [HOSTILE, "Second here.", "Title 2"]
    offsets = [text.find(part) for text, part in zip(articles["text"], evidence, strict=True)]
    scores = pd.DataFrame({"article_id": articles["article_id"], "theme": "extremism", "score": 0.5})
    scores = scores.assign(label=True, evidence=evidence, evidence_offset=offsets)
    how = ["uncertain", "random", "uncertain"]
    picks = pd.DataFrame({"article_id": articles["article_id"], "score": 0.5, "picked_as": how})
    return picks, articles, scores, THEME, tmp_path / "answers.csv"


def test_a_card_shows_the_whole_text_with_its_evidence_and_the_same_in_code(asked):
    picks, articles, _, _, path = asked
    cards = ask.show(*asked)
    assert ["".join(words for words, _ in card["parts"]) for card in cards] == articles["text"].tolist()
    assert [words for words, evidence in cards[1]["parts"] if evidence] == ["Second here."]
    assert [card["marked"] for card in cards] == [False, False, True] and cards[0]["url"] == ""
    for card in cards:
        eval(card["code"], {"labels": labels, "articles": articles})
    given = labels.read_answers(path)
    assert given["article_id"].tolist() == picks["article_id"].tolist()
    assert given["picked_as"].tolist() == picks["picked_as"].tolist()


def play(asked, *messages):
    """Send messages as the browser does; return the widget's stand-in."""
    picks, articles, _, theme, path = asked
    widget = SimpleNamespace(place=0, trouble="")
    for place, said in messages:
        ask.take(widget, ask._Round(picks, articles, theme, path), {"place": place, "said": said})
    return widget


def test_each_answer_is_kept_and_back_takes_it_back(asked):
    widget = play(asked, (0, "yes"), (1, "no"), (2, "back"), (1, "unsure"))
    given = labels.read_answers(asked[-1])
    assert widget.place == 2 and given["answer"].tolist() == ["yes", "unsure"]
    assert given["picked_as"].tolist() == ["uncertain", "random"]


def test_a_key_pressed_twice_answers_once_and_no_article_unseen(asked):
    widget = play(asked, (0, "yes"), (0, "no"), (1, "yes"), (1, "back"), (2, "yes"), (3, "yes"))
    assert widget.place == 3 and labels.read_answers(asked[-1])["answer"].tolist() == ["yes"] * 3
    assert play(asked, (0, "back")).place == 0


def test_a_file_that_cannot_be_written_is_told_and_the_question_stays(asked):
    asked[-1].mkdir()
    widget = play(asked, (0, "yes"))
    assert widget.place == 0 and "answers.csv cannot be" in widget.trouble


def test_where_there_is_no_widget_sentences_say_how_to_answer(asked, monkeypatch):
    monkeypatch.setattr(ask, "find_spec", lambda name: None)
    shown = ask.ask(*asked)._repr_mimebundle_()
    assert "install toolkit[lab]" in shown["text/markdown"] and "labels.answer(" in shown["text/markdown"]
    assert shown["text/plain"] == "3 articles to ask about: Extremism"


def test_the_widget_answers_messages_and_says_the_same_in_plain_text(asked):
    pytest.importorskip("anywidget", reason="anywidget comes with the extra lab")
    widget = ask.ask(*asked)
    widget._handle_custom_msg({"place": 0, "said": "no"}, [])
    assert widget.place == 1 and labels.read_answers(asked[-1])["answer"].tolist() == ["no"]
    assert widget._repr_mimebundle_()["text/plain"] == "3 articles to ask about: Extremism"
    widget.close()


# The questions as a browser shows them --------------------------------------------------------------------------

PAGE = """<!doctype html><meta charset=utf-8><title>ask</title>
<meta name=viewport content=width=device-width><div id=el></div>
<script type=module>
const source = new TextDecoder().decode(Uint8Array.from(atob(SCRIPT), (c) => c.charCodeAt(0)));
const made = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
const state = STATE, heard = {};
window.sent = [];
window.model = {
  get: (name) => state[name],
  on: (name, done) => { heard[name] = done; },
  off: () => {},
  send: (message) => window.sent.push(message),
  set: (name, value) => { state[name] = value; heard[`change:${name}`](); },
};
document.addEventListener("keydown", (event) => { window.leaked = event.key; });
made.default.render({ model: window.model, el: document.getElementById("el") });
window.ready = true;
</script>"""


@pytest.fixture
def page(asked, tmp_path):
    """The widget's own script in Chromium, with a model that keeps what is sent."""
    import base64

    from browser import open_browser, resize
    from selenium.webdriver.support.ui import WebDriverWait

    theme = {"title": "<b>Extremism</b>", "description": HOSTILE}
    state = {"cards": ask.show(*asked), "theme": theme, "place": 0, "trouble": ""}
    script = base64.b64encode(ask._SCRIPT.read_bytes()).decode()
    text = PAGE.replace("SCRIPT", json.dumps(script), 1)
    path = tmp_path / "ask.html"
    path.write_text(text.replace("STATE", json.dumps(state).replace("<", "\\u003c"), 1), "utf-8")
    with open_browser() as driver:
        resize(driver, 390)
        driver.get(path.as_uri())
        WebDriverWait(driver, 20).until(lambda d: d.execute_script("return window.ready === true"))
        yield driver


def press(driver, key, code="", times=1):
    """Press a key as a keyboard of any layout does."""
    for _ in range(times):
        event = {"type": "keyDown", "key": key, "code": code or f"Key{key.upper()}", "text": key}
        driver.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        driver.execute_cdp_cmd("Input.dispatchKeyEvent", {**event, "type": "keyUp"})


@pytest.mark.browser
def test_the_browser_shows_text_as_text_and_answers_by_keys_of_any_layout(page):
    from browser import complaints

    run = page.execute_script
    run("document.querySelector('.tk-ask').focus()")
    assert run("return document.querySelector('.tk-text mark').textContent") == HOSTILE
    assert run("return document.querySelectorAll('.tk-ask img, .tk-ask script, .tk-ask b, .tk-ask a').length") == 0
    press(page, "y", times=3)
    assert run("return window.sent") == [{"said": "yes", "place": 0}], "a second press waits for the next article"
    run("window.model.set('place', 1)")
    assert run("return document.querySelector('.tk-count').textContent") == "2 of 3"
    press(page, "т", "KeyN")
    run("window.model.set('place', 2)")
    assert run("return document.querySelector('h3 mark').textContent") == "Title 2"
    press(page, "b", "KeyB")
    assert run("return window.sent.slice(1)") == [{"said": "no", "place": 1}, {"said": "back", "place": 2}]
    run("window.model.set('place', 3)")
    assert run("return document.querySelector('.tk-count').textContent") == "all 3 answered"
    assert run("return [...document.querySelectorAll('button:not(:disabled)')].map(b => b.className)") == ["tk-back"]
    assert run("return [window.hacked ?? null, window.leaked ?? null, document.activeElement.className]") == [
        *(None, None),
        "tk-ask",
    ]
    assert run("return document.documentElement.scrollWidth <= 390")
    assert not complaints(page)


def test_two_readers_never_see_half_a_file(tmp_path):
    path, wrong = tmp_path / "a.csv", []
    whole = table(*(row(f"{number:016x}", title="word " * 50) for number in range(300)))
    labels.write_answers(whole, path)
    stop = threading.Event()

    def read():
        while not stop.is_set():
            wrong.extend([len(labels.read_answers(path))] if len(labels.read_answers(path)) != 300 else [])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(15):
        labels.write_answers(whole, path)
    stop.set()
    reader.join()
    assert not wrong
