"""What the split of a change promises: four parts that add up, exactly, whatever the sources did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import mix
from toolkit.mix import PARTS, waterfall
from toolkit.schema import InputError


def made(rows):
    """Rows of (source, story, window, carries)."""
    table = pd.DataFrame(rows, columns=["source", "story_id", "window", "value"])
    return table, table["value"], table["window"] == 1, table["window"] == 0


def split_change(*given, **more):
    return mix.split_change(*given, **{"least": 1, **more})


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60
)


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_the_parts_add_up_to_the_whole_per_article_and_per_story(rows):
    table, values, after, before = made([*rows, ("a", 1, 0, 0), ("b", 1, 1, 1)])
    split = split_change(table, values, after, before)
    for _, row in waterfall(split).iterrows():
        assert row[list(PARTS)].sum() == pytest.approx(row["change"], abs=1e-12)
        assert split.loc[split["unit"] == row["unit"], "change"].sum() == pytest.approx(row["change"], abs=1e-12)
    shares = values[after].mean() - values[before].mean()
    assert waterfall(split)["change"][0] == pytest.approx(shares, abs=1e-12)


@given(ROWS)
@settings(max_examples=25, deadline=None)
def test_turning_the_windows_round_turns_every_part_round(rows):
    table, values, after, before = made([*rows, ("a", 1, 0, 0), ("b", 1, 1, 1)])
    there, back = (waterfall(split_change(table, values, *pair)) for pair in ((after, before), (before, after)))
    assert np.allclose(there[["within", "mix", "change"]], -back[["within", "mix", "change"]], atol=1e-12)
    assert np.allclose(there["newcomers"], -back["leavers"], atol=1e-12)


def article(rows):
    return waterfall(split_change(*made(rows))).iloc[0]


def test_outlets_that_write_more_are_all_within():
    rows = [("a", at, at % 2, int(at % 2 == 1 or at < 10)) for at in range(40)]
    found = article(rows)
    assert found["within"] == pytest.approx(found["change"]) and found["mix"] == found["newcomers"] == 0


def test_more_from_an_outlet_that_always_wrote_about_it_is_all_mix():
    rows = [("always", f"{at}", 0, 1) for at in range(10)] + [("never", f"n{at}", 0, 0) for at in range(10)]
    rows += [("always", f"x{at}", 1, 1) for at in range(30)] + [("never", f"y{at}", 1, 0) for at in range(10)]
    found = article(rows)
    assert found["mix"] == pytest.approx(0.25) and found["within"] == found["leavers"] == 0


def test_a_new_outlet_is_a_newcomer_and_leaves_the_others_alone():
    rows = [("old", f"{at}{window}", window, int(at < 2)) for at in range(10) for window in (0, 1)]
    rows += [("new", f"n{at}", 1, 1) for at in range(10)]
    found = article(rows)
    assert found["newcomers"] == pytest.approx(0.4) and abs(found["within"]) + abs(found["mix"]) < 1e-12


def test_an_outlet_that_stopped_is_a_leaver():
    rows = [("old", f"{at}{window}", window, int(at < 2)) for at in range(10) for window in (0, 1)]
    rows += [("gone", f"n{at}", 0, 1) for at in range(10)]
    assert article(rows)["leavers"] == pytest.approx(-0.4)


def test_without_a_common_outlet_nothing_is_said_of_within_and_mix():
    found = article([("a", 1, 0, 1), ("b", 2, 1, 0)])
    assert found[list(PARTS)].tolist() == [0, 0, 0, -1]


def test_one_article_is_no_share_to_compare():
    rows = [("a", f"{at}{w}", w, int(at < 5 + w)) for at in range(10) for w in (0, 1)]
    rows += [("b", "x", 0, 1), *[("b", f"y{at}", 1, 0) for at in range(10)]]
    split = split_change(*made(rows), least=5)
    b = split[(split["unit"] == "article") & (split["key"] == "b")].iloc[0]
    assert b["within"] == b["mix"] == 0 and b["newcomers"] < 0 and b["leavers"] < 0
    assert split.loc[split["unit"] == "article", "change"].sum() == pytest.approx(6 / 20 - 6 / 11, abs=1e-12)


def test_syndication_shows_per_article_and_vanishes_per_story():
    rows = [("a", f"{at}{w}", w, int(at < 2)) for at in range(10) for w in (0, 1)]
    rows += [("a", "01", 1, 1)] * 20
    per_article, per_story = waterfall(split_change(*made(rows)))["change"]
    assert per_article > 0.5 and per_story == pytest.approx(0, abs=1e-12)


def test_it_splits_by_language_as_well():
    table, values, after, before = made([("a", at, at % 2, 1) for at in range(8)])
    table = table.assign(language=["en", "ru"] * 4)
    split = split_change(table, values, after, before, key="language")
    assert set(split["key"]) == {"en", "ru"} and waterfall(split)["change"].tolist() == [0, 0]


@pytest.mark.parametrize(("window", "name"), [(0, "second"), (1, "first")])
def test_an_empty_window_is_named(window, name):
    with pytest.raises(InputError, match=name):
        split_change(*made([("a", 1, window, 1)]))


def test_the_input_stays_as_it_was():
    table, values, after, before = made([("a", 1, 0, 1), ("a", 2, 1, 0)])
    kept = table.copy()
    split_change(table, values, after, before)
    pd.testing.assert_frame_equal(table, kept)
