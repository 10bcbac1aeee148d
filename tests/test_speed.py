"""What keeps it fast: nothing heavy is loaded, kernels import ahead, time is told, and topics are counted at once."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from goldens import ROOT
from pandas.testing import assert_frame_equal
from scipy import sparse

from toolkit import batch, kernels, lean, made, overtime, profiling, store, words
from toolkit.plan import plan

HEAVY = ("numba", "torch", "umap", "hdbscan", "sentence_transformers", "transformers", "datamapplot")
LAST = "import sys, pathlib; pathlib.Path(run_dir, 'loaded-{name}').write_text(' '.join(sys.modules))"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the bundled sample by the notebooks as they are, where all that is heavy could be imported.

    Each notebook ends with a cell that tells what its kernel has loaded.
    """
    place = tmp_path_factory.mktemp("speed")
    (place / "notebooks").mkdir()
    for path in sorted((ROOT / "notebooks").glob("[1-5]*.ipynb")):
        found = json.loads(path.read_text("utf-8"))
        cell = {"cell_type": "code", "id": "last", "metadata": {}, "outputs": [], "execution_count": None}
        found["cells"].append({**cell, "source": LAST.format(name=path.stem)})
        (place / "notebooks" / path.name).write_text(json.dumps(found), "utf-8")
    for name in HEAVY:
        (place / "heavy" / name).mkdir(parents=True)
        (place / "heavy" / name / "__init__.py").write_text("UMAP = HDBSCAN = SentenceTransformer = object\n")
    (place / "data").symlink_to(ROOT / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(place / "heavy"))
        patch.setenv("TOOLKIT_CACHE", str(place / "kept"))
        planned = plan({}, place / "run", notebooks=place / "notebooks")
        return batch.run_notebooks(planned, lambda *_: None)


def test_a_run_with_another_period_makes_again_nothing_that_does_not_hang_on_it(run, monkeypatch):
    def kept():
        return {kind: sorted((run.parent / "kept/kept/entries" / kind).iterdir()) for kind in steady}

    steady = ("words", "emerging", "growing", "mentions", "counted")
    monkeypatch.setenv("TOOLKIT_CACHE", str(run.parent / "kept"))
    before = kept()
    planned = plan({"period": "week"}, run.parent / "weeks", notebooks=run.parent / "notebooks")
    other = batch.run_notebooks(planned, lambda *_: None)
    assert store.read_manifest(other)["cache"]["taken"] == ["1-corpus", "2-themes", "3-topics"]
    assert kept() == before and all(len(found) == 1 for found in before.values())
    for name in ("growing", "emerging", "mentions"):
        here, there = (store.read_table(of / "tables" / f"{name}.parquet") for of in (run, other))
        assert_frame_equal(here, there)


def test_a_run_loads_no_compiler_no_torch_no_umap_and_no_hdbscan(run):
    loaded = {path.name: set(path.read_text().split()) for path in run.glob("loaded-*")}
    assert len(loaded) == 5
    assert "bertopic.vectorizers" in loaded["loaded-3-topics"]
    assert not {name: found & set(HEAVY) for name, found in loaded.items() if found & set(HEAVY)}


def test_the_manifest_and_the_report_tell_where_the_time_went(run):
    manifest = store.read_manifest(run)
    told = manifest["profile"]
    assert [record["notebook"] for record in told] == ["1-corpus", "2-themes", "3-topics", "4-trends", "5-briefing"]
    assert all(record["imports"] > 0 and record["cells"] > 0 and record["waited"] >= 0 for record in told)
    assert all(record["memory_mb"] > 20 for record in told)
    assert max(r["waited"] + r["imports"] + r["cells"] for r in told) <= manifest["seconds"] + 1
    paths = {path.stem: json.loads(path.read_text("utf-8")) for path in (run / "notebooks").glob("*.ipynb")}
    whole = {name: found["metadata"]["papermill"] for name, found in paths.items()}
    for record in told:
        took = record["waited"] + record["imports"] + record["cells"]
        assert 0 < took <= whole[record["notebook"]]["duration"] + 0.01
    # two notebooks at once, and one that is begun early
    spans = [(one["start_time"], one["end_time"]) for one in whole.values()]
    assert max(sum(begin <= at < end for begin, end in spans) for at, _ in spans) <= 3
    assert sum(r["imports"] + r["cells"] for r in told) <= 3 * manifest["seconds"]
    table = dict(made.sections(manifest, run / "absent.parquet"))["Where the time went"]
    assert [cells[0] for cells in table["rows"]] == [record["notebook"] for record in told]
    lines = profiling.lines(manifest)
    assert len(lines) == len(told) + len(manifest["stages"])


def test_a_notebook_that_never_ran_has_no_time(tmp_path):
    (tmp_path / "1-x.ipynb").write_text(json.dumps({"cells": [], "metadata": {}}))
    assert profiling.profile(tmp_path, {"1-x": None}, {}) == [
        {"notebook": "1-x", "waited": 0.0, "imports": 0.0, "cells": 0.0, "memory_mb": None}
    ]
    assert profiling.lines({}) == []


