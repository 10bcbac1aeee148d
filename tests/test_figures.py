"""What figures promise: each carries its numbers as a table, article text stays text, and nothing is computed."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from pandas.testing import assert_frame_equal
from plotly.subplots import make_subplots

from toolkit import course_figures, figures, style, topic_figures, trend_figures
from toolkit.exhibits import Table

EVIL = "<script>alert(1)</script> <a href='javascript:alert(1)'>x</a> & <b>bold</b>"
TITLES = {"terror": "Extremism", "talks": f"Talks {EVIL}"}
COLOURS = {"terror": "#D55E00", "talks": "#0072B2", "": "#B8BDC4"}
START = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
LABELS = ["January 2024", "February 2024", "March 2024"]


def volume_table():
    return pd.DataFrame(
        {
            "start": [*START, *START],
            "label": LABELS * 2,
            "source": ["Post"] * 3 + [EVIL] * 3,
            "articles": [1, 0, 2, 0, 0, 5],
        }
    )


def points_table():
    total = np.array([10, 0, 20])
    parts = []
    for theme, hits in {"terror": [2, 0, 5], "talks": [0, 0, 1]}.items():
        share = np.divide(hits, total, out=np.full(3, np.nan), where=total > 0)
        parts.append(
            pd.DataFrame(
                {
                    "theme": theme, "start": START, "label": LABELS, "articles": hits, "total": total, "share": share,
                    "low": share * 0.9, "high": share * 1.1, "stories": hits, "total_stories": total,
                    "story_share": share, "partial": [True, False, False], "comparable": [True, True, False],
                    "page": [f"articles/{theme}-{at}.html" for at in range(3)],
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def events_table():
    """A lasting rise of the first theme, and a fall of the second, which is over."""
    return pd.DataFrame(
        {"theme": ["terror", "talks"], "way": ["rise", "fall"], "start": START[[1, 0]], "end": START[[2, 0]],
         "label": ["February 2024", EVIL], "lasting": [True, False], "page": ["articles/terror-2.html", ""],
         "share": [0.3, 0.1], "low": [0.2, 0.05], "high": [0.4, 0.2], "rest": [0.1, 0.3], "rest_low": [0.05, 0.2],
         "rest_high": [0.2, 0.4], "against": ["before", "other"], "stories": [5, 1]}
    )  # fmt: skip


def halves_table():
    parts = {"before": 0.2, "within": 0.1, "mix": -0.05, "newcomers": 0.02, "leavers": 0.0, "after": 0.27}
    parts |= {"first": "first half", "second": "second half", "since": EVIL}
    return pd.DataFrame([{"theme": name, "unit": unit, **parts} for name in TITLES for unit in ("article", "story")])


def scores_table():
    return pd.DataFrame({"theme": ["terror"] * 3 + ["talks"] * 3, "score": [0.0, 0.55, 1.0, 0.1, 0.1, 0.93]})


def source_table():
    return pd.DataFrame(
        {"theme": ["terror", "terror", "talks", "talks"], "source": ["Post", EVIL] * 2, "articles": [1, 2, 0, 4],
         "total": [4, 4, 4, 4], "share": [0.25, 0.5, 0, 1], "low": [0.1, 0.2, 0, 0.6], "high": [0.6, 0.8, 0.4, 1]}
    )  # fmt: skip


def named_table():
    return pd.DataFrame({"name": ["UN", EVIL, "UN"], "theme": ["terror", "terror", "talks"], "articles": [3, 1, 2],
                         "share": [0.3, 0.1, 0.2]})  # fmt: skip


def topics_table():
    return pd.DataFrame(
        {"topic_id": [0, 1], "label": [f"a, b, {EVIL}", "c, d, e"], "terms": [list("abcd"), list("cde")],
         "articles": [5, 2], "share": [0.7, 0.3], "titles": [[EVIL], []], "theme": ["terror", ""], "x": [0, 1],
         "y": [1, 0], "short": [EVIL, "c"]}
    )  # fmt: skip


def places_table(many=4):
    dates = [pd.NaT, *[pd.Timestamp("2024-01-01")] * (many - 1)]
    themes = ["terror", "talks", "", "terror"] * (many // 4)
    table = pd.DataFrame({"x": np.arange(many) * 0.1, "y": np.arange(many) * 0.2, "published": dates, "theme": themes})
    return table.assign(title=EVIL, source=EVIL, topic=EVIL, page="articles/topic-0.html")


def losses_table():
    return pd.DataFrame({"stage": ["read", "clean"], "reason": [EVIL, "too short"], "articles": [3, 1]})


def tree_tables():
    lines = pd.DataFrame([(0, 1, 0, 0), (0, 1, 1, 1), (1, 1, 0, 1)], columns=["x0", "x1", "y0", "y1"])
    told = pd.DataFrame({"topic_id": [1, 0], "label": [EVIL, "court, judge"], "articles": [30, 60]})
    return lines, told.assign(terms=[["a"], ["b"]], parts=[[EVIL, "part"], []])


SPLIT = Table("Split", [("theme", "text")], [["Extremism"]])
FIGURES = {
    "volume": (lambda: figures.volume(volume_table(), "month"), 3),
    "dropped": (lambda: figures.losses(losses_table()), 2),
    "theme-shares": (lambda: figures.theme_shares(points_table(), TITLES, COLOURS), 6),
    "waterfall": (lambda: figures.waterfall(halves_table(), TITLES, COLOURS, SPLIT), 1),
    "probabilities": (lambda: figures.probabilities(scores_table(), TITLES, COLOURS), 10),
    "theme-by-source": (lambda: figures.theme_by_source(source_table(), TITLES, COLOURS), 4),
    "places-by-theme": (lambda: figures.actors_by_theme(named_table(), TITLES, COLOURS, "places"), 3),
    "topic-sizes": (lambda: topic_figures.topic_sizes(topics_table(), TITLES, COLOURS), 2),
    "topic-tree": (lambda: topic_figures.topic_tree(*tree_tables(), 90), 2),
    "topic-map": (lambda: topic_figures.topic_map(places_table(), topics_table(), TITLES, COLOURS), 2),
}
EMPTY = {
    "volume": lambda: figures.volume(volume_table().head(0), "month"),
    "dropped": lambda: figures.losses(losses_table().head(0)),
    "theme-shares": lambda: figures.theme_shares(points_table().head(0), TITLES, COLOURS),
    "waterfall": lambda: figures.waterfall(halves_table().head(0), TITLES, COLOURS, SPLIT),
    "places-by-theme": lambda: figures.actors_by_theme(named_table().head(0), TITLES, COLOURS, "places"),
}


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_carries_its_name_caption_and_numbers(name):
    make, rows = FIGURES[name]
    meta = make().layout.meta
    assert (meta["id"], len(meta["table"]["rows"])) == (name, rows)
    assert meta["caption"] and meta["alt"]
    assert {len(row) for row in meta["table"]["rows"]} == {len(meta["table"]["columns"])}


@pytest.mark.parametrize("name", FIGURES)
def test_article_text_in_a_figure_is_escaped(name):
    shown = json.loads(FIGURES[name][0]().to_json())
    shown["layout"].pop("meta")
    said = list(strings(shown))
    assert any("&lt;script" in text for text in said)
    assert {tag for text in said for tag in re.findall(r"</?([a-zA-Z]+)", text)} <= {"b", "br", "extra"}
    assert not any("<b>bold" in text for text in said)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_valid_json_without_nan(name):
    written = FIGURES[name][0]().to_json()
    assert not re.search(r"\b(NaN|Infinity)\b", written)
    json.loads(written)


@pytest.mark.parametrize("name", [*FIGURES, *EMPTY])
def test_plotly_finds_nothing_wrong_and_nothing_to_add_in_a_figure(name):
    ours = FIGURES[name][0]() if name in FIGURES else EMPTY[name]()
    theirs = go.Figure({"data": [trace.to_plotly_json() for trace in ours.data], "layout": ours.to_dict()["layout"]})
    assert json.loads(theirs.to_json()) == json.loads(ours.to_json())


@pytest.mark.parametrize("name", EMPTY)
def test_a_figure_of_nothing_says_so(name):
    figure = EMPTY[name]()
    assert figure.layout.meta["id"] == name
    assert len(figure.data) == 0 and figure.layout.annotations[0].text.endswith(".")
    assert figure.layout.meta["table"]["rows"] == [[figure.layout.annotations[0].text]]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 1), (6, 1), (2, 2), (6, 2)])
def test_panels_lie_where_plotly_would_put_them(count, columns):
    headings, shared = [f"panel {at}" for at in range(count)], {1: {"shared_xaxes": True}, 2: {"shared_yaxes": "rows"}}
    room = {"vertical_spacing": 0.1, "horizontal_spacing": 0.08} | shared[columns]
    theirs = make_subplots(count // columns, columns, subplot_titles=headings, **room).update_layout(template="none")
    ours = go.Figure(layout=style.panels(headings, columns, (0.1, 0.08), {"font": {"size": 16}}, {}, {}))
    ours.update_layout(template="none")
    assert [numbers(ours.layout), texts(ours.layout)] == [pytest.approx(numbers(theirs.layout)), texts(theirs.layout)]


def numbers(layout):
    """Where the panels and their headings are."""
    domains = [layout[name].domain for name in sorted(layout) if name[1:5] == "axis"]
    return [place for domain in domains for place in domain] + [at for a in layout.annotations for at in (a.x, a.y)]


def texts(layout):
    """What else there is of axes and headings."""
    axes = {name: layout[name].to_plotly_json() | {"domain": 0} for name in layout if name[1:5] == "axis"}
    return axes, [note.to_plotly_json() | {"x": 0, "y": 0} for note in layout.annotations]


def test_a_figure_is_the_same_whether_one_was_drawn_before():
    first = figures.volume(volume_table(), "month").to_json()
    style.rehearse()
    assert figures.volume(volume_table(), "month").to_json() == first


def test_a_theme_has_one_colour_of_its_own():
    class Theme:
        def __init__(self, name):
            self.id = name

    colours = style.theme_colours([Theme(f"t{at}") for at in range(len(style.PALETTE))])
    assert len(set(colours.values())) == len(style.PALETTE) + 1
    assert colours[""] == style.NO_THEME
    assert not set(style.PALETTE) & set(style.SOURCES)


def test_a_point_with_articles_links_to_their_page_and_one_without_does_not():
    points = [
        trace for trace in figures.theme_shares(points_table(), TITLES, COLOURS).data if trace.customdata is not None
    ]
    pages = [[row[-1] for row in trace.customdata] for trace in points]
    assert pages == [["articles/terror-0.html", "", "articles/terror-2.html"], ["", "", "articles/talks-2.html"]]
    rows = figures.theme_shares(points_table(), TITLES, COLOURS).layout.meta["table"]["rows"]
    assert rows[0][1] == {"text": "January 2024 (part)", "href": "articles/terror-0.html"}
    assert rows[1][1:] == [{"text": "February 2024", "href": ""}, "0", "0", "–", "–", "–", "0", "–"]


def test_where_nothing_but_the_same_sources_moves_a_share_no_other_step_is_drawn():
    alike = halves_table().assign(mix=0.0, newcomers=0.0, leavers=0.0001)
    steps = figures.waterfall(alike, TITLES, COLOURS, SPLIT).data[0]
    assert [step.replace("<br>", " ") for step in steps.x] == ["first window", "same sources", "second window"]


def test_weeks_are_named_by_days_on_which_they_begin_and_months_are_left_alone():
    weeks = pd.Series(pd.date_range("2024-01-01", periods=30, freq="7D"))
    axis = trend_figures.axis_ticks(weeks, [weeks.iloc[0], weeks.iloc[-1]])
    assert axis["tick0"] == weeks.iloc[0] and axis["dtick"] == 4 * 7 * 86_400_000
    months = pd.Series(pd.date_range("2024-01-01", periods=6, freq="MS"))
    assert trend_figures.axis_ticks(months, [months.iloc[0], months.iloc[-1]]) == {}


def test_a_long_name_stands_whole_beside_its_axis_in_two_lines():
    name = "State Committee for National Security of Kyrgyzstan"
    named = pd.DataFrame({"name": [name], "theme": ["terror"], "articles": [3], "share": [0.3]})
    drawn = figures.actors_by_theme(named, {"terror": "T"}, COLOURS | {"terror": "red"}, "organisations")
    assert " ".join(drawn.data[0].y[0].replace("<br>", " ").split()) == name and "<br>" in drawn.data[0].y[0]


def test_a_finding_is_shaded_and_marked_with_its_way_and_its_articles():
    figure = figures.theme_shares(points_table(), TITLES, COLOURS, events_table())
    marks = [trace for trace in figure.data if trace.marker.symbol is not None]
    assert [list(trace.marker.symbol) for trace in marks] == [["triangle-up"], ["triangle-down"]]
    assert marks[0].customdata[0][-1] == "articles/terror-2.html" and marks[1].customdata[0][-1] == ""
    assert "February 2024 to the end: rise" in marks[0].customdata[0][0] and "&lt;script" in marks[1].customdata[0][0]
    bands = [(str(shape.x0)[:10], str(shape.x1)[:10], shape.yref) for shape in figure.layout.shapes]
    assert bands == [("2024-01-16", "2024-03-14", "y domain"), ("2023-12-16", "2024-01-16", "y2 domain")]


def test_without_findings_nothing_is_shaded():
    figure = figures.theme_shares(points_table(), TITLES, COLOURS, events_table().head(0))
    assert not figure.layout.shapes and "shaded" not in figure.layout.meta["caption"]


def test_the_steps_of_a_waterfall_lead_from_the_first_half_to_the_second():
    trace = figures.waterfall(halves_table(), TITLES, COLOURS, SPLIT).data[0]
    assert sum(trace.y[:-1]) == pytest.approx(trace.y[-1])
    assert list(trace.text) == ["20%", "+10.0", "−5.0", "+2.0", "0", "27%"]


def test_partial_and_incomparable_periods_are_drawn_hollow():
    line = next(t for t in figures.theme_shares(points_table(), TITLES, COLOURS).data if t.customdata is not None)
    assert list(line.marker.color) == ["white", "#D55E00", "white"]


def test_the_table_of_a_figure_says_what_the_figure_draws():
    rows = figures.volume(volume_table(), "month").layout.meta["table"]["rows"]
    assert [row[1:] for row in rows] == [["1", "0"], ["0", "0"], ["2", "5"]]
    rows = figures.probabilities(scores_table(), TITLES, COLOURS).layout.meta["table"]["rows"]
    assert [sum(int(row[at]) for row in rows) for at in (1, 2)] == [3, 3]
    assert rows[9][1] == "1"


def test_a_large_map_is_thinned_and_says_so():
    figure = topic_figures.topic_map(places_table(14_000), topics_table(), TITLES, COLOURS)
    assert sum(len(trace.x) for trace in figure.data) <= 6000
    assert "one article in 3 is drawn" in figure.layout.meta["caption"]


def test_no_name_on_the_map_lies_on_that_of_a_larger_topic():
    topics = topics_table().iloc[[0] * 3].assign(short=["crashes, space", "floods, storm", "court, trial"], x=0.0)
    figure = topic_figures.topic_map(places_table(), topics.assign(y=[0.0, 0.001, 0.3]), TITLES, COLOURS)
    assert [name.yshift for name in figure.layout.annotations] == [0, 17, 0]


def test_where_no_article_names_its_source_that_is_said_and_no_share_drawn():
    figure = figures.theme_by_source(source_table().assign(source="unknown"), TITLES, COLOURS)
    assert not figure.data and figure.layout.annotations[0].text == "No article names its source."


def test_the_numbers_of_topics_that_were_tried_are_listed_with_the_chosen_one():
    choice = pd.DataFrame({"topics": [1, 3, 4, 5, 6, 7, 8], "modularity": [0, 0.4, 0.45, 0.494, 0.49, 0.5, 0.3]})
    choice["silhouette"] = [np.nan, np.nan, 0.2, 0.31, np.nan, np.nan, np.nan]
    shown = topic_figures.choice_table(choice, 5)
    assert isinstance(shown, Table) and [row[0] for row in shown.rows] == ["3", "4", "5", "6", "7", "8"]
    assert [row[4] for row in shown.rows] == ["", "", "chosen", "", "the greatest", ""]
    assert [row[3] for row in shown.rows] == ["", "0.200", "0.310", "", "", ""]
    assert [row[2] for row in shown.rows][2] == "98.8%"
    assert "was not searched for" in topic_figures.choice_table(choice.head(0), 5).caption


def test_a_topic_says_in_a_word_how_surely_it_is_found_again():
    told = [topic_figures.firmness(value) for value in (0.82, 0.64, 0.41, float("nan"))]
    assert told == ["firm (.82)", "fair (.64)", "loose (.41)", ""]


@pytest.mark.parametrize("width", [10, 24, 60])
def test_long_text_is_cut_before_it_is_escaped(width):
    assert style.safe("&" * 99, width) == "&amp;" * (width - 1) + "…"
    assert style.wrap("word " * 99, width).count("<br>") == 2
    assert "<" not in style.wrap(EVIL, width).replace("<br>", "")


def test_tables_are_left_as_they_were():
    before = points_table(), topics_table(), places_table()
    given = points_table(), topics_table(), places_table()
    figures.theme_shares(given[0], TITLES, COLOURS)
    topic_figures.topic_sizes(given[1], TITLES, COLOURS)
    topic_figures.topic_map(given[2], given[1], TITLES, COLOURS)
    for first, second in zip(before, given, strict=True):
        assert_frame_equal(first, second)


def test_a_share_of_probabilities_is_called_an_expected_one():
    captions = [
        figures.theme_shares(points_table().assign(counted=kind), TITLES, COLOURS).layout.meta["caption"]
        for kind in ("labels", "probabilities")
    ]
    assert captions[0].startswith("Share of articles that carry") and captions[1].startswith("Expected share")


def test_the_only_period_is_named_on_the_axis_and_no_day_around_it():
    points = points_table()
    first = points[points["start"] == points["start"].min()]
    figure = figures.theme_shares(first, TITLES, COLOURS)
    axes = [figure.layout.xaxis, figure.layout.xaxis2]
    assert [(*axis.ticktext,) for axis in axes] == [(first["label"].iloc[0],)] * 2
    assert all(pd.Timestamp(axis.tickvals[0]) == first["start"].iloc[0] for axis in axes)


def test_topics_over_time_leave_stray_dates_outside_the_axis_and_say_so():
    weeks = pd.date_range("2016-01-04", periods=60, freq="7D")
    held = [1] + [0] * 49 + [50] * 10
    course = pd.DataFrame({"group": 0, "start": weeks, "articles": held, "total": held, "terms": [["water"]] * 60})
    figure = course_figures.courses(course.assign(share=1.0), {0: "water"}, "course")
    first, last = figure.layout.xaxis.range
    assert weeks[0] < first < weeks[50] and last > weeks[-1]
    assert "1 article of a stray date lies outside" in figure.layout.meta["caption"]
