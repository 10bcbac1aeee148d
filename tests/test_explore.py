"""A run that is explored: what is chosen, what is shown of it, and what is said where something is missing."""

import base64
import json
import re
import shutil

import lab
import numpy as np
import pandas as pd
import pytest
from small_run import HOSTILE, IMAGE, MANIFEST, SCRIPT, THEMES, make_articles, make_run, make_scores, make_topics

from toolkit import explore, narrow, nearest, panes, shown, stills, store
from toolkit.opened import open_run
from toolkit.schema import InputError, ToolkitError

COUNT = 24


def make_tables(count=COUNT, **changes):
    """Tables in memory: hostile articles, two themes, two topics on a map, names and vectors."""
    articles = make_articles(count, 6).drop(columns="score")
    scores = make_scores(articles)
    passage = articles.set_index("article_id")["text"].str.slice(0, 13)
    scores["evidence"] = scores["article_id"].map(passage)
    topics, assigned = make_topics(articles)
    assigned["x"], assigned["y"] = np.arange(count) / count, np.arange(count)[::-1] / count
    mentions = pd.DataFrame({"article_id": articles["article_id"][::4], "actor_id": "sco", "mentions": 1})
    actors = pd.DataFrame({"actor_id": ["sco"], "name": [f"Organisation {IMAGE}"], "theme": ["all"]})
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    tables = {"articles": articles, "scores": scores, "topics": topics, "assigned": assigned, "themes": THEMES}
    return tables | {"mentions": mentions, "actors": actors, "vectors": vectors} | changes


@pytest.fixture
def view():
    return explore.explore(make_tables())


@pytest.fixture
def folder(tmp_path):
    """A run folder as the runner leaves it."""
    run = make_run(tmp_path / "run", COUNT, 6)
    for name, table in make_tables().items():
        if isinstance(table, pd.DataFrame):
            store.write_table(table, run / "tables" / f"{name}.parquet")
    store.write_vectors(make_tables()["vectors"], run / "tables" / "vectors.safetensors")
    return run


def ids(view):
    return view.selection["article_id"].tolist()


# What is chosen -------------------------------------------------------------------------------------------------


def test_filters_of_one_kind_are_alternatives_and_those_of_different_kinds_must_all_hold(view):
    both = view.filter(language=["en", "ru"]).selection
    assert set(both["language"]) == {"en", "ru"} and len(both) == COUNT // 2
    narrowed = view.filter(topic=0).selection
    assert set(narrowed["language"]) == {"en"} and set(narrowed["topic_id"]) == {0}
    assert len(view.filter(topic=(), language=()).selection) == COUNT


def test_who_wrote_what_is_chosen_is_said_the_most_frequent_first(view):
    view.widget()
    said = view.screen.filters.mostly.split(" · ")
    assert [one.split(": ")[0] for one in said] == ["Source", "Topic", "Named"] and said[0].endswith("more")
    view.filter(topic=0, source=view.run.articles["source"].iat[4])
    assert view.screen.filters.mostly.startswith(f"Source: Outlet 1 ({len(view.selection)}) · Topic: ")
    view.filter(text="xyz")
    assert view.screen.filters.mostly == ""


def test_a_theme_can_be_asked_for_and_its_absence_too(view):
    carried = view.run.judged.carried[:, 1].sum()
    assert len(view.filter(theme="cooperation").selection) == carried
    assert view.filter(theme="").selection.empty, "all articles carry the first theme"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("opening WORDS", COUNT),
        ('"words of article 7"', 1),
        ('"article words"', 0),
        ("title 22", 1),
        ("openin", 0),
        ("OPENIN*", COUNT),
        ("pening*", 0),
        ('"opening wo*"', COUNT),
        ("*", COUNT),
        ("", COUNT),
        ('"', COUNT),
        ("[", 0),
    ],
)
def test_words_stand_in_title_or_text_whatever_their_case(view, text, found):
    assert len(view.filter(text=text).selection) == found


