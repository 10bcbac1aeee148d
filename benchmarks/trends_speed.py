"""How long the statistics take: 1,000,000 articles, 50 themes, 260 weeks; and 5,000 topics over 500 weeks.

Run: python benchmarks/trends_speed.py [--write]

Seconds of one processor (time of this process), and the most memory held so far.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import changes, detect, findings, intervals, scan, trends, watch, weak  # noqa: E402
from toolkit.settings import TrendSettings  # noqa: E402

SEED = 42
LINES, NOTES = [], []


def timed(name, call):
    begun = time.process_time()
    result = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    LINES.append(f"| {name} | {time.process_time() - begun:.1f} | {peak:.1f} |")
    print(LINES[-1], flush=True)
    return result


def million():
    random, rows, weeks, themes = np.random.default_rng(SEED), 1_000_000, 260, 50
    day = random.integers(0, weeks * 7, rows)
    first = pd.Timestamp("2018-01-01")
    articles = pd.DataFrame(
        {
            "article_id": np.arange(rows).astype(str),
            "story_id": random.integers(0, rows * 3 // 4, rows),
            "source": random.integers(0, 200, rows).astype(str),
            "published": (first + pd.to_timedelta(day, unit="D")).tz_localize("UTC"),
        }
    )
    high = (np.arange(themes)[:, None] < 5) & (day // 7 >= 200)
    theme, article = np.nonzero(random.random((themes, rows), dtype=np.float32) < 0.1 + 0.02 * high)
    names = [f"theme {at:02}" for at in range(themes)]
    carried = pd.DataFrame({"theme": pd.Categorical.from_codes(theme, names).astype(str), "value": 1.0})
    carried["article_id"] = articles["article_id"].array[article]
    scores = carried[["theme", "article_id"]].assign(label=True)
    when, what = TrendSettings(period="week"), "1,000,000 articles, 50 themes, 260 weeks"
    placed = timed(f"{what}: places in time", lambda: intervals.place(articles, when))
    plain = timed("the same: shares of articles and stories", lambda: trends.share_over_time(articles, scores, when))
    points = timed("the same: intervals", lambda: intervals.with_clumps(plain, placed, carried))
    found = timed("the same: findings, all of them", lambda: findings.find_events(points, placed, carried))
    windows = changes.choose_windows(points, placed)
    timed("the same: halves compared", lambda: changes.compare_windows(windows, placed, carried))
    timed("the same: split over 200 sources", lambda: changes.split_windows(windows, placed, carried))
    told, planted = set(found["theme"]), set(names[:5])
    NOTES.append(f"Of 5 themes that rose by a fifth {len(told & planted)} are found, of others {len(told - planted)}.")


def topics():
    random, number, weeks = np.random.default_rng(SEED), 5000, 500
    share = random.lognormal(-8.5, 1, (number, 1)) * np.ones((1, weeks))
    share[:20, 250:] *= 3
    share[20:40, 400:406] *= 6
    totals = np.tile(random.integers(1500, 2500, weeks).astype(float), (number, 1))
    hits = random.binomial(totals.astype(int), share).astype(float)
    counts = detect.Counts(
        tuple(map(str, range(number))), pd.date_range("2015-01-05", periods=weeks, freq="7D"), hits, totals
    )
    found = timed("5,000 topics, 500 weeks: change points, bursts, outliers", lambda: detect.find_changes(counts))
    timed("the same: runs of periods", lambda: scan.run_tests(hits, totals))
    timed("the same: growth rates", lambda: weak.growth_rates(hits, totals))
    timed("the same: alarms of the last year, week by week", lambda: watch.surprise(hits[:, -104:], totals[:, -104:]))
    told, planted = set(found["theme"].astype(int)), set(range(40))
    NOTES.append(
        f"Of the 40 topics with a planted change {len(told & planted)} are found, of others {len(told - planted)}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/trends_speed.md as well")
    write = parser.parse_args().write
    million()
    topics()
    head = "# Speed of the statistics\n\n| what | processor seconds | GiB at most |\n| --- | --- | --- |"
    print("\n".join(NOTES))
    if write:
        (ROOT / "benchmarks" / "trends_speed.md").write_text("\n".join([head, *LINES, "", *NOTES]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
