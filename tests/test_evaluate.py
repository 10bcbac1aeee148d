import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score, precision_recall_curve

from toolkit import cli, evaluate, evaluate_figures, evaluate_tables, gold, ingest, peers
from toolkit.evaluate import System
from toolkit.schema import InputError, SettingsError

THEMES = ("war", "peace")
TITLES = {"war": "War", "peace": "<b>Peace</b>"}


def make(seed=0, n=60, themes=2, ties=True):
    """Truth (n, themes) and a system that knows something of it."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, themes)) < 0.3
    truth[0], truth[1] = True, False
    scores = np.clip(truth * 0.3 + rng.random((n, themes)) * 0.7, 0, 1)
    scores = scores.round(1) if ties else scores
    return truth, System(scores, scores >= 0.5, True)


def once(system, truth):
    """The figures themselves, without resamples: measure -> a value a theme."""
    return {key: found[0] for key, found in evaluate.measure(system, truth, np.ones((1, len(truth)))).items()}


# Measures -----------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 80), ties=st.booleans())
def test_the_measures_are_those_of_scikit_learn_whatever_ties(seed, n, ties):
    truth, system = make(seed, n, ties=ties)
    found = once(system, truth)
    for theme in range(2):
        gold_, score, said = truth[:, theme], system.scores[:, theme], system.decided[:, theme]
        assert found["average_precision"][theme] == pytest.approx(average_precision_score(gold_, score))
        assert found["f1"][theme] == pytest.approx(f1_score(gold_, said))
        precision, recall, _ = precision_recall_curve(gold_, score)
        both = np.maximum(precision + recall, 1e-9)
        assert found["best_f1"][theme] == pytest.approx((2 * precision * recall / both).max())
        assert found["f1_ratio"][theme] <= 1 + 1e-9
        assert found["kappa"][theme] == pytest.approx(cohen_kappa_score(gold_, said))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_weight_of_two_is_the_same_article_twice_and_of_zero_none(seed):
    truth, system = make(seed)
    weights = np.random.default_rng(seed).integers(0, 3, len(truth)).astype(float)
    rows = np.repeat(np.arange(len(truth)), weights.astype(int))
    weighted = evaluate.measure(system, truth, weights[None, :])
    repeated = once(System(system.scores[rows], system.decided[rows], True), truth[rows])
    for key in evaluate.MEASURES:
        np.testing.assert_allclose(weighted[key][0], repeated[key], rtol=1e-9)


def test_the_calibration_error_is_the_mean_gap_of_fifteen_bins():
    truth = np.array([[True], [False], [False], [True]])
    scores = np.array([[0.99], [0.97], [0.01], [0.5]])
    system = System(scores, scores >= 0.5, True)
    assert once(system, truth)["ece"][0] == pytest.approx((abs(1.96 - 1) + 0.01 + 0.5) / 4)
    assert once(system, truth)["prior_estimated"][0] == pytest.approx(0.6175)
    bins = evaluate.reliability(system, truth, ["war"])
    assert bins[["bin", "articles", "share"]].values.tolist() == [[0, 1, 0], [7, 1, 1], [14, 2, 0.5]]


def test_a_theme_without_positives_and_scores_without_a_threshold_give_dashes_and_no_crash():
    truth, system = make()
    truth[:, 1] = False
    systems = {"themes": system, "supervised": System(system.scores, None, False)}
    draws = evaluate.draw(systems, truth, range(len(truth)), count=20)
    summary = evaluate.summarise(draws, THEMES)
    table = evaluate_tables.figures(summary, "themes", TITLES)
    cells = {row[0]: row[2] for row in table.rows}
    assert cells["F1"] == cells["average precision"] == "–"
    assert cells["true share"] == "0% (0% to 0%)"
    mean = summary[(summary["system"] == "themes") & (summary["measure"] == "f1")].set_index("theme")["value"]
    assert mean["mean"] == mean["war"]
    beside = evaluate_tables.systems(summary, {"themes": "a", "supervised": "b"}, "supervised")
    assert beside.rows[1][3] == "–"
    assert json.dumps(evaluate.nested(summary), allow_nan=False)


def test_everything_is_one_theme_and_still_measured():
    truth = np.ones((5, 1), dtype=bool)
    found = once(System(np.full((5, 1), 0.2), np.zeros((5, 1), dtype=bool), True), truth)
    assert found["average_precision"][0] == 1 and found["f1"][0] == 0


def test_accuracy_is_given_only_where_each_article_has_one_theme():
    truth = np.array([[True, False], [False, True], [True, False]])
    scores = np.array([[0.6, 0.1], [0.7, 0.2], [0.1, 0.05]])
    assert once(System(scores, scores > 0.5, True), truth)["accuracy"][0] == pytest.approx(2 / 3)
    assert "accuracy" not in once(System(scores, scores > 0.5, True), ~truth | True)


def test_the_kappa_of_the_likeliest_theme_is_that_of_scikit_learn_and_none_is_a_class():
    truth, system = make(n=200)
    truth[:, 1] &= ~truth[:, 0]
    first = np.where(system.decided.any(axis=1), np.where(system.decided, system.scores, -1).argmax(axis=1), 2)
    gold_ = np.where(truth.any(axis=1), truth.argmax(axis=1), 2)
    assert once(system, truth)["first_kappa"][0] == pytest.approx(cohen_kappa_score(gold_, first))
    assert "first_kappa" not in once(system, ~truth | True)


# Resamples ----------------------------------------------------------------------------------------------------


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    truth, system = make(n=300)
    first, again = (evaluate.summarise(evaluate.draw({"a": system}, truth, range(300)), THEMES) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    f1 = first[first["measure"] == "f1"]
    assert ((f1["low"] < f1["value"]) & (f1["value"] < f1["high"])).all()
    assert (f1["high"] - f1["low"]).between(0.05, 0.4).all()


def test_reprints_of_one_story_make_the_interval_wider_than_as_many_independent_articles():
    truth, system = make(n=60)
    rows = np.repeat(np.arange(60), 10)
    many = System(system.scores[rows], system.decided[rows], True)
    widths = {}
    for name, groups in {"stories": rows, "articles": np.arange(600)}.items():
        found = evaluate.summarise(evaluate.draw({"a": many}, truth[rows], groups, count=300), THEMES)
        f1 = found[(found["measure"] == "f1") & (found["theme"] == "mean")].iloc[0]
        widths[name] = f1["high"] - f1["low"]
    assert widths["stories"] > 2 * widths["articles"]


def test_a_system_does_not_differ_from_itself_and_a_better_one_does():
    truth, system = make(n=300)
    better = System(np.clip(system.scores + 0.5 * truth, 0, 1), truth, True)
    draws = evaluate.draw({"a": system, "b": system, "c": better}, truth, range(300), count=200)
    same = evaluate.compare(draws, "a", "b", THEMES)
    assert (same["difference"] == 0).all() and (same["p"] == 1).all()
    apart = evaluate.compare(draws, "a", "c", THEMES)
    assert (apart["low"] > 0).all() and (apart["p"] < 0.05).all()
    assert evaluate_tables.comparison(apart, TITLES).rows[-1][0] == "mean over themes"


# Tables -------------------------------------------------------------------------------------------------------


def scored(truth, system):
    """Articles, gold and the table of scores that belong to a system."""
    ids = [f"a{i}" for i in range(len(truth))]
    articles = pd.DataFrame({"article_id": ids, "title": "", "text": "<script>alert(1)</script> text"})
    articles["published"] = pd.Timestamp("2020-05-01", tz="UTC")
    articles["source"], articles["language"] = "", ["en", "ru"] * (len(ids) // 2)
    table = pd.DataFrame(truth, index=pd.Index(ids, name="article_id"), columns=list(THEMES)).assign(said="x")
    parts = [
        pd.DataFrame({"article_id": ids, "theme": theme, "score": system.scores[:, i], "label": system.decided[:, i]})
        for i, theme in enumerate(THEMES)
    ]
    return articles, table, pd.concat(parts).assign(evidence="<img src=x>").sample(frac=1, random_state=1)


def test_the_table_of_scores_becomes_the_system_in_the_order_of_the_labels():
    truth, system = make()
    _, table, scores = scored(truth, system)
    found = evaluate.system(scores, table, THEMES)
    np.testing.assert_array_equal(found.scores, system.scores)
    np.testing.assert_array_equal(found.decided, system.decided)
    with pytest.raises(InputError, match="'peace' has labels"):
        evaluate.system(scores[scores["theme"] == "war"], table, THEMES)


def test_the_errors_are_wrong_the_surest_first_and_ten_of_each_kind():
    truth, system = make(n=200, ties=False)
    articles, table, scores = scored(truth, system)
    found = evaluate.worst(scores, table, articles, THEMES)
    for (theme, kind), mine in found.groupby(["theme", "kind"]):
        gold_ = table.loc[mine["article_id"], theme]
        assert len(mine) == 10 and (gold_ == (kind == "false negative")).all()
        away = mine["score"] if kind == "false positive" else -mine["score"]
        assert away.is_monotonic_decreasing
        column = system.scores[:, THEMES.index(theme)][truth[:, THEMES.index(theme)] == (kind == "false negative")]
        assert mine["score"].iloc[0] == (column.max() if kind == "false positive" else column.min())
    shown = evaluate_tables.worst(found, "war", "War")
    assert len(shown.rows) == 20 and "<script>" not in shown._repr_mimebundle_()["text/html"]


def test_the_confusion_counts_each_article_once_for_each_of_its_themes():
    truth, system = make()
    found = evaluate.confusion(system, truth, THEMES)
    by_gold = found.groupby("gold")["articles"].sum()
    assert by_gold.to_dict() == {"war": truth[:, 0].sum(), "peace": truth[:, 1].sum(), "": (~truth.any(axis=1)).sum()}
    right = found[(found["gold"] == "") & (found["said"] == "")]["articles"].item()
    assert right == (~truth.any(axis=1) & ~system.decided.any(axis=1)).sum()


def test_the_figures_of_a_group_are_those_of_its_articles_alone():
    truth, system = make(n=100)
    articles, table, _ = scored(truth, system)
    parts = evaluate.partitions(articles, table)
    found = evaluate.by_group(system, truth, THEMES, parts["language"])
    odd = np.arange(100) % 2 == 1
    alone = once(System(system.scores[odd], system.decided[odd], True), truth[odd])
    mine = found[(found["group"] == "ru") & (found["theme"] == "peace")].iloc[0]
    assert mine["articles"] == 50 and mine["f1"] == pytest.approx(alone["f1"][1])
    assert parts["year"].unique().tolist() == ["2020"] and parts["source"].unique().tolist() == ["unknown"]
    few = pd.Series(["big"] * 90 + ["small"] * 10)
    assert evaluate.by_group(system, truth, THEMES, few)["group"].unique().tolist() == ["big", "all others"]


def test_figures_carry_their_numbers_and_escape_titles():
    truth, system = make(n=100)
    summary = evaluate.summarise(evaluate.draw({"themes": system}, truth, range(100), count=20), THEMES)
    colours = dict.fromkeys(THEMES, "#000")
    drawn = [
        evaluate_figures.systems(summary, TITLES, {"themes": "themes"}),
        evaluate_figures.reliability(evaluate.reliability(system, truth, THEMES), TITLES, colours),
        evaluate_figures.confusion(evaluate.confusion(system, truth, THEMES), TITLES),
    ]
    for figure in drawn:
        assert figure.layout.meta["table"]["rows"]
        assert "<b>" not in json.dumps({**figure.to_plotly_json(), "layout": None}, default=str)


# Labels -------------------------------------------------------------------------------------------------------


def labels(tmp_path, text, name="labels.csv"):
    """Read a file of labels."""
    (tmp_path / name).write_text(text, "utf-8")
    return gold.read_labels(tmp_path / name)


def articles_of(*names):
    """Articles that carry a file's own id."""
    return pd.DataFrame({"article_id": [f"hash-{name}" for name in names], "url": "", "id": list(names)})