def test_cyrillic_words_are_found_whatever_their_case():
    tables = make_tables()
    tables["articles"].loc[3, "text"] = "ЕҚШ және ШОС подписали"
    tables["articles"].loc[5, "text"] = "На шоссе авария"
    assert len(explore.explore(tables).filter(text="шос").selection) == 1, "no road is the organisation"
    assert len(explore.explore(tables).filter(text="шос*").selection) == 2
    assert len(explore.explore(tables).filter(text="шос екш").selection) == 0
    assert len(explore.explore(tables).filter(text="шос еқш").selection) == 1


def test_dates_are_those_of_the_run_and_undated_articles_are_in_no_span():
    tables = make_tables()
    tables["articles"].loc[0, "published"] = pd.NaT
    view = explore.explore(tables).span("2017-01-01", "2017-02-28")
    assert len(view.selection) == COUNT // 3 - 1
    assert view.selection["published"].dt.month.max() == 2


def test_what_is_picked_stays_picked_while_other_filters_change(view):
    some = view.run.articles["article_id"].tolist()[:6]
    view.pick(some).filter(language="en")
    assert set(ids(view)) == set(some[::4])
    assert set(ids(view.filter(language=()))) == set(some)
    assert len(view.pick(None).selection) == COUNT


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"theme": "sport"}, "No article has the theme 'sport'; the largest are 'extremism'"),
        ({"topic": 99}, "No article has the topic 99"),
        ({"source": "Nobody"}, "No article has the source 'Nobody'"),
        ({"start": "1/2/2017"}, "start is '1/2/2017', expected a date such as 2024-08-31"),
        ({"end": "2017-02-31"}, "end is '2017-02-31', expected a date"),
        ({"words": "x"}, "There is no filter 'words'; the filters are theme, topic"),
    ],
)
def test_a_filter_that_fits_nothing_is_refused_with_what_there_is(view, asked, said):
    with pytest.raises(InputError, match=re.escape(said)):
        view.filter(**asked)
    assert not view.choice


def test_the_code_that_is_shown_makes_the_same_choice(view):
    view.filter(theme=["cooperation"], language=["en", "ru"], start="2017-01-02", text='"opening words"')
    view.pick(view.run.articles["article_id"].tolist()[:4])
    again = explore.explore(make_tables())
    exec(view.code, {"view": again})
    assert ids(again) == ids(view) and again.code == view.code


def test_the_tables_that_are_given_stay_as_they_were():
    tables = make_tables()
    kept = {name: table.copy() for name, table in tables.items() if isinstance(table, pd.DataFrame)}
    view = explore.explore(tables).filter(theme="cooperation", text="opening")
    view.open(ids(view)[0])
    for name, table in kept.items():
        pd.testing.assert_frame_equal(tables[name], table)


# What is shown of it --------------------------------------------------------------------------------------------


def test_shares_are_of_what_was_collected_and_a_span_does_not_change_them(view):
    every = view.trends
    asked = view.filter(topic=0).trends
    assert (asked["total"] == every["total"]).all() and (asked["articles"] <= every["articles"]).all()
    pd.testing.assert_frame_equal(view.span("2017-02-01", "2017-03-31").trends, asked)
    english = view.filter(topic=(), start="", end="", language="en").trends
    assert english.loc[english["theme"] == "", "total"].sum() == COUNT // 4


def test_the_trend_of_all_articles_is_that_of_the_run():
    tables = lab.synthetic(3000)
    view = explore.explore(tables)
    carried = tables["scores"][["theme", "article_id"]].assign(value=tables["scores"]["label"].astype(float))
    from toolkit import intervals

    points = intervals.shares_of(view.run.placed, carried, view.run.calendar["start"].tolist())
    mine = view.trends[view.trends["theme"] != ""]
    assert np.allclose(mine[["share", "low", "high"]], points[["share", "low", "high"]])


