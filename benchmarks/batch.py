"""24 parameterised notebooks: two processes of `toolkit batch`, against papermill with BERTopic's imports, one by one.

Run: python benchmarks/batch.py --peers PYTHON | --warm [--notebooks N] [--write]

The notebook is the same on both sides: it reads a finished run of the bundled sample, counts the shares of a theme
over time with intervals for clumps, keeps the table and draws the figure, with another theme, period and time zone each
time. In the peers' kernels it begins with the imports of BERTopic's defaults (bertopic, umap, hdbscan,
sentence_transformers); PYTHON is an environment that has them, and takes what else the notebook needs from this one.
Papermill is called as its users do, in one process, one notebook after another. Each of our runs also checks its
parameters, has a folder and a manifest of its own, and is put in place whole. Blocks of both sides alternate; the ratio
is that of the sums. "CPU" counts the processor seconds of all processes of a side, which other work on the machine
changes less than seconds by the clock. With --warm our runs are compared with our own with warm kernels.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from compiled import compile_toolkit  # noqa: E402

BLOCKS = 4
CELLS = (
    'run_dir: str = ""\nmade: str = ""\ntheme: str = ""\nperiod: str = "auto"\ntimezone: str = "UTC"\nfirst: list = []',
    "import importlib\n\nloaded = [importlib.import_module(name) for name in first]",
    "from pathlib import Path\n\nfrom toolkit import figures, intervals, store, themes, trends\n"
    "from toolkit.settings import TrendSettings",
    'articles, scores = (store.read_table(f"{made}/tables/{name}.parquet") for name in ("articles", "scores"))\n'
    'scores, when = scores[scores["theme"] == theme], TrendSettings(period=period, timezone=timezone)',
    "placed = intervals.place(articles, when)\n"
    'carried = scores[["theme", "article_id"]].assign(value=scores["label"].astype(float))\n'
    "points = intervals.with_clumps(trends.share_over_time(articles, scores, when), placed, carried)",
    'store.write_table(points, f"{run_dir}/tables/points.parquet")',
    'wanted = [one for one in themes.from_records(store.read_json(f"{made}/tables/themes.json")) if one.id == theme]\n'
    "figures.theme_shares(points, {one.id: one.title for one in wanted}, figures.theme_colours(wanted))",
)
CHOICES = (
    ("extremism", "cooperation", "economic_stability"),
    ("week", "month", "quarter", "year"),
    ("UTC", "Asia/Almaty"),
)
PEERS = ["bertopic", "umap", "hdbscan", "sentence_transformers"]
KERNEL = "import sys; sys.path += {places!r}; from ipykernel.kernelapp import launch_new_instance as go; go()"
PAPERMILL = """
import json, sys, papermill
for source, target, values in json.loads(sys.argv[1]):
    papermill.execute_notebook(source, target, values, kernel_name="peers", progress_bar=False)
"""


def write_notebook(folder):
    folder.mkdir()
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if place == 0 else {}, "source": source}
        | {"id": f"c{place}", "outputs": [], "execution_count": None}
        for place, source in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "peers", "language": "python", "display_name": "peers"}}
    text = json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    (folder / "1-trend.ipynb").write_text(text)


def timed(call):
    """Return the seconds by the clock and of the processor, of this process and all that have ended below it."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = sum(resource.getrusage(kind).ru_utime + resource.getrusage(kind).ru_stime for kind in kinds)
    begun = time.perf_counter()
    call()
    seconds = time.perf_counter() - begun
    return seconds, sum(resource.getrusage(k).ru_utime + resource.getrusage(k).ru_stime for k in kinds) - before


def ours(place, block, values, warm=False):
    """Run the notebooks as ``toolkit batch --jobs 2`` does."""
    from toolkit import sweep
    from toolkit.plan import plan
    from toolkit.settings import BatchSettings

    plans = {
        f"{block}-{number}": plan(one, place / "ours" / f"{block}-{number}", notebooks=place / "nb")
        for number, one in enumerate(values)
    }
    os.environ["TOOLKIT_CACHE"] = str(place / f"cache-{block}")  # nothing is taken from the other side
    outcomes = sweep.run_sweep(plans, BatchSettings(jobs=2, retries=0, warm=warm), lambda *_: None)
    wrong = [outcome for outcome in outcomes if outcome.status != "finished"]
    assert not wrong, wrong


