"""What intervals promise: wide enough for clumps, no wider than Wilson without them, and corrected for wrong labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from toolkit import clumps, intervals, trends
from toolkit.schema import InputError, SettingsError
from toolkit.settings import TrendSettings
from toolkit.stats import wilson

FIRST = pd.Timestamp("2024-01-01")


def placed(days, stories):
    days = np.asarray(days)
    return pd.DataFrame(
        {
            "article_id": [f"a{at}" for at in range(len(days))],
            "story_id": np.asarray(stories),
            "source": "s",
            "day": FIRST + pd.to_timedelta(days, unit="D"),
            "start": FIRST + pd.to_timedelta(days // 7 * 7, unit="D"),
        }
    )


def clumped(random, size, weeks=12, stories=60, share=0.2):
    """Stories of `size` articles (one number, or one a story) told on one day, all of one opinion."""
    story = np.repeat(np.arange(stories * weeks), size)
    day = random.integers(0, 7 * weeks, stories * weeks)[story]
    return placed(day, story), (random.random(stories * weeks) < share)[story].astype(float)


def test_without_clumps_the_interval_is_nearly_wilsons():
    table, carries = clumped(np.random.default_rng(0), 1)
    found = intervals.share_intervals(clumps.find_clumps(table), carries)
    low, high = wilson(found["articles"], found["total"])
    assert ((found["high"] - found["low"]).sum() / (high - low).sum()) < 1.2
    assert (found["effect"] >= 1).all()


@pytest.mark.parametrize("size", [3, 8])
def test_reprints_are_worth_one_article(size):
    table, carries = clumped(np.random.default_rng(1), size)
    found = intervals.share_intervals(clumps.find_clumps(table), carries)
    assert found["effect"].mean() == pytest.approx(size, rel=0.35)


def test_events_of_a_day_widen_the_interval_though_no_story_marks_them():
    random = np.random.default_rng(2)
    day = np.repeat(np.arange(28 * 7), 10)
    carries = np.repeat(random.random(28 * 7) < 0.3, 10).astype(float)
    table = placed(day, np.arange(len(day)))
    assert intervals.share_intervals(clumps.find_clumps(table), carries)["effect"].mean() > 5


def test_a_95_percent_interval_holds_in_93_to_97_percent_of_clumped_weeks():
    random, held = np.random.default_rng(3), []
    for _ in range(40):
        table, carries = clumped(random, random.geometric(0.5, 60 * 26), weeks=26, share=0.15)
        found = intervals.share_intervals(clumps.find_clumps(table), carries)
        held += ((found["low"] <= 0.15) & (found["high"] >= 0.15)).tolist()
    assert 0.93 <= np.mean(held) <= 0.97


def test_few_periods_that_show_no_clumps_are_doubted_more_than_many():
    """Within a day the articles disagree as evenly as can be, so that days seem to add nothing."""
    day = np.repeat(np.arange(26 * 7), 10)
    table, carries = placed(day, np.arange(len(day))), np.tile([1.0] + [0.0] * 9, 26 * 7)
    few, many = (
        intervals.share_intervals(clumps.find_clumps(table[: 70 * weeks]), carries[: 70 * weeks])["effect"].mean()
        for weeks in (2, 26)
    )
    assert 1 <= many < few


def test_a_single_week_of_large_stories_has_an_interval_that_allows_for_them():
    """One week tells nothing of how stories agree: what is usual stands in, and Wilson's interval holds in half."""
    random, held = np.random.default_rng(6), []
    for _ in range(300):
        table, carries = clumped(random, random.geometric(0.12, 8), weeks=1, stories=8, share=0.3)
        found = intervals.share_intervals(clumps.find_clumps(table), carries)
        held += ((found["low"] <= 0.3) & (found["high"] >= 0.3)).tolist()
    assert np.mean(held) >= 0.9


def test_a_theme_of_two_reprinted_stories_is_not_taken_for_independent_articles():
    table = placed(np.repeat([0, 8, 15, 22], 20), np.repeat(np.arange(40), 2))
    found = intervals.share_intervals(clumps.find_clumps(table), [1.0] * 2 + [0.0] * 58 + [1.0] * 2 + [0.0] * 18)
    assert found["effect"].min() > 1.4


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_any_table_gives_bounds_around_the_share_whatever_the_order_of_its_rows(rows, chance):
    table, values = placed([row[0] for row in rows], [row[1] for row in rows]), np.array([row[2] for row in rows])
    found = intervals.share_intervals(clumps.find_clumps(table), values)
    assert ((found["low"] <= found["share"] + 1e-9) & (found["share"] <= found["high"] + 1e-9)).all()
    assert found["total"].sum() == len(rows) and found["articles"].sum() == pytest.approx(values.sum())
    order = chance.sample(range(len(rows)), len(rows))
    again = intervals.share_intervals(clumps.find_clumps(table.iloc[order]), values[order])
    assert np.allclose(found[["low", "high"]], again[["low", "high"]])


