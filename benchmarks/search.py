"""What a search of 100,000 articles takes: from a finished run, and encoding and comparing all anew.

Run: python benchmarks/search.py [--articles N] [--write]

The articles are Wikipedia's current events and Russian Telegram posts (../shared/data); the queries are the short seed
phrases of data/themes.yml in English and Russian. "Anew" is what a search takes without what a run keeps: the word
vectors of all passages from their cache, the latent vectors fitted, articles pooled, the query compared with all. The
index is usearch's, asked for the ten and the hundred nearest of 500 articles, and judged by exact comparison.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import embed, neighbours, searching, store, themefile  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
QUERIES, SEED = 60, 42


def read(count):
    """Return articles of both corpora, `count` at most."""
    wiki = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True, dtype={"id": str})
    posts = pd.read_json(DATA / "telegram_ru_posts.jsonl.gz", lines=True)
    texts = [("en", text) for text in wiki["text"]] + [("ru", text) for text in posts["text"].dropna()]
    chosen = pd.DataFrame(texts, columns=["language", "text"]).drop_duplicates("text")
    chosen = chosen.sample(min(count, len(chosen)), random_state=SEED).reset_index(drop=True)
    return chosen.assign(article_id=[f"{row:08x}" for row in chosen.index], title="")


def queries():
    """Return short seed phrases, English and Russian in turn."""
    themes = themefile.load_themes(ROOT / "data" / "themes.yml")
    found = [[p for theme in themes for p in theme.seeds.get(code, ()) if len(p.split()) <= 5] for code in ("en", "ru")]
    return [phrase for pair in zip(*found, strict=False) for phrase in pair][:QUERIES]


def timed(call):
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


def encode(articles, cache):
    """Return the corpus' encoder and its articles' vectors."""
    settings = EmbedSettings(cache_dir=cache, seed=SEED)
    passages = embed.make_passages(articles, settings)
    reader = embed.CorpusEncoder(embed.load_encoder("embedded"), passages["text"].tolist(), settings)
    return reader, embed.pool(passages, reader.encode(passages["text"].tolist()), articles["article_id"])


OPEN = """
import json, sys, time
from toolkit import searching, store
begun = time.perf_counter()
run = searching.open_run(sys.argv[1])
opened, times = time.perf_counter() - begun, []
opened_mb = store.peak_memory()
for query in json.load(sys.stdin):
    begun = time.perf_counter()
    searching.search(run, query)
    times.append(time.perf_counter() - begun)
print(json.dumps({"open": opened, "times": times, "opened_mb": opened_mb, "mb": store.peak_memory()}))
"""


def search_run(run):
    """Open a run and search it in a process of its own."""
    command = [sys.executable, "-c", OPEN, str(run)]
    ran = subprocess.run(command, input=json.dumps(queries()), capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(ran.stdout)


def judge_index(vectors):
    """Return lines on usearch's index: time to build, to ask, recall."""
    index, seconds = timed(lambda: neighbours.build_index(vectors))
    asked = vectors[np.random.default_rng(SEED).permutation(len(vectors))[:500]]
    rows = []
    for most in (10, 100):
        (exact, _), slow = timed(lambda most=most: neighbours.nearest(vectors, asked, most))
        singly = [timed(lambda v=v, most=most: neighbours.nearest(vectors, v[None], most))[1] for v in asked[:50]]
        (found, _), quick = timed(lambda most=most: neighbours.search_index(index, asked, most))
        recall = np.mean([len(set(a) & set(b)) / most for a, b in zip(exact, found, strict=True)])
        one, fast = 1000 * np.median(singly), 1000 * quick / len(asked)
        rows.append(f"| {most} | {recall:.3f} | {fast:.1f} | {one:.1f} | {1000 * slow / len(asked):.1f} |")
    size = index.memory_usage / 1024**2
    head = f"Index of {len(vectors):,} vectors of {vectors.shape[1]}: built in {seconds:.0f} s, {size:,.0f} MB."
    columns = "| nearest | recall | ms a query, index | ms, exact | ms, exact, 500 at once |\n|---|---|---|---|---|"
    return "\n".join(["## Index and exact comparison", "", head, "", columns, *rows, ""])


def measure(count):
    articles = read(count)
    with tempfile.TemporaryDirectory() as folder:
        run, cache = Path(folder) / "run", str(Path(folder) / "cache")
        (reader, vectors), cold = timed(lambda: encode(articles, cache))
        tables = run / "tables"
        store.write_table(articles, tables / "articles.parquet")
        store.write_vectors(vectors, tables / "vectors.safetensors")
        _, kept = timed(lambda: searching.write_index(articles, reader.space(), tables))
        sizes = {path.name: path.stat().st_size / 1024**2 for path in tables.iterdir()}
        found = search_run(run)

        def anew():
            again, those = encode(articles, cache)
            return neighbours.nearest(those, again.encode(queries()[:1]), 20)

        _, slow = timed(anew)
    first, median = found["times"][0], float(np.median(found["times"][1:]))
    searches = sum(size for name, size in sizes.items() if name.startswith(("space", "words")))
    lines = [
        f"## {len(articles):,} articles",
        "",
        "| what | seconds |",
        "|---|---|",
        f"| encoding all, nothing cached (part of every run) | {cold:.1f} |",
        f"| keeping what a search needs (part of every run) | {kept:.1f} |",
        f"| a search, encoding and comparing anew | {slow:.1f} |",
        f"| opening the run (loads the encoder) | {found['open']:.1f} |",
        f"| the first search | {first:.2f} |",
        f"| each further search, median of {len(found['times']) - 1} | {median:.3f} |",
        "",
        f"Opening and the first search together are {slow / (found['open'] + first):.0f} times as fast as anew, each "
        f"further search {slow / median:,.0f} times. The process holds {found['opened_mb']:,.0f} MB at most while it "
        f"opens the run, {found['mb']:,.0f} MB while it searches; on disk vectors are "
        f"{sizes['vectors.safetensors']:,.0f} MB, what a search needs besides {searches:,.0f} MB.",
        "",
    ]
    return "\n".join([*lines, judge_index(vectors)])


def main():
    """Measure, print, and with --write put the result into benchmarks/search.md."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--articles", type=int, default=100_000)
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    found = measure(given.articles)
    print(found)
    if given.write:
        head = f"# {__doc__.splitlines()[0]}\n\n{__doc__.split('[--write]')[1].strip()}\n\n"
        Path(__file__).with_suffix(".md").write_text(head + found, "utf-8")


if __name__ == "__main__":
    main()
