"""What working in pieces promises: the same tables as in one, whatever the size of a piece, and the same refusals."""

import csv
import gzip
import io
import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from toolkit import abreast, clean, counts, dedupe, ingest, pieces, processors, progress, store
from toolkit.schema import InputError, Kept, check_articles, check_some
from toolkit.settings import CleanSettings, DedupeSettings, IngestSettings, SelectSettings

few = settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SENTENCES = [
    "The council of ministers met on Monday to discuss water.",
    "Subscribe to our channel.",
    "Read more news on our site today.",
    "Совет министров обсудил поставки воды в понедельник.",
    "Officials said that nobody was hurt in the fire at the old market of the northern port on Sunday night.",
    "Investors expect growth of the economy, and of trade with the neighbours, in the second half of the year.",
]
cells = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.just(2**70), st.floats(allow_nan=False), st.text(max_size=3)
)
dates = st.sampled_from(
    ["2024-05-01", "2024-05-02T10:00:00Z", "13/05/2024", "03/04/2024", "12 May 2024", "soon", "", None]
)
records = st.lists(
    st.fixed_dictionaries(
        {"text": st.sampled_from([*SENTENCES, ""])},
        optional={"title": st.sampled_from(["One", "Two"]), "date": dates, "rank": cells, "tags": st.lists(cells)},
    ),
    min_size=1,
    max_size=9,
)


def as_jsonl(rows):
    return "\n".join(json.dumps(row) for row in rows)