def test_what_a_notebook_waits_for_the_one_before_is_not_counted_as_its_work(tmp_path):
    def papermill(second, **more):
        return {"papermill": {"start_time": f"2024-01-01T00:00:{second:02}", **more}}

    sources = {"# inputs": papermill(3, duration=1.0), "read()": papermill(4, duration=6.0)}
    cells = [{"cell_type": "code", "source": text, "metadata": facts} for text, facts in sources.items()]
    (tmp_path / "1-x.ipynb").write_text(json.dumps({"cells": cells, "metadata": papermill(1)}))
    (found,) = profiling.profile(tmp_path, {"1-x": 80.0}, {"1-x": 4.5})
    assert found == {"notebook": "1-x", "waited": 2 + 4.5, "imports": 1.0, "cells": 6 - 4.5, "memory_mb": 80.0}


def test_a_kernel_imports_what_its_notebook_will():
    found = kernels.imported([ROOT / "notebooks" / "2-themes.ipynb"])
    assert {"toolkit.reading", "toolkit.themes", "toolkit.settings"} <= set(found)
    assert all(name.startswith("toolkit.") for name in found)


# Topics over time -----------------------------------------------------------------------------------------------


def corpus(count=240):
    random = np.random.default_rng(3)
    starts = pd.date_range("2024-01-01", periods=5, freq="MS")
    names = ["river dam", "bank rate", "border patrol"]
    groups = random.integers(0, 3, count)
    when = random.integers(0, 4, count)
    more = random.choice(["more", "less"], count)
    told = [f"{names[group]} period{'abcde'[at]}word" for group, at in zip(groups, when, strict=True)]
    texts = [f"{said} {said} {word}" for said, word in zip(told, more, strict=True)]
    ids = [f"a{i}" for i in range(count)]
    placed = pd.DataFrame({"article_id": ids, "start": starts[when]})
    return placed, pd.DataFrame({"article_id": ids, "group": groups}), pd.Series(texts, index=ids), starts


def test_groups_are_counted_in_each_period_and_empty_ones_are_zero():
    placed, groups, texts, starts = corpus()
    found = overtime.over_time(placed, groups, texts, starts)
    counts = Counter(zip(groups["group"], placed["start"], strict=True))
    assert {(m.group, m.start): m.articles for m in found.itertuples() if m.articles} == counts
    assert len(found) == 3 * len(starts)
    empty = found[found["start"] == starts[4]]
    assert empty["share"].isna().all()
    assert not empty["terms"].map(len).any()
    full = found[found["total"] > 0]
    assert np.allclose(full["share"], full["articles"] / full["total"])


def test_a_period_is_told_by_its_own_words_beside_those_of_its_group():
    placed, groups, texts, starts = corpus()
    found = overtime.over_time(placed, groups, texts, starts)
    for m in found[found["articles"] > 0].itertuples():
        stem = words.stem(f"period{'abcde'[list(starts).index(m.start)]}word")
        assert stem in {words.stem(term) for term in m.terms}
        assert {0: "river", 1: "bank", 2: "border"}[m.group] in m.terms


def test_terms_are_those_of_bertopics_own_topics_over_time():
    with lean.only_parts("bertopic"):
        from bertopic.vectorizers import ClassTfidfTransformer
    from sklearn.preprocessing import normalize

    placed, groups, texts, starts = corpus()
    found = overtime.over_time(placed, groups, texts, starts)
    counts, forms = overtime.count_words(texts)
    whole = np.vstack([np.asarray(counts[(groups["group"] == g).to_numpy()].sum(axis=0)) for g in range(3)])
    model = ClassTfidfTransformer().fit(whole)
    for m in found[found["articles"] > 0].itertuples():
        part = ((groups["group"] == m.group) & (placed["start"] == m.start)).to_numpy()
        tables = (np.asarray(table, dtype=float) for table in (whole[[m.group]], counts[part].sum(axis=0)))
        mixed = sum(normalize(sparse.csr_matrix(model.transform(table)), norm="l1").toarray()[0] for table in tables)
        weights = sorted(mixed, reverse=True)[:5]
        mine = [mixed[forms.index(term)] for term in m.terms]
        assert np.allclose(mine, [weight for weight in weights if weight > 0], atol=1e-9)


def test_an_article_in_several_groups_counts_in_each_and_one_in_none_only_in_the_total():
    placed, _, texts, starts = corpus(4)
    groups = pd.DataFrame({"article_id": ["a0", "a0", "a1"], "group": ["x", "y", "x"]})
    found = overtime.over_time(placed, groups, texts, starts)
    assert found.groupby("group")["articles"].sum().to_dict() == {"x": 2, "y": 1}
    assert found.groupby("group")["total"].sum().eq(4).all()


def test_words_that_were_kept_tell_the_same_as_the_texts(tmp_path):
    placed, groups, texts, starts = corpus()
    read = overtime.some_of(placed[["article_id"]])
    made = enumerate(overtime.words_of(read, texts.reindex))
    paths = [store.write_table(table, tmp_path / f"{at}.parquet") for at, table in made]
    told = overtime.counted(read, [store.read_table(path) for path in paths])
    assert_frame_equal(
        overtime.over_time(placed, groups, told, starts), overtime.over_time(placed, groups, texts, starts)
    )
    none = overtime.counted(read, overtime.words_of(read, lambda ids: pd.Series("", index=ids)))
    assert not overtime.over_time(placed, groups, none, starts)["terms"].map(len).any()


def test_nothing_over_time_is_an_empty_table():
    placed, groups, texts, starts = corpus(4)
    assert overtime.over_time(placed, groups.head(0), texts, starts).empty
