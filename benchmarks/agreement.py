"""Does the agreement of two readings, which the report shows per language, say where the scores are good?

Run: python benchmarks/agreement.py [--write]

On every set with labels and for each theme: the agreement, which needs no label, beside precision, recall and F1
against the labels, and the rank correlation of the two over all. Seeds only, the embedded default.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sections  # noqa: E402
from labelled import DATA, EVENTS, LANGUAGES, WIKI  # noqa: E402

from toolkit import embed, themes  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402


def sib200(language):
    """Return texts and their labels of the set of sentences, in one language."""
    parts = [DATA / "sib200" / LANGUAGES[language] / f"{part}.tsv" for part in ("train", "dev")]
    rows = pd.concat(pd.read_table(path, quoting=csv.QUOTE_NONE) for path in parts)
    return rows["text"], [{label.replace("/", "_")} for label in rows["category"]]


def reuters():
    """Return texts and their labels of the newswire."""
    rows = pd.read_json(DATA / "reuters_modapte_train.jsonl.gz", lines=True)
    rows = rows[rows["text"].str.len() > 20]
    return rows["title"] + "\n" + rows["text"], [{t.replace("-", "_") for t in topics} for topics in rows["topics"]]


def wiki():
    """Return texts and their labels of the current events of 2015 to 2020."""
    rows = pd.read_json(EVENTS, lines=True)
    rows = rows[rows["date"].dt.year.between(2015, 2020) & rows["label"].ne("")]
    return rows["text"], [{WIKI.get(label, "")} for label in rows["label"]]


def measure(name, language, seeds, given):
    """Return a row a theme: set, language, theme, agreement, precision, recall, F1."""
    texts, labels = given
    names = [f"a{place:06d}" for place in range(len(labels))]
    articles = pd.DataFrame({"article_id": names, "language": language, "title": "", "text": list(texts)})
    wanted = themes.load_themes(seeds)
    passages = embed.make_passages(articles)
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), passages["text"].tolist(), EmbedSettings())
    told = themes.score_passages(passages, reader.encode(passages["text"].tolist()), wanted, reader)
    scores = themes.score_articles(passages, told, wanted).pivot(index="article_id", columns="theme", values="label")
    agreed = told.agreement.set_index("theme")["agreement"]
    rows = []
    for theme in wanted:
        said = scores[theme.id].reindex(names, fill_value=False).to_numpy(bool)
        gold = np.array([theme.id in held for held in labels])
        right = (said & gold).sum()
        precision, recall = right / max(said.sum(), 1), right / gold.sum()
        f1 = 2 * right / (said.sum() + gold.sum())
        rows.append((name, language, theme.id, agreed[theme.id], precision, recall, f1))
        print(*rows[-1], flush=True)
    return rows


def main():
    """Measure, and with --write make the document."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--write", action="store_true", help="keep it in benchmarks/agreement.md")
    given = asked.parse_args()
    seeds = ROOT / "benchmarks" / "themes"
    rows = [row for code in LANGUAGES for row in measure("sib200", code, seeds / "sib200.yml", sib200(code))]
    rows += measure("reuters", "en", seeds / "reuters.yml", reuters())
    rows += measure("wiki 2015-20", "en", ROOT / "data" / "themes.yml", wiki())
    table = pd.DataFrame(rows, columns=["set", "language", "theme", "agreement", "precision", "recall", "F1"])
    means = table.groupby(["set", "language"], sort=False)[["agreement", "precision", "recall", "F1"]].mean()
    known = table.dropna()
    ranks = {what: spearmanr(known["agreement"], known[what])[0] for what in ("precision", "recall", "F1")}
    said = ", ".join(f"{what} {value:.2f}" for what, value in ranks.items())
    found = [
        "## Means by set and language",
        f"Rank correlation of the agreement over {len(known)} themes: {said}.",
        lines(means.reset_index()),
        "### Theme by theme",
        lines(table),
    ]
    print(*found, sep="\n\n")
    if given.write:
        sections.keep(__file__, __doc__, "\n\n".join(found) + "\n")


def lines(table):
    """Return a table as Markdown."""
    cells = [
        [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in table.to_numpy(object)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [[*table], ["---"] * len(table.columns), *cells])


if __name__ == "__main__":
    main()
