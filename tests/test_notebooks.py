"""The working notebooks are thin, take the same parameters, and are what the golden notebooks were made of."""

import ast
import json
import os
import re
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import goldens
import pytest

from toolkit import overlap, params

NOTEBOOKS = goldens.notebooks()
GOLDENS = sorted(goldens.GOLDEN.glob("*.ipynb"))
FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.While)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_golden = pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)


def code_cells(path):
    """Return a notebook's code cells."""
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def source(cell):
    """Return a cell's source."""
    return "".join(cell["source"])


def tags(cell):
    """Return a cell's tags."""
    return cell["metadata"].get("tags", [])


# The working notebooks ------------------------------------------------------------------------------------------


def test_the_notebooks_are_known_and_in_order():
    names = "0-start 1-corpus 2-themes 3-topics 4-trends 5-briefing 6-evaluate 7-label 8-explore 9-compare".split()
    assert [path.stem for path in NOTEBOOKS] == names


@each_notebook
def test_the_first_code_cell_and_no_other_holds_the_parameters(path):
    marked = [number for number, cell in enumerate(code_cells(path)) if "parameters" in tags(cell)]
    assert marked == [0]


@each_notebook
def test_the_second_code_cell_says_what_is_read_and_written(path):
    lines = source(code_cells(path)[1]).splitlines()
    assert lines[0].startswith("# inputs: ") and lines[1].startswith("# outputs: ")


@each_notebook
def test_the_last_cell_and_no_other_is_the_digest(path):
    marked = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if "digest" in tags(cell)]
    assert marked == [code_cells(path)[-1]]
    assert not source(marked[0]).rstrip().endswith(";")


@each_notebook
def test_what_follows_the_cell_tagged_made_only_shows(path):
    marked = [number for number, cell in enumerate(code_cells(path)) if "made" in tags(cell)]
    assert len(marked) == (path.stem in ("1-corpus", "2-themes", "3-topics", "4-trends"))
    writes = re.compile(r"\.write_|store\.stage|\.end\(\)|rows\.keep")
    wrote = [number for number, cell in enumerate(code_cells(path)) if writes.search(source(cell))]
    assert not marked or marked == wrote[-1:]


@each_notebook
def test_cells_above_the_one_tagged_waits_write_no_table_and_are_followed_by_one_that_is_made(path):
    marked = [number for number, cell in enumerate(code_cells(path)) if "waits" in tags(cell)]
    assert len(marked) == (path.stem in ("3-topics", "4-trends"))
    above = [source(cell) for cell in code_cells(path)[: sum(marked)]]
    assert not [text for text in above if re.search(r"\.write_|rows\.keep", text)]
    assert not marked or any("made" in tags(cell) for cell in code_cells(path)[marked[0] :])


def test_the_topics_begin_with_the_vectors_and_the_trends_with_the_scores():
    reads = {path.stem: overlap.first_reads(path) for path in NOTEBOOKS}
    assert reads["3-topics"] == {"tables/articles.parquet", "tables/vectors.safetensors"}
    assert reads["4-trends"] == {"tables/articles.parquet", "tables/scores.parquet"}
    assert {name for name, found in reads.items() if found is not None} == {"3-topics", "4-trends"}
    kept = {path.stem: overlap.stages(path) for path in NOTEBOOKS}
    assert kept["4-trends"] == {f"stages/{name}.json" for name in ("trends", "findings", "actors")}


@each_notebook
def test_no_output_is_stored(path):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells(path))


@each_notebook
def test_cells_call_and_do_not_define(path):
    for cell in code_cells(path):
        found = [type(node).__name__ for node in ast.walk(ast.parse(source(cell))) if isinstance(node, FORBIDDEN)]
        assert not found, f"{found} in: {source(cell)}"


@each_notebook
def test_cells_are_short(path):
    working = [source(cell) for cell in code_cells(path) if "parameters" not in tags(cell)]
    sizes = [sum(map(bool, text.splitlines())) for text in working]
    assert max(sizes) <= 10
    assert statistics.median(sizes) <= 3


