"""What each part of the scoring is worth: themes from seeds alone, as shipped and with one part taken out at a time.

Run: python benchmarks/ablation.py [--only SET ...] [--older FILE] [--write]

The sets are those of benchmarks/themes.py (10,000 texts drawn of the current events), read, scored and measured as
`toolkit evaluate` does, with the embedded default. A figure is the mean over the set's themes. --older is an earlier
file of the three themes (`git show 3fbba49:data/themes.yml`), to see what its seeds give. --write makes
benchmarks/themes/ablation.md, which benchmarks/themes.py takes into its document.
"""

import argparse
import csv
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from labelled import DATA, LANGUAGES, WIKI  # noqa: E402

from toolkit import clean, embed, evaluate, gold, ingest, matching, measures, subjects, themefile, themes, units  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402

HERE = ROOT / "benchmarks" / "themes"
THEMES = ROOT / "data" / "themes.yml"
ARTICLES, SEED = 10_000, 42
MEASURES = {"average_precision": "AP", "f1_ratio": "F1 / best", "ece": "ECE"}


# The sets -----------------------------------------------------------------------------------------------------


def wiki(folder):
    """Return path, seeds, column and map of labels of the current events, a part of them drawn by seed."""
    items = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True, dtype={"id": str})
    items = items[items["date"].dt.year.between(2015, 2020) & items["label"].ne("")]
    items = items.sample(ARTICLES, random_state=SEED).assign(date=lambda table: table["date"].dt.strftime("%Y-%m-%d"))
    return keep(folder, "wiki", items[["id", "date", "text", "label"]]), THEMES, "label", WIKI


def reuters(folder):
    """Return the same of Reuters' ten largest topics."""
    return DATA / "reuters_modapte_train.jsonl.gz", HERE / "reuters.yml", "topics", {"money-fx": "money_fx"}


def sib200(language):
    """Return what returns the same of a language of SIB-200."""

    def read(folder):
        parts = [
            pd.read_table(DATA / "sib200" / LANGUAGES[language] / f"{part}.tsv", quoting=csv.QUOTE_NONE)
            for part in ("train", "dev")
        ]
        rows = pd.concat(parts).rename(columns={"category": "label", "index_id": "id"})
        seeds = HERE / "sib200.yml", "label", {"science/technology": "science_technology"}
        return keep(folder, f"sib200-{language}", rows), *seeds

    return read


SETS = {"wiki": wiki, "reuters": reuters} | {f"sib200-{language}": sib200(language) for language in LANGUAGES}


def keep(folder, name, rows):
    """Write rows as JSON lines for the toolkit to read."""
    path = Path(folder) / f"{name}.jsonl"
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_dict("records"))
    path.write_text("".join(lines), "utf-8")
    return path


class Read:
    """A set, read and encoded once; corpora are prepared anew only where a part changes how."""

    def __init__(self, path, seeds, column, label_map):
        self.wanted = themefile.load_themes(seeds)
        raw, found = gold.read_labels(path), ingest.read_articles([path])
        articles = clean.clean_articles(found.kept).kept.reset_index(drop=True)
        marked = gold.mark(raw, [theme.id for theme in self.wanted], column, label_map)
        self.truth = gold.match(marked, gold.keys_by_line(raw, found), articles, raw.lines).truth
        self.passages = embed.make_passages(articles)
        texts = self.passages["text"].tolist()
        self.encoder = embed.CorpusEncoder(embed.load_encoder("embedded"), texts, EmbedSettings())
        self.vectors = self.encoder.encode(texts)
        self.prepared = {}

    def corpus(self, part):
        """Return the corpus, prepared anew where the part changes its units or centre."""
        breaks = "".join(map(str, np.diff(units._units(self.passages), prepend=0)))
        key = breaks, part if part == CENTRE else ""
        if key not in self.prepared:
            self.prepared[key] = units.prepare(self.passages, self.vectors, self.encoder, SEED)
        return self.prepared[key]

    def measure(self, part, wanted):
        """Return the means over themes, each of `MEASURES`."""
        scored = themes.score_prepared(self.corpus(part), wanted, self.encoder)
        table = themes.score_articles(self.passages, scored, wanted)
        names = [theme.id for theme in wanted]
        system = evaluate.system(table, self.truth, names)
        found = measures.measure(system, self.truth[names].to_numpy(bool), np.ones((1, len(self.truth))))
        return [float(found[name].mean()) for name in MEASURES]