def test_labels_in_one_column_are_translated_and_what_means_no_theme_is_listed(tmp_path):
    raw = labels(tmp_path, 'id,label\n1,attack\n2,peace\n3,sports\n4,\n5,none\n6,"attack;peace"\n7,"[""peace""]"\n')
    found = gold.mark(raw, THEMES, label_map={"attack": "war"})
    assert found.truth["war"].tolist() == [True, False, False, False, True, False]
    assert found.truth["peace"].tolist() == [False, True, False, False, True, True]
    assert found.unknown == {"sports": 1}
    assert found.left_out.values.tolist() == [["no label", 1, "line 5"]]


def test_a_list_of_labels_in_json_is_a_list_and_an_empty_one_is_no_theme(tmp_path):
    rows = [{"id": 1, "topics": ["war", "peace"]}, {"id": 2, "topics": []}, {"id": 3, "topics": None}]
    raw = labels(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "labels.jsonl")
    found = gold.mark(raw, THEMES)
    assert found.truth[list(THEMES)].values.tolist() == [[True, True], [False, False]]
    assert found.left_out["rows"].tolist() == [1]


def test_a_column_a_theme_may_say_yes_and_no_in_any_usual_way(tmp_path):
    raw = labels(tmp_path, "id,war,peace\n1,1,no\n2,FALSE,да\n3,y,\n")
    found = gold.mark(raw, THEMES)
    assert found.truth[list(THEMES)].values.tolist() == [[True, False], [False, True]]
    assert found.truth["said"].tolist() == ["war", "peace"]