def theirs(place, block, values, python):
    """Run the notebooks by papermill, one after another."""
    spec = place / "jupyter" / "kernels" / "peers"
    spec.mkdir(parents=True, exist_ok=True)
    places = [*(path for path in sys.path if path.endswith("site-packages")), str(ROOT)]
    argv = [python, "-c", KERNEL.format(places=places), "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "peers", "language": "python"}))
    jobs = []
    for number, one in enumerate(values):
        folder = place / "theirs" / f"{block}-{number}"
        (folder / "tables").mkdir(parents=True)
        values_here = {**one, "run_dir": str(folder), "first": PEERS}
        jobs.append((str(place / "nb" / "1-trend.ipynb"), str(folder / "1-trend.ipynb"), values_here))
    environment = {**os.environ, "JUPYTER_PATH": str(place / "jupyter")}
    words = [sys.executable, "-c", PAPERMILL, json.dumps(jobs)]
    subprocess.run(words, env=environment, check=True, stderr=subprocess.DEVNULL)


def same(place, blocks):
    """Tell whether both sides made the same tables."""
    import pandas as pd

    pairs = [
        (place / "ours" / f"{block}-{number}", place / "theirs" / f"{block}-{number}")
        for block, values in enumerate(blocks)
        for number in range(len(values))
    ]
    tables = [[pd.read_parquet(folder / "tables" / "points.parquet") for folder in pair] for pair in pairs]
    return all(mine.round(9).equals(other.round(9)) for mine, other in tables)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--peers")
    options.add_argument("--warm", action="store_true")
    options.add_argument("--notebooks", type=int, default=24)
    options.add_argument("--made", help="a finished run of the sample")
    options.add_argument("--write", action="store_true")
    args = options.parse_args()
    compile_toolkit()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write_notebook(place / "nb")
        made = args.made or str(place / "sample")
        if not args.made:
            words = [sys.executable, "-m", "toolkit.cli", "run", "data/sample/articles.jsonl", "--out", made]
            subprocess.run(words, check=True, cwd=ROOT, capture_output=True)
        sets = [dict(zip(("theme", "period", "timezone"), one, strict=True)) for one in itertools.product(*CHOICES)]
        values = [{"made": str(Path(made).resolve()), **one} for one in sets[: args.notebooks]]
        size = -(-len(values) // BLOCKS)
        blocks = [values[start : start + size] for start in range(0, len(values), size)]
        rows = []
        for block, chosen in enumerate(blocks):
            mine = timed(lambda block=block, chosen=chosen: ours(place, block, chosen))
            if args.warm:
                warmed = timed(lambda block=block, chosen=chosen: ours(place, f"warm-{block}", chosen, True))
                rows.append((len(chosen), *warmed, *mine, os.getloadavg()[0]))
            else:
                other = timed(lambda block=block, chosen=chosen: theirs(place, block, chosen, args.peers))
                rows.append((len(chosen), *mine, *other, os.getloadavg()[0]))
            print(rows[-1], flush=True)
        if args.warm:
            sides = ("warm kernels, seconds", "ordinary kernels, seconds")
            end = "Blocks alternated, two processes each, the start of both servers included."
            found = section("Warm kernels", sides, rows, end)
        else:
            end = f"The tables of both sides are {'the same' if same(place, blocks) else 'NOT the same'}."
            found = section(f"{len(values)} notebooks", ("ours, seconds", "papermill, seconds"), rows, end)
    print(found)
    if args.write:
        from sections import keep

        keep(__file__, __doc__, found)


def section(title, sides, rows, end):
    """Return the section of a table that has a row a block, and one of their sums."""
    columns = [f"{side} | CPU" for side in sides]
    lines = [f"## {title}", "", f"| notebooks | {' | '.join(columns)} | ratio | load of the machine |"]
    lines += ["|---|---|---|---|---|---|---|"]
    total = [sum(column) for column in zip(*rows, strict=True)]
    total[-1] /= len(rows)
    for count, wall, cpu, other, other_cpu, load in [*rows, total]:
        figures = (wall, cpu, other, other_cpu, other / wall, load)
        lines.append(f"| {count} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    return "\n".join([*lines, "", f"{end} The last row is the sum."]) + "\n"


if __name__ == "__main__":
    main()
