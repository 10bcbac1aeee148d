"""Warm kernels: the same results, ends that are seen, and ordinary kernels where there is no server."""

import pytest
from test_engine import begun, check_whole, gone, notebook, planned, run, wait_for

from toolkit import kernels, store
from toolkit.schema import SettingsError
from toolkit.settings import BatchSettings

CELLS = (
    'run_dir: str = ""\nmode: str = "good"\nnotes: str = ""\nnumber: int = 0',
    "import os, sys, time, psutil\nfrom pathlib import Path",
    "loaded = 'toolkit.store' in sys.modules and 'pandas' in sys.modules",
    "from toolkit import store",
    "chain = [os.getpid(), *(parent.pid for parent in psutil.Process().parents())]",
    "with (Path(notes) / 'begun').open('a') as file: file.write(f'{number} {chain[0]} {chain[1]} {chain[2]} .\\n')",
    "if mode == 'dies': os.kill(chain[0], 9)",
    "if mode == 'server dies': os.kill(chain[1], 9)",
    "while mode == 'hangs': time.sleep(1)",
    "store.write_json({'loaded': loaded, 'folder': os.getcwd()}, Path(run_dir) / 'tables' / 'made.json')",
)


@pytest.fixture
def place(tmp_path):
    notebook(tmp_path / "nb", *CELLS)
    (tmp_path / "notes").mkdir()
    return tmp_path


def made(place, name):
    return store.read_json(place / "runs" / name / "tables" / "made.json")


def test_a_warm_kernel_has_imported_what_its_notebooks_do_and_is_otherwise_the_same(place):
    warmed = run(planned(place, one="good", two="good"), warm=True, retries=0)
    assert {outcome.status for outcome in warmed.values()} == {"finished"}
    assert made(place, "one") == made(place, "two") == {"loaded": True, "folder": str(place / "nb")}
    kernels, servers = zip(*((kernel, server) for _, kernel, server, _ in begun(place)), strict=True)
    assert len(set(kernels)) == 2 and len(set(servers)) == 1
    held = store.read_manifest(place / "runs" / "one")["profile"]
    assert all(record["memory_mb"] > 50 for record in held)  # the kernel's, not its client's
    wait_for(lambda: gone([*kernels, *servers]))


def test_the_end_of_a_warm_kernel_is_seen_and_a_dead_server_is_done_without(place):
    found = run(planned(place, dies="dies", lost="server dies", after="good"), warm=True, retries=0)
    assert "DeadKernelError" in found["dies"].reason
    assert found["after"].status == "finished", found["after"].reason
    lost = "lost" if found["lost"].status == "finished" else "lost.failed"  # its kernel may have been done
    check_whole(place, "after", "dies.failed", lost)
    wait_for(lambda: gone(pid for _, kernel, server, _ in begun(place) for pid in (kernel, server)))


def test_a_warm_kernel_that_hangs_ends_at_the_deadline_and_with_its_runner(place):
    hung = run(planned(place, hangs="hangs"), warm=True, retries=0, deadline=0.2)["hangs"]
    assert "deadline" in hung.reason
    wait_for(lambda: gone(pid for _, kernel, server, _ in begun(place) for pid in (kernel, server)))


def test_where_there_is_no_server_the_client_turns_into_an_ordinary_kernel(place, monkeypatch):
    monkeypatch.setenv("TOOLKIT_WARM_SERVER", str(place / "nobody"))
    assert run(planned(place, one="good"), retries=0)["one"].status == "finished"
    assert made(place, "one")["folder"] == str(place / "nb")


def test_what_notebooks_take_from_the_toolkit_is_read_from_their_cells(tmp_path):
    cells = (
        "from toolkit import store, trends",
        "import toolkit.figures as f, os",
        "%time\n!ls",
        "from pandas import x",
    )
    notebook(tmp_path / "nb", *cells)
    assert kernels.imported((tmp_path / "nb").glob("*.ipynb")) == ["toolkit.figures", "toolkit.store", "toolkit.trends"]
    with pytest.raises(SettingsError, match="warm"):
        BatchSettings(warm=True, scheduler="tcp://host:1")
