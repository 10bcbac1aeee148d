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

from toolkit import intervals, stats  # noqa: E402

SEED, DAYS = 42, 7
FOUND = np.array([17860, 1258, 272, 59, 17, 16, 3, 1, 3, 3])
SIZES = {"none": np.array([1.0]), "as found": FOUND / FOUND.sum(), "events": FOUND / FOUND.sum()}
SIZES["heavy"] = np.arange(1, 41) ** -2.0 / (np.arange(1, 41) ** -2.0).sum()
STORIES = {"none": 1.0, "as found": 1.0, "events": 1.5, "heavy": 2.0}
SHARES, ARTICLES, PERIODS = (0.02, 0.05, 0.15, 0.5), (20, 60, 200, 2000), (26, 4)
TRIALS = 1000
"""Periods judged in each cell; 300 at 2,000 articles. One standard error at 95% is 0.7 and 1.3 points."""


def draw(random, periods, articles, share, kind):
    """Return a placed table of about so many articles a period, and whether each carries the theme."""
    chances, mean_stories = SIZES[kind], STORIES[kind]
    sizes = np.arange(1, len(chances) + 1)
    stories = max(2, round(periods * articles / (sizes @ chances)))
    event = np.repeat(np.arange(stories), random.geometric(1 / mean_stories, stories))[:stories]
    day = random.integers(0, periods * DAYS, stories)[event]
    day = day + (mean_stories > 1) * np.minimum(random.geometric(0.6, stories) - 1, 3)
    story = np.repeat(np.arange(stories), random.choice(sizes, stories, p=chances))
    when = day[story] + np.minimum(random.geometric(0.7, len(story)) - 1, 3)
    alone = random.random(len(story)) < 0.1
    carries = np.where(alone, random.random(len(story)) < share, (random.random(stories) < share)[event][story])
    kept = when < periods * DAYS
    first = pd.Timestamp("2024-01-01")
    placed = pd.DataFrame({"day": first + pd.to_timedelta(when[kept], unit="D"), "story_id": story[kept]})
    placed["start"] = first + pd.to_timedelta(when[kept] // DAYS * DAYS, unit="D")
    return placed, carries[kept].astype(float)


def coverage(random, periods, articles, share, kind):
    """Return the percentage of periods whose interval holds the share: Wilson, block bootstrap, ours."""
    held, judged = np.zeros(3), 0
    for _ in range(max(3, (TRIALS if articles < 1000 else 300) // periods)):
        placed, carries = draw(random, periods, articles, share, kind)
        mine = intervals.share_intervals(intervals.find_clumps(placed), carries)
        booted = intervals.block_bootstrap(placed, carries, draws=199)
        pairs = [
            stats.wilson(mine["articles"], mine["total"]),
            (booted["low"], booted["high"]),
            (mine["low"], mine["high"]),
        ]
        held += [((low - 1e-9 <= share) & (share <= high + 1e-9)).sum() for low, high in pairs]
        judged += len(mine)
    return 100 * held / judged


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/interval_coverage.md as well")
    write = parser.parse_args().write
    random, rows, ours = np.random.default_rng(SEED), [], []
    for periods in PERIODS:
        for kind in SIZES:
            for articles in ARTICLES:
                cells = [coverage(random, periods, articles, share, kind) for share in SHARES]
                ours += [cell[2] for cell in cells]
                said = [f"{w:.0f} / {b:.0f} / **{o:.1f}**" for w, b, o in cells]
                rows.append(f"| {periods} | {kind} | {articles} | " + " | ".join(said) + " |")
    head = "| periods | clumps | articles a period | " + " | ".join(f"share {share:.0%}" for share in SHARES) + " |"
    inside = np.mean([93 <= value <= 97 for value in ours])
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
            f"Ours: mean {np.mean(ours):.1f}%, {min(ours):.1f}% to {max(ours):.1f}%; {inside:.0%} of cells in 93-97%, "
            f"{np.mean([92 <= value <= 98 for value in ours]):.0%} in 92-98%.",
        ]
    )
    print(text)
    if write:
        (ROOT / "benchmarks" / "interval_coverage.md").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
