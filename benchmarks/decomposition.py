"""Which outlets explain how each theme's share changed between January and March 2017, in news of nine outlets?

Run: toolkit run ../shared/data/newsarticles_cc0.jsonl.gz --out RUN
then: python benchmarks/decomposition.py RUN [--write]
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from early_detection import as_markdown  # noqa: E402

from toolkit import changes, intervals, store, themefile  # noqa: E402
from toolkit.exhibits import number, percent, signed  # noqa: E402
from toolkit.mix import PARTS  # noqa: E402
from toolkit.settings import WindowSettings  # noqa: E402

WINDOWS = WindowSettings(before=["2017-01-01", "2017-01-31"], after=["2017-03-01", "2017-03-31"])
READ = """Read for plausibility: 166 of the 179 articles of January are the business pages of one Chinese daily's
European edition, three quarters of them labelled as economic; by March these are one article in fifty, and seven
outlets of general news have come. So the fall of economic stability is that daily's weight among the two outlets that
were there in both months, and the newcomers, who write less of the economy; within the two the share rose. The rise
of extremism is one broadcaster's (none of 12 articles, a fifth of 214), the smaller weight of the daily that never
writes of it, and a newcomer of whose articles two fifths are labelled so: Syria stands in 38% of all that it wrote,
and of 25 of the labelled ones read by title eight are on armed groups or what is done against them, the others on the
politics of the region. The broadcaster's 12 articles of January are its pages on science and the environment: the
same outlet, and not the same desk, which no split by outlets can see. The intervals say as much: the part within the
same sources takes in zero for all three. The shares alone would have told three large changes; what happened is that
the corpus grew."""


def lines(compared, titles):
    """Return a line a theme and unit: what the change is made of, in points."""
    return [
        {
            "theme": titles[row.theme],
            "per": row.unit,
            "January": percent(row.before),
            **{part: signed(getattr(row, part)) for part in PARTS},
            "March": percent(row.after),
            "change (95%)": f"{signed(row.change)} ({signed(row.low)} to {signed(row.high)})",
            "within (95%)": f"{signed(row.within)} ({signed(row.within_low)} to {signed(row.within_high)})",
        }
        for row in compared.itertuples()
    ]


def behind(split, titles):
    """Return the outlets that add most to each theme's change."""
    mine = split[split["unit"] == "article"]
    return [
        {
            "theme": titles[row.theme],
            "outlet": row.key,
            "January": f"{percent(row.before)} of {number(row.articles_before)}",
            "March": f"{percent(row.after)} of {number(row.articles_after)}",
            **{part: signed(getattr(row, part)) for part in (*PARTS, "change")},
        }
        for row in mine.groupby("theme", sort=False).head(5).itertuples()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--write", action="store_true", help="write benchmarks/decomposition.md as well")
    args = parser.parse_args()
    kept = Path(args.run) / "tables"
    articles, scores = store.read_heads(kept / "articles.parquet"), store.read_table(kept / "scores.parquet")
    titles = {theme.id: theme.title for theme in themefile.from_records(store.read_json(kept / "themes.json"))}
    placed, carried = intervals.place(articles), intervals.carry(scores)
    windows = changes.choose_windows(pd.DataFrame(), placed, WINDOWS)
    compared = changes.compare_windows(windows, placed, carried)
    split = changes.split_windows(windows, placed, carried)
    text = "\n\n".join(
        [
            "# What a change is made of",
            f"{windows.before.sum():,} articles of January 2017 against {windows.after.sum():,} of March, in points.",
            as_markdown(lines(compared, titles)),
            "The five outlets of each theme that add most:",
            as_markdown(behind(split, titles)),
            READ.replace("\n", " "),
        ]
    )
    print(text)
    if args.write:
        (ROOT / "benchmarks" / "decomposition.md").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