def test_a_theme_that_nobody_labelled_is_left_out_and_not_its_rows(tmp_path):
    found = gold.mark(labels(tmp_path, "id,war,peace\n1,1,\n2,0,\n3,,\n"), THEMES)
    assert found.truth["war"].tolist() == [True, False]
    assert "peace" not in found.truth
    assert found.left_out.values.tolist() == [["no label for each theme", 1, "line 4"]]


@pytest.mark.parametrize(
    ("text", "given_", "error", "reason"),
    [
        ("id,label\n1,apples\n", {}, InputError, "No label in the column 'label' is a theme: found 'apples'"),
        ("id,label\n1,\n", {}, InputError, "all blank"),
        ("id,fruit\n1,apples\n", {}, InputError, "no column of labels; it has id, fruit"),
        ("id,label\n1,war\n", {"label_column": "gold"}, InputError, "no column 'gold'"),
        ("id,label\n1,a\n", {"label_map": {"a": "fruit"}}, SettingsError, "the theme 'fruit', expected one of war"),
        ("id,war\n1,1\n2,maybe\n", {}, InputError, "'war' holds 'maybe' in line 3, expected 0 or 1"),
    ],
)
def test_labels_that_cannot_be_understood_are_refused_in_one_sentence(tmp_path, text, given_, error, reason):
    with pytest.raises(error, match=reason):
        gold.mark(labels(tmp_path, text), THEMES, **given_)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt is no table of labels"):
        gold.read_labels(tmp_path / "a.txt")
    with pytest.raises(InputError, match="There is no file"):
        gold.read_labels(tmp_path / "a.csv")


