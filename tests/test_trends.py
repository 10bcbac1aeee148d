"""What trends promise: shares and never gaps, intervals as published, and no alarm where nothing happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from scipy.stats import binomtest

from toolkit import briefing, changes, emerging, findings, intervals, periods, scan, trends, watch
from toolkit.exhibits import date
from toolkit.schema import InputError, SettingsError
from toolkit.settings import TrendSettings, WindowSettings
from toolkit.stats import wilson


def made(dates, sources=None, stories=None):
    ids = [f"a{at:03}" for at in range(len(dates))]
    return pd.DataFrame(
        {
            "article_id": ids,
            "published": pd.to_datetime(pd.Series(dates, dtype=object), utc=True, format="ISO8601"),
            "source": sources or ["s"] * len(dates),
            "story_id": stories or ids,
        }
    )


def carried(articles, labels, theme="t"):
    return pd.DataFrame({"article_id": articles["article_id"], "theme": theme, "label": labels})


def valued(scores):
    return scores[["theme", "article_id"]].assign(value=scores["label"].astype(float))


def everything(articles, labels, when=TrendSettings()):
    """What notebook 4 makes of articles: points, events, halves and their split."""
    scores = carried(articles, labels)
    placed, values = intervals.place(articles, when), valued(scores)
    points = intervals.with_clumps(trends.share_over_time(articles, scores, when), placed, values)
    events = findings.find_events(points, placed, values)
    windows = changes.choose_windows(points, placed)
    compared = changes.compare_windows(windows, placed, values)
    return points, events, compared, changes.split_windows(windows, placed, values)


def period(kind, **more):
    return TrendSettings(period=kind, **more)


# Intervals -------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
@settings(max_examples=60, deadline=None)
def test_the_interval_of_a_share_is_wilsons(counts, confidence):
    low, high = wilson(*counts, confidence)
    theirs = binomtest(*counts).proportion_ci(confidence, method="wilson")
    assert (float(low), float(high)) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_a_share_of_nothing_has_no_interval():
    assert np.isnan(wilson([0], [0])).all()


def test_of_none_the_interval_begins_at_0_and_of_all_it_ends_at_1_to_the_last_bit():
    totals = np.linspace(1, 400, 3000)
    assert (wilson(0 * totals, totals)[0] == 0).all() and (wilson(totals, totals)[1] == 1).all()


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(first, second, low, high):
    """Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10."""
    assert changes.newcombe(second, first) == pytest.approx((low, high), abs=6e-5)


# Periods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "suits"),
    [
        ("2024-01-25", "day"),
        ("2024-06-30", "week"),
        ("2026-06-30", "month"),
        ("2032-01-01", "quarter"),
        ("2044-01-01", "year"),
    ],
)
def test_the_period_suits_the_span(last, suits):
    dates = pd.Series(pd.date_range("2024-01-01", last, periods=200, tz="UTC"))
    assert trends.choose_period(dates) == suits


def test_one_stray_date_does_not_choose_the_period():
    dates = pd.Series([*pd.date_range("2024-01-01", "2024-01-20", periods=200, tz="UTC"), pd.Timestamp(0, tz="UTC")])
    assert trends.choose_period(dates) == "day"


def test_dates_far_from_all_others_lie_outside_the_trends_and_are_told():
    crowd = [f"2024-03-{1 + at % 28:02}" for at in range(297)]
    articles = made(["1900-01-01", *crowd, "2099-01-05", "2099-12-31"])
    points, *_ = everything(articles, [True] * 300, period("day"))
    assert points["total"].sum() == 297 and len(points) == 28
    assert briefing.apart(articles, 297).startswith(
        "**Dates**: 3 articles are dated far from all others (all run from 1 January 1900 to 31 December 2099)"
    )
    assert briefing.apart(articles, 300) == ""


def test_dates_are_shown_in_the_time_zone_in_which_they_are_counted():
    late = trends.localised(made(["2024-01-01T22:30"]), "Asia/Almaty")
    assert date(late["published"].iloc[0]) == "2 January 2024"
    with pytest.raises(SettingsError, match="The time zone is 'Almaty'"):
        trends.localised(late, "Almaty")


def test_the_second_half_begins_in_a_period_with_articles():
    articles = made(["2024-01-10"] * 4 + ["2024-06-10"] * 4)
    points, *_ = everything(articles, [True] * 8, period("month"))
    assert changes.middle(points) == pd.Timestamp("2024-06-01")


def test_more_periods_than_can_be_shown_are_refused_in_one_sentence():
    spread = made(pd.date_range("1900-01-01", "2099-12-31", periods=400, tz="UTC").tolist())
    with pytest.raises(SettingsError, match=r"'day' makes 73,0\d\d periods from .* ask for a longer one"):
        trends.calendar(spread, period("day"))
    assert len(trends.calendar(spread)) == 200


def test_dates_of_which_only_the_year_is_real_are_counted_by_year():
    assert (
        trends.choose_period(pd.Series(pd.to_datetime([f"{y}-09-01" for y in range(2015, 2022)], utc=True))) == "year"
    )


def test_no_dates_make_an_empty_table():
    articles = made([None, None])
    assert trends.choose_period(articles["published"]) == "month"
    assert trends.calendar(articles).empty
    points = trends.share_over_time(articles, carried(articles, [True, False]))
    assert points.empty and "share" in points.columns
    assert all(table.empty for table in everything(articles, [True, False]))


def test_weeks_start_on_monday():
    starts = trends.assign_periods(made(["2024-03-03T23:59", "2024-03-04T00:00", "2024-03-10"]), period("week"))[
        "start"
    ]
    assert [f"{day:%a %d}" for day in starts] == ["Mon 26", "Mon 04", "Mon 04"]


def test_the_time_zone_moves_an_article_near_midnight_to_the_other_day():
    articles = made(["2024-03-03T20:00", "2024-03-04T04:00"])
    days = {zone: trends.assign_periods(articles, period("day", timezone=zone))["start"].dt.day.tolist()
            for zone in ("UTC", "Asia/Almaty", "America/New_York")}  # fmt: skip
    assert days == {"UTC": [3, 4], "Asia/Almaty": [4, 4], "America/New_York": [3, 3]}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "UTC+25"])
def test_an_unknown_time_zone_is_a_settings_error(zone):
    with pytest.raises(SettingsError, match="time zone"):
        intervals.place(made(["2024-01-05"]), TrendSettings(timezone="Asia/Nowhere"))
    with pytest.raises(SettingsError, match="time zone"):
        trends.calendar(made(["2024-03-03"]), period("day", timezone=zone))


@pytest.mark.parametrize(
    ("kind", "key", "label"),
    [
        ("day", "2024-12-31", "31 December 2024"),
        ("week", "2025-w01", "week of 30 December 2024"),
        ("month", "2024-12", "December 2024"),
        ("quarter", "2024-q4", "Q4 2024"),
        ("year", "2024", "2024"),
    ],
)
def test_periods_are_named_as_people_name_them(kind, key, label):
    row = trends.calendar(made(["2024-12-31"]), period(kind)).iloc[0]
    assert (row["key"], row["label"]) == (key, label)


@pytest.mark.parametrize(
    ("dates", "flags"),
    [
        (["2024-01-01", "2024-02-10", "2024-03-31"], [False, False, False]),
        (["2024-01-20", "2024-02-10", "2024-03-31"], [True, False, False]),
        (["2024-01-01", "2024-02-10", "2024-03-12"], [False, False, True]),
        (["2024-02-10"], [True]),
    ],
)
def test_periods_in_which_the_corpus_begins_or_ends_are_flagged(dates, flags):
    assert trends.calendar(made(dates), period("month"))["partial"].tolist() == flags


def test_a_day_is_not_partial_for_beginning_in_the_morning():
    flags = trends.calendar(made(["2024-01-01T08:30", "2024-01-03T17:00"]), period("day"))["partial"]
    assert not flags.any()


# Shares ----------------------------------------------------------------------------------------------------------

DATES = st.lists(
    st.dates(pd.Timestamp("2023-06-01").date(), pd.Timestamp("2024-06-01").date()), min_size=1, max_size=30
)


@given(DATES, st.sampled_from(["day", "week", "month", "quarter", "year"]), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_every_period_is_there_and_the_articles_add_up(dates, kind, chance):
    articles = made([str(day) for day in dates])
    labels = [chance.random() < 0.5 for _ in dates]
    points = trends.share_over_time(articles, carried(articles, labels), period(kind))
    assert points["start"].is_monotonic_increasing and not points["start"].duplicated().any()
    steps = points["start"].dt.to_period(trends._OFFSETS[kind]).astype("int64").diff().dropna()
    assert (steps == 1).all()
    assert (points["articles"].sum(), points["total"].sum()) == (sum(labels), len(dates))
    seen = points[points["total"] > 0]
    assert points["share"].isna().equals(points["total"] == 0)
    assert ((seen["low"] <= seen["share"] + 1e-12) & (seen["share"] <= seen["high"] + 1e-12)).all()
    assert (points["stories"] <= points["articles"]).all()


def test_a_period_without_articles_is_a_zero_and_undated_articles_are_left_out():
    articles = made(["2024-01-05", "2024-03-05", None])
    points = trends.share_over_time(articles, carried(articles, [True, True, True]), period("month"))
    assert points["label"].tolist() == ["January 2024", "February 2024", "March 2024"]
    assert points["articles"].tolist() == [1, 0, 1] and points["total"].tolist() == [1, 0, 1]
    assert points["page"].tolist() == [f"articles/t-2024-0{month}.html" for month in (1, 2, 3)]


def test_a_theme_that_no_article_carries_is_a_row_of_zeros():
    articles = made(["2024-01-05", "2024-02-05"])
    scores = pd.concat([carried(articles, True), carried(articles, False, "u")])
    points = trends.share_over_time(articles, scores, period("month"))
    assert points.groupby("theme", sort=False)["articles"].sum().to_dict() == {"t": 2, "u": 0}


def test_a_story_is_counted_once_in_each_period_it_is_told_in():
    articles = made(["2024-01-05", "2024-01-06", "2024-02-05", "2024-02-06"], stories=["x", "x", "x", "y"])
    points = trends.share_over_time(articles, carried(articles, [True, True, True, False]), period("month"))
    assert points["stories"].tolist() == [1, 1]
    assert points["total_stories"].tolist() == [1, 2]
    assert points["story_share"].tolist() == [1.0, 0.5]


def test_periods_of_other_sources_than_the_rest_are_not_comparable():
    dates = [
        f"2024-{month:02}-{day:02}" for month in range(1, 6) for day in (1, 8, 15, 31 if month in (1, 3, 5) else 28)
    ]
    sources = ["new" if date.startswith("2024-03") else "old" for date in dates]
    points = trends.share_over_time(made(dates, sources), carried(made(dates), True), period("month"))
    assert points["comparable"].tolist() == [True, True, False, True, True]


def test_inputs_are_left_as_they_were():
    articles = made(["2024-01-05", "2024-03-05", None])
    scores = carried(articles, [True, False, True])
    before = articles.copy(deep=True), scores.copy(deep=True)
    points = trends.share_over_time(articles, scores)
    kept = points.copy(deep=True)
    placed, values = intervals.place(articles), valued(scores)
    intervals.with_clumps(points, placed, values)
    findings.find_events(points, placed, values)
    changes.compare_windows(changes.choose_windows(points, placed), placed, values)
    assert_frame_equal(articles, before[0])
    assert_frame_equal(scores, before[1])
    assert_frame_equal(points, kept)


# Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dates",
    [
        ["2024-01-05"],
        ["2024-01-05"] * 30,
        ["2024-01-05", "2024-01-06", "2024-01-07"],
        [None] * 5,
        ["1900-01-01", "2024-01-05", "2024-01-06", "2199-12-31"],
        [f"2024-{month:02}-01" for month in range(1, 13)],
        ["2023-01-05"] * 20 + ["2023-11-05"] * 20,
    ],
)
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_whatever_the_dates_there_is_an_answer_and_no_alarm(dates, share):
    labels = [at % 2 < 2 * share for at in range(len(dates))]
    points, events, halves, split = everything(made(dates), labels)
    assert events.empty and list(events.columns) == findings.COLUMNS
    assert set(halves["unit"]) <= {"article", "story"} and len(split) in (0, 2)
    seen = points[points["total"] > 0]
    assert (seen["low"] <= seen["share"] + 1e-9).all() and (seen["share"] <= seen["high"] + 1e-9).all()
    placed = intervals.place(made(dates))
    texts = pd.Series([f"word{at % 3} text" for at in range(len(dates))], index=made(dates)["article_id"])
    assert watch.rising(points).empty and emerging.emerging_words(placed, texts.reindex).empty


def test_a_source_of_a_single_period_is_a_newcomer_and_no_alarm():
    dates = [f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 11)]
    sources = ["new" if date.startswith("2024-12") else "old" for date in dates]
    articles = made(dates, sources)
    points, events, halves, _ = everything(articles, [source == "new" for source in sources], period("month"))
    assert not points["comparable"].iloc[-1] and events.empty
    whole = halves.set_index("unit").loc["article"]
    assert whole["newcomers"] == pytest.approx(whole["change"]) and whole["within"] == 0


def test_another_time_zone_moves_articles_and_loses_none():
    articles = made([f"2024-01-{day:02}T22:00" for day in range(1, 29)])
    here, there = (everything(articles, [True] * 28, period("week", timezone=z))[0] for z in ("UTC", "Asia/Almaty"))
    assert here["total"].sum() == there["total"].sum() == 28 and here["total"].tolist() != there["total"].tolist()


# Intervals of clumps ---------------------------------------------------------------------------------------------


def test_reprints_widen_the_interval_and_wilsons_is_kept_beside():
    dates = [f"2024-{month:02}-05" for month in range(1, 7) for _ in range(40)]
    stories = [f"{month}-{at // 10}" for month in range(6) for at in range(40)]
    labels = [at // 10 % 4 == 0 for _ in range(6) for at in range(40)]
    points = everything(made(dates, stories=stories), labels, period("month"))[0]
    assert (points["high"] - points["low"] > 1.5 * (points["wilson_high"] - points["wilson_low"])).all()
    assert points["effect"].min() > 2


# Changes ---------------------------------------------------------------------------------------------------------


def compare(dates, labels, sources=None):
    return everything(made(dates, sources), labels, period("month"))[2].set_index("unit").loc["article"]


def test_a_rise_within_the_same_sources_is_told_as_theirs():
    dates = ["2024-01-05"] * 40 + ["2024-02-05"] * 40
    change = compare(dates, [False] * 36 + [True] * 4 + [True] * 20 + [False] * 20, ["one", "two"] * 40)
    assert (change["before"], change["after"]) == (0.1, 0.5)
    assert change["low"] < change["change"] < change["high"]
    assert change["within"] == pytest.approx(change["change"])


def test_a_rise_that_other_sources_bring_is_not_told_as_theirs():
    dates = ["2024-01-05"] * 40 + ["2024-02-05"] * 40
    change = compare(dates, [False] * 40 + [True] * 40, ["old"] * 40 + ["new"] * 40)
    assert (change["change"], change["within"]) == (1.0, 0.0)


@pytest.mark.parametrize(("times", "sure"), [(1, False), (12, True)])
def test_what_a_few_articles_of_a_source_say_of_it_is_not_sure_and_what_many_say_is(times, sure):
    """Two sources, a tenth of each carries the theme before and three tenths after."""
    before, after = [at < 1 for at in range(10)] * 2 * times, [at < 3 for at in range(10)] * 2 * times
    dates = [f"2024-{month:02}-{at % 28 + 1:02}" for month in (1, 2) for at in range(len(before))]
    sources = [f"s{at % 20 // 10}" for at in range(len(dates))]
    change = compare(dates, before + after, sources)
    assert change["within"] == pytest.approx(0.2) and change["within_low"] < 0.2 < change["within_high"]
    assert (change["within_low"] > 0) == sure


def test_a_rise_of_many_stories_is_beyond_chance_and_one_of_a_single_story_is_far_less_sure():
    dates = [f"2024-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 29) for _ in range(5)]
    spread = [at % 10 == 0 if at < 140 else at % 2 == 0 for at in range(280)]
    many = compare(dates, spread)
    assert many["low"] > 0.2
    articles = made(dates, stories=[f"s{at}" if at < 140 or at % 2 else "one" for at in range(280)])
    halves = everything(articles, spread, period("month"))[2].set_index("unit")
    assert halves.loc["article", "low"] < 0.05 and halves.loc["story", "change"] < 0


def test_the_halves_are_split_by_source_and_the_lines_add_up():
    dates = ["2024-01-05"] * 40 + ["2024-02-05"] * 40
    labels = [at % 4 == 0 for at in range(40)] + [at % 2 == 0 for at in range(40)]
    _, _, halves, split = everything(made(dates, ["one", "two"] * 40), labels, period("month"))
    assert split.groupby("unit")["change"].sum().to_dict() == pytest.approx(
        halves.set_index("unit")["change"].to_dict()
    )


# Windows ---------------------------------------------------------------------------------------------------------

DAILY = [f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]


def choose(before=(), after=(), zone="UTC"):
    articles, when = made(DAILY), period("month", timezone=zone)
    points = trends.share_over_time(articles, carried(articles, True), when)
    placed = intervals.place(articles, when)
    return changes.choose_windows(points, placed, WindowSettings(before=before, after=after)), placed


def test_any_two_windows_are_compared_by_their_days_both_ends_within():
    windows, placed = choose(["2024-01-10", "2024-01-12"], ["2024-03-28", "2024-04-30"])
    assert placed.loc[windows.before, "day"].dt.day.tolist() == [10, 11, 12] and windows.after.sum() == 1
    assert windows.names == ("10 to 12 January 2024", "28 March 2024 to 30 April 2024")
    compared = changes.compare_windows(windows, placed, valued(carried(made(DAILY), [at % 5 == 0 for at in range(84)])))
    row = compared.set_index("unit").loc["article"]
    parts = row[["within", "mix", "newcomers", "leavers"]].sum()
    assert parts == pytest.approx(row["change"]) and row["before"] == pytest.approx(1 / 3) and row["since"] == ""


@pytest.mark.parametrize(
    ("before", "after", "sizes"), [([], ["2024-03-01", "2024-03-28"], (56, 28)), (["2024-01-01"] * 2, [], (1, 83))]
)
def test_one_window_alone_is_compared_with_all_before_or_after_it(before, after, sizes):
    windows, _ = choose(before, after)
    assert (windows.before.sum(), windows.after.sum()) == sizes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["2024-01-01"], []),
        (["2024-01-31", "2024-01-01"], []),
        (["soon", "later"], []),
        ([1, 2], []),
        (["2024-01-01", "2024-02-10"], ["2024-02-10", "2024-03-01"]),
        (["2024-03-01", "2024-03-10"], ["2024-01-10", "2024-02-01"]),
    ],
)
def test_a_window_that_is_none_is_refused_before_anything_runs(before, after):
    with pytest.raises(SettingsError, match=r"^(before|after) .*expected two .*\.$"):
        WindowSettings(before=before, after=after)


def test_a_window_without_articles_is_refused_with_the_days_there_are():
    with pytest.raises(InputError, match=r"window before .* articles are dated 1 January 2024 to 28 March 2024"):
        choose(["2019-01-01", "2019-01-31"], ["2024-03-01", "2024-03-28"])


# Runs of periods -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "way"), [(0.6, "high"), (0.01, "low")])
def test_a_planted_run_is_found_where_it_is(level, way):
    random = np.random.default_rng(5)
    totals = np.full((1, 30), 60.0)
    rates = np.where((np.arange(30) >= 11) & (np.arange(30) < 15), level, 0.2)
    run = scan.run_tests(random.binomial(60, rates)[None].astype(float), totals).iloc[0]
    assert (run["first"], run["last"]) == (11, 15) and run["p"] <= 0.01


def test_a_second_run_is_found_beside_the_first():
    totals, hits = np.full((1, 34), 18.0), np.full((1, 34), 6.0)
    hits[0, 10:14], hits[0, 21:27] = 15, 11
    found = scan.run_tests(hits, totals)
    assert found[["first", "last"]].to_numpy().tolist() == [[10, 14], [21, 27]]


@pytest.mark.parametrize("effect", [1.0, 3.0])
def test_a_series_in_which_nothing_happens_rarely_has_a_run(monkeypatch, effect):
    """60 stationary histories, clumped or not: 5 % is promised, 10 % leaves room for chance."""
    monkeypatch.setattr("toolkit.chance._HISTORIES", 99)
    random = np.random.default_rng(11)
    totals = random.integers(30, 80, size=(60, 24)).astype(float)
    spread = (totals - effect) / (effect - 1) if effect > 1 else None
    shares = random.beta(0.2 * spread, 0.8 * spread) if effect > 1 else np.full(totals.shape, 0.2)
    found = scan.run_tests(random.binomial(totals.astype(int), shares).astype(float), totals)
    assert (found.groupby("series")["p"].min() <= 0.05).sum() <= 6


@pytest.mark.parametrize("hits", [[0] * 9, [9] * 9, [8, 0, 0, 0, 0, 0, 0, 0, 2]])
def test_series_without_contrast_have_no_run(hits):
    totals = np.full((1, 9), 10.0) if max(hits) < 9 else np.array([hits], dtype=float)
    assert (scan.run_tests(np.array([hits], dtype=float), totals)["p"] > 0.05).all()
    assert scan.run_tests(np.ones((1, 7)), np.full((1, 7), 9.0)).empty


# Events ----------------------------------------------------------------------------------------------------------


def coverage(shares, per_month=40):
    """Articles of months in which a theme has these shares, evenly spread over days and sources."""
    dates = [f"{2020 + at // 12}-{at % 12 + 1:02}-{day % 28 + 1:02}" for at in range(len(shares))
             for day in range(per_month)]  # fmt: skip
    labels = [day * share % 1 + share > 0.9999 for share in shares for day in range(per_month)]
    return made(dates, [f"s{at % per_month // 10}" for at in range(len(dates))]), labels


def events_of(shares):
    return everything(*coverage(shares), period("month"))[1]


def test_a_rise_that_ends_is_one_event_with_what_came_after():
    (event,) = events_of([0.1] * 10 + [0.5] * 5 + [0.1] * 9).to_dict("records")
    assert (event["way"], event["label"], event["lasting"]) == ("rise", "November 2020 to March 2021", False)
    assert event["share"] == pytest.approx(0.5, abs=0.03) and event["rest"] == pytest.approx(0.1, abs=0.03)
    assert event["then"] == pytest.approx(0.1, abs=0.03) and event["also"] and event["q"] < 0.001
    assert event["low"] < event["share"] < event["high"] and event["rest_low"] < event["rest"] < event["rest_high"]
    assert (event["stories"], event["sources"]) == (100, 4) and event["within"] == pytest.approx(1, abs=0.1)
    assert 0.5 < event["within_low"] < event["within"] < event["within_high"] < 1.5
    assert event["page"].startswith("articles/t-202")


def test_a_level_that_stays_is_told_from_when_on():
    (event,) = events_of([0.4] * 12 + [0.1] * 12).to_dict("records")
    assert (event["way"], event["label"], event["lasting"], event["against"]) == (
        "fall",
        "January 2021",
        True,
        "before",
    )
    assert np.isnan(event["then"])


def test_two_rises_are_two_events_in_their_order():
    found = events_of([0.1] * 8 + [0.5] * 4 + [0.1] * 10 + [0.4] * 5 + [0.1] * 9)
    assert found["way"].tolist() == ["rise", "rise"] and found["start"].is_monotonic_increasing


def test_where_nothing_changes_nothing_is_found():
    assert events_of([0.2] * 24).empty


def test_fewer_than_eight_comparable_periods_are_too_few():
    points, events, *_ = everything(*coverage([0.1] * 4 + [0.9] * 3), period("month"))
    assert events.empty and findings.few_periods(points) == 7
    assert findings.few_periods(everything(*coverage([0.1] * 8), period("month"))[0]) is None
    assert findings.few_periods(everything(made([None]), [True])[0]) == 0


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("March 2024", "March 2024", "March 2024"),
        ("March 2024", "June 2024", "March to June 2024"),
        ("December 2023", "June 2024", "December 2023 to June 2024"),
        ("2001", "2004", "2001 to 2004"),
        ("Q1 2024", "Q3 2024", "Q1 to Q3 2024"),
        ("week of 27 February 2017", "week of 6 March 2017", "weeks of 27 February to 6 March 2017"),
        ("3 March 2024", "9 March 2024", "3 to 9 March 2024"),
        ("27 February 2024", "9 March 2024", "27 February to 9 March 2024"),
        ("27 December 2023", "9 March 2024", "27 December 2023 to 9 March 2024"),
    ],
)
def test_spans_are_named_as_people_name_them(first, last, said):
    assert periods.span(first, last) == said


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("4 March 2024", "on 4 March 2024"),
        ("3 to 9 March 2024", "on the days from 3 to 9 March 2024"),
        ("week of 4 March 2024", "in the week of 4 March 2024"),
        ("weeks of 4 to 18 March 2024", "in the weeks of 4 to 18 March 2024"),
        ("March 2024", "in March 2024"),
        ("March to June 2024", "in the months of March to June 2024"),
        ("Q1 2024", "in Q1 2024"),
        ("Q1 to Q3 2024", "in the quarters Q1 to Q3 2024"),
        ("2001", "in 2001"),
        ("2001 to 2004", "in the years 2001 to 2004"),
    ],
)
def test_when_something_was_is_said_with_the_words_that_the_period_takes(label, said):
    assert periods.during(label) == said


def test_the_caution_names_the_periods_of_other_sources_and_says_what_holds_them():
    starts = pd.to_datetime(["2017-01-09", "2017-01-16", "2017-01-23"])
    points = pd.DataFrame({"start": starts, "total": [40, 42, 300], "comparable": [False, False, True]})
    points["label"] = ["9 January 2017", "16 January 2017", "23 January 2017"]
    said = briefing.caution(points)
    assert said.startswith("**Caution**: 2 of 3 periods") and "82 articles) come from other sources" in said
    assert "left out where single periods are compared. Halves of the coverage hold such articles too" in said
    assert briefing.caution(points.assign(comparable=True)) == ""
