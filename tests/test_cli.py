import json
import subprocess
import sys

import psutil
import pytest

import toolkit
from toolkit import batch, cli, disk, store

FIRST = (
    'inputs: list = []\nrun_dir: str = ""\nseed: int = 42\nperiod: str = "auto"',
    "from toolkit import store",
    "if seed == 13: 1 / 0",
    "lines = ['One.', 'Two.', f'Seed {seed}.', period, 'F\\x1bive.']",
    "store.write_json({'lines': lines}, f'{run_dir}/tables/summary.json')",
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with an input, and a tiny notebook in the place of the shipped ones."""
    made = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if number == 0 else {}, "source": source}
        | {"id": f"c{number}", "outputs": [], "execution_count": None}
        for number, source in enumerate(FIRST)
    ]
    (tmp_path / "notebooks").mkdir()
    text = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (tmp_path / "notebooks" / "1-corpus.ipynb").write_text(text)
    (tmp_path / "a.csv").write_text("title,text\na,b\n")
    monkeypatch.setattr(disk, "asset", lambda name: tmp_path / name)
    monkeypatch.setattr(cli, "REPORT", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_prints_its_five_lines_and_where_the_report_lies(place, capfd):
    assert cli.main(["run", "a.csv", "--out", "out", "-p", "seed", "7", "--period", "week"]) == 0
    said = capfd.readouterr()
    assert said.out.splitlines() == ["One.", "Two.", "Seed 7.", "week", "Five.", "Report: out/index.html"]
    assert said.err.splitlines() == ["1-corpus (0 of 6 cells done)"]
    assert store.read_manifest(place / "out")["parameters"]["inputs"] == ["a.csv"]


def test_a_batch_with_a_failed_run_ends_with_1_and_says_which_and_why(place, capfd):
    (place / "sweep.yml").write_text("base: {inputs: [a.csv]}\ngrid: {seed: [1, 13]}\nout: runs\n")
    assert cli.main(["batch", "sweep.yml", "--jobs", "2"]) == 1
    said = capfd.readouterr()
    assert said.out.splitlines()[0] == "1 finished, 0 unchanged, 1 failed."
    assert "toolkit: seed-13: 1-corpus.ipynb, cell 4: ZeroDivisionError" in said.err
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["index.html", "seed-1", "seed-13.failed"]
    (place / "sweep.yml").write_text("base: {inputs: [a.csv]}\ngrid: {seed: [1]}\nout: runs\n")
    assert cli.main(["batch", "sweep.yml"]) == 0
    assert capfd.readouterr().out.startswith("0 finished, 1 unchanged, 0 failed.")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "absent.csv", "--out", "out"], "absent.csv is not there"),
        (["run", "a.csv", "--out", "out", "-p", "sed", "1"], "did you mean 'seed'"),
        (["run", "a.csv", "--out", "out", "-p", "seed", "x"], "expected int"),
        (["run", "a.csv", "--out", "out", "--period", "fortnight"], "expected one of auto"),
        (["run", "a.csv", "--out", "out", "--period", "day", "-p", "period", "day"], "given twice"),
        (["run", "a.csv", "--out", "a.csv/out"], "is a file"),
        (["run", "a.csv", "--out", "notebooks"], "something else than a run"),
        (["batch", "absent.yml"], "There is no sweep file 'absent.yml'; check the path"),
        (["check", "absent.yml"], "There is no theme file 'absent.yml'; check the path"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_2(place, capsys, monkeypatch, words, reason):
    monkeypatch.setattr(batch, "_job", None)  # nothing is executed
    assert cli.main(words) == 2
    assert not psutil.Process().children()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("toolkit: ")
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in place.iterdir()) == ["a.csv", "notebooks"]


def test_pruning_the_cache_leaves_whatever_else_lies_in_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    (tmp_path / "embeddings.sqlite").write_bytes(b"0" * 2**20)
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}: 1.0 MB of at most")
    assert cli.main(["cache", "--prune"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_help_imports_nothing_heavy():
    code = "import sys\nfrom toolkit import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "sys.exit(bool({'pandas', 'numpy', 'yaml', 'papermill', 'jinja2', 'tqdm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "batch", "check", "cache"))


def test_a_run_is_planned_without_the_libraries_that_only_its_notebooks_need(tmp_path):
    code = "import sys\nfrom toolkit import batch, plan\n"
    code += f"plan.plan({{'inputs': [{str(disk.asset('data/sample/articles.jsonl'))!r}]}}, {str(tmp_path / 'out')!r})\n"
    code += "sys.exit(', '.join({'pandas', 'numpy', 'pyarrow', 'papermill', 'fsspec'} & set(sys.modules)))"
    assert not subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.strip()


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"toolkit {toolkit.__version__}\n"