def test_the_card_holds_the_whole_text_with_its_passages_marked(view):
    article = view.run.articles["article_id"].iat[3]
    card = view.open(article)
    assert "".join(words for words, _ in card["parts"]) == view.run.articles["text"].iat[3]
    assert card["parts"][0] == ("Opening words", ["extremism", "cooperation"])
    assert [one["theme"] for one in card["themes"]] == ["extremism", "cooperation"]
    assert card["url"] == "" and view.open(view.run.articles["article_id"].iat[4])["url"].startswith("https://")
    assert card["named"] == [] and len(view.open(view.run.articles["article_id"].iat[4])["named"]) == 1


def test_reprints_stand_apart_from_the_nearest_articles(view):
    card = view.open(view.run.articles["article_id"].iat[0])
    assert [one["row"] for one in card["reprints"]] == [1] and card["reprinted"] == 1
    assert len(card["near"]) == 5 and not {0, 1} & {one["row"] for one in card["near"]}


def test_the_nearest_are_those_of_the_whole_product_whatever_the_block(monkeypatch):
    vectors = np.random.default_rng(1).normal(size=(500, 16)).astype(np.float32)
    vectors[7] = 0
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    monkeypatch.setattr(nearest, "_BLOCK", 64)
    for row in (0, 7, 499):
        product = unit @ unit[row]
        product[row] = -2
        found = nearest.nearest(vectors, row, np.zeros(500, dtype=bool))
        assert [place for place, _ in found] == np.argsort(-product, kind="stable")[:5].tolist()
        assert np.allclose([cosine for _, cosine in found], np.sort(product)[::-1][:5], atol=1e-3)
    assert nearest.nearest(vectors[:3], 0, np.array([False, True, True])) == []


def test_the_table_is_in_the_order_asked_for(view):
    dates = view.selection["published"].tolist()
    assert dates == sorted(dates, reverse=True)
    view.sort("extremism")
    assert view.selection["score_extremism"].is_monotonic_decreasing


def test_the_selection_is_saved_for_a_spreadsheet_or_for_python(view, tmp_path):
    view.filter(language="kk")
    kept = pd.read_csv(view.save(tmp_path / "some.csv"))
    assert kept["title"].str.startswith("'=HYPERLINK").sum() == 1
    pd.testing.assert_frame_equal(pd.read_parquet(view.save(tmp_path / "some.parquet")), view.selection)
    with pytest.raises(InputError, match=r"'some.xls' has no known ending, expected .csv or .parquet"):
        view.save("some.xls")


def test_a_gap_in_a_share_stays_a_gap_and_what_is_read_out_has_its_interval():
    tables = lab.synthetic(400)
    tables["articles"].loc[100:, "published"] = pd.Timestamp("2015-01-05", tz="UTC")
    run = explore.explore(tables).run
    drawn = panes.drawn(run, shown.shares(run, narrow.choose(run, narrow.Choice())))
    line = drawn["lines"][0]
    gaps = [at for at, total in enumerate(drawn["total"]) if not total]
    assert gaps and all(line["share"][at] is None and line["words"][at] == "no articles" for at in gaps)
    first = drawn["start"].index(min(drawn["start"]))
    assert line["low"][first] < line["share"][first] < line["high"][first] and "% (" in line["words"][first]
    assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn


# What may be missing --------------------------------------------------------------------------------------------


def test_a_finished_run_opens_from_its_folder_and_from_another_place(folder, tmp_path):
    here = explore.explore(folder)
    before = here.selection
    shutil.move(folder, tmp_path / "elsewhere")
    there = explore.explore(str(tmp_path / "elsewhere"))
    pd.testing.assert_frame_equal(there.selection, before)
    assert not there.run.notes and len(there.open(ids(there)[0])["near"]) == 5
    with pytest.raises(InputError, match="was moved or made again since it was opened; open it where it is now"):
        here.open(before["article_id"].iloc[0])


def test_dates_that_are_no_times_are_told(folder):
    articles = make_tables()["articles"]
    store.write_table(articles.assign(published=articles["published"].astype(str)), folder / "tables/articles.parquet")
    with pytest.raises(InputError, match="The dates of run are str, expected times in UTC: run it again"):
        explore.explore(folder)


