"""What the detectors promise: what was planted is found and dated, and chance is left alone."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import ruptures
from pandas.testing import assert_frame_equal
from ruptures.base import BaseCost
from scipy.stats import betabinom, binom

from toolkit import breaks, bursts, chance, detect, emerging, terms, watch, weak
from toolkit.numbered import names_of, numbered, numbers_of
from toolkit.schema import article_id


def series(share, weeks=104, seed=0, total=150, effect=1.0):
    """Counts of themes whose share is a function of the week, beta-binomial with this dispersion."""
    random = np.random.default_rng(seed)
    shares = np.array([[float(one(week)) if callable(one) else one for week in range(weeks)] for one in share])
    totals = np.tile(random.integers(total // 2, total * 3 // 2 + 1, weeks).astype(float), (len(share), 1))
    if effect > 1:
        spread = (totals - effect) / (effect - 1)
        shares = random.beta(shares * spread, (1 - shares) * spread)
    hits = random.binomial(totals.astype(int), shares).astype(float)
    starts = pd.date_range("2020-01-06", periods=weeks, freq="7D")
    return detect.Counts(tuple(f"t{at}" for at in range(len(share))), starts, hits, totals)


# Bursts ----------------------------------------------------------------------------------------------------------

R = np.array([0, 2, 1, 6, 7, 2, 8, 7, 2, 1.0])
D = np.array([9, 11, 12, 10, 10, 8, 12, 10, 13, 11.0])


def test_burst_weights_are_those_of_the_published_example():
    """The example of the package burst_detection: shares 0.339 and 0.679, weights 5.34 (weeks 6, 7) and 2.69 (week 4).

    Its forward search misses that week 3 belongs to the first burst, which makes the course of states cheaper.
    """
    gain = bursts.gains(R, D)
    states = bursts.burst_states(R[None], D[None])
    assert states[0].astype(int).tolist() == [0, 0, 0, 1, 1, 0, 1, 1, 0, 0]
    assert bursts.burst_runs(states, gain)[1] == (0, 6, 8, pytest.approx(5.34226, abs=1e-3))
    assert gain[0, 4] == pytest.approx(2.68563, abs=1e-3)


def cheapest(gain, cost):
    """Try every course of states."""
    best = min(
        itertools.product([0, 1], repeat=len(gain)),
        key=lambda q: (
            sum(cost for a, b in zip((0, *q), q, strict=False) if b > a)
            - sum(g for g, s in zip(gain, q, strict=True) if s)
        ),
    )
    return list(best)


@pytest.mark.parametrize("seed", range(8))
def test_no_course_of_states_is_cheaper(seed):
    random = np.random.default_rng(seed)
    totals = random.integers(5, 30, (1, 10)).astype(float)
    hits = random.binomial(totals.astype(int), random.choice([0.1, 0.4], (1, 10))).astype(float)
    found = bursts.burst_states(hits, totals)[0].astype(int).tolist()
    assert found == cheapest(bursts.gains(hits, totals)[0], np.log(10))


def test_the_heaviest_run_is_never_lighter_than_a_burst():
    counts = series([0.05] * 30, seed=1, effect=2)
    gain = bursts.gains(counts.hits, counts.totals)
    top = bursts.heaviest(counts.hits, counts.totals)
    runs = bursts.burst_runs(bursts.burst_states(counts.hits, counts.totals), gain)
    assert all(weight <= top[at] + 1e-9 for at, _, _, weight in runs)


# Change points ---------------------------------------------------------------------------------------------------


def cost(x, n):
    return -2 * (binom.logpmf(x, n, x.sum() / n.sum()).sum() if 0 < x.sum() < n.sum() else 0)


@pytest.mark.parametrize("seed", range(3))
def test_no_segmentation_is_cheaper(seed):
    random = np.random.default_rng(seed)
    totals, jump = random.integers(20, 60, 16), random.integers(4, 12)
    hits = random.binomial(totals, np.where(np.arange(16) < jump, 0.1, 0.5))
    found = breaks.change_points(hits.astype(float), totals.astype(float), 6.0)
    every = [c for k in range(4) for c in itertools.combinations(range(4, 13), k) if all(np.diff((0, *c, 16)) >= 4)]
    price = {
        c: sum(cost(hits[a:b], totals[a:b]) for a, b in itertools.pairwise((0, *c, 16))) + 6 * len(c) for c in every
    }
    assert tuple(found) == min(price, key=price.get)


class Deviance(BaseCost):
    """The binomial deviance of a segment, for the package ruptures."""

    model, min_size = "binomial", 1

    def fit(self, signal):
        self.signal = signal
        return self

    def error(self, start, end):
        return cost(*self.signal[start:end].T)


def test_the_change_points_are_those_of_ruptures():
    counts = series([lambda week: (0.1, 0.18, 0.12)[week // 20], 0.1], weeks=60, seed=3)
    for hits, totals in zip(counts.hits, counts.totals, strict=True):
        search = ruptures.Pelt(custom_cost=Deviance(), min_size=4, jump=1).fit(np.column_stack([hits, totals]))
        assert breaks.change_points(hits, totals, 8.0) == search.predict(pen=8.0)[:-1]


def test_a_lasting_rise_is_dated_and_measured():
    found = detect.find_changes(series([lambda week: 0.1 if week < 60 else 0.17, 0.1, 0.1], effect=2))
    change = found[found["kind"] == "change"].iloc[0]
    assert change["theme"] == "t0" and abs(change["first"] - 60) <= 3
    assert change["low"] - 0.01 < 0.07 < change["high"] and change["ratio"] == pytest.approx(1.7, rel=0.2)
    assert set(found["theme"]) == {"t0"}


def test_a_lone_article_far_from_all_others_stands_out_from_nothing():
    found = series([0.25, 0.3], weeks=24, effect=2.5)
    alone = np.arange(24) == 1
    empty = ~alone & (np.arange(24) < 9)
    totals = np.where(alone, 1.0, np.where(empty, 0.0, found.totals))
    hits = np.where(alone, 1.0, np.where(empty, 0.0, found.hits))
    assert detect.find_changes(found._replace(hits=hits, totals=totals)).empty


def test_a_spike_is_an_outlier_and_a_flurry_a_burst():
    found = detect.find_changes(
        series([lambda week: 0.45 if week == 40 else 0.1, lambda week: 0.3 if 50 <= week < 55 else 0.1])
    )
    spike = found[(found["theme"] == "t0") & (found["kind"] == "outlier")].iloc[0]
    assert spike["first"] == spike["last"] == 40 and spike["start"] == pd.Timestamp("2020-10-12")
    flurry = found[(found["theme"] == "t1") & (found["kind"] == "burst")].iloc[0]
    assert (flurry["first"], flurry["last"]) == (50, 54)


@pytest.mark.parametrize("effect", [1.0, 3.0])
def test_chance_alone_gives_hardly_a_finding_however_clumped(effect):
    corpora = [
        detect.find_changes(series([0.03, 0.1, 0.25] * 3, weeks=52, seed=seed, effect=effect)) for seed in range(6)
    ]
    assert sum(len(found) > 0 for found in corpora) <= 1


def test_a_season_is_no_finding_and_a_break_of_it_is():
    def yearly(week):
        return 0.15 + 0.1 * np.sin(2 * np.pi * week / 12)

    counts = series([yearly, 0.1], weeks=96, total=600)
    months = counts._replace(starts=pd.date_range("2012-01-01", periods=96, freq="MS"))
    calm = detect.find_changes(months)
    assert not (calm["kind"] == "outlier").any()
    months.hits[0, 50] *= 2.2
    found = detect.find_changes(months)
    assert 50 in found.loc[found["kind"] == "outlier", "first"].tolist()


@pytest.mark.parametrize(("freq", "length"), [("D", 7), ("7D", 52), ("MS", 12), ("QS", 4), ("YS", 1)])
def test_the_length_of_the_season_follows_the_period(freq, length):
    assert detect.season_length(pd.date_range("2020-01-06", periods=9, freq=freq)) == length


@pytest.mark.parametrize("weeks", [1, 2, 7])
def test_a_few_periods_tell_nothing(weeks):
    assert detect.find_changes(series([lambda week: 0.9 if week == 1 else 0.1], weeks=weeks)).empty


def test_bad_input_has_a_plain_answer():
    counts = series([0.1], weeks=40)
    nothing = counts._replace(hits=counts.hits * 0, totals=counts.totals * 0)
    one_each = counts._replace(hits=(counts.hits > 14).astype(float), totals=np.ones_like(counts.totals))
    never, always = counts._replace(hits=counts.hits * 0), counts._replace(hits=counts.totals)
    empty = detect.Counts((), counts.starts, counts.hits[:0], counts.totals[:0])
    assert all(detect.find_changes(bad).empty for bad in (nothing, one_each, never, always, empty))


def test_a_gap_of_months_is_neither_a_fall_nor_a_rise():
    counts = series([0.15], weeks=80)
    counts.hits[0, 30:50] = counts.totals[0, 30:50] = 0
    assert detect.find_changes(counts).empty


def test_the_counts_of_points_leave_out_what_is_not_comparable():
    points = pd.DataFrame(
        {"theme": "t", "start": pd.date_range("2024-01-01", periods=3, freq="7D"), "stories": [1, 2, 3],
         "total_stories": [9, 9, 9], "comparable": [True, False, True]}
    )  # fmt: skip
    counts = detect.counts_of(points)
    assert counts.hits.tolist() == [[1, 0, 3]] and counts.totals.tolist() == [[9, 0, 9]]


def test_the_same_input_gives_the_same_findings_and_stays_as_it_was():
    counts = series([lambda week: 0.1 if week < 30 else 0.3, 0.1], weeks=60)
    kept = counts.hits.copy()
    pd.testing.assert_frame_equal(detect.find_changes(counts), detect.find_changes(counts))
    assert (counts.hits == kept).all()


# Chance ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [1.0, 2.0, 5.0])
def test_the_dispersion_is_found(effect):
    counts = series([0.1] * 40, weeks=150, effect=effect)
    assert chance.dispersion(counts.hits, counts.totals).mean() == pytest.approx(effect, rel=0.15, abs=0.1)


def test_a_burst_does_not_hide_itself_in_the_dispersion():
    counts = series([lambda week: 0.5 if 20 <= week < 24 else 0.1])
    assert chance.dispersion(counts.hits, counts.totals)[0] < 1.6


def test_the_tail_of_clumped_counts_is_as_heavy_as_drawn():
    drawn = chance.draw(0.1, 3.0, np.full(20000, 100.0), 1, np.random.default_rng(0))[0]
    up = chance.tails(np.array([22.0]), np.array([100.0]), np.array([0.1]), np.array([3.0]))[0][0]
    assert up == pytest.approx((drawn >= 22).mean(), rel=0.35)
    assert drawn.var() == pytest.approx(betabinom(100, 0.1 * 48.5, 0.9 * 48.5).var(), rel=0.06)


# Alarms ----------------------------------------------------------------------------------------------------------


def test_alarms_know_the_past_alone():
    counts = series([lambda week: 0.1 if week < 60 else 0.3], weeks=70)
    early = watch.surprise(counts.hits[:, :62], counts.totals[:, :62])
    assert np.array_equal(early, watch.surprise(counts.hits, counts.totals)[:, :62], equal_nan=True)


def test_a_doubled_share_raises_an_alarm_at_once_and_a_steady_one_rarely():
    rising = series([lambda week: 0.1 if week < 60 else 0.2] * 20, weeks=62, effect=1.5)
    steady = series([0.1] * 40, weeks=116, seed=5, effect=2.0)
    assert watch.alarms(rising.hits, rising.totals, 52)[:, 60:].any(axis=1).mean() > 0.9
    on = watch.alarms(steady.hits, steady.totals, 52)
    begun = on[:, 1:] & ~on[:, :-1]
    assert begun.sum() / (40 * 104 / 52) <= 1.0


def points_of(counts, labels=True):
    table = [(theme, start, f"week {at}", int(x), int(n)) for theme, hits, totals in
             zip(counts.themes, counts.hits, counts.totals, strict=True)
             for at, (start, x, n) in enumerate(zip(counts.starts, hits, totals, strict=True))]  # fmt: skip
    return pd.DataFrame(table, columns=["theme", "start", "label", "stories", "total_stories"]).assign(comparable=True)


def test_what_rises_in_the_last_periods_is_on_the_watch_list_and_nothing_else():
    counts = series([lambda week: 0.1 if week < 60 else 0.25, 0.1], weeks=62)
    found = watch.rising(points_of(counts))
    assert found["theme"].tolist() == ["t0"] and found["periods"][0] <= 4
    assert found["share"][0] > 0.18 > found["before"][0] and found["chance"][0] < 1e-4


def test_years_ring_no_oftener_than_weeks():
    """Forty steady series of thirty years: at one alarm a year half of them would be on."""
    counts = series([0.2] * 40, weeks=30, seed=8)
    years = counts._replace(starts=pd.date_range("1990-01-01", periods=30, freq="YS"))
    assert len(watch.rising(points_of(years))) <= 2


@pytest.mark.parametrize("weeks", [0, 1, 12])
def test_a_short_past_raises_no_alarm_at_the_end(weeks):
    points = points_of(series([lambda week: 0.9 if week == weeks - 1 else 0.1], weeks=20)).head(weeks)
    assert watch.rising(points).empty
    assert watch.rising(points.assign(comparable=False)).empty


# Terms -----------------------------------------------------------------------------------------------------------


def test_the_words_that_set_articles_apart_are_named_and_common_ones_are_not():
    inside = ["Drone strike on the refinery near the border"] * 6
    outside = ["Talks on the border were held"] * 20 + ["Border guards met"] * 10
    named = terms.telling_terms(inside, outside)
    assert {"drone", "refinery"} <= set(named["term"]) and "border" not in set(named["term"])
    assert terms.telling_terms([], outside).empty and terms.telling_terms(inside, []).shape[1] == 4


def test_the_articles_that_led_are_the_first_of_the_largest_stories():
    day = pd.to_datetime(["2024-01-03", "2024-01-02", "2024-01-04", "2024-01-01"])
    placed = pd.DataFrame({"article_id": list("abcd"), "story_id": ["x", "x", "x", "y"], "day": day})
    assert terms.first_articles(placed, pd.Series(True, index=placed.index), most=1) == ["b"]


def test_a_finding_is_explained_by_its_articles():
    ids = list("abcdefghijklmnopqr")
    starts = pd.to_datetime(["2024-01-01"] * 9 + ["2024-01-08"] * 9)
    placed = pd.DataFrame({"article_id": ids, "story_id": ids, "day": starts, "start": starts})
    carried = pd.DataFrame({"theme": "t", "article_id": ids[:-1]})
    texts = pd.Series(["summit in Astana"] * 9 + ["earthquake near Osh"] * 9, index=ids)
    finding = pd.DataFrame({"theme": ["t"], "start": [starts[9]], "end": [starts[9]]})
    told = terms.explain(finding, placed, carried, texts.reindex).iloc[0]
    assert told["led"] == ["j", "k", "l"]
    assert "earthquake" in told["terms"] and "summit" not in told["terms"]


# Weak signals ----------------------------------------------------------------------------------------------------


def news(growing_sources):
    """Thirty weeks of 100 articles by five outlets; `up` doubles and doubles again, `flat` does not."""
    random, rows, carried = np.random.default_rng(0), [], []
    for week in range(30):
        for at in range(100):
            name = f"{week}-{at}"
            source = f"s{at % 5}"
            rows.append((name, pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=week), name, source))
            if source in growing_sources and random.random() < 0.012 * 2 ** (week / 7) / len(growing_sources):
                carried.append(("up", name))
            elif random.random() < 0.01:
                carried.append(("flat", name))
    placed = pd.DataFrame(rows, columns=["article_id", "start", "story_id", "source"])
    return placed, pd.DataFrame(carried, columns=["theme", "article_id"])


def test_a_small_topic_that_many_outlets_tell_more_and_more_is_a_signal():
    found = weak.weak_signals(*news([f"s{at}" for at in range(5)]), novelty={"up": 0.7}).set_index("theme")
    assert found["signal"].to_dict() == {"up": True, "flat": False} and found.index[0] == "up"
    assert found.loc["up", "low"] > 1 and found.loc["up", "effective_sources"] > 2 and found.loc["up", "novelty"] == 0.7


def test_a_rise_of_one_outlet_alone_is_none():
    found = weak.weak_signals(*news(["s0"])).set_index("theme")
    assert not found["signal"].any()


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_the_growth_is_found_and_its_interval_holds(factor):
    counts = series([lambda week: 0.02 * factor ** (week / 51)] * 200, weeks=52)
    found = weak.growth_rates(counts.hits, counts.totals)
    assert found["growth"].median() == pytest.approx(factor, rel=0.12)
    assert 0.9 <= ((found["low"] <= factor) & (factor <= found["high"])).mean() <= 0.99
    assert ((found["p"] < 0.05).mean() < 0.09) == (factor == 1)


def test_topics_without_periods_or_stories_have_no_growth():
    found = weak.growth_rates(np.zeros((1, 9)), np.full((1, 9), 5.0))
    assert found["growth"].isna().all() and found["p"].tolist() == [1.0]
    assert weak.growth_rates(np.ones((1, 2)), np.full((1, 2), 5.0))["growth"].isna().all()
    placed, carried = news(["s0"])
    assert weak.weak_signals(placed, carried.iloc[:0]).empty
    one_week = placed[placed["start"] == placed["start"].iloc[0]]
    assert not weak.weak_signals(one_week, carried)["signal"].any()


# Words that emerge ------------------------------------------------------------------------------------------------

TALK = "ministers summit budget harvest railway border trade court election festival museum bridge flood".split()


def stories_with(word, weeks=30, sources=5):
    """Thirty weeks of forty articles of drawn words; `word` comes up in the last weeks, more and more."""
    random, rows = np.random.default_rng(1), []
    for week in range(weeks):
        for at in range(40):
            text = " ".join(random.choice(TALK, 6))
            if random.random() < max(0, week - 18) / 120 and at % 5 < sources:
                text += f" {word} over the refinery {word}stan"
            rows.append((f"{week}-{at}", pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=week), f"s{at % 5}", text))
    table = pd.DataFrame(rows, columns=["article_id", "start", "source", "text"])
    placed = table.assign(day=table["start"], story_id=table["article_id"])
    return placed.drop(columns="text"), table.set_index("article_id")["text"]


def test_a_word_that_comes_up_is_found_once_with_the_words_beside_it_and_the_first_articles():
    placed, texts = stories_with("drones")
    found = emerging.emerging_words(placed, texts.reindex)
    assert len(found) == 1 and {"drones", "refinery"} <= set(found["terms"][0])
    assert found["early"][0] == 0 and found["low"][0] > 1 and found["sources"][0] == 5 and found["novelty"][0] > 0.8
    assert all("drones" in texts[name] for name in found["led"][0])


def test_a_word_that_one_outlet_alone_brings_up_is_none_and_steady_words_are_none():
    for more in ({"sources": 1}, {"weeks": 18}):
        placed, texts = stories_with("drones", **more)
        assert emerging.emerging_words(placed, texts.reindex).empty


def test_words_and_topics_are_the_same_by_numbers_as_by_names():
    placed, texts = stories_with("drones")
    ids = {name: article_id("s", "", "", "", name) for name in placed["article_id"]}
    named = placed.assign(article_id=placed["article_id"].map(ids), story_id=placed["story_id"].map(ids))
    texts, numbers = texts.rename(ids), numbered(named)
    by_name = emerging.emerging_words(named, texts.reindex)
    by_number = emerging.emerging_words(numbers, texts.set_axis(numbers_of(texts.index)).reindex)
    assert len(by_name)
    assert_frame_equal(by_number.assign(led=by_number["led"].map(names_of)), by_name)
    topic = named["article_id"].map(texts).str.contains("drones").astype(int)
    carried = [table[["article_id"]].assign(theme=topic) for table in (named, numbers)]
    assert_frame_equal(*(weak.weak_signals(*pair) for pair in zip((named, numbers), carried, strict=True)))


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_too_few_articles_have_no_word_that_emerges(rows):
    placed, texts = stories_with("drones")
    found = emerging.emerging_words(placed.head(rows), texts.reindex)
    assert found.empty and list(found.columns) == emerging.COLUMNS


def test_a_small_subject_planted_in_real_news_is_found_and_nothing_is_without_it(corpora):
    """Ebola of 2014 among the items of 2016, these in drawn order; five outlets, the first weeks without any."""
    items = pd.read_json(corpora / "wiki_current_events_2002_2021.jsonl.gz", lines=True)
    random = np.random.default_rng(4)
    year, ebola = items["date"].dt.year, items["text"].str.contains("Ebola")
    quiet = items[(year == 2016) & ~ebola].sample(3000, random_state=1)
    planted = items[(year == 2014) & ebola].head(45)
    weeks = np.concatenate([random.integers(0, 26, len(quiet)), 26 - random.geometric(0.2, len(planted)).clip(1, 12)])
    table = pd.concat([quiet, planted]).assign(start=pd.Timestamp("2016-01-04") + pd.to_timedelta(weeks * 7, unit="D"))
    placed = table.assign(article_id=table["id"].astype(str), story_id=table["id"], day=table["start"])
    placed = placed.assign(source=random.choice(list("abcde"), len(placed)))
    texts = placed.set_index("article_id")["text"]
    found = emerging.emerging_words(placed, texts.reindex)
    assert "ebola" in found["terms"][0] and found["q"][0] < 0.001
    assert emerging.emerging_words(placed.head(3000), texts.reindex).empty
