"""How time and memory grow with the corpus: the notebooks of a run on 10,000 to 1,000,000 articles, stage by stage.

Run: python benchmarks/scale.py FOLDER [--articles N ...] [--notebooks 1-corpus] [--write]

The articles are those of `corpus.py`, kept in FOLDER. Each size is one run in a kernel of its own, as `toolkit run`
starts it. Seconds are the processor's, which others at work on the machine lengthen less than the clock's; both and the
peak memory of the kernel, are as its stages recorded them.
"""

import argparse
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pandas as pd
from corpus import write_corpus
from sections import keep

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import batch, store  # noqa: E402
from toolkit.plan import plan  # noqa: E402


def measure(path, notebooks):
    """Run notebooks on a corpus; return the records of their stages, and one of all together."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        planned = plan({"inputs": [str(path)]}, Path(folder) / "run", pattern=f"{notebooks}.ipynb")
        out = batch.run_notebooks(planned, lambda *_: None)
        stages = store.read_stages(out)
    sums = {name: sum(stage[name] for stage in stages) for name in ("cpu_seconds", "seconds")}
    return [*stages, {"name": "together", **sums, "memory_mb": max(stage["memory_mb"] for stage in stages)}]


def table(found):
    """Return the Markdown table of stages by size."""
    names = list(dict.fromkeys(stage["name"] for stages in found.values() for stage in stages))
    lines = ["| stage | articles | seconds | clock | ms an article | peak MB |", "|---|---|---|---|---|---|"]
    for name in names:
        for size, stages in found.items():
            for stage in (stage for stage in stages if stage["name"] == name):
                busy, clock = stage["cpu_seconds"], stage["seconds"]
                cells = [f"{size:,}", f"{busy:.1f}", f"{clock:.1f}", f"{busy / size * 1000:.3f}"]
                lines.append(f"| {' | '.join([name, *cells, format(stage['memory_mb'], ',.0f')])} |")
    return lines


def growth(found):
    """Return a sentence for each pair of neighbouring sizes: how much longer the larger one took."""
    last = {size: stages[-1]["cpu_seconds"] for size, stages in found.items()}
    return [f"{b:,} articles took {last[b] / last[a]:.1f} times as long as {a:,}." for a, b in pairwise(last)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--notebooks", default="1-corpus")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    found = {}
    for size in args.articles:
        path = write_corpus(args.folder, size)
        found[size] = measure(path, args.notebooks)
        print("\n".join(table(found)), flush=True)
    section = "\n".join([f"## {args.notebooks}", "", *table(found), "", *growth(found), ""])
    kept = [{"articles": size, **stage} for size, stages in found.items() for stage in stages]
    pd.DataFrame(kept).to_json(args.folder / "scale.json", orient="records", indent=1)
    if args.write:
        keep(__file__, __doc__, section)


if __name__ == "__main__":
    main()