def test_texts_are_read_where_they_are_shown_and_those_of_another_run_never_are(folder):
    view, tables = explore.explore(folder), make_tables()
    assert not view.run.articles["text"].str.len().gt(600).any() and not view.run.scores["evidence"].any()
    view.filter(text='"of article 7"')
    assert view.selection["text"].tolist() == [tables["articles"]["text"].iloc[7]]
    parts = view.open(ids(view)[0])["parts"]
    assert "".join(words for words, _ in parts) == tables["articles"]["text"].iloc[7] and parts[0][1] == ["extremism"]
    store.write_table(tables["articles"].iloc[::-1], folder / "tables" / "articles.parquet")
    for act in (lambda: view.selection, lambda: view.filter(text="word"), lambda: view.open(ids(view)[0])):
        with pytest.raises(InputError, match="made again since it was opened"):
            act()


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (".part", "is not finished: it is still being made"),
        (".failed", "failed; look into"),
        ("", "holds no run, expected a folder such as reports/sample"),
    ],
)
def test_where_there_is_no_run_a_sentence_says_why(tmp_path, beside, said):
    (tmp_path / f"run{beside or '-other'}").mkdir()
    with pytest.raises(InputError, match=said):
        explore.explore(tmp_path / "run")


def test_a_run_that_failed_or_lacks_its_scores_is_not_opened(folder):
    store.write_json(MANIFEST | {"status": "failed", "reason": "2-themes broke"}, folder / "manifest.json")
    with pytest.raises(InputError, match=r"is not finished \(failed: 2-themes broke\); run it again"):
        explore.explore(folder)
    (folder / "manifest.json").unlink()
    assert len(explore.explore(folder).selection) == COUNT, "notebooks run by hand leave no manifest"
    (folder / "tables" / "scores.parquet").unlink()
    with pytest.raises(InputError, match=r"'scores' is not at .*: run notebooks/2-themes.ipynb first"):
        explore.explore(folder)


def test_a_run_of_an_older_version_opens_or_says_what_it_lacks(folder):
    store.write_json(MANIFEST | {"versions": {"toolkit": "0.0.1"}}, folder / "manifest.json")
    assert "made by version 0.0.1" in explore.explore(folder).run.notes[0]
    path = folder / "tables" / "scores.parquet"
    store.write_table(pd.read_parquet(path).drop(columns=["evidence", "evidence_offset"]), path)
    with pytest.raises(InputError, match=r"lacks evidence, evidence_offset \(made by version 0.0.1.*; run it again"):
        explore.explore(folder)


def test_a_run_without_stories_takes_each_article_as_one():
    tables = make_tables()
    tables["articles"] = tables["articles"].drop(columns="story_id")
    assert explore.explore(tables).open("0" * 16)["reprints"] == []


@pytest.mark.parametrize(
    ("lost", "note"),
    [
        ("vectors", "no nearest articles are shown"),
        ("assigned", "there is no map"),
        ("mentions", "cannot be chosen by who is named"),
    ],
)
def test_what_a_run_may_lack_is_noted_and_the_rest_works(lost, note):
    tables = make_tables()
    del tables[lost]
    view = explore.explore(tables)
    assert [one for one in view.run.notes if note in one]
    view.widget()
    assert len(view.filter(theme="cooperation").selection) and view.open(ids(view)[0])["parts"]


def test_vectors_of_other_articles_are_not_taken_for_these():
    view = explore.explore(make_tables(vectors=np.ones((5, 8), dtype=np.float32)))
    assert view.open(ids(view)[0])["near"] == []


def test_a_run_without_dates_opens_without_trends():
    tables = make_tables()
    tables["articles"]["published"] = pd.Series([pd.NaT] * COUNT).dt.tz_localize("UTC")
    view = explore.explore(tables)
    assert view.trends.empty and "no article has a date" in view.run.notes[0]
    linked, picture, _ = view.bundles()
    assert linked["text/plain"] == f"{COUNT} of {COUNT} articles" and picture["image/png"]
    assert view.filter(topic=0).open(ids(view)[0])["meta"][1] == "no date"


