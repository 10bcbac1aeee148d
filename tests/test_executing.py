"""Notebooks of a run, two at once: a notebook begins when the one before it has made its tables."""

import contextlib
import json

import pytest

from toolkit import batch, processors, store
from toolkit.children import Children
from toolkit.plan import RunFailed, plan

FIRST = (
    'run_dir: str = ""\nmode: str = "good"',
    "import time\nfrom pathlib import Path\nfrom toolkit import store\nrun = Path(run_dir)",
    "(run / 'notebooks' / 'beside.txt').write_text('kept'); store.write_json({'of': 1}, run / 'tables' / 'first.json')",
    "shown = 1",
    "while mode != 'alone' and not (run / 'tables' / 'second.json').exists(): time.sleep(0.05)",
    "if mode == 'breaks': 1 / 0",
    "{'digest': shown}",
)
SECOND = (
    'run_dir: str = ""\nmode: str = "good"',
    "import time\nfrom pathlib import Path\nfrom toolkit import store\nrun = Path(run_dir)",
    "seen = store.read_json(run / 'tables' / 'first.json')",
    "store.write_json(seen, run / 'tables' / 'second.json')",
    "while mode == 'breaks': time.sleep(0.05)",
)
pytestmark = pytest.mark.skipif(not processors.second(), reason="one processor runs one notebook at a time")


def notebook(path, *cells, made=None):
    """Write a notebook with `cells`, of which the one numbered `made` is tagged so."""
    tagged = {0: ["parameters"]} | ({made: ["made"]} if made else {})
    code = {"cell_type": "code", "outputs": [], "execution_count": None}
    written = [
        {**code, "id": f"c{number}", "metadata": {"tags": tagged.get(number, [])}, "source": source}
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("nb", "aside"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "aside"))
    notebook(tmp_path / "nb" / "1-first.ipynb", *FIRST, made=2)
    notebook(tmp_path / "nb" / "2-second.ipynb", *SECOND)
    told = []

    def start(name, mode):
        children = Children(warm=True)
        try:
            made = plan({"mode": mode}, tmp_path / name, notebooks=tmp_path / "nb")
            return batch.run_notebooks(made, lambda *news: told.append(news), children=children, minutes=1), told
        finally:
            children.end()

    return start


def test_a_notebook_begins_when_the_one_before_has_made_its_tables(run):
    out, told = run("one", "good")  # the first would wait in vain for the table of the second
    assert store.read_manifest(out)["status"] == "finished"
    assert [name for name, *_ in told] == sorted(name for name, *_ in told)  # what is shown is the one begun last
    assert told[-1][1] == told[-1][2]
    for number in (1, 2):
        executed = json.loads(next((out / "notebooks").glob(f"{number}-*.ipynb")).read_text("utf-8"))
        assert all(cell["execution_count"] for cell in executed["cells"])


def test_what_two_notebooks_at_once_made_is_taken_from_the_cache_each_for_itself(run):
    run("one", "good")
    out, _ = run("two", "good")
    assert store.read_manifest(out)["cache"] == {"taken": ["1-first", "2-second"]}
    assert sorted(path.name for path in (out / "tables").iterdir()) == ["first.json", "second.json"]
    assert (out / "notebooks" / "beside.txt").read_text("utf-8") == "kept"
    assert "'digest': 1" in (out / "notebooks" / "1-first.ipynb").read_text("utf-8")


def test_a_notebook_that_fails_after_its_tables_ends_the_run_and_the_next_one(run, tmp_path):
    with pytest.raises(RunFailed, match=r"1-first.ipynb, cell 7: ZeroDivisionError"):
        run("one", "breaks")  # the second would never end
    assert not (tmp_path / "one").exists() and (tmp_path / "one.failed").is_dir()


@pytest.mark.parametrize("mode", ["good", "breaks"])
def test_a_run_leaves_no_temporary_file_however_it_ends(run, tmp_path, mode):
    with contextlib.suppress(RunFailed):
        run("one", mode)
    assert list((tmp_path / "aside").iterdir()) == []


def test_where_a_sweep_fills_the_processors_notebooks_run_one_after_the_other(run, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out, _ = run("one", "alone")
    ended, begun = (
        json.loads((out / "notebooks" / name).read_text("utf-8"))["metadata"]["papermill"][when]
        for name, when in (("1-first.ipynb", "end_time"), ("2-second.ipynb", "start_time"))
    )
    assert ended < begun
