"""How often do 95% intervals of a share hold the truth, on data that comes in clumps as news does?

Run: python benchmarks/interval_coverage.py [--write]

Weeks of seven days. An event happens on a day and is told in one or several stories over the next days; a story is told
by one or several articles; nine of ten articles of an event agree on the theme, the tenth is drawn on its own. `none`:
every article by itself. `as found`: stories as large as those that dedupe finds in 21,746 Russian posts. `events`: the
same, and an event has 1.5 stories in the mean, which nothing in the data marks as one. `heavy`: stories up to 40
articles (power law), two to an event: harsher than any corpus at hand. `other`: a second generator, made when all
was settled: events of a log-normal number of articles that trickle in over days, of which six of ten join the story
before them; each event has a leaning (beta) and its articles follow it by chance; half as much is published at
week-ends.

The error of a cell is that of its data sets, since the periods of one share an estimate.
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
SETS, BOOTED = {26: 100, 4: 600, 1: 1500}, 100
"""Data sets of each cell by their periods: a standard error of half a point. The bootstrap is judged on 100 periods."""
WANTED, NOISE = (93, 97), 2
LEANING = 0.5
WHY = """\
Why some stay outside. A week has seven days, which is three or four stretches that know nothing of each other: one week
alone cannot tell events that nothing in the data marks (`events`, `other`, `heavy`) from articles by themselves
(`none`, `as found`). An interval right for the one kind is too narrow or too wide for the other, and ours lies between.
With half a year of weeks the two are told apart. At 20 articles a week in stories of up to 40 (`heavy`), a week often
holds a single story, and Wilson's own interval of one observation misses a share of 15% as often as that story
carries the theme.""".replace("\n", " ")


def draw(random, periods, articles, kind):
    """Return a placed table of about so many articles a period, and which of them carry a theme of each share."""
    if kind == "other":
        return draw_otherwise(random, periods, articles)
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


def draw_otherwise(random, periods, articles):
    """Return the same by the second generator."""
    sizes = 1 + random.poisson(random.lognormal(0, 0.8, max(2, round(periods * articles / 2.4))))
    event = np.repeat(np.arange(len(sizes)), sizes)
    week = np.array([1, 1, 1, 1, 1, 0.5, 0.5]) / 6
    begun = random.integers(0, periods, len(sizes)) * DAYS + random.choice(DAYS, len(sizes), p=week)
    when = begun[event] + np.minimum(random.exponential(1, len(event)), 6).astype(int)
    story = np.cumsum((random.random(len(event)) >= 0.6) | (np.diff(event, prepend=-1) != 0))
    first, kept = pd.Timestamp("2024-01-01"), when < periods * DAYS
    if not kept.any():
        return draw_otherwise(random, periods, articles)
    placed = pd.DataFrame({"day": first + pd.to_timedelta(when[kept], unit="D"), "story_id": story[kept]})
    placed["start"] = first + pd.to_timedelta(when[kept] // DAYS * DAYS, unit="D")
    own = {share: random.beta(share * LEANING, (1 - share) * LEANING, len(sizes))[event] for share in SHARES}
    return placed, {share: (random.random(len(event)) < level)[kept].astype(float) for share, level in own.items()}


def judge(bounds, share):
    """Return which intervals hold the share, and how wide they are."""
    low, high = (np.asarray(bound, dtype=float) for bound in bounds)
    return np.column_stack([(low - 1e-9 <= share) & (share <= high + 1e-9), high - low])


def coverage(random, periods, articles, kind):
    """Return for each share the percentage of periods whose interval holds it, and the mean width of these.

    Two rows of Wilson, block bootstrap, ours; and the standard error of the percentage of ours.
    """
    seen = {share: ([], [], []) for share in SHARES}
    for at in range(SETS[periods]):
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
    errors = {share: np.std([np.mean(part[:, 0]) for part in kinds[2]]) / np.sqrt(len(kinds[2]))
              for share, kinds in seen.items()}  # fmt: skip
    return {share: (100 * held, width, 100 * errors[share]) for share, (held, width) in means.items()}


def beyond(found):
    """Return how far each cell lies outside what is wanted, in points, and whether that is more than noise."""
    off = (WANTED[0] - found["held"]).clip(lower=found["held"] - WANTED[1]).clip(lower=0)
    return off, off > NOISE * found["error"]


def summary(found):
    held, (off, sure) = found["held"], beyond(found)
    return (
        f"mean {held.mean():.1f}%, {held.min():.1f}% to {held.max():.1f}%; of {len(found)} cells {(off == 0).sum()} "
        f"in 93-97%, {(held < WANTED[0]).sum()} below, {(held > WANTED[1]).sum()} above, "
        f"{sure.sum()} of these beyond noise"
    )


def outside(found):
    """Return the cells that lie outside by more than two standard errors, a line each."""
    return [
        f"- {cell.periods} periods, {cell.clumps}, {cell.articles} articles, share {cell.share:.0%}: "
        f"{cell.held:.1f} ± {cell.error:.1f}"
        for cell in found[beyond(found)[1]].itertuples()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/interval_coverage.md as well")
    write = parser.parse_args().write
    random, rows, ours, wide = np.random.default_rng(SEED), [], [], []
    for periods in PERIODS:
        for kind in (*SIZES, "other"):
            for articles in ARTICLES:
                cells = coverage(random, periods, articles, kind)
                ours += [(periods, kind, articles, share, h[2], error) for share, (h, _, error) in cells.items()]
                wide += [(kind, width[2] / width[0]) for _, width, _ in cells.values()]
                said = [f"{w:.0f} / {b:.0f} / **{o:.1f}** ± {e:.1f}" for (w, b, o), _, e in cells.values()]
                rows.append(f"| {periods} | {kind} | {articles} | " + " | ".join(said) + " |")
                print(rows[-1], flush=True)
    head = "| periods | clumps | articles a period | " + " | ".join(f"share {share:.0%}" for share in SHARES) + " |"
    found = pd.DataFrame(ours, columns=["periods", "clumps", "articles", "share", "held", "error"])
    ratio = pd.DataFrame(wide, columns=["clumps", "ratio"]).groupby("clumps", sort=False)["ratio"].mean()
    text = "\n".join(
        [
            "# Coverage of 95% intervals",
            "",
            "Percent of periods whose interval holds the true share: Wilson / block bootstrap / **ours** ± one "
            "standard error.",
            "",
            head,
            "|" + " --- |" * (3 + len(SHARES)),
            *rows,
            "",
            f"Ours: {summary(found)} (two standard errors).",
            "",
            f"Where articles come in clumps: {summary(found[found['clumps'] != 'none'])}.",
            "",
            *[f"- {name}: {summary(own)}" for column in ("periods", "clumps")
              for name, own in found.groupby(column, sort=False)],
            "",
            "Width of ours over Wilson's, mean: " + ", ".join(f"{k} {r:.2f}" for k, r in ratio.items()) + ".",
            "",
            "Outside beyond noise:",
            "",
            *(outside(found) or ["- no cell"]),
            "",
            WHY,
        ]
    )  # fmt: skip
    print(text)
    if write:
        (ROOT / "benchmarks" / "interval_coverage.md").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
