import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import settings, store
from toolkit.schema import InputError, OutputError


@pytest.fixture
def frame():
    published = pd.to_datetime(["2024-01-31T10:00:00Z", None], utc=True)
    return pd.DataFrame({"title": ["Құттықтаймыз", "=1+1"], "published": published, "words": [3, -4]})


def test_a_table_comes_back_as_it_was(tmp_path, frame):
    before = frame.copy(deep=True)
    path = store.write_table(frame, tmp_path / "tables" / "articles.parquet")
    pd.testing.assert_frame_equal(store.read_table(path), frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_missing_table_names_the_notebook_that_makes_it(tmp_path):
    with pytest.raises(InputError, match=r"run notebooks/2-themes.ipynb first"):
        store.read_table(tmp_path / "scores.parquet")


def test_a_broken_table_is_an_input_error(tmp_path):
    (tmp_path / "articles.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match="no readable Parquet"):
        store.read_table(tmp_path / "articles.parquet")


def test_a_column_that_cannot_be_stored_is_named_and_the_old_table_stays(tmp_path, frame):
    path = store.write_table(frame, tmp_path / "articles.parquet")
    with pytest.raises(OutputError, match="extra"):
        store.write_table(pd.DataFrame({"extra": ["a", {"b": 1}]}), path)
    assert len(store.read_table(path)) == 2
    assert [item.name for item in tmp_path.iterdir()] == ["articles.parquet"]


def test_a_write_that_fails_midway_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = store.write_json({"a": 1}, tmp_path / "a.json")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", refuse)
    with pytest.raises(OutputError, match="No space left"):
        store.write_json({"a": 2}, path)
    assert store.read_json(path) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_json_knows_numpy_and_dates_and_writes_no_nan(tmp_path):
    value = {"n": np.int64(3), "x": np.float64("nan"), "t": pd.Timestamp("2024-01-31", tz="UTC"), "l": (1, "ә")}
    path = store.write_json(value, tmp_path / "a.json")
    assert store.read_json(path) == {"n": 3, "x": None, "t": "2024-01-31T00:00:00+00:00", "l": [1, "ә"]}
    assert "ә" in path.read_text("utf-8")


def test_broken_json_is_an_input_error(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InputError, match="no readable JSON"):
        store.read_json(tmp_path / "a.json")


@given(st.sampled_from("=+-@\t\r"), st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_no_text_cell_of_a_csv_is_a_formula(tmp_path_factory, first, rest):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    store.write_csv(pd.DataFrame({"text": [first + rest], "n": [-1]}), path)
    raw = path.read_bytes()
    assert raw.startswith(("\ufefftext,n\n'".encode(), "\ufefftext,n\n\"'".encode()))
    assert raw.endswith(b",-1\n")


def test_a_csv_column_name_is_no_formula_either(tmp_path):
    path = store.write_csv(pd.DataFrame({"=cmd": [1]}), tmp_path / "a.csv")
    assert path.read_text("utf-8-sig") == "'=cmd\n1\n"


def test_a_stage_leaves_a_record_of_time_memory_rows_and_facts(tmp_path):
    with store.stage(tmp_path, "clean", rows_in=5) as facts:
        ballast = np.ones(8_000_000)
        facts["rows_out"] = np.int64(4)
        facts["too_short"] = 1
    record = json.loads((tmp_path / "stages" / "clean.json").read_text())
    assert (record["name"], record["rows_in"], record["rows_out"], record["too_short"]) == ("clean", 5, 4, 1)
    assert record["seconds"] >= 0
    assert record["memory_mb"] > ballast.nbytes / 1024**2


def test_the_peak_of_one_stage_is_not_that_of_the_next(tmp_path):
    with store.stage(tmp_path, "large"):
        ballast = np.ones(40_000_000)
        del ballast
    with store.stage(tmp_path, "small"):
        pass
    large, small = (record["memory_mb"] for record in store.read_stages(tmp_path))
    if store.Path("/proc/self/clear_refs").exists():
        assert large - small > 200


def test_a_stage_that_fails_leaves_no_record(tmp_path):
    with pytest.raises(InputError), store.stage(tmp_path, "clean"):
        raise InputError("no rows")
    assert store.read_stages(tmp_path) == []


def test_the_digest_follows_contents_and_names_and_not_the_place(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "one.txt").write_text("x")
        (tmp_path / name / "two.txt").write_text("y")
    first = store.input_digest([tmp_path / "a"])
    assert first == store.input_digest([tmp_path / "b"])
    (tmp_path / "b" / "two.txt").rename(tmp_path / "b" / "three.txt")
    assert first != store.input_digest([tmp_path / "b"])
    (tmp_path / "a" / "two.txt").write_text("z")
    assert first != store.input_digest([tmp_path / "a"])


def test_the_digest_tells_where_one_file_ends_and_the_next_begins(tmp_path):
    for name, text in {"a": "xy", "b": "z", "c": "x", "d": "yz"}.items():
        (tmp_path / name).write_text(text)
    assert store.input_digest([tmp_path / "a", tmp_path / "b"]) != store.input_digest([tmp_path / "c", tmp_path / "d"])


def test_the_digest_of_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        store.input_digest([tmp_path / "absent"])


def test_a_folder_below_a_file_is_not_writable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        store.check_writable(tmp_path / "file" / "run")
    assert store.check_writable(tmp_path / "new" / "run") == tmp_path / "new" / "run"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_the_manifest_holds_facts_versions_and_stages(tmp_path):
    with store.stage(tmp_path, "clean", rows_in=5) as facts:
        facts["rows_out"] = 4
    store.write_manifest(tmp_path, {"key": "k", "parameters": {"seed": 42}})
    found = store.read_manifest(tmp_path)
    assert found["parameters"] == {"seed": 42}
    assert found["stages"][0]["rows_out"] == 4
    assert {"python", "toolkit", "pandas"} <= set(found["versions"])


def test_a_manifest_of_something_else_is_no_run_of_ours(tmp_path):
    store.write_json({"name": "a web page"}, tmp_path / "manifest.json")
    assert store.read_manifest(tmp_path) is None


def test_the_cache_folder_is_the_one_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    assert settings.cache_home() == tmp_path
