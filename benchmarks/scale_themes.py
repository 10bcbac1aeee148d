"""How long 2-themes takes, and how much memory, as the corpus grows: its stages, each corpus in a process of its own.

Run: python benchmarks/scale_themes.py FOLDER [--articles N ...] [--write]

The articles are those of benchmarks/corpus.py, put into FOLDER as a run keeps them (their language told by the script;
reading and cleaning are measured elsewhere). Nothing is read from the embedding cache. Memory is the peak of the
process in the stage, pages of files that are mapped included. --write keeps the table in benchmarks/scale_themes.md.
"""

import argparse
import hashlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import corpus  # noqa: E402
from sections import keep  # noqa: E402

from toolkit import check, counts, reading, searching, store, themefile  # noqa: E402
from toolkit.settings import EmbedSettings  # noqa: E402

THEMES = ROOT / "data" / "themes.yml"
PIECE = 20_000
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


def make(folder, count):
    """Keep `count` articles in the folder of a run and return it; those that are there already are left."""
    run = Path(folder) / f"run-{count}"
    if (run / "tables" / "articles.parquet").exists():
        return run
    articles, done = itertools.islice(corpus.generate(), count), 0
    with store.adding(run / "tables" / "articles.parquet") as add:
        while rows := list(itertools.islice(articles, PIECE)):
            table = pd.DataFrame(rows)
            names = [hashlib.blake2b(str(done + at).encode(), digest_size=8).hexdigest() for at in range(len(rows))]
            spoken = ["ru" if len(_CYRILLIC.findall(text[:400])) > 100 else "en" for text in table["text"]]
            table = table.assign(article_id=names, story_id=names, url="", language=spoken)
            add(table.assign(published=pd.to_datetime(table["date"], utc=True)).drop(columns="date"))
            done += len(rows)
    return run


@contextmanager
def stage(run, name, count):
    """Time a stage of `count` articles, by the clock and by the processor."""
    with store.stage(run, name, count) as facts:
        begin = time.process_time()
        yield facts
        facts.update(rows_out=count, processor=round(time.process_time() - begin, 1))


def read(run):
    """Do what 2-themes does, stage by stage."""
    path, tables = run / "tables" / "articles.parquet", run / "tables"
    articles = store.read_table(path, ["article_id", "source", "language", "story_id"])
    wanted, count = themefile.load_themes(THEMES), len(articles)
    with tempfile.TemporaryDirectory() as empty:
        with stage(run, "1 read first", count):
            first = reading.read_first(path, articles.head(0), EmbedSettings(cache_dir=empty))
        with stage(run, "2 score all", count) as facts:
            scores = reading.score(path, first, reading.Asked(wanted), facts.tell)
    with stage(run, "3 index of words", count):
        searching.write_index(reading.texts(path), first.encoder.space(), tables)
    with stage(run, "4 warnings and counts", count):
        check.warnings(THEMES, articles, reading.surest(path, first, scores), scores)
        counts.theme_totals(scores, articles)
        counts.shares_by(articles, scores, counts.main_sources(articles), "source")


def measure(folder, sizes):
    """Return a section: seconds and MB of each stage, by the number of articles."""
    lines = ["| articles | stage | seconds | of a processor | MB at most |", "|---:|---|---:|---:|---:|"]
    for count in sizes:
        run = make(folder, count)
        subprocess.run([sys.executable, __file__, folder, "--read", str(run)], check=True)
        for record in store.read_stages(run):
            lines.append(
                f"| {count:,} | {record['name'][2:]} | {record['seconds']:,.0f} | {record['memory_mb']:,.0f} |"
            )
        print(*lines[-4:], sep="\n", flush=True)
        sizes_of = {path.name: path.stat().st_size >> 20 for path in (run / "tables").iterdir()}
        print(json.dumps(sizes_of))
    return "## Stages of 2-themes\n\n" + "\n".join(lines) + "\n"


def main():
    """Measure the sizes asked for, and with --write keep them."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder")
    asked.add_argument("--articles", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    asked.add_argument("--read", help="do the stages of this run, in this process")
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    if given.read:
        read(Path(given.read))
        return
    found = measure(given.folder, given.articles)
    if given.write:
        keep(__file__, __doc__, found)


if __name__ == "__main__":
    main()
