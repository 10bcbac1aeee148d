"""What trends promise: shares and never gaps, intervals as published, and no alarm where nothing happened."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from scipy.stats import binomtest

from toolkit import changes, trends
from toolkit.schema import SettingsError
from toolkit.settings import TrendSettings
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
    assert changes.standing_out(points).empty
    assert changes.early_and_late(points, articles, carried(articles, True), trends.assign_periods(articles)) == []


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
    changes.standing_out(points)
    changes.early_and_late(points, articles, scores, trends.assign_periods(articles))
    assert_frame_equal(articles, before[0])
    assert_frame_equal(scores, before[1])
    assert_frame_equal(points, kept)


# Changes ---------------------------------------------------------------------------------------------------------


def compare(dates, labels, sources=None):
    articles = made(dates, sources)
    scores, when = carried(articles, labels), period("month")
    points = trends.share_over_time(articles, scores, when)
    return changes.early_and_late(points, articles, scores, trends.assign_periods(articles, when))


def test_a_rise_within_the_same_sources_is_told_as_theirs():
    dates = ["2024-01-05"] * 40 + ["2024-02-05"] * 40
    (change,) = compare(dates, [False] * 36 + [True] * 4 + [True] * 20 + [False] * 20, ["one", "two"] * 40)
    assert (change.before, change.after) == (0.1, 0.5)
    assert change.low > 0 and change.low < change.difference < change.high
    assert change.within == pytest.approx(change.difference)


def test_a_rise_that_other_sources_bring_is_not_told_as_theirs():
    dates = ["2024-01-05"] * 40 + ["2024-02-05"] * 40
    (change,) = compare(dates, [False] * 40 + [True] * 40, ["old"] * 40 + ["new"] * 40)
    assert (change.difference, change.within) == (1.0, 0.0)


def test_of_a_single_source_nothing_is_said_about_sources():
    (change,) = compare(["2024-01-05"] * 4 + ["2024-02-05"] * 4, [False] * 4 + [True] * 4)
    assert np.isnan(change.within) and change.difference == 1


def test_a_single_period_has_no_change():
    assert compare(["2024-01-05", "2024-01-06"], [True, False]) == []


# Runs that stand out ---------------------------------------------------------------------------------------------


def history(stories, totals, theme="t"):
    start = pd.date_range("2024-01-01", periods=len(totals), freq="W-MON")
    counts = {"stories": stories, "total_stories": totals, "articles": stories, "total": totals}
    labels = [f"week {at}" for at in range(len(totals))]
    return pd.DataFrame({"theme": theme, "start": start, "label": labels, "comparable": True, "page": labels, **counts})


@pytest.mark.parametrize(("level", "way"), [(0.6, "high"), (0.01, "low")])
def test_a_planted_run_is_found_where_it_is(level, way):
    random = np.random.default_rng(5)
    totals = np.full(30, 60)
    rates = np.where((np.arange(30) >= 11) & (np.arange(30) < 15), level, 0.2)
    found = changes.standing_out(history(random.binomial(totals, rates), totals))
    run = found.iloc[0]
    assert run["label"] == "week 11 to week 14"
    assert run["periods"] == 4 and run["total"] == 240 and run["p"] <= 0.01
    assert (run["share"] > run["rest"]) == (way == "high")
    assert run["low"] <= run["share"] <= run["high"]


def test_a_series_in_which_nothing_happens_rarely_raises_an_alarm(monkeypatch):
    """200 stationary histories of 12 periods and uneven volume: 5 % is promised, 7 % leaves room for chance."""
    monkeypatch.setattr(changes, "_HISTORIES", 99)
    random = np.random.default_rng(11)
    alarms = 0
    for number in range(200):
        totals = random.integers(10, 80, size=12)
        alarms += len(changes.standing_out(history(random.binomial(totals, 0.2), totals), seed=number)) > 0
    assert alarms <= 14


@pytest.mark.parametrize(
    ("stories", "totals"),
    [
        ([0] * 6, [9] * 6),
        ([9] * 6, [9] * 6),
        ([1], [2]),
        ([8, 0, 0, 0, 0, 0, 0, 2], [10, 0, 0, 0, 0, 0, 0, 10]),
        ([], []),
    ],
)
def test_series_without_contrast_or_with_empty_periods_find_nothing_or_no_error(stories, totals):
    found = changes.standing_out(history(np.array(stories, dtype=int), np.array(totals, dtype=int)))
    assert found["p"].le(0.05).all()


def test_the_same_history_gives_the_same_runs():
    points = pd.concat([history([2] * 10 + [9] * 3 + [2] * 10, [20] * 23), history([4] * 23, [20] * 23, "u")])
    first, again = changes.standing_out(points), changes.standing_out(points.sample(frac=1, random_state=1))
    assert first["theme"].tolist() == ["t"]
    assert_frame_equal(first, again.sort_values(["theme", "p"], ignore_index=True))


def test_a_period_of_other_sources_does_not_stand_out():
    points = history([2] * 10 + [18] * 2 + [2] * 10, [20] * 22)
    points.loc[10:11, "comparable"] = False
    assert changes.standing_out(points).empty
