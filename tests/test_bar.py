"""What the bar of a run promises: it moves while a cell runs, never back, and by the work and not by the cells."""

import io
import json
import sys
import time
import types
from pathlib import Path

import pytest

from toolkit import bars, progress, store

NOTEBOOKS = ["1-corpus", "2-themes", "3-topics", "4-trends", "5-briefing"]


def ingested(run, articles):
    with store.stage(run, "ingest") as facts:
        facts.update(rows_in=articles, rows_out=articles)


def test_of_a_large_run_little_is_done_when_its_first_cells_are(tmp_path):
    ingested(tmp_path, 1_000_000)
    assert progress.share_done(tmp_path, NOTEBOOKS, (40, 80)) < 0.1


def test_of_a_small_run_as_much_is_done_as_of_its_cells(tmp_path):
    ingested(tmp_path, 10)
    assert progress.share_done(tmp_path, NOTEBOOKS, (40, 80)) == pytest.approx(0.5, abs=0.05)


def test_the_share_grows_with_every_row_and_stage_up_to_all(tmp_path):
    shares = [progress.share_done(tmp_path, NOTEBOOKS, (0, 80))]
    ingested(tmp_path, 100_000)
    for stages in progress.COSTS.values():
        for name in [name for name in stages if name != "ingest"]:
            with store.stage(tmp_path, name) as facts:
                for done in (0, 50, 100):
                    facts.end()
                    progress.Facts(tmp_path, name, {}).tell(done, 100)
                    shares.append(progress.share_done(tmp_path, NOTEBOOKS, (0, 80)))
    assert shares == sorted(shares)
    assert progress.share_done(tmp_path, NOTEBOOKS, (80, 80)) == 1


def test_a_run_of_other_notebooks_goes_by_its_cells(tmp_path):
    assert progress.share_done(tmp_path, ["9-compare"], (3, 12)) == 0.25


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_says_which_stage_runs_and_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    monkeypatch.setattr(bars, "_EVERY", 0.01)
    part = tmp_path / "run.part-1a2b"
    ingested(part, 100_000)
    plan = types.SimpleNamespace(out=tmp_path / "run", notebooks=[Path(f"{name}.ipynb") for name in NOTEBOOKS])
    with bars.notebook_bar(plan) as move:
        move("1-corpus", 4, 80)
        progress.Facts(part, "clean", {}).tell(50_000, 100_000)
        end = time.monotonic() + 10
        while "clean 50%" not in shown.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    assert "1-corpus, clean 50%" in shown.getvalue()
    assert "100%" in shown.getvalue().splitlines()[-1]


def test_a_run_that_fails_is_not_shown_as_done(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    plan = types.SimpleNamespace(out=tmp_path / "run", notebooks=[Path("1-corpus.ipynb")])
    with pytest.raises(RuntimeError), bars.notebook_bar(plan):
        raise RuntimeError
    assert "100%" not in shown.getvalue()


def test_a_half_written_record_moves_nothing(tmp_path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "ingest.json").write_text(json.dumps({"rows_out": None}))
    assert progress.share_done(tmp_path, NOTEBOOKS, (0, 80)) == 0
