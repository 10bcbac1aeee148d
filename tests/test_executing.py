"""Notebooks of a run, two at once: one begins when the one before has made its tables, or all that it needs first."""

import contextlib
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from toolkit import batch, blobs, processors, store
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


def notebook(path, *cells, **tags):
    """Write a notebook with `cells`; ``made=2`` tags the third so."""
    tagged = {0: ["parameters"]} | {number: [tag] for tag, number in tags.items()}
    code = {"cell_type": "code", "outputs": [], "execution_count": None}
    written = [
        {**code, "id": f"c{number}", "metadata": {"tags": tagged.get(number, [])}, "source": source}
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


MAKES = (
    'run_dir: str = ""\nmode: str = "good"\nseed: int = 42',
    "import time\nfrom pathlib import Path\nfrom toolkit import store\nrun = Path(run_dir)",
    "store.write_json({'of': 1}, run / 'tables' / 'early.json')",
    "while mode == 'hangs' or (mode == 'good' and not (run / 'stages' / 'looking.json').exists()): time.sleep(0.05)",
    "time.sleep(0.5); assert mode != 'breaks'",
    "store.write_json({'of': 2}, run / 'tables' / 'late.json')",
)
WAITS = (
    'run_dir: str = ""',
    "from pathlib import Path\nfrom toolkit import store\nkept = Path(run_dir) / 'tables'",
    "with store.stage(run_dir, 'looking') as facts: facts.update(seen=store.read_json(kept / 'early.json'))",
    "seen = store.read_json(kept / 'late.json')",
    "store.write_json(seen, kept / 'last.json')",
)
"""The first waits for what the second keeps before its cell tagged ``waits``, and makes what that reads there."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("nb", "early", "aside"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "aside"))
    notebook(tmp_path / "nb" / "1-first.ipynb", *FIRST, made=2)
    notebook(tmp_path / "nb" / "2-second.ipynb", *SECOND)
    notebook(tmp_path / "early" / "1-makes.ipynb", *MAKES, made=5)
    notebook(tmp_path / "early" / "2-waits.ipynb", *WAITS, waits=3, made=4)
    told = []

    def start(name, mode, folder="nb", minutes=1, **values):
        children = Children(warm=True)
        told.clear()
        try:
            made = plan({"mode": mode, **values}, tmp_path / name, notebooks=tmp_path / folder)
            return batch.run_notebooks(made, lambda *news: told.append(news), children=children, minutes=minutes), told
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


def test_a_notebook_that_only_shows_what_it_has_made_leaves_the_processors_to_the_others(run, tmp_path):
    nice = "import os; (run / 'notebooks' / '{}').write_text(str(os.nice(0)))"
    first = (*FIRST[:2], nice.format("before"), FIRST[2], nice.format("after"), *FIRST[3:])
    notebook(tmp_path / "nb" / "1-first.ipynb", *first, made=3)
    third = ('run_dir: str = ""', "from pathlib import Path; run = Path(run_dir)", nice.format("third"))
    notebook(tmp_path / "nb" / "3-third.ipynb", *third)
    out, _ = run("one", "good")
    before, after, other = (int((out / "notebooks" / name).read_text()) for name in ("before", "after", "third"))
    assert before == other < after


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


def cells_of(path):
    """Return what papermill says of the code cells of an executed notebook that were executed."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [fact for cell in cells if (fact := cell["metadata"].get("papermill", {})).get("start_time")]


def test_a_notebook_begins_as_soon_as_the_tables_are_there_that_it_needs_first_and_waits_for_the_others(run):
    out, told = run("one", "good", "early")  # the first would wait in vain for the stage of the second
    assert store.read_manifest(out)["status"] == "finished"
    assert store.read_json(out / "tables" / "last.json") == {"of": 2}
    ended = max(fact["end_time"] for fact in cells_of(out / "notebooks" / "1-makes.ipynb"))
    begun = [fact["start_time"] for fact in cells_of(out / "notebooks" / "2-waits.ipynb")]
    assert begun[0] < ended < begun[-1]
    assert told[-1][1] == told[-1][2]


def test_notebooks_are_begun_early_one_after_the_other_where_each_has_enough(run, tmp_path):
    last = ('run_dir: str = ""', "from pathlib import Path\nfrom toolkit import store\nkept = Path(run_dir) / 'tables'")
    last += ("with store.stage(run_dir, 'last') as facts: facts.update(seen=store.read_json(kept / 'early.json'))",)
    last += ("store.write_json(store.read_json(kept / 'last.json'), kept / 'end.json')",)
    notebook(tmp_path / "early" / "3-ends.ipynb", *last, waits=3)
    wait = MAKES[3].replace("looking", "last")  # of the third, while the first has not made its tables
    notebook(tmp_path / "early" / "1-makes.ipynb", *MAKES[:3], wait, *MAKES[4:], made=5)
    out, _ = run("one", "good", "early")
    assert store.read_json(out / "tables" / "end.json") == {"of": 2}


def test_what_a_notebook_begun_early_and_the_one_before_made_is_taken_from_the_cache_each_for_itself(run):
    run("one", "good", "early")
    out, _ = run("two", "good", "early")
    assert store.read_manifest(out)["cache"] == {"taken": ["1-makes", "2-waits"]}
    kept = {path.parent.name: sorted(blobs.read_entry(path)) for path in blobs.files(blobs.home() / "entries")}
    assert {name: kept[name] for name in ("1-makes", "2-waits")} == {
        "1-makes": ["notebooks/1-makes.ipynb", "tables/early.json", "tables/late.json"],
        "2-waits": ["notebooks/2-waits.ipynb", "stages/looking.json", "tables/last.json"],
    }


def test_a_notebook_begun_early_is_given_up_where_the_cache_has_what_it_would_make(run):
    run("one", "good", "early")
    out, told = run("two", "good", "early", seed=43)  # the first makes the same again
    assert store.read_manifest(out)["cache"] == {"absent": ["1-makes"], "taken": ["2-waits"]}
    assert [record.get("from_cache") for record in store.read_stages(out)] == [True]
    assert [record["notebook"] for record in store.read_manifest(out)["profile"]] == ["1-makes"]
    assert store.read_json(out / "tables" / "last.json") == {"of": 2}
    assert told[-1][1] == told[-1][2]


def test_where_the_notebook_before_fails_one_begun_early_ends_with_it(run, tmp_path):
    with pytest.raises(RunFailed, match=r"1-makes.ipynb, cell 6: AssertionError"):
        run("one", "breaks", "early")
    assert not (tmp_path / "one.failed" / "tables" / "last.json").exists()
    assert list((tmp_path / "aside").iterdir()) == []


def test_what_lasts_too_long_is_told_of_the_notebook_that_others_wait_for(run):
    with pytest.raises(RunFailed, match=r"1-makes.ipynb, cell 5: deadline"):
        run("one", "hangs", "early", minutes=0.15)


def test_a_run_closes_all_that_it_talked_to_its_kernels_by(tmp_path):
    """What is left open makes ZeroMQ wait for ever, in whichever thread it is collected as garbage."""
    notebook(tmp_path / "1-only.ipynb", 'run_dir: str = ""', "1 + 1")
    (tmp_path / "part").mkdir()
    code = f"""
        import gc, zmq
        from pathlib import Path
        from toolkit import batch, executing
        from toolkit.plan import plan
        folder, part = Path({str(tmp_path)!r}), Path({str(tmp_path / "part")!r})
        planned = plan({{}}, folder / "run", notebooks=folder)
        said = []
        executing.execute(batch._job(planned, part, ""), lambda **what: said.append(what))
        left = [item for item in gc.get_objects() if isinstance(item, zmq.Context | zmq.Socket) and not item.closed]
        (folder / "left").write_text(f"{{said[-1]}} {{left}}", "utf-8")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, timeout=60)
    assert (tmp_path / "left").read_text("utf-8") == "{'failure': None} []"


def test_kernels_are_made_ready_at_once_unless_the_run_was_finished_before(tmp_path, monkeypatch):
    """They take as long to start as it takes to find out which notebooks can be taken from the cache."""
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "kept"))
    (tmp_path / "part").mkdir()
    code = f"""
        from pathlib import Path
        from toolkit import executing
        folder, came = Path({str(tmp_path)!r}), []
        for key in ("one", "one", "other"):
            job = {{"steps": [], "part": str(folder / "part"), "finish": "", "facts": {{"key": key}}}}
            executing.execute(job, lambda **what: came.append(f"{{key}} {{what}}"), lambda: came.append("ready"))
        (folder / "came").write_text("\\n".join(came), "utf-8")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, timeout=60)
    done = "{'failure': None}"
    assert (tmp_path / "came").read_text("utf-8").splitlines() == [
        "ready",
        f"one {done}",
        f"one {done}",
        "ready",
        f"other {done}",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="an environment is read in /proc")
@pytest.mark.parametrize(("asked", "told"), [(None, "4"), ("20", "20")])
def test_idle_threads_of_blas_leave_the_processors_to_other_notebooks_unless_the_user_asks_otherwise(
    asked, told, monkeypatch
):
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    if asked:
        monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", asked)
    children = Children()
    try:
        place = Path(f"/proc/{children.start().pid}/environ")
        for _ in range(500):
            if environment := place.read_text():  # the system tells it a moment after the start only
                break
            time.sleep(0.01)
    finally:
        children.end()
    assert f"OPENBLAS_THREAD_TIMEOUT={told}" in environment.split("\0")