def test_unknown_repeated_dropped_and_contradicting_labels_are_left_out_and_counted(tmp_path):
    raw = labels(tmp_path, "id,label\nb,war\nzz,war\na,peace\nc,war\nc,peace\na,peace\nd,war\n")
    everything = articles_of("a", "b", "c", "d")
    keys = gold.keys_by_name(raw, everything)
    found = gold.match(gold.mark(raw, THEMES), keys, everything[:3], raw.lines)
    assert found.truth.index.tolist() == ["hash-a", "hash-b"]
    assert found.truth["peace"].tolist() == [True, False]
    assert found.left_out[["rows", "examples"]].values.tolist() == [
        [1, "line 3"],
        [1, "line 8"],
        [2, "line 5, 6"],
        [1, "line 7"],
    ]


def test_labels_of_which_none_fits_an_article_are_refused(tmp_path):
    raw = labels(tmp_path, "id,label\nzz,war\n")
    with pytest.raises(InputError, match="None of the 1 labels is for a known article"):
        gold.keys_by_name(raw, articles_of("a"))
    raw = labels(tmp_path, "id,label\na,war\na,peace\n")
    keys = gold.keys_by_name(raw, articles_of("a"))
    with pytest.raises(InputError, match=r"No label is left .* contradict each other for one article \(2\)"):
        gold.match(gold.mark(raw, THEMES), keys, articles_of("a"), raw.lines)