def test_probabilities_count_as_expected_numbers():
    table = placed([0, 1, 2, 3], list("abcd"))
    found = intervals.share_intervals(clumps.find_clumps(table), [0.5, 0.25, 0.25, 0])
    assert found["articles"][0] == 1 and found["share"][0] == 0.25


def test_one_article_a_period_and_one_period_have_an_answer():
    alone = intervals.share_intervals(clumps.find_clumps(placed([0], ["x"])), [1.0])
    assert alone["share"][0] == 1 and 0 < alone["low"][0] < 0.5
    weekly = intervals.share_intervals(clumps.find_clumps(placed([0, 7, 14], list("xyz"))), [1.0, 0, 1])
    assert weekly["total"].tolist() == [1, 1, 1] and weekly["low"].notna().all()


def test_a_gap_has_no_share_and_no_interval():
    starts = [FIRST, FIRST + pd.Timedelta(days=7), FIRST + pd.Timedelta(days=14)]
    found = intervals.share_intervals(clumps.find_clumps(placed([0, 15], ["x", "y"]), starts), [1.0, 0])
    assert found["total"].tolist() == [1, 0, 1] and found.loc[1, ["share", "low", "high"]].isna().all()


def test_articles_outside_the_periods_are_refused():
    with pytest.raises(InputError, match="none of the 1 periods"):
        clumps.find_clumps(placed([0, 15], ["x", "y"]), [FIRST])


def test_no_dated_article_gives_no_row():
    articles = pd.DataFrame(
        {"article_id": ["a"], "published": pd.to_datetime([None], utc=True), "source": "s", "story_id": "a"}
    )
    table = intervals.place(articles)
    assert table.empty and intervals.shares_of(table, pd.DataFrame(columns=["theme", "article_id", "value"])).empty


def test_dates_of_1900_and_of_the_future_are_placed_like_others():
    dates = pd.to_datetime(["1900-01-02T23:00Z", "2024-05-01T00:00Z", "2190-01-01T00:00Z"])
    articles = pd.DataFrame({"article_id": list("abc"), "published": dates, "source": "s", "story_id": list("abc")})
    table = intervals.place(articles, TrendSettings(period="year", timezone="Asia/Almaty"))
    assert table["start"].dt.year.tolist() == [1900, 2024, 2190] and table["day"].dt.day.tolist() == [3, 1, 1]


def test_a_change_of_the_time_zone_moves_the_day():
    articles = pd.DataFrame(
        {
            "article_id": ["a"],
            "published": pd.to_datetime(["2024-03-03T20:00"], utc=True),
            "source": "s",
            "story_id": "a",
        }
    )
    days = [
        intervals.place(articles, TrendSettings(period="day", timezone=z))["day"].dt.day[0]
        for z in ("UTC", "Asia/Almaty")
    ]
    assert days == [3, 4]


def test_articles_placed_freely_lie_in_the_comparable_periods_that_the_data_choose():
    days = pd.date_range("2024-01-01", "2024-12-30", freq="D", tz="UTC")
    articles = pd.DataFrame({"article_id": range(len(days)), "story_id": range(len(days)), "published": days})
    articles["source"] = ["new" if day.month == 12 else "old" for day in days]
    placed = intervals.place_freely(articles, "UTC")
    scores = pd.DataFrame({"article_id": articles["article_id"], "theme": "a", "label": True})
    points = trends.share_over_time(articles, scores)
    assert set(placed["start"]) == set(points.loc[points["comparable"], "start"])
    assert placed["day"].max() == pd.Timestamp("2024-12-01") and len(placed) == 336


def test_every_group_is_counted_over_all_articles():
    table = placed([0, 0, 8], list("xyz"))
    carried = pd.DataFrame({"theme": ["t", "t", "u"], "article_id": ["a0", "a2", "a1"], "value": 1.0})
    found = intervals.shares_of(table, carried)
    assert found[["theme", "articles", "total"]].to_numpy().tolist() == [
        ["t", 1, 2],
        ["t", 1, 1],
        ["u", 1, 2],
        ["u", 0, 1],
    ]


