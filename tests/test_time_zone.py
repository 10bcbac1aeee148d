"""A day is the analyst's day: in what is chosen, counted and shown."""

import json
import re

import pytest
from goldens import ROOT

from toolkit import batch, comparing, desk, labels, plan, shown, store, trends

DAY = "2024-03-05"
OTHER_DAYS = re.compile(r"\b[46] March 2024|2024-03-0[46]")


@pytest.fixture(scope="module", params=["Asia/Almaty", "America/New_York"])
def run(request, tmp_path_factory):
    """A run of articles dated by the day alone, of which one day is asked for."""
    place, days = tmp_path_factory.mktemp("zone"), ("2024-03-04", DAY, DAY, "2024-03-06")
    with (ROOT / "data/sample/articles.jsonl").open(encoding="utf-8") as file:
        articles = [json.loads(line) for line, _ in zip(file, range(24), strict=False)]
    for number, article in enumerate(articles):
        article["date"] = days[number % 4]
    (place / "a.jsonl").write_text("\n".join(map(json.dumps, articles)), "utf-8")
    values = {"inputs": [str(place / "a.jsonl")], "start": DAY, "end": DAY, "timezone": request.param}
    planned = plan.plan(values, place / "run")
    return batch.run_notebooks(planned, lambda *_: None, "toolkit.report:build_report")


def test_the_day_asked_for_is_the_one_that_is_kept(run):
    dropped = store.read_table(run / "tables" / "dropped.parquet")["reason"].value_counts()
    assert dropped["published before the start asked for"] == dropped["published after the end asked for"] == 6


def test_no_page_shows_another_day_than_the_one_that_is_counted(run):
    pages = {path: path.read_text("utf-8") for path in run.rglob("*.html")}
    assert sum("5 March 2024" in page for page in pages.values()) > 5
    assert not [path.name for path, page in pages.items() if OTHER_DAYS.search(page)]


def test_the_view_and_its_reader_show_that_day(run):
    view = desk.open_desk(run, decisions=run.parent / "d.yml", answers=run.parent / "a.csv")
    assert set(view.selection["published"].dt.date.astype(str)) == {DAY}
    assert "5 March 2024" in shown.card(view.run, 0)["meta"]


def test_a_comparison_and_an_answer_tell_that_day(run):
    assert "5 March 2024 to 5 March 2024" in comparing.overview(comparing.compare(run, run))
    zone = store.time_zone(store.read_manifest(run))
    articles = trends.localised(store.read_table(run / "tables" / "articles.parquet"), zone)
    name = articles["article_id"].iloc[0]
    told = labels.answer(run.parent / "answers.csv", articles, name, "extremism", "yes")
    assert told["published"].tolist() == [DAY]
