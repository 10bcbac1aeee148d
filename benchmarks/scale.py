"""How time and memory grow with the corpus: `toolkit run` on 1,000 to 1,000,000 articles, stage by stage.

Run: python benchmarks/scale.py FOLDER [--articles N ...] [--write]

The articles are those of `corpus.py`, kept in FOLDER. Each size is one `toolkit run` in a fresh process, from the file
to the finished report, with an empty cache. Seconds are of the clock, as the stages recorded them, with those of all
processors in brackets where a stage uses two; MB are the most that the kernel held in a stage. "Together" is the whole
command, and the most that all of its processes held at once (proportional set size, looked at every three seconds).
What was measured is kept in FOLDER/scale.json, so that sizes can be measured one by one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import psutil
from compiled import compile_toolkit
from corpus import write_corpus
from sections import keep

ROOT = Path(__file__).resolve().parent.parent
GLANCE = 3.0


def held(process):
    """Return the MB that a process and its descendants hold."""
    found = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            found += one.memory_full_info().pss
        except psutil.Error:  # ended meanwhile
            continue
    return found / 1024**2


def measure(path, folder):
    """Run the toolkit on a corpus; return seconds, the most MB, and the records of its stages."""
    out, cache = folder / f"run-{path.stem}", folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    words = [sys.executable, "-m", "toolkit.cli", "run", str(path), "--out", str(out)]
    begun, most, over = time.perf_counter(), [0.0], threading.Event()
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, "TOOLKIT_CACHE": str(cache)}) as child:

        def look():
            while not over.wait(GLANCE):
                most.append(held(psutil.Process(child.pid)))

        looking = threading.Thread(target=look)
        looking.start()
        code = child.wait()
        over.set()
        looking.join()
    shutil.rmtree(cache, ignore_errors=True)
    if code:
        raise SystemExit(f"The run on {path.name} ended with {code}.")
    stages = json.loads((out / "manifest.json").read_text("utf-8"))["stages"]
    return {"seconds": time.perf_counter() - begun, "memory_mb": max(most), "stages": stages}


def cell(stage):
    """Return what a stage took: seconds, of all processors where these are more, and MB."""
    busy, clock = stage.get("cpu_seconds", 0), stage["seconds"]
    more = f" ({busy:,.0f})" if busy > 1.2 * clock and clock > 5 else ""
    return f"{clock:,.1f}{more}, {stage['memory_mb']:,.0f} MB"


def table(found):
    """Return the Markdown table: a line a stage, a column a size."""
    sizes = sorted(found)
    names = [stage["name"] for stage in found[sizes[-1]]["stages"]]
    lines = ["| stage | " + " | ".join(f"{size:,}" for size in sizes) + " |", "|---|" + "---|" * len(sizes)]
    for name in names:
        cells = [cell(stage) for size in sizes for stage in found[size]["stages"] if stage["name"] == name]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, "| together | " + " | ".join(cell(found[size]) for size in sizes) + " |"]


def growth(found):
    """Return a sentence for each pair of neighbouring sizes: how much longer the larger one took."""
    pairs = pairwise(sorted(found))
    return [f"{b:,} took {found[b]['seconds'] / found[a]['seconds']:.1f} times as long as {a:,}." for a, b in pairs]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    compile_toolkit()
    kept = args.folder / "scale.json"
    found = {int(size): one for size, one in json.loads(kept.read_text("utf-8")).items()} if kept.is_file() else {}
    for size in args.articles:
        found[size] = measure(write_corpus(args.folder, size), args.folder)
        kept.write_text(json.dumps(found), "utf-8")
    section = "\n".join(["## `toolkit run`, articles", "", *table(found), "", *growth(found), ""])
    print(section)
    if args.write:
        keep(__file__, __doc__, section)


if __name__ == "__main__":
    main()
