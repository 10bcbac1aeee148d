import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from toolkit import batch, overview, store, sweep
from toolkit.place import beside, part_folder
from toolkit.plan import RunFailed, plan
from toolkit.schema import InputError, OutputError, SettingsError
from toolkit.settings import BatchSettings

FIRST = (
    'inputs: list = []\nrun_dir: str = ""\nseed: int = 42\nmode: str = "good"\nword: str = ""',
    "import os, warnings, pandas as pd\nfrom toolkit import schema, store",
    "warnings.warn('spilt by Python'); os.system('echo spilt by a program >&2')",
    "if mode == 'broken': 1 / 0",
    "if mode == 'killed': os.kill(os.getpid(), 9)",
    "if mode == 'refused': raise schema.InputError(f'{run_dir} has no rows, expected some: give some.')",
    "with store.stage(run_dir, 'ingest', rows_in=3) as facts: facts['rows_out'] = 2",
    "store.write_table(pd.DataFrame({'word': [word, 'b']}), f'{run_dir}/tables/articles.parquet')\nrun_dir",
)
NASTY = "ә'\"\\ \n{x} <b>&\u2028"


def notebook(path, *cells):
    made = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if number == 0 else {}, "source": source}
        | {"id": f"c{number}", "outputs": [], "execution_count": None}
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")


def planned(place, name="run", **values):
    return plan({"inputs": [str(place / "in")], **values}, place / "runs" / name, notebooks=place / "nb {x}")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("batch")
    for name in ("nb {x}", "in"):
        (root / name).mkdir()
    (root / "in" / "a.txt").write_text("An article.")
    notebook(root / "nb {x}" / "1-corpus.ipynb", *FIRST)
    return root


@pytest.fixture(scope="module")
def swept(place):
    """One real sweep, two runs at a time: a good run, and one failing in each of three ways."""
    plans = {mode: planned(place, mode, mode=mode, word=NASTY) for mode in ("good", "broken", "killed", "refused")}
    told = []
    settings = BatchSettings(jobs=2, retries=0)
    outcomes = sweep.run_sweep(plans, settings, lambda outcome, running: told.append(outcome))
    assert sorted(outcome.name for outcome in told if outcome) == sorted(plans)
    return place / "runs", plans, {outcome.name: outcome for outcome in outcomes}


def test_runs_that_fail_do_not_stop_the_others(swept):
    out, _, outcomes = swept
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "good": "finished",
        "broken": "failed",
        "killed": "failed",
        "refused": "failed",
    }
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["broken.failed", "good", "killed.failed"]


def test_a_failure_names_notebook_cell_error_and_where_to_look(swept):
    out, _, outcomes = swept
    look = out / "broken.failed" / "notebooks" / "1-corpus.ipynb"
    assert outcomes["broken"].reason == (
        f"1-corpus.ipynb, cell 5: ZeroDivisionError: division by zero. Look into {look}."
    )
    assert "ZeroDivisionError" in look.read_text("utf-8")
    assert store.read_manifest(out / "broken.failed")["status"] == "failed"


def test_a_killed_kernel_is_reported_as_such(swept):
    assert "cell 6: DeadKernelError: the kernel was killed" in swept[2]["killed"].reason


def test_an_error_of_the_users_is_told_in_its_own_words_without_the_part_folder(swept):
    out, _, outcomes = swept
    assert outcomes["refused"].reason == f"{out / 'refused'} has no rows, expected some: give some."


def test_a_parameter_reaches_the_notebook_whatever_it_holds(swept):
    assert store.read_table(swept[0] / "good" / "tables" / "articles.parquet")["word"].tolist() == [NASTY, "b"]


def test_the_manifest_says_what_made_the_run(swept):
    found = store.read_manifest(swept[0] / "good")
    assert found["parameters"]["seed"] == 42
    assert found["parameters"]["run_dir"] == "."
    assert found["seeds"] == {"seed": 42}
    assert set(found["hashes"]) == {"notebooks", "code", "inputs"}
    assert found["status"] == "finished"
    assert found["started"] <= found["finished"]
    assert [(stage["name"], stage["rows_in"], stage["rows_out"]) for stage in found["stages"]] == [("ingest", 3, 2)]


