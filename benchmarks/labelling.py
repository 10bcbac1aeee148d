"""What an hour of labelling is worth: average precision after 0 to 200 answers a theme, by who picks the articles.

Run: python benchmarks/labelling.py [--encoder NAME_OR_FOLDER] [--title TEXT] [--splits N] [--write]

A seeded part of ../shared/data/wiki_current_events, 2015 to 2020, is scored from the seeds alone. Half of it is never
picked from, and there the answers are judged; from the other half articles are picked, in rounds of 25 at most, and
answered with their label. Three pick: `labels.pick` (one in five at random, kept for measuring and not trained on),
the most uncertain first, and chance; the latter two train on all they are told. "Supervised" is logistic regression on
all labels of both halves, five folds (`peers.supervised`). The halves are drawn anew a few times.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import sections  # noqa: E402

from toolkit import embed, labels, learning, peers, themefile, themes, units  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402

DATA = ROOT.parent / "shared" / "data" / "wiki_current_events_2002_2021.jsonl.gz"
TRUTH = {
    "extremism": "armed_conflict_attacks",
    "cooperation": "international_relations",
    "economic_stability": "business_economy",
}
ARTICLES, SEED, ROUND = 10_000, 42, 25
AFTER = (10, 25, 50, 100, 200)


def read():
    """Return articles of the years in which nearly all are labelled, and truth (n, themes)."""
    items = pd.read_json(DATA, lines=True, dtype={"id": str})
    items = items[items["date"].dt.year.between(2015, 2020) & items["label"].ne("")].drop_duplicates("id")
    items = items.sample(min(ARTICLES, len(items)), random_state=SEED).reset_index(drop=True)
    articles = pd.DataFrame({"article_id": items["id"], "language": "en", "title": "", "text": items["text"]})
    return articles, np.column_stack([items["label"] == label for label in TRUTH.values()])


class Scorer:
    """The corpus as the pipeline scores it: from the seeds alone, and again with answers."""

    def __init__(self, articles, encoder):
        self.wanted = [theme for theme in themefile.load_themes(ROOT / "data" / "themes.yml") if theme.id in TRUTH]
        self.passages = embed.make_passages(articles)
        texts = self.passages["text"].tolist()
        reader = embed.CorpusEncoder(embed.load_encoder(encoder), texts, EmbedSettings(encoder=encoder))
        self.name, vectors = reader.name, reader.encode(texts)
        self.corpus = units.prepare(self.passages, vectors, reader, SEED)
        self.start = themes.score_prepared(self.corpus, self.wanted, reader)
        self.pooled = pd.DataFrame(embed.pool(self.passages, vectors, articles["article_id"]), articles["article_id"])
        self.order = articles["article_id"]

    def score(self, theme, told):
        """Return the articles' scores for one theme, in the order of the articles."""
        start = self.start.units[:, theme].astype(float)
        moved = learning.learn(self.corpus.vectors, start, self.corpus.articles, told)
        scored = self.start._replace(units=moved[:, None], passages=self.start.passages[:, [theme]])
        table = themes.score_articles(self.passages, scored, [self.wanted[theme]])
        return table.set_index("article_id")["score"].reindex(self.order)


def by_pick(scores, vectors, asked, count, rng, theme):
    """Ask what `labels.pick` says; what it drew at random is not trained on."""
    table = scores.rename("score").rename_axis("article_id").reset_index().assign(theme=theme)
    chosen = labels.pick(table, vectors, pd.DataFrame({"article_id": asked, "theme": theme}), theme, count)
    return chosen["article_id"].tolist(), set(chosen.loc[chosen["picked_as"] == labels.UNCERTAIN, "article_id"])


def by_doubt(scores, vectors, asked, count, rng, theme):
    """Ask the most uncertain."""
    doubt = np.minimum(scores, 1 - scores).drop(asked).sort_values(ascending=False, kind="stable")
    return doubt.index[:count].tolist(), set(doubt.index[:count])


def by_chance(scores, vectors, asked, count, rng, theme):
    """Ask any."""
    chosen = rng.choice(scores.index.drop(asked), count, replace=False).tolist()
    return chosen, set(chosen)


PICKERS = {"labels.pick": by_pick, "most uncertain": by_doubt, "chance": by_chance}