@pytest.mark.parametrize("count", [1, 3])
def test_a_run_of_three_articles_opens(count):
    view = explore.explore(make_tables(count))
    assert list(view.bundles())[1]["image/png"]
    assert len(view.open(ids(view)[0])["near"]) == {1: 0, 3: 2}[count]


def test_a_run_without_articles_is_refused():
    with pytest.raises(InputError, match="There are no articles in tables in memory"):
        explore.explore(make_tables() | {"articles": make_articles(1).head(0)})


def test_a_selection_of_nothing_is_an_empty_table_with_its_columns(view, tmp_path):
    view.widget()
    nothing = view.filter(text="there is no such word").selection
    assert nothing.empty and "score_extremism" in nothing
    assert shown.said(view.run, view.marks.chosen) == f"0 of {COUNT} articles" and (view.trends["articles"] == 0).all()
    assert next(view.bundles())["text/plain"] == f"0 of {COUNT} articles"
    assert pd.read_csv(view.save(tmp_path / "none.csv")).empty


def test_long_titles_are_cut_in_the_table_and_whole_in_the_reader():
    tables = make_tables()
    tables["articles"].loc[6, "title"] = "long " * 1000
    tables["articles"].loc[7, "title"] = "عنوان الخبر \u202e" * 3
    run = explore.explore(tables).run
    assert len(shown.listed(run, np.array([6]))[0]["title"]) == 300
    assert len(shown.card(run, 6)["title"]) == 5000
    assert shown.listed(run, np.array([7]))[0]["title"].startswith("عنوان")


# The widgets, without a browser ---------------------------------------------------------------------------------


def tell(view, part="filters", **said):
    """Send a message as the browser does; return what the panel says is wrong."""
    panel = getattr(view.screen, part)
    view.screen.heard(panel, said | {"number": panel.answered + 1})
    return panel.trouble


@pytest.fixture
def linked(view):
    view.widget()
    return view


def test_messages_filter_page_sort_open_and_save(linked, tmp_path):
    assert not tell(linked, do="add", name="language", value="en") and len(linked.selection) == COUNT // 4
    assert not tell(linked, do="add", name="language", value="ru") and len(linked.selection) == COUNT // 2
    assert not tell(linked, do="remove", name="language", value="en") and set(linked.selection["language"]) == {"ru"}
    assert not tell(linked, do="dates", start="2017-01-01", end="") and not tell(linked, do="text", value="opening")
    assert not tell(linked, "articles", do="sort", by="title", falling=False)
    assert linked.selection["title"].str.lower().is_monotonic_increasing
    assert not tell(linked, "articles", do="open", row=5) and linked.screen.articles.card["row"] == 5
    assert not tell(linked, do="save", path=str(tmp_path / "s.csv")) and (tmp_path / "s.csv").is_file()
    assert not tell(linked, do="clear") and linked.screen.filters.code == "view.clear()"
    assert linked.screen.articles.total == COUNT


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ({"do": "add", "name": "source", "value": "Nobody"}, "No article has the source 'Nobody'"),
        ({"do": "add", "name": "picked", "value": [1]}, "There is no filter 'picked'"),
        ({"do": "dates", "start": "soon", "end": ""}, "start is 'soon'"),
        ({"do": "save", "path": "no/ending"}, "has no known ending"),
        ({"do": "sort", "by": "nothing", "falling": True}, "cannot be ordered by 'nothing'"),
        ({"do": "find", "value": "x"}, "This view has no search"),
        ({"do": "open", "row": 10**9}, ""),
        ({"do": "page", "page": -5}, ""),
        ({"do": "decide", "decision": {}}, ""),
        ({"do": "erase"}, ""),
        ({}, ""),
    ],
)
def test_a_message_that_makes_no_sense_is_told_or_passed_over(linked, said, trouble):
    assert trouble in tell(linked, **said) and bool(linked.screen.filters.trouble) == bool(trouble)
    assert len(linked.selection) == COUNT