def test_an_executed_notebook_shows_no_path_of_the_part_folder(swept):
    text = (swept[0] / "good" / "notebooks" / "1-corpus.ipynb").read_text("utf-8")
    assert "good.part" not in text
    assert str(swept[0]) not in text
    assert 'run_dir = \\".\\"' in text


def test_a_rerun_repeats_nothing_that_is_finished_and_unchanged(swept):
    out, plans, _ = swept
    before = (out / "good" / "manifest.json").stat().st_mtime_ns
    (again,) = sweep.run_sweep({"good": plans["good"]}, BatchSettings(), lambda *_: None)
    assert again.status == "unchanged"
    assert (out / "good" / "manifest.json").stat().st_mtime_ns == before


def test_the_page_over_all_runs_links_escapes_and_tells_the_reasons(swept):
    out, plans, outcomes = swept
    text = Path(overview.write_index(out, plans, list(outcomes.values()))).read_text("utf-8")
    assert "&lt;b&gt;&amp;" in text
    assert "<b>" not in text
    assert 'href="good/"' in text
    assert "ZeroDivisionError" in text
    assert "http" not in text


def test_the_key_follows_parameters_input_and_notebooks_and_not_the_place(place, tmp_path):
    key = planned(place).facts["key"]
    assert planned(place, "elsewhere").facts["key"] == key
    assert planned(place, seed=42).facts["key"] == key
    assert planned(place, seed=1).facts["key"] != key
    for name in ("nb {x}", "in"):
        (tmp_path / name).mkdir()
    notebook(tmp_path / "nb {x}" / "1-corpus.ipynb", *FIRST)
    (tmp_path / "in" / "a.txt").write_text("An article.")
    assert planned(tmp_path).facts["key"] == key
    (tmp_path / "in" / "a.txt").write_text("Another article.")
    assert planned(tmp_path).facts["key"] != key
    (tmp_path / "in" / "a.txt").write_text("An article.")
    notebook(tmp_path / "nb {x}" / "1-corpus.ipynb", *FIRST, "1")
    assert planned(tmp_path).facts["key"] != key


def test_an_interrupt_ends_the_child_and_leaves_what_was_there(place):
    out = place / "runs" / "kept"
    out.mkdir(parents=True)
    store.write_manifest(out, {"key": "old"})
    children = batch.Children()

    def interrupt(_, done, __):
        if done > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        batch.run_notebooks(planned(place, "kept"), interrupt, children=children)
    assert store.read_manifest(out)["key"] == "old"
    assert [path.name for path in out.parent.iterdir() if path.name.startswith("kept")] == ["kept"]
    with pytest.raises(KeyboardInterrupt):
        children.start()


def test_a_failed_step_after_the_notebooks_fails_the_run(place, capfd):
    (place / "nb1").mkdir()
    notebook(place / "nb1" / "1-a.ipynb", 'run_dir: str = ""')
    ready = plan({}, place / "runs" / "unreported", notebooks=place / "nb1")
    with pytest.raises(RunFailed, match=r"run.log"):
        batch.run_notebooks(ready, lambda *_: None, "toolkit.absent:function")
    assert "toolkit.absent" in (place / "runs" / "unreported.failed" / "run.log").read_text()
    assert not (place / "runs" / "unreported").exists()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"sead": 1}, SettingsError, "did you mean 'seed'"),
        ({"seed": "one"}, SettingsError, "expected int"),
        ({"run_dir": "x"}, SettingsError, "--out"),
        ({"inputs": ["absent.csv"]}, InputError, "absent.csv is not there"),
    ],
)
def test_what_is_wrong_is_refused_before_a_kernel_starts(place, monkeypatch, values, error, match):
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(error, match=match):
        planned(place, **values)


def test_answers_are_missed_only_where_they_were_asked_for(tmp_path):
    sample = {"inputs": ["data/sample/articles.jsonl"]}
    assert "answers" not in plan(sample, tmp_path / "out").facts["hashes"]
    (tmp_path / "mine.csv").write_text("article_id,theme,answer\n")
    assert "answers" in plan({**sample, "answers": str(tmp_path / "mine.csv")}, tmp_path / "out").facts["hashes"]
    with pytest.raises(InputError, match=r"absent\.csv is not there"):
        plan({**sample, "answers": "absent.csv"}, tmp_path / "out")