def label(scorer, truth, theme, picker, split):
    """Yield the average precision on the half that is never picked from, after each number of answers."""
    rng = np.random.default_rng([SEED, split])
    shuffled = np.random.default_rng([SEED, split, 1]).permutation(len(truth))
    judged, pool = shuffled[: len(truth) // 2], np.sort(shuffled[len(truth) // 2 :])
    answer = pd.Series(truth[:, theme], scorer.order)
    names = scorer.order.to_numpy()
    scores, asked, trained = scorer.score(theme, {}), [], set()
    yield 0, average_precision_score(truth[judged, theme], scores.to_numpy()[judged])
    for goal in AFTER:
        while len(asked) < goal:
            some = min(ROUND, goal - len(asked))
            theme_id = scorer.wanted[theme].id
            new, learnt = PICKERS[picker](scores.loc[names[pool]], scorer.pooled, asked, some, rng, theme_id)
            asked, trained = asked + new, trained | learnt
            scores = scorer.score(theme, {name: bool(answer[name]) for name in sorted(trained)})
        yield goal, average_precision_score(truth[judged, theme], scores.to_numpy()[judged])


def measure(scorer, truth, splits):
    """Return a row an average precision: picker, split, theme, answers."""
    rows = []
    ceiling = peers.supervised(scorer.pooled.to_numpy(), truth, list(range(len(truth))), SEED)
    for split in range(splits):
        judged = np.random.default_rng([SEED, split, 1]).permutation(len(truth))[: len(truth) // 2]
        for theme, name in enumerate(TRUTH):
            best = average_precision_score(truth[judged, theme], ceiling[judged, theme])
            rows.append(("supervised", split, name, -1, best))
            for picker in PICKERS:
                rows += [(picker, split, name, *point) for point in label(scorer, truth, theme, picker, split)]
        print(f"split {split + 1} of {splits}", file=sys.stderr, flush=True)
    return pd.DataFrame(rows, columns=["picker", "split", "theme", "answers", "ap"])


def report(rows, encoder, splits):
    """Return the result as Markdown: the mean over themes, the share of the distance closed, and each theme."""
    mean = rows.groupby(["picker", "answers", "split"])["ap"].mean().unstack("split")
    start, best = mean.loc[("labels.pick", 0)], mean.loc[("supervised", -1)]
    lines = [
        f"## {encoder}",
        "",
        f"{ARTICLES:,} items, half of them judged, {splits} halvings. Seeds alone {start.mean():.3f}, "
        f"supervised {best.mean():.3f} mean average precision.",
        "",
        "| answers a theme | " + " | ".join(PICKERS) + " | of the distance, labels.pick | labels.pick less chance |",
        "|---|" + "---|" * (len(PICKERS) + 2),
    ]
    for goal in AFTER:
        found = [mean.loc[(picker, goal)] for picker in PICKERS]
        closed = (found[0].mean() - start.mean()) / (best.mean() - start.mean())
        gain = found[0] - found[-1]
        error = gain.std() / np.sqrt(splits)
        cells = [f"{values.mean():.3f}" for values in found]
        lines.append(f"| {goal} | {' | '.join(cells)} | {closed:.0%} | {gain.mean():+.3f} ± {error:.3f} |")
    lines += ["", "| theme | seeds | " + " | ".join(f"{goal} answers" for goal in AFTER) + " | supervised |"]
    lines += ["|---|" + "---|" * (len(AFTER) + 2)]
    each = rows.groupby(["picker", "theme", "answers"])["ap"].mean()
    for theme in TRUTH:
        curve = " | ".join(f"{each[('labels.pick', theme, goal)]:.3f}" for goal in (0, *AFTER))
        lines.append(f"| {theme} | {curve} | {each[('supervised', theme, -1)]:.3f} |")
    return "\n".join([*lines, ""])


def main():
    """Measure, print, and with --write put the result into benchmarks/labelling.md, one section an encoder."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--encoder", default="embedded")
    asked.add_argument("--splits", type=int, default=6)
    asked.add_argument("--title", default="", help="what to call the encoder in the table")
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    articles, truth = read()
    scorer = Scorer(articles, given.encoder)
    found = report(
        measure(scorer, truth, given.splits),
        given.title or ("Embedded default" if given.encoder == "embedded" else scorer.name),
        given.splits,
    )
    print(found)
    if given.write:
        sections.keep(__file__, __doc__, found)


if __name__ == "__main__":
    main()
