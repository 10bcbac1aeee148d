"""What the notebooks 4-trends and 5-briefing take on a large corpus: seconds and memory, cell by cell.

Run: python benchmarks/trends_at_scale.py FOLDER [--articles N] [--write]

The articles are those of corpus.py, 300 words in the mean. What the notebooks before would have made stands in: stories
of one to three articles, three themes drawn by chance with a level that doubles for half a year, passages, 60 topics.
Each notebook's cells are run in a fresh process, as they stand; the memory is the most that the process held during the
cell (for one that records a stage, during that stage), libraries and figures included.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import corpus  # noqa: E402
from sections import keep  # noqa: E402

from toolkit import store, themefile  # noqa: E402

SEED, PIECE, TOPICS = 42, 20_000, 60
BASE = {"extremism": 0.15, "cooperation": 0.12, "economic_stability": 0.25}


def piece_of(articles, begun, random):
    """Return the table of some articles with their stories."""
    table = pd.DataFrame(articles)
    number = np.arange(begun, begun + len(table))
    table["published"] = pd.to_datetime(table.pop("date"), utc=True).astype("datetime64[us, UTC]")
    table["article_id"] = [f"{at:016x}" for at in number]
    table["story_id"] = [f"{at:016x}" for at in number // random.choice([1, 1, 1, 2, 3], len(table))]
    table["language"] = np.where(table["text"].str.contains("[а-я]", regex=True), "ru", "en")
    return table.assign(url="")[["article_id", "published", "source", "url", "title", "text", "language", "story_id"]]


def scores_of(table, random):
    """Return scores of the three themes; extremism doubles in the first half of 2018."""
    parts = []
    for theme, level in BASE.items():
        high = (theme == "extremism") & table["published"].between("2018-01-01", "2018-07-01").to_numpy()
        label = random.random(len(table)) < level * (1 + high)
        score = np.where(label, random.uniform(0.5, 1, len(table)), random.uniform(0, 0.5, len(table)))
        parts.append(pd.DataFrame({"article_id": table["article_id"], "theme": theme, "score": score, "label": label,
                                   "evidence": table["text"].str.slice(0, 250), "evidence_offset": 0}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def make(folder, articles):
    """Write the tables that the notebooks 1 to 3 would have left behind, if they are not there."""
    kept = Path(folder) / "tables"
    if (kept / "decided.parquet").exists():
        return
    random, source, done = np.random.default_rng(SEED), corpus.generate(SEED), 0
    with store.adding(kept / "articles.parquet") as add, store.adding(kept / "scores.parquet") as add_scores:
        while done < articles:
            table = piece_of(list(itertools.islice(source, min(PIECE, articles - done))), done, random)
            add(table)
            add_scores(scores_of(table, random))
            done += len(table)
    ids = store.read_table(kept / "articles.parquet", ["article_id"])
    topic = random.integers(0, TOPICS, articles)
    place = random.normal(size=(3, articles))
    assigned = ids.assign(topic_id=topic, x=place[0], y=place[1], closeness=place[2])
    store.write_table(assigned, kept / "assigned.parquet")
    words = [[f"word{at}", f"name{at}", "people"] for at in range(TOPICS)]
    topics = pd.DataFrame({"topic_id": range(TOPICS), "label": [", ".join(own) for own in words], "terms": words})
    topics["articles"] = np.bincount(topic, minlength=TOPICS)
    store.write_table(topics.assign(theme="", theme_share=0.0), kept / "topics.parquet")
    store.write_table(pd.DataFrame(columns=["stage", "reason", "detail", "title", "source"]), kept / "dropped.parquet")
    themes = themefile.load_themes(ROOT / "data" / "themes.yml")
    store.write_json(themefile.as_records(themes), kept / "themes.json")
    columns = ["number", "decision", "status", "detail", "topic_id", "names"]
    store.write_table(pd.DataFrame(columns=columns), kept / "decided.parquet")


def run_cells(name, folder):
    """Run the cells of a notebook in this process; print a line a cell that took half a second or more."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    place = {"display": lambda *_: None}
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        source = "".join(cell["source"])
        Path("/proc/self/clear_refs").write_text("5")
        begun = time.process_time()
        exec(compile(source, name, "exec"), place)
        if "parameters" in cell["metadata"].get("tags", []):
            place |= {"run_dir": folder, "answers": str(ROOT / "data" / "answers.csv")}
            place |= {"gazetteer": str(ROOT / "data" / "gazetteer.yml")} if name == "4-trends" else {}
        taken, peak = time.process_time() - begun, (store.peak_memory() or 0) / 1024
        if taken >= 0.5:
            first = next(line for line in source.splitlines() if not line.startswith(("#", "from", "import")) and line)
            print(f"| {name} | `{first.strip()[:70]}` | {taken:.1f} | {peak:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--notebook", help="run this one's cells here; the others are not touched")
    parser.add_argument("--write", action="store_true", help="write benchmarks/trends_at_scale.md as well")
    args = parser.parse_args()
    if args.notebook:
        return run_cells(args.notebook, args.folder)
    make(args.folder, args.articles)
    lines = [f"## {args.articles:,} articles", "", "| notebook | cell | processor seconds | GiB at most |",
             "| --- | --- | --- | --- |"]  # fmt: skip
    for name in ("4-trends", "5-briefing"):
        words = [sys.executable, __file__, args.folder, "--notebook", name]
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime
        lines += [*done.stdout.splitlines(), f"| {name} | **all** | {total:.0f} | |"]
        print("\n".join(lines), flush=True)
    if args.write:
        keep(__file__, __doc__, "\n".join(lines) + "\n")
    return None


if __name__ == "__main__":
    main()
