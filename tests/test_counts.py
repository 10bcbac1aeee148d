"""What counts, tables and sentences promise: nothing is lost uncounted, and article text stays plain text."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pandas.testing import assert_frame_equal

from toolkit import briefing, counts, tables
from toolkit.changes import Change
from toolkit.exhibits import TABLE_MIME, Prose, Table, date, number, percent
from toolkit.schema import InputError, Kept

TITLES = {"terror": "Extremism", "talks": "Cooperation"}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![x](http://evil.example/a.png)",
    "<http://evil.example>",
    "**bold** _em_ `code` ~~gone~~",
    "# heading",
    "- item\n- item",
    "1. first",
    "> quote",
    "a | b\n--|--\n1 | 2",
    "\\<b>",
    "&lt;b&gt;",
    "[ref]: http://evil.example",
]


@pytest.fixture
def articles():
    dates = ["2024-01-01T00:00", "2024-01-31T23:59", "2024-02-01T00:00", None, "2024-03-05", "2024-03-06"]
    return pd.DataFrame(
        {
            "article_id": list("abcdef"),
            "published": pd.to_datetime(pd.Series(dates), utc=True, format="ISO8601"),
            "source": ["Post", "Post", "Times", "", "Times", "Post"],
            "title": ["A", "B", "", "D", "E", "F"],
            "text": [f"Text of {name} " + "word " * 9 for name in "abcdef"],
            "language": ["en", "en", "ru", "kk", "en", "xx"],
            "story_id": ["1", "1", "2", "3", "4", "5"],
        }
    )


@pytest.fixture
def scores(articles):
    rows = [
        (name, "terror", score, score >= 0.5)
        for name, score in zip("abcdef", [0.9, 0.6, 0.4, 0.1, 0.2, 0.0], strict=True)
    ]
    rows += [
        (name, "talks", score, score >= 0.5)
        for name, score in zip("abcdef", [0.8, 0.1, 0.7, 0.1, 0.2, 0.0], strict=True)
    ]
    table = pd.DataFrame(rows, columns=["article_id", "theme", "score", "label"])
    return table.assign(evidence="What was said.", evidence_offset=0)


# Selecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, "abcdef"),
        ({"sources": ["Post"]}, "abf"),
        ({"start": "2024-02-01"}, "cef"),
        ({"end": "2024-01-31"}, "ab"),
        ({"start": "2024-01-31", "end": "2024-02-01"}, "bc"),
        ({"named": ["d", "e", "z"]}, "de"),
        ({"sources": ["Times"], "start": "2024-03-01"}, "e"),
    ],
)
def test_selecting_keeps_what_was_asked_for_and_counts_the_rest(articles, asked, kept):
    before = articles.copy(deep=True)
    step = counts.select(articles, **asked)
    assert "".join(step.kept["article_id"]) == kept
    assert sorted([*step.kept["article_id"], *step.dropped["article_id"]]) == list("abcdef")
    assert step.dropped["reason"].str.len().gt(0).all()
    assert counts.flow(step) == {"rows_in": 6, "rows_out": len(kept)}
    assert_frame_equal(articles, before)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sources": ["Gazette"]}, "'Gazette'.*'Post', 'Times'"),
        ({"start": "31.08.2024"}, "start is '31.08.2024'.*2024-08-31"),
        ({"end": "2024-02-30"}, "end is '2024-02-30'"),
        ({"start": "2025-01-01"}, "No article is left"),
        ({"named": []}, "No article is left"),
    ],
)
def test_asking_for_what_is_not_there_is_an_input_error(articles, asked, said):
    with pytest.raises(InputError, match=said):
        counts.select(articles, **asked)


def test_what_each_step_dropped_is_gathered_with_reasons_that_can_be_counted(articles):
    lost = articles.head(3).assign(
        reason=["a copy of 0123456789abcdef", "a copy of fedcba9876543210", "bad date: 'yesterday'"]
    )
    dropped = counts.gather_dropped(
        {"read": Kept(articles, articles.head(0).assign(reason="")), "compare": Kept(articles, lost)}
    )
    assert dropped["reason"].tolist() == ["a copy of another article"] * 2 + ["bad date"]
    assert dropped["detail"].tolist() == lost["reason"].tolist()
    counted = counts.count_dropped(dropped)
    assert counted[["stage", "articles"]].to_numpy().tolist() == [["compare", 2], ["compare", 1]]
    assert counted["articles"].sum() == len(dropped)
    assert counts.count_dropped(dropped.head(0)).empty


# Counting --------------------------------------------------------------------------------------------------------


def test_small_sources_are_counted_together_and_none_is_lost(articles):
    assert counts.main_sources(articles, most=1).tolist() == ["Post", "Post", *[counts.OTHERS] * 3, "Post"]
    assert counts.main_sources(articles).tolist() == ["Post", "Post", "Times", "unknown", "Times", "Post"]


def test_volume_holds_every_period_and_source_with_zeros(articles):
    start = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
    calendar = pd.DataFrame({"start": start, "label": ["January", "February", "March"]})
    periods = pd.DataFrame({"article_id": list("abcef"), "start": start[[0, 0, 1, 2, 2]]})
    table = counts.volume(articles, calendar, periods)
    assert len(table) == 3 * 2 and table["articles"].sum() == 5
    assert table.set_index(["source", "label"])["articles"]["Times", "January"] == 0


def test_totals_count_each_article_once_a_theme_and_the_rest_as_none(articles, scores):
    found = counts.theme_totals(scores, articles).set_index("theme")
    assert found["articles"].to_dict() == {"terror": 2, "talks": 2, "": 3}
    assert found["stories"].to_dict() == {"terror": 1, "talks": 2, "": 3}
    assert found["alone"].to_dict() == {"terror": 1, "talks": 1, "": 3}
    assert found["unsure"].to_dict() == {"terror": 2, "talks": 0, "": 0}
    assert found["share"].to_dict() == {"terror": 2 / 6, "talks": 2 / 6, "": 0.5}


def test_an_article_without_scores_carries_no_theme(articles, scores):
    found = counts.theme_totals(scores[scores["article_id"] != "f"], articles).set_index("theme")
    assert found["articles"].to_dict() == {"terror": 2, "talks": 2, "": 3}


def test_shares_by_group_add_up_and_keep_empty_pairs(articles, scores):
    found = counts.shares_by(articles, scores, articles["source"], "source")
    assert len(found) == 2 * 3
    assert found.groupby("theme")["articles"].sum().to_dict() == {"terror": 2, "talks": 2}
    assert found.groupby("theme")["total"].sum().to_dict() == {"terror": 6, "talks": 6}
    with_bounds = counts.with_interval(found)
    assert (
        (with_bounds["low"] <= with_bounds["share"] + 1e-9) & (with_bounds["share"] <= with_bounds["high"] + 1e-9)
    ).all()


def test_the_surest_theme_is_the_one_of_highest_probability(scores):
    assert counts.surest_theme(scores).to_dict() == {
        "a": "terror",
        "b": "terror",
        "c": "talks",
        "d": "",
        "e": "",
        "f": "",
    }


def test_the_names_most_often_found_are_ranked_within_each_theme():
    named = pd.DataFrame(
        {"name": list("xyzw"), "kind": ["city", "city", "city", "organisation"], "theme": "t", "articles": [1, 3, 3, 9]}
    )
    assert counts.top_named(named, ["city"], ["t"], most=2)["name"].tolist() == ["y", "z"]


def test_pairs_without_an_organisation_are_left_out():
    named = pd.DataFrame({"actor_id": ["un", "astana"], "kind": ["organisation", "city"]})
    pairs = pd.DataFrame({"actor_a": ["un", "astana"], "actor_b": ["astana", "kz"]})
    assert counts.with_organisation(pairs, named)["actor_a"].tolist() == ["un"]


# Words and units -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (0.004, "0.4%"), (0.0994, "9.9%"), (0.0996, "10%"), (0.5, "50%"), (1, "100%"), (float("nan"), "–")],
)
def test_shares_are_written_with_a_digit_where_it_tells_something(share, said):
    assert percent(share) == said


def test_numbers_and_dates_are_written_as_people_write_them():
    assert (number(1234567), number(0)) == ("1,234,567", "0")
    assert date(pd.Timestamp("2017-02-07T23:00", tz="UTC")) == "7 February 2017"
    assert (date(None), date(pd.NaT)) == ("no date", "no date")


@pytest.mark.parametrize("text", HOSTILE)
def test_article_text_in_a_table_is_escaped(text):
    table = Table(text, [(text, "text"), ("page", "link")], [[text, (text, "x.html")]])
    shown = table._repr_mimebundle_()
    assert not re.search(r"<(?!/?(table|caption|thead|tbody|tr|th|td)>)", shown["text/html"])
    assert shown[TABLE_MIME]["rows"] == [[text, {"text": text, "href": "x.html"}]]


def test_tables_show_sources_and_languages_with_their_numbers(articles):
    assert tables.sources(articles).rows[0] == ["Post", "3", "2", "1 January 2024", "6 March 2024"]
    assert {row[0] for row in tables.sources(articles).rows} == {"Post", "Times", "unknown"}
    assert tables.languages(articles).rows[0][:2] == ["English", "3"]
    assert "xx" in {row[0] for row in tables.languages(articles).rows}


def test_evidence_shows_a_story_once_and_different_sources_first(articles, scores):
    shown = tables.evidence(scores, articles, "terror", "Extremism").rows
    assert [row[0] for row in shown] == ["A"]
    assert [row[0][:9] for row in tables.evidence(scores, articles, "talks", "Cooperation").rows] == ["A", "Text of c"]
    assert tables.evidence(scores[scores["score"] < 0.5], articles, "terror", "E").rows == []


# Sentences -------------------------------------------------------------------------------------------------------


def change(**more):
    return Change(**{"theme": "terror", "before": 0.1, "after": 0.3, "difference": 0.2, "low": 0.05, "high": 0.35,
                     "within": 0.2, **more})  # fmt: skip


RUNS = pd.DataFrame(
    [("terror", "March 2024", 0.5, 0.4, 0.6, 0.1)], columns=["theme", "label", "share", "low", "high", "rest"]
)
NAMED = pd.DataFrame(columns=["name", "kind", "theme", "articles", "share"])


def rendered(text):
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_article_text_in_sentences_is_inert(text, articles, scores):
    named = pd.DataFrame({"name": [text], "kind": ["city"], "theme": ["terror"], "articles": [1], "share": [0.5]})
    totals = counts.theme_totals(scores, articles)
    said = briefing.findings({"terror": text}, totals, [change()], RUNS, named)
    said += "\n\n" + briefing.uncovered(pd.DataFrame({"theme": [""], "label": [text], "articles": [2]}))
    assert Prose(said)._repr_mimebundle_()["text/markdown"] == said
    tags = set(re.findall(r"</?([a-z0-9]+)", rendered(said)))
    assert tags <= {"p", "ul", "li", "strong"}
    plain = rendered(said)
    assert plain.count("<strong>") == 1 and plain.count("<li>") == 2


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_in_a_sentence_is_inert(text):
    shown = rendered("Said: " + briefing._plain(text) + ".")
    assert set(re.findall(r"</?([a-z0-9]+)", shown)) == {"p"}


def test_the_overview_says_how_much_was_read_lost_and_left_undated(articles, scores):
    said = briefing.overview(articles, articles.head(2), counts.theme_totals(scores, articles))
    assert said == (
        "6 articles telling 5 stories, from 2 sources, published 1 January 2024 to 6 March 2024; 2 rows dropped; "
        "1 without a date, outside the trends. 50% carry none of the themes."
    )
    one = briefing.overview(articles.head(1), articles.head(0), counts.theme_totals(scores, articles.head(1)))
    assert one.startswith("One article, from 1 source, published 1 January 2024; nothing dropped.")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "rose.*the same sources"),
        ({"within": 0.0}, "rose.*not within the same sources"),
        ({"within": 0.1}, "10 points of it within the same sources"),
        ({"difference": -0.2, "low": -0.35, "high": -0.05, "within": -0.2}, "fell.*20 points, 95% interval 5 to 35"),
        ({"low": -0.01}, "No change beyond chance"),
    ],
)
def test_a_change_is_told_only_as_far_as_the_numbers_go(articles, scores, more, said):
    totals = counts.theme_totals(scores, articles)
    assert re.search(said, briefing.theme_sentence("terror", "T", totals, [change(**more)], RUNS))


def test_a_theme_is_told_with_its_own_runs_only(articles, scores):
    totals = counts.theme_totals(scores, articles)
    assert "High in March 2024: 50% of stories" in briefing.theme_sentence("terror", "T", totals, [], RUNS)
    assert "March" not in briefing.theme_sentence("talks", "T", totals, [], RUNS)
    assert briefing.named_lines("talks", NAMED) == ["No organisation or place of the gazetteer is named."]


def test_a_run_is_told_in_four_lines(articles, scores):
    totals = counts.theme_totals(scores, articles)
    lines = briefing.headlines(articles, totals, [change()], TITLES, 7)
    assert lines == [
        "6 articles, 5 stories, 1 January 2024 to 6 March 2024",
        "Themes: Extremism 33%, Cooperation 33%; none 50%",
        "Change from the first to the second half: Extremism up 20 points",
        "7 topics",
    ]
    undated = briefing.headlines(articles.assign(published=pd.NaT), totals, [], TITLES, 7)
    assert undated[0].endswith("without dates") and undated[2].endswith("none beyond chance")


def test_periods_of_other_sources_are_cautioned_about():
    points = pd.DataFrame(
        {"start": [1, 2, 3], "label": list("abc"), "total": [9, 4, 0], "comparable": [True, False, True]}
    )
    assert "1 of 2 periods (b; 4 articles)" in briefing.caution(points)
    assert briefing.caution(points.assign(comparable=True)) == ""
