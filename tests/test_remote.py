"""Corpora and reports named by URLs, in memory and in folders named as storage is."""

import json

import fsspec
import pytest

from toolkit import overview, remote, store, sweep
from toolkit.plan import located, plan
from toolkit.schema import InputError, OutputError
from toolkit.settings import BatchSettings

CELLS = (
    'inputs: list = []\nrun_dir: str = ""\nseed: int = 0',
    "import pandas as pd\nfrom pathlib import Path\nfrom toolkit import store",
    "texts = [path.read_text() for name in inputs for path in [Path(name), *Path(name).rglob('*')] if path.is_file()]",
    "Path(run_dir, 'index.html').write_text('<h1>A report</h1>')",
    "store.write_table(pd.DataFrame({'text': texts}), Path(run_dir) / 'tables' / 'articles.parquet')",
)


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "nb").mkdir()
    made = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]} if number == 0 else {}, "source": source}
        | {"id": f"c{number}", "outputs": [], "execution_count": None}
        for number, source in enumerate(CELLS)
    ]
    text = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (tmp_path / "nb" / "1-corpus.ipynb").write_text(text)
    return tmp_path


def planned(place, inputs, out):
    return plan({"inputs": inputs}, out, notebooks=place / "nb")


def run(plans):
    return {one.name: one for one in sweep.run_sweep(plans, BatchSettings(retries=0), lambda *_: None)}


def test_a_corpus_in_storage_is_the_same_as_its_copy_on_disk(place, memory):
    memory.pipe_file("/bucket/a.txt", b"An article.")
    (place / "a.txt").write_text("An article.")
    there, here = (
        planned(place, ["memory://bucket/a.txt"], place / "x"),
        planned(place, [str(place / "a.txt")], place / "y"),
    )
    assert there.facts["key"] == here.facts["key"]
    assert there.given["inputs"] == ["memory://bucket/a.txt"]
    assert there.values["inputs"][0].endswith("/a.txt")


def test_what_changed_in_storage_is_fetched_again_and_what_did_not_is_not(place, memory, monkeypatch):
    memory.pipe_file("/bucket/a.txt", b"One")
    first = remote.fetch("memory://bucket/a.txt")
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "get_file", None)
        assert remote.fetch("memory://bucket/a.txt") == first
    memory.pipe_file("/bucket/a.txt", b"Two")
    assert remote.fetch("memory://bucket/a.txt").read_text() == "Two"
    assert first.read_text() == "One"


def test_a_worker_fetches_for_itself_and_refuses_what_is_no_longer_what_was_planned(place, memory, monkeypatch):
    memory.pipe_file("/bucket/a.txt", b"An article.")
    ready = planned(place, ["memory://bucket/a.txt"], place / "x")
    monkeypatch.setenv("TOOLKIT_CACHE", str(place / "cache of the worker"))
    assert located(ready) == ready  # seen by both
    (place / "cache").rename(place / "cache of the planner")
    assert "cache of the worker" in located(ready).values["inputs"][0]
    memory.pipe_file("/bucket/a.txt", b"Another article.")
    with pytest.raises(InputError, match="has changed since the run was planned"):
        located(ready)


def test_a_folder_in_storage_is_fetched_whole_and_never_out_of_its_place(place, memory, monkeypatch):
    for name in ("a.txt", "deep/b.txt"):
        memory.pipe_file(f"/bucket/{name}", b"An article.")
    found = remote.fetch("memory://bucket")
    assert sorted(path.relative_to(found).as_posix() for path in found.rglob("*.txt")) == ["a.txt", "deep/b.txt"]
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "find", lambda *_: ["/bucket/../../up.txt"])
        patch.setattr(type(memory), "info", lambda *_: {"size": 1})
        patch.setattr(type(memory), "isdir", lambda *_: True)
        with pytest.raises(InputError, match=r"'\.\.' in its name"):
            remote.fetch("memory://bucket")
    assert not list(place.rglob("up.txt"))


def test_runs_are_sent_to_storage_whole_once_with_a_page_over_all(place, memory):
    (place / "a.txt").write_text("An article.")
    for out in ("memory://reports/sweep", f"file://{place}/reports"):
        plans = {"one": planned(place, [f"file://{place}/a.txt"], remote.join(out, "one"))}
        assert run(plans)["one"].status == "finished"
        found = remote.read_manifest(f"{out}/one")
        assert found["status"] == "finished" and found["parameters"]["inputs"] == [f"file://{place}/a.txt"]
        again = run(plans)
        assert again["one"].status == "unchanged"
        assert remote.read_manifest(f"{out}/one") == found
        page = overview.write_index(out, plans, list(again.values()))
        with fsspec.open(page, "rt") as file:
            text = file.read()
        assert 'href="one/index.html"' in text and '<td class="number">1</td>' in text
    assert store.read_table(place / "reports" / "one" / "tables" / "articles.parquet")["text"].tolist() == [
        "An article."
    ]


def test_what_was_not_sent_whole_is_not_believed_and_sent_again(place, memory, monkeypatch):
    (place / "a.txt").write_text("An article.")
    plans = {"one": planned(place, [str(place / "a.txt")], "memory://reports/one")}
    memory.pipe_file("/reports/one/manifest.json", json.dumps({"made_by": store.MADE_BY, "key": "old"}).encode())
    memory.pipe_file("/reports/one/stale.html", b"")

    def fail(self, there, path, **more):
        if path.endswith("index.html"):
            raise OSError(5, "The line broke")
        return put(self, there, path, **more)

    put = type(memory).put_file
    with monkeypatch.context() as patch:
        patch.setattr(type(memory), "put_file", fail)
        broken = run(plans)["one"]
    assert broken.status == "failed" and "The line broke" in broken.reason
    assert remote.read_manifest("memory://reports/one")["status"] == "not yet here in full"
    assert run(plans)["one"].status == "finished"
    assert remote.read_manifest("memory://reports/one")["status"] == "finished"
    assert not memory.exists("/reports/one/stale.html")


def test_storage_that_holds_something_else_is_not_overwritten(place, memory):
    memory.pipe_file("/reports/thesis.txt", b"years of work")
    with pytest.raises(OutputError, match="something else than a run"):
        planned(place, [], "memory://reports")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://bucket/absent.csv", "is not there"),
        ("nonsense://bucket/a.csv", "cannot be reached"),
        ("ftp://me:secret@host/a.csv", "holds a password"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_sentence(place, url, said):
    with pytest.raises(InputError, match=said) as told:
        planned(place, [url], place / "x")
    assert "secret" not in str(told.value)


def test_storage_without_its_package_names_the_package(place, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(InputError, match="s3fs"):
        planned(place, ["s3://bucket/a.csv"], place / "x")
