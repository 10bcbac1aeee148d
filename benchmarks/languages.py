"""Where a corpus has several languages: does one say as often as another that a theme is there, and is it right?

Run: python benchmarks/languages.py [--write]

How common a theme is in each language is read off two signs, which have the same say between languages: how often it
wins against the general subjects of news, and how often its words are said. Measured beside each sign alone, in one
process with the embedded default, from seeds alone:

- *the same*: 700 news sentences in three languages (xwmt), which must get the same themes: Cohen's kappa of the
  likeliest theme or none, mean of four seeds;
- *not the same*: sentences of SIB-200 on seven topics, of which each language keeps three whole, drawn by chance, and
  a quarter of the others; mean of eight draws. Whoever takes all languages to be alike fails here. The error is the
  mean, over themes and languages, of how far the mean probability is from the true share, as a factor.
"""

import argparse
import csv
import itertools
import json
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sections  # noqa: E402
from labelled import DATA, LANGUAGES  # noqa: E402

from toolkit import embed, themes  # noqa: E402
from toolkit.settings import EmbedSettings, ThemeSettings  # noqa: E402

SHIPPED, TOPICS = ROOT / "data" / "themes.yml", ROOT / "benchmarks" / "themes" / "sib200.yml"
SEEDS, DRAWS = (42, 1, 2, 3), 8
WHOLE, PART = 3, 0.25
LEAST = 0.002


def translations():
    """Return the news sentences in three languages."""
    lines = (DATA / "xwmt_en_ru_kk.jsonl").read_text("utf-8").splitlines()
    rows = [
        (f"{number:04d}-{code}", code, "", item[code])
        for number, item in enumerate(map(json.loads, lines))
        for code in LANGUAGES
    ]
    return pd.DataFrame(rows, columns=["article_id", "language", "title", "text"])


def topics():
    """Return the sentences of SIB-200 in three languages, with their topic."""
    parts = []
    for code, folder in LANGUAGES.items():
        files = [DATA / "sib200" / folder / f"{part}.tsv" for part in ("train", "dev")]
        rows = pd.concat([pd.read_table(path, quoting=csv.QUOTE_NONE) for path in files], ignore_index=True)
        named = rows["index_id"].map("{:05d}".format) + f"-{code}"
        gold = rows["category"].str.replace("/", "_")
        parts.append(rows.assign(article_id=named, language=code, title="", gold=gold))
    return pd.concat(parts, ignore_index=True)


def unequal(table, seed):
    """Return a draw in which each language has topics of its own."""
    random, kept = np.random.default_rng(seed), np.zeros(len(table), bool)
    names = sorted(table["gold"].unique())
    for code in LANGUAGES:
        whole = table["gold"].isin(random.choice(names, WHOLE, replace=False))
        kept |= (table["language"] == code) & (random.random(len(table)) < np.where(whole, 1, PART))
    return table[kept].reset_index(drop=True)


def scored(articles, seeds, seed):
    """Return the scores of articles by the themes of a file."""
    wanted, settings = themes.load_themes(seeds), ThemeSettings(seed=seed)
    passages = embed.make_passages(articles)
    texts = passages["text"].tolist()
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), texts, EmbedSettings(seed=seed))
    told = themes.score_passages(passages, reader.encode(texts), wanted, reader, settings)
    return themes.score_articles(passages, told, wanted, settings)


def agreement(seed):
    """Return the kappa of each pair of languages."""
    found = scored(translations(), SHIPPED, seed).sort_values("score").drop_duplicates("article_id", keep="last")
    named = found["theme"].where(found["label"], "none").set_axis(found["article_id"]).sort_index()
    codes = {code: named[named.index.str.endswith(code)] for code in LANGUAGES}
    return [cohen_kappa_score(codes[one], codes[other]) for one, other in itertools.combinations(LANGUAGES, 2)]


def faithfulness(articles):
    """Return error of the share (a factor), calibration error and F1, means over themes and languages."""
    found = scored(articles, TOPICS, SEEDS[0]).merge(articles[["article_id", "language", "gold"]], on="article_id")
    found = found.assign(gold=found["gold"] == found["theme"], bin=(found["score"] * 10).clip(upper=9).astype(int))
    rows = []
    for _, mine in found.groupby(["language", "theme"]):
        share, true = (max(mine[name].mean(), LEAST) for name in ("score", "gold"))
        bins = mine.groupby("bin")
        gaps = (bins["score"].mean() - bins["gold"].mean()).abs() * bins.size()
        hits = (mine["label"] & mine["gold"]).sum()
        f1 = 2 * hits / max(1, mine["label"].sum() + mine["gold"].sum())
        rows.append((abs(np.log(share / true)), gaps.sum() / len(mine), f1))
    error, ece, f1 = np.mean(rows, axis=0)
    return [np.exp(error), ece, f1]


shipped = themes._priors


def by_subjects(corpus, match):
    """Return priors by how often the theme wins."""
    return shipped(corpus, match._replace(plain=np.where(match.wins, np.inf, -np.inf)))


def by_words(corpus, match):
    """Return priors by how often its words are said, as common over all languages as it wins there."""
    told = match.plain > themes.SURE_MATCH
    scale = match.wins.sum() / max(1, told.sum())
    return {code: share * scale for code, share in shipped(corpus, match._replace(wins=told)).items()}


VARIANTS = {"by the subjects alone": by_subjects, "by both, as shipped": shipped, "by its words alone": by_words}


def measured():
    """Return the lines of both tables."""
    every = topics()
    draws = [unequal(every, seed) for seed in range(DRAWS)]
    rows, by_seed = [], []
    for name, priors in VARIANTS.items():
        with patch.object(themes, "_priors", priors):
            kappas = [agreement(seed) for seed in SEEDS]
            error, ece, f1 = np.mean([faithfulness(draw) for draw in draws], axis=0)
        told = " | ".join(f"{kappa:.3f}" for kappa in np.mean(kappas, axis=0))
        rows.append(f"| {name} | {told} | {error:.2f} | {ece:.3f} | {f1:.3f} |")
        print(rows[-1], flush=True)
        if priors is shipped:
            by_seed = [
                f"| {seed} | {' | '.join(f'{k:.3f}' for k in row)} |" for seed, row in zip(SEEDS, kappas, strict=True)
            ]
    return [
        "| languages told apart | the same: en–ru | en–kk | ru–kk | not the same: error of the share | ECE | F1 |",
        "|---|" + "---:|" * 6,
        *rows,
        "",
        "As shipped, by seed:",
        "",
        "| seed | en–ru | en–kk | ru–kk |",
        "|---:|---:|---:|---:|",
        *by_seed,
        "",
    ]


def main():
    """Measure, print, and with --write make the document."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--write", action="store_true", help="keep it in benchmarks/languages.md")
    given = asked.parse_args()
    found = "\n".join(["## Sentences of news, and sentences of everything", "", *measured()])
    print(found)
    if given.write:
        sections.keep(__file__, __doc__, found)


if __name__ == "__main__":
    main()