def test_labels_find_articles_by_whole_numbers_and_addresses(tmp_path):
    raw = labels(tmp_path, "number_id,link,label\n7.0,https://a.example/1,war\n8,https://a.example/2,war\n")
    assert gold.keys_by_name(raw, articles_of(7, 9)).tolist()[0] == "hash-7"
    named = articles_of("x", "y").assign(url=["https://a.example/2", "https://a.example/1"])
    assert gold.keys_by_name(raw, named).tolist() == ["hash-y", "hash-x"]


def test_labels_beside_their_texts_need_no_id_and_contradict_each_other_even_so(tmp_path):
    rows = ["one text of war", "another of peace", "", "one text of war", "a third text"]
    said = ["war", "peace", "war", "peace", "war"]
    raw = labels(tmp_path, "text,label\n" + "".join(f"{a},{b}\n" for a, b in zip(rows, said, strict=True)))
    read = ingest.read_articles([tmp_path / "labels.csv"])
    keys = gold.keys_by_line(raw, read)
    assert keys.isna().tolist() == [False, False, True, False, False]
    found = gold.match(gold.mark(raw, THEMES), keys, read.kept, raw.lines)
    kept = read.kept.set_index("article_id").loc[found.truth.index, "text"]
    assert kept.tolist() == ["another of peace", "a third text"]
    assert found.left_out["rows"].tolist() == [1, 2]


# Ceiling and peers --------------------------------------------------------------------------------------------


def test_the_ceiling_never_learns_from_the_article_it_judges_nor_from_its_story():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(50, 200)), 4, axis=0).astype(np.float32)
    truth = np.repeat(rng.random((50, 1)) < 0.5, 4, axis=0)
    apart = peers.supervised(vectors, truth, np.repeat(np.arange(50), 4))
    leaked = peers.supervised(vectors, truth, np.arange(200))
    assert average_precision_score(truth, apart) < 0.75
    assert average_precision_score(truth, leaked) > 0.95


def test_the_ceiling_learns_what_can_be_learnt_and_survives_a_theme_of_one_answer():
    vectors = np.random.default_rng(1).normal(size=(200, 5)).astype(np.float32)
    truth = np.column_stack([vectors[:, 0] > 0, np.zeros(200, dtype=bool), np.ones(200, dtype=bool)])
    found = peers.supervised(vectors, truth, range(200))
    assert average_precision_score(truth[:, 0], found[:, 0]) > 0.98
    assert (found[:, 1] == 0).all() and (found[:, 2] == 1).all()


