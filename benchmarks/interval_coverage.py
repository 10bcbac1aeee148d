"""How often do 95% intervals of a share hold the truth, on data that comes in clumps as news does?

Run: python benchmarks/interval_coverage.py [--write]

Weeks of seven days. An event happens on a day and is told in one or several stories over the next days; a story is told
by one or several articles; nine of ten articles of an event agree on the theme, the tenth is drawn on its own. `none`:
every article by itself. `as found`: stories as large as those that dedupe finds in 21,746 Russian posts. `events`: the
same, and an event has 1.5 stories in the mean, which nothing in the data marks as one. `heavy`: stories up to 40
articles (power law), two to an event: harsher than any corpus at hand.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import clumps, intervals, stats  # noqa: E402

SEED, DAYS = 42, 7
FOUND = np.array([17860, 1258, 272, 59, 17, 16, 3, 1, 3, 3])
SIZES = {"none": np.array([1.0]), "as found": FOUND / FOUND.sum(), "events": FOUND / FOUND.sum()}
SIZES["heavy"] = np.arange(1, 41) ** -2.0 / (np.arange(1, 41) ** -2.0).sum()
STORIES = {"none": 1.0, "as found": 1.0, "events": 1.5, "heavy": 2.0}
SHARES, ARTICLES, PERIODS = (0.02, 0.05, 0.15, 0.5), (20, 60, 200, 2000), (26, 4, 1)
TRIALS, BOOTED = 800, 100
"""Periods judged in each cell, 300 at 2,000 articles: one standard error at 95% is 0.8 and 1.3 points. The bootstrap is
judged on the first 100 only."""


def draw(random, periods, articles, kind):
    """Return a placed table of about so many articles a period, and which of them carry a theme of each share."""
    chances, mean_stories = SIZES[kind], STORIES[kind]
    sizes = np.arange(1, len(chances) + 1)
    stories = max(2, round(periods * articles / (sizes @ chances)))
    event = np.repeat(np.arange(stories), random.geometric(1 / mean_stories, stories))[:stories]
    day = random.integers(0, periods * DAYS, stories)[event]
    day = day + (mean_stories > 1) * np.minimum(random.geometric(0.6, stories) - 1, 3)
    story = np.repeat(np.arange(stories), random.choice(sizes, stories, p=chances))
    when = day[story] + np.minimum(random.geometric(0.7, len(story)) - 1, 3)
    alone = random.random(len(story)) < 0.1
    level = np.where(alone, random.random(len(story)), random.random(stories)[event][story])
    kept = when < periods * DAYS
    if not kept.any():
        return draw(random, periods, articles, kind)
    first = pd.Timestamp("2024-01-01")
    placed = pd.DataFrame({"day": first + pd.to_timedelta(when[kept], unit="D"), "story_id": story[kept]})
    placed["start"] = first + pd.to_timedelta(when[kept] // DAYS * DAYS, unit="D")
    return placed, {share: (level[kept] < share).astype(float) for share in SHARES}


def judge(bounds, share):
    """Return which intervals hold the share, and how wide they are."""
    low, high = (np.asarray(bound, dtype=float) for bound in bounds)
    return np.column_stack([(low - 1e-9 <= share) & (share <= high + 1e-9), high - low])


def coverage(random, periods, articles, kind):
    """Return for each share the percentage of periods whose interval holds it, and the mean width of these.

    Two rows of Wilson, block bootstrap, ours.
    """
    seen = {share: ([], [], []) for share in SHARES}
    for at in range(max(3, (TRIALS if articles < 1000 else 300) // periods)):
        placed, carries = draw(random, periods, articles, kind)
        hung = clumps.find_clumps(placed)
        for share, (plain, booted, ours) in seen.items():
            mine = intervals.share_intervals(hung, carries[share])
            plain.append(judge(stats.wilson(mine["articles"], mine["total"]), share))
            ours.append(judge((mine["low"], mine["high"]), share))
            if at * periods < BOOTED:
                drawn = intervals.block_bootstrap(placed, carries[share], draws=199)
                booted.append(judge((drawn["low"], drawn["high"]), share))
    means = {share: np.array([np.nanmean(np.concatenate(part), axis=0) for part in kinds]).T
             for share, kinds in seen.items()}  # fmt: skip
    return {share: (100 * held, width) for share, (held, width) in means.items()}


def summary(found):
    held = found["held"]
    inside, nearly = (held.between(*bounds).mean() for bounds in ((93, 97), (92, 98)))
    return (
        f"mean {held.mean():.1f}%, {held.min():.1f}% to {held.max():.1f}%; {inside:.0%} of cells in 93-97%, "
        f"{nearly:.0%} in 92-98%"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/interval_coverage.md as well")
    write = parser.parse_args().write
    random, rows, ours, wide = np.random.default_rng(SEED), [], [], []
    for periods in PERIODS:
        for kind in SIZES:
            for articles in ARTICLES:
                cells = coverage(random, periods, articles, kind)
                ours += [(periods, kind, held[2]) for held, _ in cells.values()]
                wide += [(kind, width[2] / width[0]) for _, width in cells.values()]
                said = [f"{w:.0f} / {b:.0f} / **{o:.1f}**" for (w, b, o), _ in cells.values()]
                rows.append(f"| {periods} | {kind} | {articles} | " + " | ".join(said) + " |")
                print(rows[-1], flush=True)
    head = "| periods | clumps | articles a period | " + " | ".join(f"share {share:.0%}" for share in SHARES) + " |"
    found = pd.DataFrame(ours, columns=["periods", "clumps", "held"])
    ratio = pd.DataFrame(wide, columns=["clumps", "ratio"]).groupby("clumps", sort=False)["ratio"].mean()
    text = "\n".join(
        [
            "# Coverage of 95% intervals",
            "",
            "Percent of periods whose interval holds the true share: Wilson / block bootstrap / **ours**.",
            "",
            head,
            "|" + " --- |" * (3 + len(SHARES)),
            *rows,
            "",
            f"Ours: {summary(found)}.",
            "",
            *[f"- {name}: {summary(own)}" for column in ("periods", "clumps")
              for name, own in found.groupby(column, sort=False)],
            "",
            "Width of ours over Wilson's, mean: " + ", ".join(f"{k} {r:.2f}" for k, r in ratio.items()) + ".",
        ]
    )  # fmt: skip
    print(text)
    if write:
        (ROOT / "benchmarks" / "interval_coverage.md").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
