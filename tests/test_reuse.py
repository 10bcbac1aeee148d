"""A second run does only what depends on what changed, and takes nothing that was not made for it; real kernels."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pandas as pd
import psutil
import pytest
from goldens import ROOT

from toolkit import batch, blobs, params, plan, reading, reuse, store, unread

FIRST = (
    'inputs: list = []\nrun_dir: str = ""\nperiod: str = "auto"',
    "import json, time\nfrom pathlib import Path\nrun = Path(run_dir)\nfor name in ('tables', 'stages'):\n"
    "    (run / name).mkdir(exist_ok=True)",
    "text = Path(inputs[0]).read_text()\n(run / 'tables' / 'words.json').write_text(json.dumps(text.split()))",
    "(run / 'stages' / 'read.json').write_text(json.dumps({'name': 'read', 'seconds': time.time()}))",
    "(run / 'rejected.csv').write_text('none'); period",
)
SECOND = (
    'run_dir: str = ""\nanswers: str = "answers.csv"\nmode: str = "good"',
    "import json, os, time\nfrom pathlib import Path\nrun = Path(run_dir)",
    "if mode == 'slow': (run.parent / 'begun').write_text(''); time.sleep(60)",
    "if mode == 'edits': Path(answers).write_text('edited meanwhile')",
    "said = Path(answers).read_text() if Path(answers).exists() else ''",
    "words = json.loads((run / 'tables' / 'words.json').read_text())\n"
    "(run / 'tables' / 'count.json').write_text(json.dumps([len(words), said]))",
)


def notebook(path, cells, prose="Prose."):
    made = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if number == 0 else {}, "source": source}
        | {"id": f"c{number}", "outputs": [], "execution_count": None}
        for number, source in enumerate(cells)
    ]
    made.append({"cell_type": "markdown", "metadata": {}, "id": "m", "source": prose})
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two notebooks, the second reading what the first makes; an input; a cache of its own."""
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    notebook(tmp_path / "nb" / "1-first.ipynb", FIRST)
    notebook(tmp_path / "nb" / "2-second.ipynb", SECOND)
    (tmp_path / "in.txt").write_text("one two three")
    return tmp_path


def planned(place, out="run", **values):
    return plan.plan({"inputs": [str(place / "in.txt")], **values}, place / out, notebooks=place / "nb")


def run(place, out="run", **values):
    """Run the notebooks; return notebook -> what was found of it in the cache."""
    out = batch.run_notebooks(planned(place, out, **values), lambda *_: None)
    found = store.read_manifest(out)["cache"]
    return {name: what for what, names in found.items() for name in names}