def test_a_folder_that_holds_something_else_is_never_overwritten(place, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    store.write_json({"name": "a web page"}, tmp_path / "manifest.json")
    with pytest.raises(OutputError, match="something else"):
        plan({"inputs": [str(place / "in")]}, tmp_path, notebooks=place / "nb {x}")


@pytest.mark.parametrize("out", ["in", "in/run", "."])
def test_a_run_folder_and_its_input_never_lie_one_in_the_other(place, monkeypatch, out):
    monkeypatch.chdir(place)
    with pytest.raises(OutputError, match="lie one in the other"):
        plan({"inputs": ["in"]}, out, notebooks=place / "nb {x}")


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_is_going(place):
    ready = planned(place, "busy")
    with pytest.raises(OutputError, match="Another run"), part_folder(ready) as part:
        (part / "precious").write_text("")
        try:
            with part_folder(ready):
                pass
        finally:
            assert (part / "precious").exists()


def test_what_a_killed_run_left_behind_is_no_part_of_the_next(place):
    ready = planned(place, "left")
    left, old = (beside(ready.out, ending) for ending in (".part-0a1b", ".old-0a1b"))
    for folder in (left, old):
        folder.mkdir(parents=True)
    (left / "stale").write_text("")
    (old / "result").write_text("")
    with pytest.raises(RunFailed), part_folder(ready) as part:
        assert list(part.iterdir()) == []
        assert not left.exists() and not old.exists()
        assert (ready.out / "result").exists()
        raise RunFailed("on purpose")
    assert (ready.out / "result").exists()


def test_a_killed_parent_takes_its_child_and_kernel_with_it(place):
    (place / "nb2").mkdir()
    told = place / "pids"
    cell = f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getppid()}} {{os.getpid()}} .'); time.sleep(40)"
    notebook(place / "nb2" / "1-a.ipynb", 'run_dir: str = ""', cell)
    code = "import sys; from pathlib import Path; from toolkit import batch, plan; place = Path(sys.argv[1]);"
    code += "batch.run_notebooks(plan.plan({}, place / 'orphan', notebooks=place / 'nb2'), lambda *_: None)"
    with subprocess.Popen([sys.executable, "-c", code, str(place)]) as parent:
        wait_for(lambda: told.exists() and told.read_text().endswith("."))
        parent.kill()
    pids = [int(word) for word in told.read_text().split()[:2]]
    wait_for(lambda: not any(map(psutil.pid_exists, pids)))
    assert not any(map(psutil.pid_exists, pids))


def wait_for(holds, seconds=20):
    for _ in range(seconds * 10):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("waited in vain")


def sweep_file(path, text):
    path.write_text(text, "utf-8")
    return path


def test_a_sweep_is_its_grid_and_its_runs_over_the_base(tmp_path):
    text = "base: {seed: 1}\ngrid: {period: [week, month], seed: [2]}\nruns: [{name: own, period: day}]\nout: runs\n"
    found = sweep.read_sweep(sweep_file(tmp_path / "s.yml", text))
    assert found.out == "runs"
    assert found.runs == {
        "period-week_seed-2": {"seed": 2, "period": "week"},
        "period-month_seed-2": {"seed": 2, "period": "month"},
        "own": {"seed": 1, "period": "day"},
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "bases: {seed: 1}",
        "grid: {seed: 1}",
        "grid: {seed: []}",
        "base: {seed: 1}",
        "runs: [3]",
        "runs: [{name: ../up}]",
        "runs: [{name: a.failed}]",
        "runs: [{name: a}, {name: a}]",
        "grid: [1]",
        "out: 3",
    ],
)
def test_a_sweep_that_is_not_understood_is_refused(tmp_path, text):
    with pytest.raises(SettingsError):
        sweep.read_sweep(sweep_file(tmp_path / "s.yml", text))


def test_names_made_of_different_parameters_differ():
    values = ["week", "Week", "we ek", "we-ek", "неделя", "месяц", "a" * 200, "a" * 201, "x.failed", ["a", "b"]]
    names = [sweep.slug({"period": value}) for value in values]
    assert len({name.lower() for name in names}) == len(values)
    assert all(sweep._SLUG.fullmatch(name) and not name.endswith(".failed") for name in names)


def test_a_page_of_someone_elses_is_not_overwritten(tmp_path):
    (tmp_path / "index.html").write_text("<h1>My site</h1>")
    with pytest.raises(OutputError, match="not a page of ours"):
        overview.check_index(tmp_path)
