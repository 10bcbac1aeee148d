"""The golden notebooks: the notebooks executed on the bundled sample, kept as nbval compares them.

`python tests/goldens.py` (or `make goldens`) executes them again and rewrites tests/golden/, and the cleaned sample
that is shipped. There is a golden of each notebook for each set of parameters; what differs from machine to machine or
day to day is left out.
"""

import base64
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
RUNS = ROOT / "reports" / ".golden"
SETS = {"sample": {}, "ru": {"languages": ["ru"], "period": "quarter"}}
"""Name of a set -> the parameters in which it differs from the defaults."""
SAMPLE = "../../data/sample/articles.jsonl"
PLACES = {
    "inputs": [SAMPLE],
    "labels": "../../data/sample/labels.csv",
    "background": [SAMPLE],
    "themes": "../../data/themes.yml",
    "gazetteer": "../../data/gazetteer.yml",
}
"""Paths seen from tests/golden, the working folder of the kernels."""
FIGURE, DIGEST = "application/vnd.plotly.v1+json", "application/vnd.toolkit.digest+json"
REPEATED = {"text/html", "text/markdown", "image/png", "application/vnd.jupyter.widget-view+json"}
"""What only repeats the table or the plain text beside it; a picture of a map differs from machine to machine."""


def notebooks():
    """Return the working notebooks, in their order."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def environment(scratch):
    """Return the environment of kernels: this checkout, this interpreter, nobody's profile, caches or renderer."""
    from ipykernel.kernelspec import write_kernel_spec

    write_kernel_spec(Path(scratch) / "kernels" / "python3")
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "JUPYTER_PATH": str(scratch),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "IPYTHONDIR": str(Path(scratch) / "ipython"),
        "PLOTLY_RENDERER": "plotly_mimetype",
        "PYTHONPATH": os.pathsep.join(path),
        "TOOLKIT_CACHE": str(Path(scratch) / "cache"),
        "HF_HUB_OFFLINE": "1",
    }


# What is compared ---------------------------------------------------------------------------------------------


def compared(outputs):
    """Return the outputs as they are compared: figures as digests, no stderr, nothing that is said twice."""
    return [_compared(output) for output in outputs if output.get("name") != "stderr"]


def _compared(output):
    if "data" not in output:
        return output
    data = dict(output["data"])
    if FIGURE in data:
        data[DIGEST] = digest(data.pop(FIGURE))
    if len(data) > 1:
        data = {kind: value for kind, value in data.items() if kind not in REPEATED}
    return type(output)({**output, "data": data, "metadata": {}})


def digest(figure):
    """Describe a plotly figure in lines: its caption, each trace's sizes and extremes, the numbers beside it."""
    meta = figure.get("layout", {}).get("meta") or {}
    table = meta.get("table") or {"columns": [], "rows": []}
    traces = [_trace(trace) for trace in figure.get("data", ())]
    rows = [[cell["text"] if isinstance(cell, dict) else str(cell) for cell in row] for row in table["rows"]]
    names = [column["name"] for column in table["columns"]]
    return [f"{meta.get('id')}: {meta.get('caption')}", *traces, *(" | ".join(row) for row in [names, *rows])]


def _trace(trace):
    said = [f"{axis} {_extent(trace[axis], trace['type'])}" for axis in "xyz" if axis in trace]
    return f"{trace['type']} {trace.get('name', '')}: " + ", ".join(said)


def _extent(values, kind):
    """Say how many values there are, and between which, to three digits.

    Of a cloud of points only the number is said: t-SNE makes another map of the last bit of its arithmetic.
    """
    if isinstance(values, dict):
        values = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    found = [value for value in values if value is not None and value == value]
    if kind == "scattergl" or not found:
        return f"({len(found)})"
    numbers = all(isinstance(value, int | float) for value in found)
    low, high = (f"{value:.3g}" if numbers else str(value).strip() for value in (min(found), max(found)))
    return f"({len(found)}) {low} to {high}"


def find_fault(notebook):
    """Say why comparing with this golden would prove nothing; an empty string where it does prove something."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if not any(cell["outputs"] for cell in cells):
        return "it has no recorded output"
    unrun = [number for number, cell in enumerate(cells) if cell["execution_count"] is None]
    if unrun:
        return f"its code cell {unrun[0]} was never run, and would not be compared"
    marked = ("nbval-skip", "nbval-ignore-output", "NBVAL_SKIP", "NBVAL_IGNORE_OUTPUT", "VALIDATE_IGNORE_OUTPUT")
    ignored = [cell for cell in cells for mark in marked if mark in f"{cell['metadata'].get('tags')}{cell['source']}"]
    if ignored:
        return "a cell of it is marked as not to be compared"
    digests = [cell for cell in cells if "digest" in cell["metadata"].get("tags", ())]
    if not any("text/plain" in output.get("data", ()) for cell in digests for output in compared(cell["outputs"])):
        return "no cell tagged 'digest' has a recorded value"
    return ""


# How they are made --------------------------------------------------------------------------------------------


def parameters(name, notebook):
    """Return the parameters of a golden: those of its set that the notebook has, in the notebook's order."""
    from toolkit import params

    run = f"../../reports/.golden/{name}"
    given = PLACES | {"run_dir": run, "run_a": run, "run_b": run} | SETS[name]
    return {key: given[key] for key in params.inspect(notebook) if key in given}


def execute(name, path, scratch):
    """Execute a notebook with the parameters of a set; return it as it is kept."""
    import papermill

    output = Path(scratch) / f"{name}-{path.name}"
    options = {"cwd": str(GOLDEN), "progress_bar": False, "kernel_name": "python3"}
    papermill.execute_notebook(str(path), str(output), parameters(name, path), **options)
    return tidy(json.loads(output.read_text("utf-8")))


def tidy(notebook):
    """Leave out of an executed notebook what differs from run to run, and what is not compared."""
    notebook["metadata"] = {"kernelspec": notebook["metadata"]["kernelspec"], "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number:02}"
        cell["metadata"] = {"tags": tags} if (tags := cell["metadata"].get("tags")) else {}
        if cell["cell_type"] == "code":
            cell["outputs"] = compared(cell["outputs"])
    return notebook


def write(notebook, path):
    """Write a golden, with lines that a diff can show."""
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


def main():
    """Execute all sets and put the results in place when all went well; first clean what stands beside small ones."""
    from toolkit import beside

    beside.keep(ROOT / "data" / "sample" / "articles.jsonl")
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch:
        os.environ.update(environment(scratch))
        shutil.rmtree(RUNS, ignore_errors=True)
        GOLDEN.mkdir(exist_ok=True)
        try:
            pairs = [(name, path) for name in SETS for path in notebooks()]
            made = {f"{name}-{path.name}": execute(name, path, scratch) for name, path in pairs}
        finally:
            shutil.rmtree(RUNS, ignore_errors=True)
    for old in GOLDEN.glob("*.ipynb"):
        old.unlink()
    for name, notebook in made.items():
        write(notebook, GOLDEN / name)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