def test_what_is_picked_on_the_map_filters_the_table_and_one_point_opens(linked):
    points = linked.screen.map.order
    linked.screen.map.scatter.widget.selection = np.array([0, 1, 2])
    assert set(ids(linked)) == set(linked.run.articles["article_id"].to_numpy()[points[:3]])
    linked.screen.map.scatter.widget.selection = np.array([4])
    assert linked.screen.articles.card["row"] == points[4]
    linked.screen.map.scatter.widget.selection = np.array([], dtype=np.uint32)
    assert len(linked.selection) == COUNT


def test_a_span_drawn_on_a_trend_is_whole_periods(linked):
    starts = linked.run.calendar["start"]

    def drawn(low, high):
        tell(linked, "trends", do="span", low=pd.Timestamp(low).value / 1e6, high=pd.Timestamp(high).value / 1e6)
        return linked.choice.start, linked.choice.end

    after = starts[3] - pd.Timedelta(days=1)
    hours = pd.Timedelta(hours=5)
    wanted = (f"{starts[1]:%Y-%m-%d}", f"{after:%Y-%m-%d}")
    assert drawn(starts[2] + hours, starts[1] - hours) == wanted == tuple(linked.screen.trends.span)
    assert drawn("1990-01-01", "1991-01-01") == wanted, "where no period begins, nothing changes"
    assert drawn(starts.iloc[-1], "2031-01-01")[1] == ""
    tell(linked, "trends", do="dates", start="", end="")
    assert not linked.choice and linked.screen.trends.span == ["", ""]


def test_a_search_chooses_what_it_finds_best_first_and_decisions_are_told():
    tables, heard = make_tables(), []
    names = tables["articles"]["article_id"].tolist()
    found = pd.DataFrame({"article_id": [names[9], names[2], names[5]], "score": [3, 2, 1]})
    view = explore.explore(tables, search=lambda query: found, decide=lambda what: heard.append(what) or "kept")
    view.widget()
    assert not tell(view, do="find", value="bombs") and ids(view) == [names[9], names[2], names[5]]
    assert view.screen.filters.choice["picked"] == "3 found for “bombs”"
    assert view.code == "view.find('bombs')"
    assert not tell(view, do="find", value=" ") and len(view.selection) == COUNT
    decision = {"what": "right", "article_id": names[0], "theme": "extremism"}
    assert not tell(view, "articles", do="decide", decision=decision)
    assert heard == [decision] and view.screen.filters.saved == "kept"


# A notebook that is read and not run ----------------------------------------------------------------------------


def test_a_picture_a_table_and_a_sentence_stand_beside_the_widgets(view):
    linked, picture, table = view.filter(language="en").bundles()
    assert "application/vnd.jupyter.widget-view+json" in linked
    assert linked["text/plain"].startswith(f"{COUNT // 4} of {COUNT} articles, ")
    assert base64.b64decode(picture["image/png"]).startswith(b"\x89PNG") and "Map of 6 of 24" in picture["text/plain"]
    assert re.match(r'<div class="tk-still"><style>[^<]*</style><table>', table["text/html"])
    assert not re.search(r"<script|<img|https?://", table["text/html"])
    json.dumps([linked, picture, table])


def test_without_the_lab_packages_the_view_says_how_to_get_them(view, monkeypatch):
    monkeypatch.setattr(panes, "find_spec", lambda name: None)
    monkeypatch.setattr(stills, "find_spec", lambda name: None)
    said, table = view.bundles()
    assert set(said) == {"text/plain"} and "tk-still" in table["text/html"]
    assert "install toolkit[lab]; anywidget, ipywidgets, jscatter is missing" in said["text/plain"]


def test_the_same_view_gives_the_same_picture():
    pictures = {list(explore.explore(make_tables()).bundles())[1]["image/png"] for _ in range(2)}
    assert len(pictures) == 1


def test_every_error_is_one_of_ours():
    with pytest.raises(ToolkitError):
        open_run({"articles": make_articles(3)})
    assert SCRIPT in HOSTILE