def as_csv(rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = io.StringIO()
    csv.writer(made).writerows([names, *([row.get(name, "") for name in names] for row in rows)])
    return made.getvalue()


def outcome(call):
    """Return what a call gives, or the sentence with which it refuses."""
    try:
        return call()
    except InputError as error:
        return str(error)


def same(one, other):
    """Return whether two outcomes are alike: the same sentence, or the same tables; tables that differ are shown."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    for left, right in zip(one, other, strict=True):
        assert_frame_equal(left, right)
    return True


def read(paths, rows, **values):
    return pieces.together(ingest.read_pieces(paths, IngestSettings(**values), rows=rows))


# --- files ---------------------------------------------------------------------------------------------------


@few
@given(rows=records, size=st.integers(1, 5), day_first=st.sampled_from([None, True]))
@pytest.mark.parametrize(("ending", "spell"), [("jsonl", as_jsonl), ("csv", as_csv)])
def test_a_file_read_in_pieces_is_the_file_read_whole(tmp_path, ending, spell, rows, size, day_first):
    path = tmp_path / f"a.{ending}"
    path.write_text(spell(rows), "utf-8")
    whole = outcome(lambda: ingest.read_articles([path], IngestSettings(day_first=day_first)))
    assert same(outcome(lambda: read([path], size, day_first=day_first)), whole)


@settings(few, max_examples=6)
@given(rows=records, more=records, size=st.integers(1, 5))
def test_several_files_of_different_columns_are_read_in_pieces_as_whole(tmp_path, rows, more, size):
    (tmp_path / "a.jsonl").write_text(as_jsonl(rows), "utf-8")
    (tmp_path / "b.csv").write_text(as_csv(more), "utf-8")
    dated = {"text": SENTENCES, "date": pd.date_range("2024-01-01", periods=6, tz="UTC"), "rank": [0.5] * 5 + [None]}
    pd.DataFrame(dated).to_parquet(tmp_path / "c.parquet")
    pd.DataFrame({"body": SENTENCES, "rank": pd.Timestamp("2024-01-01")}).to_parquet(tmp_path / "d.parquet")
    paths = sorted(tmp_path.glob("?.*"))
    whole = outcome(lambda: ingest.read_articles(paths, IngestSettings(day_first=True)))
    assert same(outcome(lambda: read(paths, size, day_first=True)), whole)


def many(count, **last):
    """Return JSON lines of which the last one has other fields."""
    return [{"text": f"Article number {row} on water.", "date": "03/04/2023"} for row in range(count - 1)] + [last]


def test_a_date_of_the_last_piece_settles_those_of_the_first(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(as_jsonl(many(40, text="Last article on water.", date="30/04/2023")))
    assert read([path], 3).kept["published"].dt.month.tolist() == [4] * 40
    path.write_text(as_jsonl(many(40, text="Last article on water.", date="04/30/2023")))
    assert read([path], 3).kept["published"].dt.month.value_counts().to_dict() == {3: 39, 4: 1}


def test_a_column_that_only_the_last_piece_has_is_the_title_of_all(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        as_jsonl(
            [{**row, "headline": f"Headline {at}"} for at, row in enumerate(many(40, text="Last.", date="30/04/2023"))]
        )
    )
    plain = read([path], 3).kept["title"]
    path.write_text(as_jsonl(many(40, text="Last.", title="At last", date="30/04/2023")))
    assert plain.iloc[0] == "Headline 0"
    assert read([path], 3).kept["title"].tolist() == [""] * 39 + ["At last"]


def test_a_file_that_ends_in_mid_line_loses_that_line_and_says_so(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(as_jsonl(many(120, text="Last."))[:-5])
    kept, dropped = read([path], 3, day_first=True)
    assert len(kept) == 119
    assert dropped[["file", "line"]].to_numpy().tolist() == [["a.jsonl", 120]]
    assert dropped["reason"][0].startswith("not valid JSON")


def test_a_row_with_one_field_more_is_counted_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"Article number {row} on water.,one" for row in range(120)]
    path.write_text("\n".join(["text,source", *lines[:100], "One, two,three", *lines[100:]]))
    kept, dropped = read([path], 7)
    assert len(kept) == 120
    assert dropped[["line", "reason"]].to_numpy().tolist() == [[102, "3 fields where the header has 2"]]


def test_a_gzip_that_is_cut_is_refused_in_pieces_too(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    packed = gzip.compress(as_jsonl(many(5000, text="Last.")).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match="damaged gzip file"):
        read([path], 3)


@pytest.mark.parametrize("content", ['"one"\n2\n3\n4\n', "\n\n\n"])
def test_lines_of_which_none_is_a_record_are_refused_in_pieces_as_whole(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    assert outcome(lambda: read([path], 2)) == outcome(lambda: ingest.read_articles([path]))


def test_an_article_that_stands_in_two_pieces_is_kept_once(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(as_jsonl([*many(20, text="Last."), *many(20, text="Last.")]))
    kept, dropped = read([path], 3, day_first=True)
    assert len(kept) == check_articles(kept)["article_id"].nunique() == 20
    assert dropped["line"].tolist() == list(range(21, 41))


# --- stages --------------------------------------------------------------------------------------------------


def table(rows):
    made = pd.DataFrame(rows, columns=["source", "text", "published"])
    made = made.assign(article_id=[f"{at:016x}" for at in range(len(made))], title="", url="", language="")
    made["published"] = pd.to_datetime(made["published"], utc=True, format="ISO8601").dt.as_unit("us")
    return check_articles(made.astype(dict.fromkeys(("source", "text", "title", "url", "language"), "str")))


articles = st.lists(
    st.tuples(
        st.sampled_from(["one", "two"]),
        st.lists(st.sampled_from(SENTENCES), max_size=5).map(" ".join),
        st.sampled_from(["2024-05-01", "2024-05-03", "2024-07-01", None]),
    ),
    max_size=40,
).map(table)


def cut(frame, size):
    return [frame.iloc[at : at + size].reset_index(drop=True) for at in range(0, max(1, len(frame)), size)]


@few
@given(made=articles, size=st.integers(1, 9), languages=st.sampled_from([(), ("en",)]))
def test_articles_cleaned_in_pieces_are_those_cleaned_at_once(made, size, languages):
    chosen = CleanSettings(languages=languages)
    assert same(pieces.together(clean.clean_pieces(cut(made, size), chosen)), clean.clean_articles(made, chosen))


@few
@given(made=articles, size=st.integers(1, 9), window=st.sampled_from([1, 7]))
def test_stories_found_in_pieces_are_those_found_at_once(made, size, window):
    chosen = DedupeSettings(window_days=window)
    kept, dropped = pieces.together(dedupe.story_pieces(cut(made, size), chosen))
    whole, stories = dedupe.find_stories(made, chosen)
    assert same((kept, dropped), (whole.kept.merge(stories, on="article_id"), whole.dropped))


@few
@given(made=articles, size=st.integers(1, 9), start=st.sampled_from(["", "2024-05-02"]))
def test_articles_selected_in_pieces_are_those_selected_at_once(made, size, start):
    wanted = SelectSettings(sources=["one"], start=start)
    whole = outcome(lambda: counts.select(made, wanted))
    assert same(outcome(lambda: pieces.together(counts.select_pieces(cut(made, size), wanted))), whole)


def test_two_processes_find_the_stories_that_one_finds(monkeypatch):
    made = table(
        [("one", f"{SENTENCES[4]} {SENTENCES[number % 5]} {number % 9}", "2024-05-01") for number in range(40)]
    )
    alone = pieces.together(dedupe.story_pieces(cut(made, 20)))
    forks = []
    monkeypatch.setattr(abreast, "MANY", 1)
    monkeypatch.setattr(processors, "second", lambda: not forks.append(1))
    monkeypatch.setattr(dedupe, "ARTICLES_AT_ONCE", 3)
    assert same(pieces.together(dedupe.story_pieces(cut(made, 20))), alone)
    assert alone.kept["story_id"].nunique() < len(alone.kept)
    assert len(forks) == 2


def test_pairs_are_compared_in_parts_as_at_once(monkeypatch):
    made = table([("one", f"{SENTENCES[4]} {SENTENCES[5]} {number}", "2024-05-01") for number in range(30)])
    whole = dedupe.find_stories(made)[1]
    monkeypatch.setattr(dedupe, "HASHES_AT_ONCE", 100)
    monkeypatch.setattr(dedupe, "ARTICLES_AT_ONCE", 7)
    assert whole["story_id"].nunique() == 1
    assert_frame_equal(dedupe.find_stories(made)[1], whole)


# --- rows on disk --------------------------------------------------------------------------------------------


def test_rows_on_disk_are_the_rows_in_memory_through_all_stages(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{**row, "rank": at, "source": "one"} for at, row in enumerate(many(40, text="Last one.", date=""))]
    path.write_text(as_jsonl([*rows, {"text": SENTENCES[0], "rank": "none", "date": "30/04/2023"}]))
    scratch = store.Scratch(tmp_path / "run")
    disk = scratch.keep(ingest.read_pieces([path], rows=7))
    disk = scratch.keep(clean.clean_pieces(disk.kept, aside=scratch.aside))
    disk = scratch.keep(dedupe.story_pieces(check_some(disk)), tmp_path / "run" / "tables" / "articles.parquet")
    unique, stories = dedupe.find_stories(clean.clean_articles(ingest.read_articles([path]).kept).kept)
    expected = unique.kept.merge(stories, on="article_id")
    found = store.read_table(tmp_path / "run" / "tables" / "articles.parquet")
    assert_frame_equal(found, expected)
    assert_frame_equal(pd.concat(disk.kept, ignore_index=True), expected)
    assert len(disk.kept) == len(expected)
    scratch.end()
    assert [item.name for item in (tmp_path / "run").iterdir()] == ["tables"]


def test_what_a_killed_process_left_is_cleared_away_by_the_next(tmp_path):
    (tmp_path / ".rows-left").mkdir()
    (tmp_path / ".rows-left" / "00000").write_bytes(b"half")
    scratch = store.Scratch(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    scratch.end()


def test_of_what_is_dropped_only_what_a_report_says_is_held(tmp_path):
    lost = pd.DataFrame({"title": ["One"], "text": ["a long text"], "source": ["s"], "reason": ["no text"]})
    kept = store.Scratch(tmp_path).keep(step for step in [Kept(lost[:0], lost)])
    assert kept.dropped.columns.tolist() == ["reason", "title", "source"]


def test_every_stage_tells_how_far_it_is_up_to_its_end(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(as_jsonl(many(40, text="Last article on water.", date="30/04/2023")))
    with store.stage(tmp_path, "ingest") as facts:
        made = pieces.together(ingest.read_pieces([path], tell=facts.tell, rows=7)).kept
        assert progress.read_progress(tmp_path)[0][:2] == ("ingest", path.stat().st_size)
    told = []
    for stage in (clean.clean_pieces, dedupe.story_pieces):
        pieces.together(stage(cut(made, 7), tell=lambda *far: told.append(far)))
        assert told[-1][0] == told[-1][1]
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        told.clear()


def test_pieces_that_are_read_ahead_come_in_their_order_and_an_error_comes_in_its_place():
    def read():
        yield from range(5)
        raise InputError("gone")

    taken = []
    with pytest.raises(InputError, match="gone"):
        for piece in pieces.ahead(read()):
            taken.append(piece)
    assert taken == [0, 1, 2, 3, 4] and list(pieces.ahead([])) == []
