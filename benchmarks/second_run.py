"""How long a run takes that differs from an earlier one in one parameter.

Run: python benchmarks/second_run.py CORPUS [--data FOLDER] [--most N] [--repeats N] [--write]

First run: `toolkit run` in a fresh process with an empty cache. Second run: the same command with one parameter
changed (the first named, among those that the trends take), in a fresh process, with the cache as the first run left
it and a folder of its own. Interleaved, medians; seconds of a clock, and of processors (all processes of the run
together, which other work on the machine disturbs less). What was taken from the cache is read in the manifest.

What is left where nothing changed is the start of two processes, their imports, the copying and the pages. Where a
parameter of the trends changed, there are two kernels and their imports besides (whatever the corpus: so the fewer the
articles, the less is gained), and the statistics of `4-trends`; what grows and emerges is tested in periods that the
data choose, and is taken. With another time zone dates without a zone move: files are read again, and what follows is
taken from the cache as far as it does not hang on dates (cleaning, themes, vectors, topics, names, words), only on how
far they lie apart (stories), or only on their order (themes and topics, where there are more than 30,000 articles).

`large` is 100,000 articles of 300 words, or fewer, as `corpus.py` makes them.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compiled import compile_toolkit
from corpus import write_corpus
from sections import keep

ROOT = Path(__file__).resolve().parent.parent
FILES = {
    "sample": "articles.jsonl",
    "news": "newsarticles_cc0.jsonl.gz",
    "telegram": "telegram_ru_posts.jsonl.gz",
    "wiki": "wiki_current_events_2002_2021.jsonl.gz",
    "large": "articles-100000.jsonl",
}
WINDOWS = {
    "sample": ["[2023-02-01, 2023-06-30]", "[2023-09-01, 2023-12-31]"],
    "news": ["[2016-12-05, 2016-12-31]", "[2017-01-01, 2017-01-25]"],
    "telegram": ["[2023-08-10, 2024-03-31]", "[2024-04-01, 2024-12-04]"],
    "wiki": ["[2012-01-01, 2014-12-31]", "[2016-01-01, 2018-12-31]"],
    "large": ["[2015-01-01, 2016-12-31]", "[2018-01-01, 2019-12-31]"],
}


def changes(name):
    """Return what is changed in a second run: name -> parameters."""
    before, after = WINDOWS[name]
    return {
        "nothing": [],
        "period": ["-p", "period", "quarter"],
        "two windows": ["-p", "before", before, "-p", "after", after],
        "time zone": ["-p", "timezone", "Asia/Almaty"],
    }


def timed(corpus, place, out, words):
    """Run; return seconds by the clock, seconds of processors, and the notebooks that were not executed."""
    command = [sys.executable, "-m", "toolkit.cli", "run", str(corpus), "--out", str(out), *words]
    environment = {**os.environ, "TOOLKIT_CACHE": str(place), "PYTHONPATH": str(ROOT)}
    begun, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    shutil.rmtree(out)
    return seconds, processors, manifest["cache"].get("taken", [])


def head(path, most, into):
    """Return the corpus, or a file of its first `most` records evenly spread over it."""
    if not most:
        return path
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = lines.readlines()
    step = max(1, len(rows) // most)
    (into / "articles.jsonl").write_text("".join(rows[::step][:most]), "utf-8")
    return into / "articles.jsonl"


def measured(name, corpus, repeats, scratch):
    """Return the section of one corpus."""
    kinds = changes(name)
    times = {"first": []} | {kind: [] for kind in kinds}
    for number in range(repeats):
        place = scratch / f"cache{number}"
        times["first"].append(timed(corpus, place, scratch / "first", []))
        print(f"{name}: first run {times['first'][-1]}", flush=True)
        for kind, words in kinds.items():
            shutil.copytree(place, scratch / "copy")
            times[kind].append(timed(corpus, scratch / "copy", scratch / "second", words))
            shutil.rmtree(scratch / "copy")
            print(f"{name}: {kind} {times[kind][-1]}", flush=True)
    first = [statistics.median(run[which] for run in times["first"]) for which in (0, 1)]
    lines = [f"| first run | {first[0]:.1f} | {first[1]:.1f} | | | |"]
    for kind in kinds:
        clock, processors = (statistics.median(run[which] for run in times[kind]) for which in (0, 1))
        ratios = f"{first[0] / clock:.1f} | {first[1] / processors:.1f}"
        taken = ", ".join(times[kind][-1][2]) or "nothing"
        lines.append(f"| {kind} | {clock:.1f} | {processors:.1f} | {ratios} | {taken} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", choices=FILES)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    compile_toolkit()
    folder = ROOT / "data" / "sample" if args.corpus == "sample" else args.data
    with tempfile.TemporaryDirectory() as scratch:
        if args.corpus == "large":
            corpus = write_corpus(Path(scratch) / "corpus", args.most or 100_000)
        else:
            corpus = head(folder / FILES[args.corpus], args.most, Path(scratch))
        lines = measured(args.corpus, corpus, args.repeats, Path(scratch))
    size = f", {args.most:,} records" if args.most else ""
    load = f"{os.getloadavg()[1]:.0f}"
    table = [
        f"## {args.corpus}{size}",
        "",
        f"{args.repeats} repeats on {os.cpu_count()} processors, which {load} processes asked for at the end.",
        "",
        "| changed | seconds | of processors | times faster | by processors | taken from the cache |",
        "| --- | --- | --- | --- | --- | --- |",
        *lines,
        "",
    ]
    print("\n".join(table))
    if args.write:
        keep(__file__, __doc__, "\n".join(table))


if __name__ == "__main__":
    main()