@each_notebook
def test_prose_opens_the_notebook(path):
    first = json.loads(path.read_text("utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown" and source(first).startswith("# ")


def test_a_parameter_that_recurs_has_the_same_type_and_default():
    found = {}
    for path in NOTEBOOKS:
        for name, parameter in params.inspect(path).items():
            assert found.setdefault(name, parameter) == parameter, f"{name} differs in {path.name}"


@each_notebook
def test_the_defaults_find_the_bundled_sample(path):
    defaults = {name: parameter.default for name, parameter in params.inspect(path).items()}
    assert defaults["run_dir"] == "../reports/sample"
    for name in goldens.PLACES.keys() & defaults.keys():
        places = defaults[name] if isinstance(defaults[name], list) else [defaults[name]]
        assert places and all((path.parent / place).is_file() for place in places)


# The golden notebooks -------------------------------------------------------------------------------------------


def test_there_is_a_golden_of_each_notebook_for_each_set_of_parameters():
    assert {path.name for path in GOLDENS} == {f"{name}-{path.name}" for name in goldens.SETS for path in NOTEBOOKS}


@each_golden
def test_a_golden_was_made_of_the_notebook_as_it_is(path):
    name, rest = path.name.split("-", 1)
    working = goldens.ROOT / "notebooks" / rest
    made = [source(cell) for cell in code_cells(path) if "injected-parameters" not in tags(cell)]
    assert made == [source(cell) for cell in code_cells(working)], "run `make goldens`"
    injected = [source(cell) for cell in code_cells(path) if "injected-parameters" in tags(cell)]
    given = {line.split(" = ")[0]: ast.literal_eval(line.split(" = ")[1]) for line in injected[0].splitlines()[1:]}
    assert given == goldens.parameters(name, working)


@each_golden
def test_comparing_with_a_golden_proves_something(path):
    assert not goldens.find_fault(json.loads(path.read_text("utf-8")))


@each_golden
def test_a_golden_holds_no_time_no_path_and_no_figure(path):
    text = path.read_text("utf-8")
    assert not re.search(r"\d\d:\d\d:\d\d\.\d*[1-9]|papermill|iopub|PosixPath|/tmp/", text)
    assert f"{goldens.ROOT}/" not in text
    assert goldens.FIGURE not in text


def test_the_goldens_are_small():
    assert sum(path.stat().st_size for path in GOLDENS) < 500_000


# What nbval catches ---------------------------------------------------------------------------------------------

FIGURE = {"data": [{"type": "bar", "name": "a", "x": ["p"], "y": [2]}], "layout": {"meta": {"id": "f", "caption": "c"}}}
TABLE = "application/vnd.toolkit.table+json"


def notebook(value=4, shown=None, count=1, label="digest", extra=""):
    """Return a golden: a silenced cell, and one that computes 4, shows a figure and a table, and complains."""
    text = (
        f"import sys, time; print(time.time(), file=sys.stderr); {extra}\n"
        f"display({{{goldens.FIGURE!r}: {FIGURE!r}, {TABLE!r}: {{'rows': [['4%']]}}}}, raw=True)\n2 + 2"
    )
    data = shown or {goldens.FIGURE: FIGURE, TABLE: {"rows": [["4%"]]}}
    outputs = [
        {"output_type": "display_data", "metadata": {}, "data": goldens.compared([{"data": data}])[0]["data"]},
        {"output_type": "execute_result", "metadata": {}, "data": {"text/plain": str(value)}, "execution_count": 1},
    ]
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": [label]}, "source": text, "execution_count": count}
    silenced = cell | {"id": "b", "metadata": {}, "source": "'not shown';", "outputs": []}
    return {"cells": [cell | {"outputs": outputs}, silenced], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def changed_figure():
    """Return the figure with its bar higher by one in a hundred."""
    return {**FIGURE, "data": [FIGURE["data"][0] | {"y": [2.02]}]}


BROKEN = {
    "same": notebook(),
    "number": notebook(5),
    "figure": notebook(shown={goldens.FIGURE: changed_figure(), TABLE: {"rows": [["4%"]]}}),
    "table": notebook(shown={goldens.FIGURE: FIGURE, TABLE: {"rows": [["5%"]]}}),
    "unrun": notebook(count=None),
    "undigested": notebook(label="other"),
    "ignored": notebook(extra="\n# NBVAL_IGNORE_OUTPUT"),
}
BROKEN["bare"] = notebook()
BROKEN["bare"]["cells"] = [cell | {"outputs": [], "execution_count": None} for cell in BROKEN["bare"]["cells"]]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Notebook -> what pytest says of it, by this project's settings and conftest; a real kernel runs each."""
    folder = tmp_path_factory.mktemp("broken")
    for name, content in BROKEN.items():
        goldens.write(content, folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", goldens.ROOT / "pyproject.toml", "-p", "conftest", "--nbval"]
    command += ["-p", "no:cacheprovider", "--continue-on-collection-errors", f"--junit-xml={folder / 'said.xml'}"]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([*command, folder], env=environment, cwd=folder, capture_output=True, check=False)
    cases = ElementTree.parse(folder / "said.xml").iter("testcase")
    said = {}
    for case in cases:
        name = next(name for name in BROKEN if name in f"{case.get('classname')} {case.get('name')}".split("/")[-1])
        said[name] = said.get(name, "") + "".join(f"{child.tag}: {child.get('message')} {child.text}" for child in case)
    return said


def test_a_golden_that_still_holds_passes_whatever_stderr_says(verdicts):
    assert verdicts["same"] == ""


@pytest.mark.parametrize("what", ["number", "figure", "table"])
def test_a_golden_in_which_one_number_changed_fails(verdicts, what):
    assert verdicts[what].startswith("failure") and "Cell outputs differ" in verdicts[what]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("bare", "no recorded output"),
        ("unrun", "never run"),
        ("undigested", "no cell tagged"),
        ("ignored", "not to be compared"),
    ],
)
def test_a_golden_that_compares_nothing_is_refused(verdicts, what, why):
    assert verdicts[what].startswith("error") and why in verdicts[what]