def files(folder):
    """Return the files of a run, but for what tells when it ran."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("manifest.json", "read.json")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


BOTH, NONE = {"1-first": "taken", "2-second": "taken"}, {"1-first": "absent", "2-second": "absent"}


def test_the_same_run_again_starts_no_kernel_and_has_the_same_files(place):
    assert run(place) == NONE
    begun = []
    out = batch.run_notebooks(planned(place, "again"), lambda *told: begun.append(told))
    assert store.read_manifest(out)["cache"] == {"taken": ["1-first", "2-second"]}
    assert begun == [("1-first", 6, 13), ("2-second", 13, 13)]
    assert files(place / "again") == files(place / "run")
    assert "notebooks/1-first.ipynb" in files(place / "run"), "with its times: it was not executed again"
    (record,) = store.read_manifest(out)["stages"]
    assert record == {**store.read_manifest(place / "run")["stages"][0], "from_cache": True}


def test_a_run_that_takes_all_from_the_cache_needs_neither_papermill_nor_a_kernel(place, monkeypatch):
    run(place)
    for name in ("papermill", "ipykernel"):
        (place / "broken" / name).mkdir(parents=True)
        (place / "broken" / name / "__init__.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(place / "broken"))
    assert run(place, "again") == BOTH
    with pytest.raises(plan.RunFailed):
        run(place, "other", period="month")


def test_what_does_not_depend_on_a_changed_parameter_is_taken(place, monkeypatch):
    run(place)
    assert run(place, "mode", mode="other") == {"1-first": "taken", "2-second": "absent"}
    assert run(place, "period", period="week") == {"1-first": "absent", "2-second": "taken"}
    assert b"week" in files(place / "period")["notebooks/1-first.ipynb"]
    (place / "in.txt").write_text("four five")
    assert run(place, "input") == NONE
    assert json.loads(files(place / "input")["tables/count.json"]) == [2, ""]
    monkeypatch.setenv("TOOLKIT_FRESH", "1")
    assert run(place, "fresh") == NONE


def test_what_is_damaged_is_made_again_and_said_so(place):
    run(place)
    for path in blobs.files(blobs.home() / "blobs"):
        if path.read_bytes() == b'["one", "two", "three"]':
            path.write_bytes(b'["one", "two", "trhee"]')
    assert run(place, "again") == {"1-first": "damaged", "2-second": "taken"}
    assert files(place / "again")["tables/words.json"] == b'["one", "two", "three"]'
    assert run(place, "third") == BOTH


def test_a_run_killed_in_its_midst_leaves_only_what_it_had_made_whole(place):
    code = "import sys; from pathlib import Path; from toolkit import batch, plan; place = Path(sys.argv[1]);"
    code += "values = {'inputs': [str(place / 'in.txt')], 'mode': 'slow'};"
    code += "batch.run_notebooks(plan.plan(values, place / 'run', notebooks=place / 'nb'), lambda *_: None)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code, str(place)], env=environment) as parent:
        while not (place / "begun").exists() and parent.poll() is None:
            time.sleep(0.05)
        for process in [*psutil.Process(parent.pid).children(recursive=True), psutil.Process(parent.pid)]:
            process.send_signal(signal.SIGKILL)
    assert {path.parent.name for path in blobs.files(blobs.home() / "entries")} == {"1-first"}
    assert run(place) == {"1-first": "taken", "2-second": "absent"}


def test_two_runs_at_the_same_time_share_the_cache(place):
    found = {}
    runs = [threading.Thread(target=lambda n=n: found.update({n: run(place, f"run{n}")})) for n in range(2)]
    for thread in runs:
        thread.start()
    for thread in runs:
        thread.join()
    assert len(found) == 2
    tables = [{name: data for name, data in files(place / f"run{n}").items() if "tables" in name} for n in range(2)]
    assert tables[0] == tables[1] and len(tables[0]) == 2
    assert run(place, "after") == BOTH


def test_nothing_is_kept_of_a_notebook_that_failed_or_whose_files_changed_meanwhile(place):
    (place / "mine.csv").write_text("as it was")
    run(place, mode="edits", answers=str(place / "mine.csv"))
    kept = sorted(path.parent.name for path in blobs.files(blobs.home() / "entries"))
    assert kept == ["1-first", "finished runs"]
    notebook(place / "nb" / "2-second.ipynb", (*SECOND, "1 / 0"))
    with pytest.raises(plan.RunFailed):
        run(place)
    kept = sorted(path.parent.name for path in blobs.files(blobs.home() / "entries"))
    assert kept == ["1-first", "finished runs"], "of the run that was finished, and not of the failed one"


# Keys, without a kernel -------------------------------------------------------------------------------------------


def key(place, which=1, **values):
    """Return the key of a notebook of the run, as if the tables in ``part`` had been made."""
    step = batch._job(planned(place, **values), place / "part", "")["steps"][which]
    return reuse.know(step, place / "part").key


def test_a_key_follows_each_thing_that_a_notebook_depends_on(place):
    (place / "part" / "tables").mkdir(parents=True)
    table = place / "part" / "tables" / "words.json"
    found = [key(place), key(place, mode="other"), key(place, answers=str(place / "in.txt"))]
    for content in ("[]", "[1]"):
        table.write_text(content)
        found.append(key(place))
    for content in ("", "a"):
        (place / "nb" / "answers.csv").write_text(content)
        found.append(key(place))
    notebook(place / "nb" / "2-second.ipynb", SECOND, "Other prose.")
    found.append(key(place))
    assert len(set(found)) == len(found)


def test_a_key_follows_a_folder_of_inputs_and_every_file_in_it(place):
    (place / "part").mkdir()
    (place / "folder").mkdir()
    found = [key(place, 0, inputs=[str(place / "folder")])]
    for name in ("a", "b"):
        (place / "folder" / name).write_text("same")
        found.append(key(place, 0, inputs=[str(place / "folder")]))
    assert len(set(found)) == len(found)


def test_a_key_does_not_follow_times_pages_or_places(place):
    found = []
    for part in (place / "part", place / "elsewhere"):
        (part / "tables").mkdir(parents=True)
        (part / "tables" / "words.json").write_text("[]")
        (part / "stages").mkdir()
        (part / "stages" / "read.json").write_text(f'{{"seconds": "{time.time()}"}}')
        step = batch._job(planned(place), part, "")["steps"][1]
        found.append(reuse.know(step, part).key)
    assert len(set(found)) == 1


def test_every_parameter_that_names_a_file_is_known_to_do_so():
    known = {*plan.FILES, "run_dir", "cache_dir"}
    paths = [path for path in (ROOT / "notebooks").glob("*.ipynb") if path.name[0] in "1234569"]
    for path in paths:
        for name, parameter in params.inspect(path).items():
            shown = parameter.default if isinstance(parameter.default, list) else [parameter.default]
            if any(isinstance(item, str) and "/" in item for item in shown):
                assert name in known, f"{name} of {path.name} names a file"


def test_tables_of_a_run_are_the_same_bytes_whenever_they_are_written(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"a": ["x", None, "ә"], "b": [1.5, 2.5, None], "c": [["u"], [], ["v", "w"]]})
    for name in ("one", "two"):
        store.write_table(frame.copy(), tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_run_goes_on_without_a_cache(place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("TOOLKIT_CACHE", str(place / "file"))
    assert run(place) == NONE
    assert (place / "run" / "tables" / "count.json").is_file()


# A column that is not read -----------------------------------------------------------------------------------------

SAID = {"tables/articles.parquet": {"column": "published", "rows": 3, "characters": 12, "of": ["title", "text"]}}


def key_over(place, **columns):
    """Return the key of a notebook that says not to read the dates, over a table of articles."""
    rows = {"title": ["a", "b"], "text": ["вода", "fire"], "published": pd.to_datetime(["2024-05-01", None], utc=True)}
    store.write_table(pd.DataFrame(rows | columns), place / "part" / "tables" / "articles.parquet")
    return key(place)


def test_a_column_that_a_notebook_says_not_to_read_is_not_in_its_key(place):
    moved = {"published": pd.to_datetime(["2024-05-02", "2024-01-01"], utc=True)}
    assert key_over(place) != key_over(place, **moved)
    path = place / "nb" / "2-second.ipynb"
    path.write_text(json.dumps({**json.loads(path.read_text()), "metadata": {"toolkit": {"unread": SAID}}}))
    assert key_over(place) == key_over(place, **moved)
    changed = [{"text": ["вода", "fire!"]}, {"more": [1, 2]}, {"title": ["b", "a"]}, {"published": ["x", "y"]}]
    assert len({key_over(place), *(key_over(place, **each) for each in changed[:3])}) == 4


def test_of_the_dates_of_many_or_long_articles_only_the_order_is_in_the_key(place):
    path = place / "nb" / "2-second.ipynb"
    path.write_text(json.dumps({**json.loads(path.read_text()), "metadata": {"toolkit": {"unread": SAID}}}))
    dates = pd.to_datetime(["2024-05-02", "2024-05-03", "2024-05-03", None], utc=True)
    for rest in ({"title": ["a"] * 4, "text": [""] * 4}, {"title": ["a"] * 3, "text": ["fire" * 2] * 3}):
        rest |= {"published": dates[: len(rest["title"])]}
        moved = pd.Series(rest["published"]) + pd.to_timedelta([5, 6, 6, 6][: len(rest["title"])], unit="h")
        apart, turned = moved.copy(), moved[::-1].reset_index(drop=True)
        apart[2] += pd.Timedelta("1h")
        assert key_over(place, **rest) == key_over(place, **rest | {"published": moved})
        others = [key_over(place, **rest | {"published": each}) for each in (moved, apart, turned)]
        assert len(set(others)) == 3


def test_the_themes_do_not_read_the_dates_of_so_many_articles_as_are_read_together(monkeypatch):
    said = unread.unread_by(ROOT / "notebooks" / "2-themes.ipynb")["tables/articles.parquet"]
    assert (said["rows"], said["characters"]) == (reading.TOGETHER, reading.CHARACTERS)
    known = {"article_id": ["a", "b"], "language": "en", "source": "s", "characters": 40_000_000}
    assert reading.draw(pd.DataFrame(known), 1).all(), "and no date was asked for"
    asked = [source for source, _ in params.read_cells(ROOT / "notebooks" / "2-themes.ipynb")]
    assert not any("published" in source or "LIGHT" in source or "read_heads" in source for source in asked)
    assert "published" not in reading.COLUMNS