def test_the_bootstrap_keeps_stories_whole_and_repeats_itself():
    table, carries = clumped(np.random.default_rng(4), 5, weeks=3)
    found = intervals.block_bootstrap(table, carries)
    assert found.equals(intervals.block_bootstrap(table, carries))
    plain = intervals.block_bootstrap(table.assign(story_id=np.arange(len(table))), carries)
    assert len(found) == 3 and (found["high"] - found["low"]).mean() > 0.5 * (plain["high"] - plain["low"]).mean()
    assert intervals.block_bootstrap(placed([0], ["x"]), [1.0])["low"].isna().all()


# Wrong labels ----------------------------------------------------------------------------------------------------


def shares(share, total):
    return pd.DataFrame({"share": [share], "total": [total], "effect": [1.0]})


def test_the_corrected_share_is_rogan_and_gladens():
    found = intervals.corrected(shares(0.3, 1000), intervals.Judged(80, 10, 20, 90)).iloc[0]
    assert found["true_share"] == pytest.approx((0.3 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert found["true_low"] < found["true_share"] < found["true_high"]


def test_the_corrected_interval_holds_the_true_share_in_95_percent_of_trials():
    random, held, true, sensitivity, specificity = np.random.default_rng(5), [], 0.15, 0.8, 0.92
    for _ in range(600):
        yes, no = random.binomial(100, sensitivity), random.binomial(200, specificity)
        share = random.binomial(500, true * sensitivity + (1 - true) * (1 - specificity)) / 500
        found = intervals.corrected(shares(share, 500), intervals.Judged(yes, 200 - no, 100 - yes, no)).iloc[0]
        held.append(found["true_low"] <= true <= found["true_high"])
    assert 0.92 <= np.mean(held) <= 0.98


def test_a_small_labelled_sample_makes_the_interval_wider():
    small, large = (
        intervals.corrected(shares(0.3, 1000), intervals.Judged(*counts)).iloc[0]
        for counts in ((8, 1, 2, 9), (800, 100, 200, 900))
    )
    assert small["true_high"] - small["true_low"] > 2 * (large["true_high"] - large["true_low"])


@pytest.mark.parametrize("judged", [(5, 5, 5, 5), (5, 0, 5, 0), (0, 5, 0, 5)])
def test_labels_that_tell_nothing_correct_nothing(judged):
    with pytest.raises(InputError):
        intervals.corrected(shares(0.3, 100), intervals.Judged(*judged))


def test_only_themes_of_enough_answers_are_corrected():
    points = pd.concat([shares(0.3, 1000).assign(theme=name) for name in ("many", "few", "useless")])
    judged = pd.DataFrame(
        [("many", 40, 5, 10, 45), ("few", 3, 1, 1, 95), ("useless", 20, 20, 20, 20), ("absent", 40, 5, 10, 45)],
        columns=["theme", "right_yes", "wrong_yes", "wrong_no", "right_no"],
    )
    found = intervals.correct_points(points, judged)
    assert found["theme"].tolist() == ["many"] and found["true_share"][0] == pytest.approx((0.3 + 0.9 - 1) / 0.7)
    assert intervals.correct_points(points, judged.head(0)).empty


# Probabilities in place of labels --------------------------------------------------------------------------------


def test_shares_are_expected_ones_where_probabilities_count_and_those_of_labels_else():
    table = placed([0, 1, 2, 3, 7], list("abcde")).assign(published=lambda t: t["day"].dt.tz_localize("UTC"))
    scores = pd.DataFrame({"article_id": table["article_id"], "theme": "t", "score": [0.9, 0.6, 0.4, 0.1, 0.3]})
    scores["label"] = scores["score"] >= 0.5
    by_label, expected = TrendSettings(period="week"), TrendSettings(period="week", counted="probabilities")
    points = intervals.with_clumps(
        trends.share_over_time(table, scores, by_label), table, intervals.carry(scores, by_label)
    )
    shown = intervals.counted(points, table, intervals.carry(scores, expected), expected)
    assert points["share"].tolist() == [0.5, 0.0] and shown["share"].tolist() == pytest.approx([0.5, 0.3])
    assert shown["articles"].tolist() == points["articles"].tolist() == [2, 0]
    assert (shown["low"] < shown["share"]).all() and (shown["share"] < shown["high"]).all()
    labelled = intervals.counted(points, table, intervals.carry(scores), by_label)
    assert_frame_equal(labelled, points.assign(counted="labels"))
    assert (shown["counted"] == "probabilities").all()
    with pytest.raises(SettingsError, match="counted is 'guesses', expected one of labels, probabilities"):
        TrendSettings(counted="guesses")