def words_as_vectors(texts):
    """An encoder of three words."""
    counts = np.array([[text.count(word) + 0.05 for word in ("war", "peace", "rain")] for text in texts])
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def test_bertopic_assigns_articles_to_the_themes_that_they_are_nearest_to():
    texts = [f"{word} {i % 7}" for i in range(60) for word in ("war", "peace", "rain")]
    nearness, assigned = peers.bertopic_zeroshot(texts, words_as_vectors(texts), THEMES, words_as_vectors, 2 / 3)
    for column, word in enumerate(THEMES):
        mine = np.array([text.startswith(word) for text in texts])
        assert (assigned[:, column] == mine).all()
        assert nearness[mine, column].min() > nearness[~mine, column].max()
    similar = peers.similarity(words_as_vectors(texts), THEMES, words_as_vectors)
    assert (similar[:, :2].argmax(axis=1)[assigned.any(axis=1)] == assigned[assigned.any(axis=1)].argmax(axis=1)).all()


@pytest.mark.parametrize("shades", [1, 7])
def test_bertopic_keeps_its_zero_shot_topics_when_every_article_should_have_one(shades):
    texts = [" ".join([word] * 9 + ["rain"] * (i % shades)) for i in range(60) for word in ("war", "peace")]
    nearness, assigned = peers.bertopic_zeroshot(texts, words_as_vectors(texts), THEMES, words_as_vectors, 1.0)
    mine = np.array([text.startswith("war") for text in texts])
    assert assigned[mine, 0].mean() > 0.8 and not assigned[mine, 1].any() and assigned[~mine, 1].mean() > 0.8
    assert nearness[mine, 0].min() > nearness[~mine, 0].max()


def test_a_handful_of_labels_comes_with_a_warning_and_one_label_is_not_many():
    truth, system = make(n=4)
    summary = evaluate.summarise(evaluate.draw({"themes": system}, truth, range(4), count=20), THEMES)
    said = evaluate_tables.sentences(summary, TITLES, 1, 2)
    assert said[0] == "1 article has a label that can be compared; 2 rows were left out."
    assert "say next to nothing" in said[1] and "next to nothing" in evaluate_tables.compared(1, 2).text
    assert "next to nothing" not in evaluate_tables.compared(500, 0).text


# The command --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["absent.csv"], "absent.csv is not there"),
        (["labels.csv", "-p", "judged", "."], "is no finished run"),
        (["labels.csv", "-p", "label_mapp", "{}"], "did you mean 'label_map'"),
        (["labels.csv", "-p", "labels", "other.csv"], "parameter 'labels' is given twice"),
        (["labels.csv", "-p", "second_themes", "absent.yml"], "absent.yml is not there"),
        (["labels.csv", "--json", "labels.csv/a.json"], "is a file"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, words, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("text,label\na,b\n")
    assert cli.main(["evaluate", *words]) == 2
    said = capsys.readouterr().err
    assert re.search(reason, said) and said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv"]


def test_evaluate_makes_a_page_and_a_file_of_all_figures(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    kinds = {"war": "A suicide bomber killed soldiers in an attack", "growth": "Inflation fell and exports grew"}
    rows = [{"body": f"{text} in town {i}.", "gold": name} for i in range(15) for name, text in kinds.items()]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given_ = {"columns": "{text: body}", "label_column": "gold", "label_map": "{war: extremism}"}
    words = [part for name, value in given_.items() for part in ("-p", name, value)]
    assert cli.main(["evaluate", "mine.jsonl", *words, "--out", "out", "--json", "all.json"]) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "30 articles have labels that can be compared; 0 rows were left out."
    assert said[-1] == "Report: out/index.html"
    found = json.loads((tmp_path / "all.json").read_text("utf-8"))
    assert found == json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    assert found["systems"]["themes"]["extremism"]["average_precision"]["value"] > 0.9
    assert found["systems"]["themes"]["cooperation"]["f1"]["value"] is None
    assert found["unknown_labels"] == {"growth": 15}
    assert "Average precision" in (tmp_path / "out" / "index.html").read_text("utf-8")
