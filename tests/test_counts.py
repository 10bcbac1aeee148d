"""What counts, tables and sentences promise: nothing is lost uncounted, and article text stays plain text."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pandas.testing import assert_frame_equal

from toolkit import briefing, counts, tables, trend_tables
from toolkit.exhibits import TABLE_MIME, Prose, Table, date, number, percent
from toolkit.schema import Kept, ToolkitError
from toolkit.settings import SelectSettings

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


def select(articles, named=None, **wanted):
    return counts.select(articles, SelectSettings(**wanted), named)


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
    step = select(articles, **asked)
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
        (
            {"start": "2024-03-01", "end": "2024-02-01"},
            "start is 2024-03-01 and end is 2024-02-01, which lies before it",
        ),
        ({"start": "2025-01-01"}, r"No article is left of 6: published before the start .* \(5\); has no date.*\(1\)"),
        ({"start": "9999-12-31"}, "No article is left of 6"),
        ({"end": "0001-01-01"}, "No article is left of 6"),
        ({"named": []}, r"No article is left of 6: names none of the places asked for \(6\)\. They are dated "),
    ],
)
def test_asking_for_what_is_not_there_is_an_input_error(articles, asked, said):
    with pytest.raises(ToolkitError, match=said):
        select(articles, **asked)


@pytest.mark.parametrize("timezone", ["Asia/Almaty", "America/New_York"])
def test_days_asked_for_begin_and_end_where_the_analyst_is(timezone):
    local = pd.to_datetime(["2024-02-01 00:00", "2024-02-01 23:59", "2024-02-02 00:00", "2024-01-31 23:59"])
    published = local.tz_localize(timezone).tz_convert("UTC")
    articles = pd.DataFrame({"article_id": list("abcd"), "published": published, "source": "Post"})
    step = select(articles, start="2024-02-01", end="2024-02-01", timezone=timezone)
    assert list(step.kept["article_id"]) == ["a", "b"]
    assert list(step.dropped["reason"]) == ["published after the end asked for", "published before the start asked for"]


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


def test_languages_of_few_articles_are_told_together_where_they_are_several():
    codes = ["en"] * 1000 + ["fr"] * 30 + ["nl", "pl", "sv", "tr", "eo"]
    articles = pd.DataFrame({"article_id": [str(place) for place in range(len(codes))], "language": codes})
    told = tables.languages(articles).rows
    assert [row[:2] for row in told] == [["English", "1,000"], ["French", "30"], ["all others", "5"]]
    assert [row[0] for row in tables.languages(articles[:-2]).rows] == [
        "English",
        "French",
        "Dutch",
        "Polish",
        "Swedish",
    ]
    scores = articles[["article_id"]].assign(theme="a", label=articles["language"].isin(["en", "eo"]))
    shares = counts.shares_by(articles, scores, tables.main_languages(articles), "language")
    agreement = pd.DataFrame({"theme": ["a"], "language": ["en"], "agreement": [0.8]})
    shown = tables.by_language(shares, {"a": "A"}, agreement).rows
    assert shown[-1] == ["all others", "5", "20%", "too few"]


def test_evidence_shows_a_story_once_and_different_sources_first(articles, scores):
    passages = scores[["theme", "article_id", "evidence"]]
    shown = counts.surest(scores, articles).merge(passages)
    assert [row[0] for row in tables.evidence(shown, "terror", "Extremism").rows] == ["A"]
    assert [row[0][:9] for row in tables.evidence(shown, "talks", "Cooperation").rows] == ["A", "Text of c"]
    none = counts.surest(scores[scores["score"] < 0.5], articles).merge(passages)
    assert tables.evidence(none, "terror", "E").rows == []


# What no theme covers --------------------------------------------------------------------------------------------

TOPICS = pd.DataFrame({"topic_id": [0], "label": ["rain, wind"], "terms": [["rain", "wind"]], "articles": [3]})


@pytest.fixture
def outside(articles, scores):
    """Topic 0 of the articles d, e and f, none with a theme; topic 1 of a, b and c, each with one."""
    assigned = pd.DataFrame({"article_id": list("abcdef"), "topic_id": [1, 1, 1, 0, 0, 0], "closeness": [0.9] * 6})
    assigned.loc[4, "closeness"] = 0.95
    both = pd.concat([TOPICS, TOPICS.assign(topic_id=1, label="war, peace")], ignore_index=True)
    bare = scores.assign(label=scores["label"] & scores["article_id"].isin(list("abc")))
    bare.loc[bare["article_id"].isin(list("abc")), "label"] = True
    return counts.outside_topics(both, assigned, bare, articles), counts.theme_totals(bare, articles)


def test_the_topics_that_no_theme_covers_are_named_with_their_articles(outside):
    found, totals = outside
    assert found[["label", "outside", "headline"]].to_numpy().tolist() == [["rain, wind", 3, "E"]]
    said = briefing.uncovered(found, totals)
    assert said == r"3 articles carry none of the themes (50%). The largest topic among them: rain, wind (3)."
    assert tables.outside(found).rows[0][0] == ("rain, wind", "articles/topic-0.html")
    assert tables.outside(found).rows[0][1:3] == ["3", "100%"]


def test_where_the_themes_leave_nothing_out_it_is_said(outside):
    found, totals = outside
    assert briefing.uncovered(found.head(0), totals).endswith(
        "No topic lies outside the themes: most articles of each carry one."
    )
    all_covered = totals.assign(articles=0, share=0.0)
    assert briefing.uncovered(found.head(0), all_covered) == "Every article carries a theme."
    assert tables.outside(found.head(0)).caption == "No topic lies outside the themes"


# Sentences -------------------------------------------------------------------------------------------------------


def half(**more):
    """A change from half to half, as `changes.compare_windows` tells it of articles."""
    told = {"theme": "terror", "unit": "article", "first": "first half", "second": "second half",
            "since": "March 2024", "before": 0.1, "within": 0.2, "mix": 0.0,
            "newcomers": 0.0, "leavers": 0.0, "after": 0.3, "change": 0.2, "low": 0.05, "high": 0.35,
            "within_low": 0.05, "within_high": 0.35, "sources": 3}  # fmt: skip
    return pd.DataFrame([{**told, **more}])


def event(**more):
    """A finding, as `findings.find_events` tells it, with what leads to it."""
    told = {"theme": "terror", "kind": "change", "also": ["burst"], "way": "rise", "start": pd.Timestamp("2024-03-01"),
            "end": pd.Timestamp("2024-04-01"), "label": "March to April 2024", "lasting": False,
            "page": "articles/terror-2024-03.html", "share": 0.15, "low": 0.12, "high": 0.18, "rest": 0.08,
            "rest_low": 0.06, "rest_high": 0.1, "against": "before", "then": 0.07, "within": 0.7,
            "within_low": 0.4, "within_high": 0.95, "stories": 41, "sources": 5,
            "p": 1e-5, "q": 1e-4, "terms": ["drone", "refinery"], "led": ["a"],
            "cited": ["“A raid” (Post, 1 March 2024)"]}  # fmt: skip
    return pd.DataFrame([{**told, **more}])


NO_EVENT, NO_HALF = event().head(0), half().head(0)
NAMED = pd.DataFrame(columns=["name", "kind", "theme", "articles", "share"])


def rendered(text):
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_article_text_in_sentences_is_inert(text, articles, scores):
    named = pd.DataFrame({"name": [text], "kind": ["city"], "theme": ["terror"], "articles": [1], "share": [0.5]})
    totals = counts.theme_totals(scores, articles)
    said = briefing.findings({"terror": text}, totals, event(cited=[text]), half(), named)
    said += "\n\n" + briefing.uncovered(pd.DataFrame({"label": [text], "outside": [2]}), totals)
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
    lost = pd.DataFrame({"stage": ["clean", "clean"]})
    said = briefing.overview(articles, lost, counts.theme_totals(scores, articles))
    assert said == (
        "6 articles telling 5 stories, from 2 sources, published 1 January 2024 to 6 March 2024; 2 rows dropped; "
        "1 without a date, outside the trends. 50% carry none of the themes."
    )
    asked = briefing.overview(articles, pd.DataFrame({"stage": ["select"] * 1200 + ["clean"]}), counts.theme_totals(
        scores, articles))  # fmt: skip
    assert "; 1 row dropped, 1,200 outside what was asked for; 1 without a date" in asked
    apart = briefing.overview(articles.drop_duplicates("story_id"), lost.head(0), counts.theme_totals(scores, articles))
    assert apart.startswith("5 articles, no two of one story, from")
    one = briefing.overview(articles.head(1), lost.head(0), counts.theme_totals(scores, articles.head(1)))
    assert one.startswith("One article, from 1 source, published 1 January 2024; nothing dropped.")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "rose.*the same sources"),
        ({"within": 0.0, "within_low": -0.05, "within_high": 0.05}, "rose.*not within the same sources"),
        (
            {"within": 0.1, "within_low": -0.04, "within_high": 0.2},
            r"cannot be told \(\+10.0 points within them, 95% interval −4.0 to \+20.0\)",
        ),
        ({"within": 0.1}, "10 points of it within the same sources"),
        ({"change": -0.2, "low": -0.35, "high": -0.05, "within": -0.2}, "fell.*20 points, 95% interval 5 to 35"),
        ({"change": 0.01, "low": 0.001, "high": 0.019}, "1.0 points, 95% interval 0.1 to 1.9"),
        ({"sources": 1}, r"interval 5 to 35\)\.$"),
        ({"low": -0.01}, r"No change beyond chance: 10% .*\(\+20.0 points, 95% interval −1.0 to \+35.0\)"),
    ],
)
def test_a_change_is_told_only_as_far_as_the_numbers_go(articles, scores, more, said):
    totals = counts.theme_totals(scores, articles)
    assert re.search(said, briefing.theme_sentence("terror", "T", totals, NO_EVENT, half(**more)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Its share of stories rose from 8.0% (6.0–10) to 15% (12–18) in the months of March to April 2024, "
             "and 7.0% afterwards; 70% of the rise is within the same sources (95% interval 40 to 95%); 41 "
             r"stories of 5 sources, led by “A raid” \(Post, 1 March 2024\)."),
        ({"lasting": True, "label": "week of 6 March 2017", "then": float("nan")}, "from the week of 6 March 2017 on;"),
        ({"label": "week of 6 March 2017"}, "in the week of 6 March 2017, and"),
        ({"label": "6 March 2017"}, "on 6 March 2017, and"),
        ({"label": "2017"}, "in 2017, and"),
        ({"within": 1.1, "within_high": 1.6}, "; all of the rise is within the same sources (at least 40%); 41"),
        ({"within": 1.1, "within_low": 1.05, "within_high": 1.6}, "; all of the rise is within the same sources; 41"),
        ({"within_high": 1.2}, "; 70% of the rise is within the same sources (at least 40%); 41"),
        ({"within": 0.1, "within_low": -0.2, "within_high": 0.4}, "; but not within the same sources: it comes from"),
        ({"within_low": -0.1}, "; how much of the rise is within the same sources cannot be told; 41"),
        ({"within": 0.0, "within_low": 0.0, "within_high": 0.0}, "; no source has articles enough on both sides"),
        ({"within": float("nan"), "then": float("nan")}, "2024; 41 stories of"),
        ({"way": "fall", "share": 0.05}, "fell from 8.0% (6.0–10) to 5.0% (12–18)"),
        ({"way": "fall", "sources": 1, "stories": 1}, "; 1 story."),
        ({"against": "other"}, "was 15% (12–18) in the months of March to April 2024, against 8.0% (6.0–10)"),
    ],
)  # fmt: skip
def test_a_finding_is_a_sentence_made_of_its_numbers(articles, scores, more, said):
    totals = counts.theme_totals(scores, articles)
    told = briefing.theme_sentence("terror", "T", totals, event(**more), half(low=-0.1))
    assert said.replace("\\", "") in told.replace("\\", "") and "No change" not in told
    assert "Its share of" not in briefing.theme_sentence("talks", "T", totals, event(), half(low=-0.1))


def test_a_lasting_change_is_not_told_twice(articles, scores):
    totals = counts.theme_totals(scores, articles)
    assert "half" in briefing.theme_sentence("terror", "T", totals, event(), half())
    assert "half" not in briefing.theme_sentence("terror", "T", totals, event(lasting=True), half())


def test_a_theme_that_no_article_carries_is_told_without_figures(articles, scores):
    totals = counts.theme_totals(scores, articles)
    totals.loc[totals["theme"] == "talks", ["articles", "stories", "share"]] = 0
    told = briefing.findings({"terror": "T", "talks": "*Talks*"}, totals, NO_EVENT, NO_HALF, NAMED)
    assert told.splitlines()[-1] == r"- **\*Talks\***: no article carries it."


def test_of_many_themes_the_commonest_are_named_on_the_terminal(articles):
    names = [f"t{place:02}" for place in range(30)]
    totals = pd.DataFrame({"theme": [*names, ""], "articles": 1, "stories": 1})
    totals["share"] = [place / 100 for place in range(30)] + [0.5]
    line = briefing.headlines(articles, totals, "", {n: n for n in names}, TOPICS, TOPICS.assign(outside=[3]))[1]
    assert "t29 29%" in line and "t18 18%" in line and "t17" not in line and "and 18 themes less common" in line


def test_where_there_is_nothing_to_compare_nothing_is_said_of_change(articles, scores):
    totals = counts.theme_totals(scores, articles)
    assert briefing.theme_sentence("terror", "T", totals, NO_EVENT, NO_HALF) == "**T**: 2 articles (33%), 1 story."
    assert briefing.named_lines("talks", NAMED) == ["No organisation or place of the gazetteer is named."]
    assert briefing.too_few(None) == "" and briefing.too_few(0).startswith("No period can be compared")
    assert "Only 3 periods can be compared" in briefing.too_few(3)
    assert briefing.too_few(1).startswith("Only one period")


def test_findings_are_listed_with_their_articles_and_the_chance_of_a_false_alarm():
    shown = trend_tables.findings(event(), TITLES)
    assert len(shown.columns) == len(shown.rows[0])
    assert shown.rows[0] == [
        "Extremism", ("March to April 2024", "articles/terror-2024-03.html"), "rise", "15% (12–18)",
        "8.0% (6.0–10) before", "7.0%", "41", "change, burst", "<0.1%", "70% of the rise (40–95)", "drone, refinery",
        "“A raid” (Post, 1 March 2024)",
    ]  # fmt: skip
    assert "too few" not in shown.caption
    wordless = trend_tables.findings(event(terms=[]), TITLES)
    assert "too few to tell which words" in wordless.caption and wordless.rows[0][-2] == ""
    assert trend_tables.findings(NO_EVENT, TITLES).rows == [["No change beyond chance."]]
    assert trend_tables.findings(NO_EVENT, TITLES, 0).rows[0][0].startswith("No article has a date, or no period can")
    assert trend_tables.findings(NO_EVENT, TITLES, 3).rows[0][0].startswith("3 comparable periods: too few")


def test_the_windows_and_the_sources_behind_them_are_listed_in_points():
    shown = trend_tables.compared(half(), TITLES)
    assert shown.caption.endswith("second, which begins with March 2024")
    weekly = trend_tables.compared(half(since="week of 6 March 2017"), TITLES)
    assert weekly.caption.endswith("which begins with the week of 6 March 2017")
    assert shown.rows == [
        ["Extremism", "articles", "10%", "+20.0", "+5.0 to +35.0", "0", "0", "0", "30%", "+20.0", "+5.0 to +35.0"]
    ]
    split = pd.DataFrame(
        {"theme": "terror", "unit": "article", "key": ["Post", "Times"], "before": [0.1, float("nan")],
         "after": [0.3, 0.5], "articles_before": [10, 0], "articles_after": [20, 4], "within": [0.1, 0.0],
         "mix": 0.0, "newcomers": [0.0, -0.02], "leavers": 0.0, "change": [0.1, -0.02]}
    )  # fmt: skip
    rows = trend_tables.behind(split, TITLES).rows
    assert rows[0] == ["Extremism", "Post", "10% of 10", "30% of 20", "+10.0", "0", "0", "+10.0"]
    assert rows[1] == ["Extremism", "Times", "–", "50% of 4", "0", "0", "−2.0", "−2.0"]
    tongues = trend_tables.behind(split.assign(key=["ru", "kk"]), TITLES, "language").rows
    assert [row[1] for row in tongues] == ["Russian", "Kazakh"]
    assert trend_tables.behind(split.head(1), TITLES, "language") == Prose("")
    assert trend_tables.behind(split.assign(articles_after=[9000, 4]), TITLES, "language") == Prose("")
    assert trend_tables.compared(NO_HALF, TITLES).rows == [["There is nothing to compare."]]


def test_growing_topics_are_listed_and_none_is_said():
    signals = pd.DataFrame(
        {"topic_id": [3], "label": ["drones"], "stories": [12], "share": [0.01], "growth": [4.0], "low": [1.5],
         "high": [9.0], "sources": [5.0], "novelty": [0.6], "q": [0.01]}
    )  # fmt: skip
    shown = trend_tables.growing(signals)
    assert shown.rows == [[("drones", "articles/topic-3.html"), "12", "1.0%", "×4.0 (1.5–9.0)", "5", "60%", "1.0%"]]
    huge = trend_tables.growing(signals.assign(growth=1100.0, high=1e6, novelty=float("nan"))).rows[0]
    assert huge[3] == "over ×100 (at least ×1.5)" and huge[5] == "–"
    assert trend_tables.growing(signals.head(0)).rows == [["No small topic grows beyond chance."]]


def test_words_that_emerge_are_listed_with_their_first_articles():
    found = pd.DataFrame(
        {"label": ["drone, refinery"], "stories": [12], "early": [0.0], "growth": [40.0], "low": [3.5], "high": [90.0],
         "sources": [4.0], "novelty": [0.9], "q": [0.01], "cited": [["“A” (Post, 1 January 2024)"]]}
    )  # fmt: skip
    row = ["drone, refinery", "12", "0%", "×40 (3.5–90)", "4", "90%", "1.0%", "“A” (Post, 1 January 2024)"]
    assert trend_tables.emerging(found).rows == [row]
    assert trend_tables.emerging(found.head(0)).rows == [["No rare word grows beyond chance."]]


def test_an_alarm_at_the_end_is_told_and_none_is_said():
    alarms = pd.DataFrame(
        {"theme": ["terror"], "periods": [2], "label": ["week of 4 March 2024"], "share": [0.2], "before": [0.1],
         "chance": [0.0004]}
    )  # fmt: skip
    row = ["Extremism", "since the week of 4 March 2024", "20%", "10%", "<0.1%"]
    assert trend_tables.rising(alarms, TITLES).rows == [row]
    assert trend_tables.rising(alarms.head(0), TITLES).rows[0][0].startswith("No theme rises at the end")
    said = briefing.rising(alarms, TITLES)
    assert "Extremism has 20% of the stories since the week of 4 March 2024, against 10% before" in said
    assert briefing.rising(alarms.head(0), TITLES) == ""


def test_corrected_shares_stand_beside_those_as_labelled():
    points = pd.DataFrame(
        {"theme": ["terror"], "label": ["March 2024"], "total": [9], "share": [0.3], "low": [0.2], "high": [0.4],
         "true_share": [0.35], "true_low": [0.2], "true_high": [0.5]}
    )  # fmt: skip
    assert trend_tables.corrected(points, TITLES).rows == [["Extremism", "March 2024", "30% (20–40)", "35% (20–50)"]]
    assert "notebook 7-label" in trend_tables.corrected(points.head(0), TITLES).rows[0][0]


def test_articles_are_cited_with_title_source_and_date(articles):
    found = counts.cited(pd.DataFrame({"led": [["a", "d"], []]}), articles)
    assert found["cited"].tolist() == [["“A” (Post, 1 January 2024)", "“D” (no date)"], []]
    untitled = counts.cited(pd.DataFrame({"led": [["c"]]}), articles)["cited"][0][0]
    assert untitled.startswith("“Text of c") and untitled.endswith("(Times, 1 February 2024)")


def test_a_run_is_told_in_four_lines(articles, scores):
    totals = counts.theme_totals(scores, articles)
    changed = briefing.changes_line(TITLES, event(), half())
    lines = briefing.headlines(articles, totals, changed, TITLES, TOPICS, TOPICS.assign(outside=[3]))
    assert lines == [
        "6 articles, 5 stories, 1 January 2024 to 6 March 2024",
        "Themes: Extremism 33%, Cooperation 33%; none 50%",
        "Changes beyond chance: Extremism 8.0% to 15% in the months of March to April 2024",
        "1 topic, the largest outside the themes: rain, wind (3)",
    ]
    undated = briefing.headlines(articles.assign(published=pd.NaT), totals, "", TITLES, TOPICS, TOPICS.head(0))
    assert undated[0].endswith("without dates")
    assert briefing.changes_line(TITLES, NO_EVENT, half(low=-0.1)) == "Changes beyond chance: none"
    one_day = briefing.headlines(
        articles.assign(published=articles["published"].min()), totals, "", TITLES, TOPICS, TOPICS.assign(outside=[3])
    )
    assert one_day[0] == "6 articles, 5 stories, 1 January 2024"
    assert briefing.changes_line(TITLES, NO_EVENT, NO_HALF, 0) == "Changes: none can be told, no article has a date"
    assert briefing.changes_line(TITLES, NO_EVENT, NO_HALF, 1).endswith("none can be told, there is one period only")
    assert briefing.changes_line(TITLES, NO_EVENT, half(low=-0.1), 3) == "Changes beyond chance: none"
    run = briefing.changes_line(TITLES, event(against="other"), NO_HALF)
    assert run.endswith("Extremism 15% (otherwise 8.0%) in the months of March to April 2024")
    halves = half(within=0.0, within_low=-0.05, within_high=0.05)
    assert briefing.changes_line(TITLES, NO_EVENT, halves).endswith(
        "Extremism up 20 points in the second half (from other sources being collected)"
    )


ASKED = {"first": "9 to 15 January 2024", "second": "March 2024", "since": ""}


def test_windows_that_were_asked_for_are_named_and_answered_beside_what_was_found(articles, scores):
    totals = counts.theme_totals(scores, articles)
    said = briefing.theme_sentence("terror", "Extremism", totals, event(lasting=True), half(**ASKED))
    assert "10% on the days from 9 to 15 January 2024, 30% in March 2024 (20 points, 95% interval 5 to 35)" in said
    still = briefing.theme_sentence("terror", "Extremism", totals, event(), half(**ASKED, low=-0.1))
    assert "No change beyond chance: 10% on the days from 9 to 15 January 2024" in still
    line = briefing.changes_line(TITLES, NO_EVENT, half(**ASKED))
    assert line.endswith("Extremism up 20 points (March 2024 against 9 to 15 January 2024)")
    caption = trend_tables.compared(half(**ASKED), TITLES).caption
    assert caption.endswith("from the window 9 to 15 January 2024 to the window March 2024")


def test_periods_of_other_sources_are_cautioned_about():
    points = pd.DataFrame(
        {"start": [1, 2, 3], "label": list("abc"), "total": [9, 4, 0], "comparable": [True, False, True]}
    )
    assert "1 of 2 periods (b; 4 articles)" in briefing.caution(points)
    assert briefing.caution(points.assign(comparable=True)) == ""