# The parts ----------------------------------------------------------------------------------------------------

CENTRE = "centred on the mean of the corpus alone"
priors, both = themes._priors, themes._read


def no_contest(found, view):
    """Return no rival, so that likeness to the theme counts by itself."""
    return np.zeros(len(found.views[view]))


def priors_by_words(corpus, match):
    """Return the prior of a narrow corpus: by the words of the theme."""
    return priors(corpus._replace(breadth=0.0), match)


def regression_again(taught, vectors, tfidf):
    """Return logistic regression in the place of naive Bayes."""
    return (both(taught, vectors, tfidf)[0],) * 2


def naive_bayes_again(taught, vectors, tfidf):
    """Return naive Bayes in the place of logistic regression."""
    return (both(taught, vectors, tfidf)[1],) * 2


def match_alone(corpus, taught, tie):
    """Return the match above the one that the prior lets in last."""
    return tie, np.zeros(len(corpus.unit))


def own_mean(vectors, rows, known):
    """Return the mean of the units of a language."""
    return vectors[rows if len(rows) >= units._OWN_MEAN else slice(None)].mean(axis=0)


PARTS = {
    "as shipped": {},
    "the subjects of news no rivals, neither in the match nor in the prior": {
        (subjects, "nearest_rival"): no_contest,
        (themes, "_priors"): priors_by_words,
    },
    "rivals in the prior only": {(subjects, "nearest_rival"): no_contest},
    "rivals in the match only": {(themes, "_priors"): priors_by_words},
    "a prior by all latent axes, however few the texts": {(matching, "_FEWEST_AXES"): embed._LATENT},
    "without naive Bayes": {(themes, "_read"): regression_again},
    "without logistic regression": {(themes, "_read"): naive_bayes_again},
    "without self-training: the match alone": {(themes, "_ask"): match_alone},
    "without the mean of the cluster": {(matching, "_AROUND"): 0},
    "without phrases that speak against": {},
    "seeds of the release before": {},
    "units of 80 words": {(units, "_UNIT_WORDS"): 80},
    "units of 300 words": {(units, "_UNIT_WORDS"): 300},
    CENTRE: {(units, "_centre"): own_mean},
}


def measure(name, older):
    """Return part -> figures of one set; none where a part does not bear on the set."""
    with tempfile.TemporaryDirectory() as folder:
        read = Read(*SETS[name](folder))
    found = {}
    for part, patches in PARTS.items():
        wanted = read.wanted
        if "against" in part:
            wanted = [replace(theme, against={}) for theme in wanted]
        elif "seeds of" in part:
            wanted = themefile.load_themes(older) if older and name == "wiki" else []
        if wanted and ("against" not in part or any(theme.against for theme in read.wanted)):
            with ExitStack() as stack:
                for (module, what), other in patches.items():
                    stack.enter_context(patch.object(module, what, other))
                found[part] = read.measure(part, wanted)
                print(name, part, *(f"{value:.3f}" for value in found[part]), flush=True)
    return found


def report(found):
    """Return a Markdown table a measure: a row a part, a column a set."""
    lines = [
        "## What each part is worth",
        "`benchmarks/ablation.py`, embedded default: 10,000 texts drawn of the current events, the other sets whole;",
        "means over themes. A dash: the part does not bear on the set. Where texts are short, units of another length",
        "are the same.",
        "",
    ]
    heads = [f"{name} {called}" for name in found for called in MEASURES.values()]
    lines += [f"| part | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for part in PARTS:
        cells = [found[name].get(part, [None] * len(MEASURES)) for name in found]
        told = ["–" if value is None else f"{value:.3f}" for row in cells for value in row]
        if set(told) != {"–"}:
            lines.append(f"| {part} | {' | '.join(told)} |")
    return "\n".join([*lines, ""])


def main():
    """Measure, print, and with --write make the part of the document."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--only", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=", ".join(SETS))
    asked.add_argument("--older", type=Path, help="an earlier file of the three themes")
    asked.add_argument("--write", action="store_true", help="make benchmarks/themes/ablation.md")
    given = asked.parse_args()
    found = report({name: measure(name, given.older) for name in given.only})
    print(found)
    if given.write:
        (HERE / "ablation.md").write_text(found, "utf-8")


if __name__ == "__main__":
    main()
