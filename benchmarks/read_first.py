"""How much the scores change when they are learnt of a part of the articles, and all are scored by that.

Run: python benchmarks/read_first.py [--only SET ...] [--first N ...] [--write]

Wikipedia's current events (../shared/data): those of 2015 to 2020 and all. Each set is read together, as a small corpus
is, and again as a large one, learnt of N articles read first (`toolkit.reading`). Compared are the labels, the scores,
and the average precision of both against the editors' labels, in the mean over the three themes. --write keeps the
table in benchmarks/read_first.md.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from labelled import EVENTS, WIKI  # noqa: E402
from sections import keep  # noqa: E402

from toolkit import clean, ingest, reading, store, themefile  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402

SETS = {"2015 to 2020": (2015, 2020), "all": (0, 9999)}


def articles_of(years, folder):
    """Keep the items of some years as a run keeps its articles; return path and table."""
    items = pd.read_json(EVENTS, lines=True, dtype={"id": str})
    items = items[items["date"].dt.year.between(*years)]
    items = items[items["label"].ne("")] if years[0] else items
    path = Path(folder) / "items.jsonl"
    rows = items.assign(date=items["date"].dt.strftime("%Y-%m-%d"))[["id", "date", "text", "label"]].to_dict("records")
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    articles = clean.clean_articles(ingest.read_articles([path]).kept).kept.reset_index(drop=True)
    store.write_table(articles, Path(folder) / "articles.parquet")
    return Path(folder) / "articles.parquet", articles


def score(path, first=0):
    """Return the scores of all articles: learnt of `first` of them, or of all where that is 0."""
    sizes = {"TOGETHER": 10**9, "CHARACTERS": 10**12} if not first else {"TOGETHER": first, "FIRST": first}
    with patch.multiple(reading, **sizes):
        read = reading.read_first(path, pd.DataFrame({"article_id": []}), EmbedSettings())
        scores = reading.score(path, read, reading.Asked(themefile.load_themes(ROOT / "data" / "themes.yml")))
    assert read.everything == (not first)
    return scores.sort_values(["theme", "article_id"], ignore_index=True)


def precision(scores, articles):
    """Return the mean average precision and F1 against the labels, where an article has one."""
    known = scores.merge(articles.loc[articles["label"].ne(""), ["article_id", "label"]], on="article_id")
    groups = [(group, group["label_y"].map(WIKI) == theme) for theme, group in known.groupby("theme")]
    return (
        np.mean([average_precision_score(truth, group["score"]) for group, truth in groups]),
        np.mean([f1_score(truth, group["label_x"]) for group, truth in groups]),
    )


def measure(name, sizes):
    """Return a section: the set read together, and by parts of different sizes."""
    lines = ["| learnt of | labels that agree | of the labelled | score differs by | average precision | F1 |"]
    lines.append("|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        path, articles = articles_of(SETS[name], folder)
        whole = score(path)
        lines.append("| all {:,} | | | | {:.3f} | {:.3f} |".format(len(articles), *precision(whole, articles)))
        for size in sizes:
            found = score(path, size)
            same, either = found["label"] == whole["label"], found["label"] | whole["label"]
            both = (found["label"] & whole["label"]).sum() / either.sum()
            differs = (found["score"] - whole["score"]).abs().mean()
            figures = (*precision(found, articles),)
            lines.append(
                f"| {size:,} | {same.mean():.2%} | {both:.1%} | {differs:.4f} | {figures[0]:.3f} | {figures[1]:.3f} |"
            )
            print(lines[-1], flush=True)
    return f"## Wikipedia's current events, {name}\n\n" + "\n".join(lines) + "\n"


def main():
    """Measure the sets asked for, and with --write keep them."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    asked.add_argument("--first", nargs="+", type=int, default=[5_000, 10_000, 20_000])
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    for name in given.only:
        found = measure(name, given.first)
        print(found)
        if given.write:
            keep(__file__, __doc__, found)


if __name__ == "__main__":
    main()
