"""Batches that things go wrong in: real schedulers, workers, runners and kernels, killed, hung, or out of room."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from goldens import ROOT

from toolkit import bars, engine, lease, overview, store, sweep
from toolkit.place import part_folder
from toolkit.plan import RunFailed, located, plan
from toolkit.schema import InputError, OutputError, SettingsError
from toolkit.settings import BatchSettings

CELLS = (
    'run_dir: str = ""\nmode: str = "good"\nnotes: str = ""\nnumber: int = 0',
    "import os, sys, time, psutil\nfrom pathlib import Path\nfrom toolkit import store",
    "chain = [os.getpid(), *(parent.pid for parent in psutil.Process().parents())]",
    "with (Path(notes) / 'begun').open('a') as file: file.write(f'{number} {chain[0]} {chain[1]} {chain[2]} .\\n')",
    "first = not (Path(notes) / f'tried-{number}').exists(); (Path(notes) / f'tried-{number}').touch()",
    "if mode == 'dies': os.kill(chain[0], 9)",
    "if mode == 'dies once' and first: os.kill(chain[0], 9)",
    "if mode == 'worker dies once' and first: os.kill(chain[2], 9); time.sleep(60)",
    "while mode == 'hangs': time.sleep(1)",
    "while mode == 'hangs once' and first: time.sleep(1)",
    "if mode == 'waits': time.sleep(2)",
    "if mode == 'fills': (Path(run_dir) / 'large').write_bytes(bytes(10**6)); print('x' * 2 * 10**6)",
    "store.write_json({'number': number}, Path(run_dir) / 'tables' / 'made.json')",
)


def notebook(folder, *cells):
    folder.mkdir()
    made = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if place == 0 else {}, "source": source}
        | {"id": f"c{place}", "outputs": [], "execution_count": None}
        for place, source in enumerate(cells)
    ]
    text = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (folder / "1-corpus.ipynb").write_text(text, "utf-8")


@pytest.fixture
def place(tmp_path):
    notebook(tmp_path / "nb", *CELLS)
    (tmp_path / "notes").mkdir()
    return tmp_path


def planned(place, **modes):
    """Plans by name; a name is its mode, or stands for it."""
    notes = {"notes": str(place / "notes")}
    return {
        name: plan({"mode": mode, "number": n, **notes}, place / "runs" / name, notebooks=place / "nb")
        for n, (name, mode) in enumerate(modes.items())
    }


def run(plans, **settings):
    outcomes = sweep.run_sweep(plans, BatchSettings(**settings), lambda *_: None)
    return {outcome.name: outcome for outcome in outcomes}


def begun(place):
    """Return (number of the run, process of kernel, of runner, of who called it) of every start."""
    path = place / "notes" / "begun"
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(map(int, line.split()[:4])) for line in lines if line.endswith(".")]


def check_whole(place, *names):
    """Every run named is there, complete, and nothing else lies beside."""
    assert sorted(path.name for path in (place / "runs").iterdir()) == sorted(names)
    for name in names:
        if not name.endswith(".failed"):
            assert store.read_manifest(place / "runs" / name)["status"] == "finished"
            assert (place / "runs" / name / "tables" / "made.json").is_file()


def wait_for(holds, seconds=30):
    for _ in range(seconds * 10):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("waited in vain")


def gone(pids):
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


# On a cluster -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(*words, **more):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, *map(str, words)], **{**quiet, **more}) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each a process of its own, on the loopback interface; the scheduler's address."""
    file = tmp_path / "scheduler.json"
    common = ("--scheduler-file", file, "--host", "127.0.0.1", "--no-dashboard")
    with contextlib.ExitStack() as stack:
        stack.enter_context(process("-m", "distributed.cli.dask_scheduler", *common, "--port", "0"))
        for _ in range(2):
            more = ("--nthreads", "1", "--no-nanny", "--local-directory", tmp_path / "dask")
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            stack.enter_context(process("-m", "distributed.cli.dask_worker", *common, *more, env=env))
        wait_for(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        yield json.loads(file.read_text())["address"]


def test_a_worker_killed_in_mid_run_costs_no_run_and_none_is_done_twice(place, cluster):
    modes = {"killer": "worker dies once", "dies": "dies", "one": "good", "two": "good"}
    plans = planned(place, **modes)
    seen = []
    settings = BatchSettings(scheduler=cluster, retries=0)
    outcomes = sweep.run_sweep(plans, settings, lambda outcome, running: seen.append(running))
    found = {outcome.name: outcome for outcome in outcomes}
    assert {name: outcome.status for name, outcome in found.items()} == {
        **dict.fromkeys(modes, "finished"),
        "dies": "failed",
    }
    assert "DeadKernelError" in found["dies"].reason
    assert all(outcome.worker.startswith("tcp://127.0.0.1:") for outcome in outcomes)
    assert any("killer" in running for running in seen)
    check_whole(place, "killer", "one", "two", "dies.failed")
    starts = [number for number, *_ in begun(place)]
    assert sorted(starts) == [0, 0, 1, 2, 3]
    again = run({name: plans[name] for name in ("killer", "one", "two")}, scheduler=cluster)
    assert {outcome.status for outcome in again.values()} == {"unchanged"}
    assert "127.0.0.1" in Path(overview.write_index(place / "runs", plans, list(found.values()))).read_text("utf-8")


def test_an_interrupted_batch_ends_its_runs_on_the_workers_too(place, cluster):
    def interrupt(outcome, running):
        if len(begun(place)) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run_sweep(planned(place, one="hangs", two="hangs"), BatchSettings(scheduler=cluster), interrupt)
    wait_for(lambda: gone(pid for _, kernel, runner, _ in begun(place) for pid in (kernel, runner)))
    wait_for(lambda: not list((place / "runs").iterdir()))


def test_where_no_scheduler_answers_a_sentence_says_so(place, monkeypatch):
    monkeypatch.setattr(engine, "_JOIN", 0.5)
    with pytest.raises(SettingsError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"):
        run(planned(place, one="good"), scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"pip install 'toolkit\[cluster\]'"):
        run(planned(place, one="good"), scheduler="tcp://127.0.0.1:9")


def test_a_worker_runs_nothing_with_another_toolkit_or_without_the_files(place):
    (planned_one,) = planned(place, one="good").values()
    planned_one.facts["hashes"]["code"] = "other"
    with pytest.raises(SettingsError, match="Another state of the toolkit"):
        located(planned_one)
    (place / "a.csv").write_text("text\na\n")
    notebook(place / "more", 'run_dir: str = ""\ninputs: list = []')
    reading = plan({"inputs": [str(place / "a.csv")]}, place / "runs" / "reading", notebooks=place / "more")
    assert located(reading) == reading
    (place / "a.csv").unlink()
    with pytest.raises(InputError, match=r"a\.csv is not to be seen from here"):
        located(reading)


# On one machine -----------------------------------------------------------------------------------------------


def test_a_run_whose_kernel_was_killed_is_tried_again_and_fails_with_the_reason_where_it_stays_so(place):
    found = run(planned(place, **{"dies-once": "dies once", "dies": "dies"}), jobs=2, retries=1)
    assert (found["dies-once"].status, found["dies-once"].tries) == ("finished", 2)
    assert (found["dies"].status, found["dies"].tries) == ("failed", 2)
    assert "cell 7: DeadKernelError" in found["dies"].reason
    check_whole(place, "dies-once", "dies.failed")


def test_a_run_that_hangs_is_ended_at_its_deadline_with_its_kernel(place):
    hung = run(planned(place, hangs="hangs"), retries=0, deadline=0.15)["hangs"]
    assert hung.status == "failed" and hung.again
    assert "deadline: not done within the 0.15 minutes that a run may take" in hung.reason
    check_whole(place, "hangs.failed")
    assert store.read_manifest(place / "runs" / "hangs.failed")["reason"] == hung.reason
    wait_for(lambda: gone(pid for _, kernel, runner, _ in begun(place) for pid in (kernel, runner)))


BATCH = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_engine as t
found = t.run(t.planned(Path(sys.argv[1]), **json.loads(sys.argv[3])), jobs=int(sys.argv[4]), retries=0)
print(json.dumps({name: outcome[1:3] for name, outcome in found.items()}))
"""


def batch(place, jobs, **modes):
    """The words that start a batch in a process of its own; it says how the runs ended."""
    (place / "batch.py").write_text(BATCH, "utf-8")
    return [str(word) for word in (place / "batch.py", place, ROOT / "tests", json.dumps(modes), jobs)]


def test_a_batch_killed_and_started_again_does_each_run_once(place):
    modes = {"one": "good", "two": "hangs once", "three": "good", "four": "good"}
    with process(*batch(place, 2, **modes)) as child:
        wait_for(lambda: (place / "runs" / "three").exists() and 1 in [number for number, *_ in begun(place)])
        child.send_signal(signal.SIGKILL)
    before = {path.name: path.stat().st_ino for path in (place / "runs").iterdir() if (path / "manifest.json").exists()}
    assert "two" not in before
    again = run(planned(place, **modes), jobs=2)
    assert {name: outcome.status for name, outcome in again.items()} == {
        name: "unchanged" if name in before and ".part" not in name else "finished" for name in modes
    }
    check_whole(place, *modes)
    after = {path.name: path.stat().st_ino for path in (place / "runs").iterdir()}
    assert {name: after[name] for name in modes if name in before} == {n: i for n, i in before.items() if n in modes}


def test_two_batches_at_once_do_a_run_once(place):
    with process(*batch(place, 1, one="waits"), stdout=subprocess.PIPE) as other:
        wait_for(lambda: begun(place))
        found = run(planned(place, one="waits"))
        said = json.loads(other.stdout.read())
    assert found["one"].status == "finished" and said == {"one": ["finished", ""]}
    assert len(begun(place)) == 1
    check_whole(place, "one")


def test_a_disk_that_fills_fails_the_run_with_its_reason_and_leaves_nothing_half_written(place):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    runs = place / "runs"
    runs.mkdir()
    words = shlex.join([sys.executable, *batch(place, 1, full="fills", good="good")])
    inside = f"mount -t tmpfs -o size=1500k tmpfs {runs} && {words} && ls -A {runs}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], capture_output=True, text=True, check=False)
    said, *left = done.stdout.splitlines()
    found = json.loads(said)
    assert found["full"][0] == "failed" and "No space left on device" in found["full"][1]
    assert found["good"] == ["finished", ""]
    assert left == ["good"]


# The lease ----------------------------------------------------------------------------------------------------


def test_who_was_believed_dead_puts_nothing_in_place(place):
    (ready,) = planned(place, one="good").values()
    with pytest.raises(OutputError, match="taken over by another run"), part_folder(ready) as part:
        (part / "mine").touch()
        (held,) = (place / "runs").glob(".one.lease.*")
        held.with_suffix(".2").write_text(json.dumps({"token": "another", "machine": "elsewhere (0)", "pid": 1}))
    assert [path.name for path in (place / "runs").iterdir()] == [".one.lease.2"]


def test_a_lease_of_another_machine_holds_while_it_is_touched(place, monkeypatch):
    (ready,) = planned(place, one="good").values()
    (place / "runs").mkdir()
    held = place / "runs" / ".one.lease.1"
    held.write_text(json.dumps({"token": "another", "machine": "elsewhere (0)", "pid": 1}))
    with pytest.raises(OutputError, match=r"process 1 on elsewhere\)"), part_folder(ready):
        pass
    os.utime(held, (time.time() - lease.SILENCE - 5,) * 2)
    with part_folder(ready) as part:
        (part / "mine").touch()
    assert [path.name for path in (place / "runs").iterdir()] == ["one"]


def test_a_result_that_came_meanwhile_is_not_replaced(place):
    (ready,) = planned(place, one="good").values()
    with pytest.raises(OutputError, match="made by another run meanwhile"), part_folder(ready) as part:
        (part / "mine").touch()
        ready.out.mkdir()
        (ready.out / "theirs").touch()
    assert [path.name for path in ready.out.iterdir()] == ["theirs"]
    assert [path.name for path in (place / "runs").iterdir()] == ["one"]


def test_a_failed_run_of_who_was_believed_dead_is_not_kept_either(place):
    (ready,) = planned(place, one="good").values()
    with pytest.raises(OutputError, match="taken over"), part_folder(ready):
        (held,) = (place / "runs").glob(".one.lease.*")
        held.with_suffix(".2").touch()
        raise RunFailed("on purpose")
    assert not (place / "runs" / "one.failed").exists()


# What is told -------------------------------------------------------------------------------------------------


def test_the_bar_names_the_run_that_has_run_longest():
    now = time.monotonic()
    running = {"late": engine.Running(now - 5), "early": engine.Running(now - 200), "last": engine.Running(now)}
    assert bars.slowest(running) == "early for 3 min 20 s, 2 more"
    assert bars.slowest({}) == "waiting"


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"retries": -1}, {"deadline": -1}, {"scheduler": "host"}])
def test_an_engine_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        BatchSettings(**wrong)


def test_the_page_over_all_runs_tells_tries_worker_and_time_as_people_read_them(place):
    plans = planned(place, one="good", two="dies")
    (place / "runs").mkdir()
    outcomes = [
        sweep.Outcome("one", "finished", "", 200.0, 2, "tcp://10.0.0.1:1"),
        sweep.Outcome("two", "failed", "It <b>broke</b>.", 4000.0),
    ]
    text = Path(overview.write_index(place / "runs", plans, outcomes)).read_text("utf-8")
    for told in ("finished at try 2", "tcp://10.0.0.1:1", "3 min 20 s", "1 h 6 min", "1 finished, 1 failed"):
        assert told in text
    assert "<b>broke" not in text and "It &lt;b&gt;broke" in text
    assert text.count("notes = ") == 1
    assert Path(place / "runs" / "index.html").is_file()
