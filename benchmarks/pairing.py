"""Are topics of runs without a common article matched rightly by their words?

Run: python benchmarks/pairing.py RUN DATE [--title TEXT] [--write]

The articles of a finished run are cut in two at a date, so that each topic has an earlier and a later part without a
common article: its true partner. In each of 200 trials three topics in ten, drawn anew on either side, are taken away,
so that some have no partner. Counted are the pairs that `pairing.match_topics` would call the same at several limits of
likeness: of those that it calls so, how many are (precision), and of those that are, how many it finds (recall). Topics
were found on both parts together, which makes it easier than two runs; that parts differ in time makes it no easier.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sections  # noqa: E402

from toolkit import comparing, pairing  # noqa: E402

LIMITS, TRIALS, KEPT, FEWEST = (0.0, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45), 200, 0.7, 5


def cut(topics, early):
    """Return the part of a run's topics whose articles are marked."""
    assigned = topics.assigned[topics.assigned["article_id"].isin(topics.articles.loc[early, "article_id"])]
    sizes = topics.topics["topic_id"].map(assigned["topic_id"].value_counts()).fillna(0).astype(int)
    return pairing.TopicSet(topics.articles[early], assigned, topics.topics.assign(articles=sizes))


def measure(alike, usable):
    """Return precision and recall at each limit."""
    random = np.random.default_rng(42)
    counts = np.zeros((len(LIMITS), 3))
    for _ in range(TRIALS):
        rows, columns = (np.flatnonzero(usable & (random.random(len(usable)) < KEPT)) for _ in range(2))
        part = alike[np.ix_(rows, columns)]
        best = part.argmax(axis=1)
        mutual = part.argmax(axis=0)[best] == np.arange(len(rows))
        right = rows == columns[best]
        for place, limit in enumerate(LIMITS):
            called = mutual & (part.max(axis=1) >= limit)
            counts[place] += (called & right).sum(), called.sum(), len(set(rows) & set(columns))
    return counts[:, 0] / counts[:, 1], counts[:, 0] / counts[:, 2]


def main():
    """Measure, print, and with --write put the result into benchmarks/pairing.md, one section a run."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("run")
    asked.add_argument("date", help="the first day of the later part")
    asked.add_argument("--title", default="", help="what to call the run")
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    topics = comparing.read_run(given.run).topics
    early = topics.articles["published"] < pd.Timestamp(given.date, tz="UTC")
    parts = cut(topics, early), cut(topics, ~early)
    usable = ((parts[0].topics["articles"] >= FEWEST) & (parts[1].topics["articles"] >= FEWEST)).to_numpy()
    precision, recall = measure(pairing.likeness(*parts), usable)
    sizes = " and ".join(f"{len(part.articles):,}" for part in parts)
    lines = [f"## {given.title or Path(given.run).name}", "", f"{usable.sum()} topics, {sizes} articles.", ""]
    lines += ["| likeness at least | precision | recall |", "|---|---|---|"]
    lines += [f"| {a:.2f} | {b:.3f} | {c:.3f} |" for a, b, c in zip(LIMITS, precision, recall, strict=True)]
    found = "\n".join([*lines, ""])
    print(found)
    if given.write:
        sections.keep(__file__, __doc__, found)


if __name__ == "__main__":
    main()
