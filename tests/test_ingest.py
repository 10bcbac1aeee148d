from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit import ingest
from toolkit.schema import ARTICLE_COLUMNS, InputError, Kept, OutputError, SettingsError, check_articles
from toolkit.settings import IngestSettings

DATA = Path("../shared/data")
RUSSIAN = "Экономика Казахстана выросла на пять процентов, сообщило министерство."
KAZAKH = "Қазақстанда жаңа кәсіпорындар ашылды, бұл туралы үкімет хабарлады. Ғылым мен өнер."
ENGLISH = "The ministers signed an agreement on trade and transit."
Record = dict[str, Any]


def record(**fields: Any) -> Record:
    return {"title": "Trade grows", "text": ENGLISH, "date": "2024-08-15", "source": "Herald"} | fields


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def as_csv(records: Sequence[Record], delimiter: str = ",") -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def as_lines(records: Sequence[object]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)


def as_parquet(records: Sequence[Record]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records)), stream)
    return stream.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Record]], str | bytes]] = {
    "a.csv": as_csv,
    "a.csv.gz": as_csv,
    "semicolon.csv": lambda records: as_csv(records, ";"),
    "bar.csv": lambda records: as_csv(records, "|"),
    "a.tsv": lambda records: as_csv(records, "\t"),
    "a.tsv.gz": lambda records: as_csv(records, "\t"),
    "a.json": lambda records: json.dumps(list(records)),
    "wrapped.json": lambda records: json.dumps({"status": "ok", "count": 3, "articles": list(records)}, indent=1),
    "a.json.gz": lambda records: json.dumps(list(records), indent=2),
    "misnamed.json": as_lines,
    "a.jsonl": as_lines,
    "a.ndjson": as_lines,
    "a.jsonl.gz": as_lines,
    "list.jsonl": lambda records: json.dumps(list(records)),
    "a.parquet": as_parquet,
}


def ids(result: Kept) -> list[str]:
    return result.kept["article_id"].tolist()


def only(path: Path, **values: Any) -> pd.Series:
    """The one article of a file."""
    kept = ingest.read_articles([path], IngestSettings(**values)).kept
    assert len(kept) == 1
    return kept.iloc[0]


# What comes out


def test_the_article_table_keeps_the_promises_of_the_schema(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([record(), record(text=RUSSIAN, date=None), {"title": KAZAKH}]))
    kept, dropped = ingest.read_articles([path])
    check_articles(kept)
    assert list(kept.columns) == list(ARTICLE_COLUMNS)
    assert kept["published"].isna().tolist() == [False, True, True]
    assert list(dropped.columns) == ["file", "line", "reason", "excerpt"]
    assert str(dropped["line"].dtype) == "Int64"


def test_the_same_records_get_the_same_ids_from_every_format(tmp_path: Path) -> None:
    records = [
        record(),
        record(text=RUSSIAN, title='Quotes "here", and; there|now'),
        record(text="a\tb\n\nc, " + KAZAKH),
    ]
    found = {name: ids(ingest.read_articles([write(tmp_path / name, make(records))])) for name, make in FORMATS.items()}
    assert len(set(found["a.csv"])) == 3
    assert {name for name in found if found[name] != found["a.csv"]} == set()


CONTROLS = "".join(chr(code) for code in range(32) if chr(code) not in "\t\n")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=CONTROLS), max_size=60)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), st.sampled_from(sorted(FORMATS)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_survives_every_format_and_rows_in_are_kept_plus_dropped(
    tmp_path: Path, pairs: list[tuple[str, str]], name: str
) -> None:
    records = [record(title=title, text=text, n=number) for number, (title, text) in enumerate(pairs)]
    records.append(record(n=len(pairs)))
    kept, dropped = ingest.read_articles([write(tmp_path / name, FORMATS[name](records))])
    assert len(kept) + len(dropped) == len(records)
    for number, title, text in zip(kept["n"].astype(int), kept["title"], kept["text"], strict=True):
        assert (title, text) == (records[number]["title"].strip(), records[number]["text"].strip())


def test_other_columns_are_carried_along_and_fit_into_parquet(tmp_path: Path) -> None:
    extra = {"id": 7, "label": "x", "topics": ["a", "b"], "sources": [{"u": 1}], "mixed": 1, "flag": True, "score": 0.5}
    second = extra | {"id": 8, "mixed": "two", "flag": None, "score": None, "big": 2**70, "empty": None, "topics": None}
    path = write(tmp_path / "a.jsonl", as_lines([record(**extra, article_id="own"), record(**second, text=RUSSIAN)]))
    kept, _ = ingest.read_articles([path])
    assert kept["id"].tolist() == [7, 8]
    assert kept["topics"][0] == '["a", "b"]'
    assert kept["sources"][0] == '[{"u": 1}]'
    assert kept["mixed"].tolist() == ["1", "two"]
    assert kept["input_article_id"][0] == "own"
    assert kept["source"].tolist() == ["Herald", "Herald"]
    kept.to_parquet(tmp_path / "out.parquet")
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 2


def test_files_with_different_columns_are_read_together(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.jsonl", as_lines([record(id=1, other=1)])),
        write(tmp_path / "b.csv", as_csv([record(text=RUSSIAN, id="b-2")])),
        write(tmp_path / "c.parquet", as_parquet([record(text=KAZAKH, id=3)])),
        write(tmp_path / "d.txt", "A title\n\nA text."),
    ]
    kept, dropped = ingest.read_articles(paths)
    assert len(kept) == 4 and len(dropped) == 0
    assert kept["id"].tolist()[:3] == ["1", "b-2", "3"]
    kept.to_parquet(tmp_path / "out.parquet")


def test_an_article_listed_twice_is_kept_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([record(), record(text=RUSSIAN), record()]))
    kept, dropped = ingest.read_articles([path, path])
    assert len(kept) == 2
    assert dropped["reason"].unique().tolist() == ["the same article twice in the input"]
    assert dropped["line"].tolist() == [3, 1, 2, 3]


def test_ids_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([record(), record(text=KAZAKH, topics=["b", "a"])]))
    code = f"from toolkit import ingest; print(ingest.read_articles([{str(path)!r}]).kept.to_csv())"
    environments = [os.environ | {"PYTHONHASHSEED": seed} for seed in ("1", "2")]
    outputs = {subprocess.check_output([sys.executable, "-c", code], env=env) for env in environments}
    assert len(outputs) == 1


def test_files_and_settings_are_not_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([record(body="x")]))
    columns = {"text": "body"}
    before = path.read_bytes()
    ingest.read_articles([path], IngestSettings(columns=columns))
    assert path.read_bytes() == before and columns == {"text": "body"}


# What is dropped


def test_unusable_records_are_dropped_each_with_its_line_and_reason(tmp_path: Path) -> None:
    lines = [json.dumps(record()), "{broken", "", "[1]", json.dumps(record(text="", title=" ")), "[" * 100_000]
    lines.append(json.dumps(record(date="31/31/2024", text="x" * 200, title="")))
    kept, dropped = ingest.read_articles([write(tmp_path / "a.jsonl", "\n".join(lines))])
    assert len(kept) == 1
    assert dropped["line"].tolist() == [2, 4, 5, 6, 7]
    assert dropped["reason"][0].startswith("not valid JSON: ")
    assert dropped["reason"].tolist()[1:] == [
        "not a record with named fields but a list",
        "neither title nor text",
        "not valid JSON: nested too deep",
        "date not understood: '31/31/2024'",
    ]
    assert dropped["excerpt"].tolist()[::4] == ["{broken", "x" * 80]
    assert set(dropped["file"]) == {"a.jsonl"}


def test_ragged_rows_are_dropped_by_line_and_quoted_line_ends_are_counted(tmp_path: Path) -> None:
    content = 'title,text\nOne,"first\nsecond\nthird"\nTwo,a,b\n\nThree\nFour,fine\n'
    kept, dropped = ingest.read_articles([write(tmp_path / "a.csv", content)])
    assert kept["title"].tolist() == ["One", "Four"]
    assert dropped["line"].tolist() == [5, 7]
    assert dropped["reason"].tolist() == [f"{n} fields where the header has 2" for n in (3, 1)]


def test_a_quote_that_never_closes_costs_one_record_not_the_rest_of_the_file(tmp_path: Path) -> None:
    content = "title,text\n" + 'Bad,"never closed\n' + "".join(f"T{n},text {n}\n" for n in range(50))
    kept, dropped = ingest.read_articles([write(tmp_path / "a.csv", content)])
    assert len(kept) == 50
    assert dropped["line"].tolist() == [2]
    assert "quotes that do not close" in dropped["reason"][0]


def test_quotes_in_tab_separated_text_are_text(tmp_path: Path) -> None:
    content = 'id\ttext\n1\t"Well" he said\n2\tand "so" on\n3\t"quoted whole"\n4\t"open\n5\tfine\n'
    kept, dropped = ingest.read_articles([write(tmp_path / "a.tsv", content)])
    assert kept["text"].tolist() == ['"Well" he said', 'and "so" on', "quoted whole", '"open', "fine"]
    assert len(dropped) == 0


def test_articles_longer_than_the_csv_modules_own_limit_are_read(tmp_path: Path) -> None:
    assert len(only(write(tmp_path / "a.csv", as_csv([record(text="word " * 60_000)]))).text) > 131_072


def test_undated_articles_are_kept(tmp_path: Path) -> None:
    kept, dropped = ingest.read_articles([write(tmp_path / "a.csv", "title,text\nOne,text\n")])
    assert kept["published"].isna().all() and len(dropped) == 0


def test_if_every_record_is_dropped_the_reasons_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([record(date="soon"), record(text="", title="")]))
    with pytest.raises(InputError, match=r"a\.jsonl: none of the 2 records .*'soon'; neither title nor text"):
        ingest.read_articles([path])


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.tsv.gz", "a.txt"])
def test_russian_comes_out_right_in_every_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    content = RUSSIAN if name == "a.txt" else FORMATS[name]([record(text=RUSSIAN, title="Рост")])
    if isinstance(content, str) and name.endswith(("jsonl", "json")):
        content = json.dumps(record(text=RUSSIAN), ensure_ascii=False) + "\n"
    assert isinstance(content, str)
    assert only(write(tmp_path / name, content.encode(encoding))).text == RUSSIAN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "kz1048"])
def test_kazakh_comes_out_right_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    assert only(write(tmp_path / "a.csv", as_csv([record(text=KAZAKH)]).encode(encoding))).text == KAZAKH


def test_western_code_pages_are_not_read_as_cyrillic(tmp_path: Path) -> None:
    text = "Café – “déjà vu” — naïve people’s opinion"
    assert only(write(tmp_path / "a.txt", text.encode("cp1252"))).text == text


def test_one_damaged_record_does_not_garble_the_others(tmp_path: Path) -> None:
    good = json.dumps(record(text=RUSSIAN), ensure_ascii=False).encode()
    bad = json.dumps(record(text="broken here")).encode().replace(b"broken", b"bro\xff\xfeken")
    for name, content in {"a.jsonl": good + b"\n" + bad + b"\n", "a.json": b"[" + good + b"," + bad + b"]"}.items():
        kept, dropped = ingest.read_articles([write(tmp_path / name, content)])
        assert kept["text"].tolist() == [RUSSIAN]
        assert dropped["reason"].tolist() == ["bytes that do not fit the file's encoding"]
        assert dropped["line"].tolist() == [2]
    ingest.write_rejected(dropped, tmp_path / "rejected.csv")


def test_halves_of_surrogate_pairs_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "half \\ud83d here", "note": "\\udc80", "\\ud800": 1}\n')
    kept, _ = ingest.read_articles([path])
    assert kept["text"].tolist() == ["half \ufffd here"]
    kept.to_parquet(tmp_path / "out.parquet")


# Columns


@pytest.mark.parametrize(
    "names",
    [
        ("body", "Headline", "Pub Date", "Outlet", "Link", "Lang"),
        ("FULL_TEXT", "heading", "publishedAt", "publisher", "href", "LANGUAGE"),
        ("текст", "Заголовок", "Дата", "Источник", "Ссылка", "язык"),
        ("мәтін", "Тақырып", "Күні", "Дереккөз", "Сілтеме", "тіл"),
    ],
)
def test_usual_column_names_are_found_in_three_languages(tmp_path: Path, names: Sequence[str]) -> None:
    values = (ENGLISH, "Trade", "2024-08-15", "Herald", "https://herald.example/1", "EN-us")
    found = only(write(tmp_path / "a.csv", as_csv([dict(zip(names, values, strict=True))])))
    assert (found.text, found.title, found.source, found.url, found.language) == (*values[:2], *values[3:5], "en")
    assert found.published == pd.Timestamp("2024-08-15", tz="UTC")
    assert list(found.index) == list(ARTICLE_COLUMNS)


def test_the_settings_say_which_column_is_what(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", as_lines([{"en": ENGLISH, "ru": RUSSIAN, "text": "not this"}]))
    found = only(path, columns={"text": "ru"})
    assert (found.text, found["input_text"], found["en"]) == (RUSSIAN, "not this", ENGLISH)
    with pytest.raises(InputError, match=r"no column 'kk' to take as 'text'; the columns are: en, ru, text"):
        only(path, columns={"text": "kk"})
    with pytest.raises(SettingsError, match="'txt', expected one of: text, title"):
        only(path, columns={"txt": "ru"})


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("en", "en"), ("EN-us", "en"), ("rus", "ru"), ("Kazakh", "kk"), ("қазақша", "kk"), ("kz", "kk"), ("klingon", "")],
)
def test_languages_become_two_letter_codes(tmp_path: Path, given_: str, expected: str) -> None:
    assert only(write(tmp_path / "a.jsonl", as_lines([record(language=given_)]))).language == expected


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "/a/b", "https://", 'http://x"><b>', "ftp://x/y", 5]
)
def test_only_web_addresses_are_kept_as_urls(tmp_path: Path, url: object) -> None:
    assert only(write(tmp_path / "a.jsonl", as_lines([record(url=url)]))).url == ""


def test_without_a_source_the_host_of_the_url_is_the_source(tmp_path: Path) -> None:
    lines = [
        {"text": ENGLISH, "url": "https://WWW.Herald.example:80/a?b"},
        {"text": RUSSIAN, "url": "", "sources": ["x"]},
    ]
    kept, _ = ingest.read_articles([write(tmp_path / "a.jsonl", as_lines(lines))])
    assert kept["source"].tolist() == ["herald.example", ""]


def test_usual_shapes_of_news_and_telegram_exports_are_read(tmp_path: Path) -> None:
    news = record(source={"id": None, "name": "Herald"}, text=["One.", "Two."])
    found = only(write(tmp_path / "a.jsonl", as_lines([news])))
    assert (found.source, found.text) == ("Herald", "One.\nTwo.")
    message = {"id": 1, "date": "2024-08-15T10:00:00", "text": ["See ", {"type": "bold", "text": "this"}, " now"]}
    export = {"name": "Channel", "type": "public_channel", "messages": [message]}
    assert only(write(tmp_path / "result.json", json.dumps(export))).text == "See this now"


def test_repeated_and_nameless_columns_are_told_apart(tmp_path: Path) -> None:
    found = only(write(tmp_path / "a.csv", ",text,text,input_text\n0,one,two,three\n"))
    assert (found.text, found["column_1"], found["text_2"], found["input_text"]) == ("one", "0", "two", "three")


def test_an_unsettled_date_column_names_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", as_csv([record(date="03/04/2024")]))
    with pytest.raises(InputError, match=r"^a\.csv: The date '03/04/2024' is 3 April or 4 March"):
        only(path)
    assert only(path, day_first=True).published == pd.Timestamp("2024-04-03", tz="UTC")


# Folders and documents


PAGE = """<html><head><meta charset="utf-8"><title>{title}</title><meta property="og:site_name" content="Herald">
<meta property="article:published_time" content="2031-08-15T23:00:00+05:00">
<link rel="canonical" href="https://herald.example/news/trade-grows"></head><body><article><h1>{title}</h1>
<p>{text} {text} {text}</p><script>alert(1)</script></article></body></html>"""


def test_a_folder_is_read_with_titles_dates_and_sources_from_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    write(folder / "2024-08-15-trade.txt", f"Trade grows\n\n{ENGLISH}")
    write(folder / "times" / "b.md", f"# Рост\n{RUSSIAN}")
    write(folder / "times" / "c.txt", KAZAKH)
    write(folder / "d.html", PAGE.format(title="Page title", text=ENGLISH))
    write(folder / ".hidden" / "e.txt", "never read")
    write(folder / "f.png", b"\x89PNG\0\0")
    write(folder / "g.txt", "  \n")
    kept, dropped = ingest.read_articles([folder])
    rows = kept.set_index("title")
    assert rows.index.tolist() == ["Trade grows", "Page title", "Рост", ""]
    assert rows["text"].tolist()[::2] == [ENGLISH, RUSSIAN]
    assert rows["source"].tolist() == ["", "Herald", "times", "times"]
    assert rows.loc["Trade grows", "published"] == pd.Timestamp("2024-08-15", tz="UTC")
    assert rows.loc["Page title", "published"] == pd.Timestamp("2031-08-15T18:00", tz="UTC")
    assert rows.loc["Page title", "url"] == "https://herald.example/news/trade-grows"
    assert "alert" not in rows.loc["Page title", "text"]
    assert dropped["file"].tolist() == ["f.png", "g.txt"]
    assert "of no known kind" in dropped["reason"][0]


def test_tables_inside_a_folder_are_read_too(tmp_path: Path) -> None:
    write(tmp_path / "news" / "2024" / "a.csv.gz", as_csv([record()]))
    write(tmp_path / "news" / "b.txt", RUSSIAN)
    kept, _ = ingest.read_articles([tmp_path / "news"])
    assert kept["text"].tolist() == [ENGLISH, RUSSIAN]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("One line only", ""),
        ("A sentence ends.\nMore", ""),
        ("x" * 121 + "\nMore", ""),
        ("A title\r\n\r\nMore", "A title"),
    ],
)
def test_a_first_line_is_a_title_only_if_it_looks_like_one(tmp_path: Path, content: str, title: str) -> None:
    found = only(write(tmp_path / "a.txt", content))
    assert found.title == title
    assert found.text == ("More" if title else content)


def test_a_page_that_states_no_date_is_undated_whatever_years_it_mentions(tmp_path: Path) -> None:
    page = f"<html><body><article><p>{ENGLISH} On 3 May 2019 too.</p></article><p>© 2021 Herald</p></body></html>"
    assert pd.isna(only(write(tmp_path / "a.html", page)).published)


def test_a_russian_page_in_cp1251_is_read(tmp_path: Path) -> None:
    page = PAGE.format(title="Рост экономики", text=RUSSIAN).replace("utf-8", "windows-1251")
    found = only(write(tmp_path / "a.html", page.encode("cp1251")))
    assert found.title == "Рост экономики"
    assert RUSSIAN in found.text


# What cannot be used


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv.gz", b"", "a.csv.gz is empty"),
        ("a.csv", b"title,text\n", "no records"),
        ("a.csv", b"x,y\n1,2\n", "known to hold a text; the columns are: x, y"),
        ("a.csv", bytes(range(256)) * 9, "is no text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + b"\0\1\2" * 99, "is no text"),
        ("a.json", b"[1, 2, 3]", "3 entries, the first a number, expected articles"),
        ("a.json", b"5", "holds a number, expected a list"),
        ("a.json", b"[]", "holds no records"),
        ("a.json", b"[{]", "not valid JSON"),
        ("a.json", b"[" * 200_000, "nested too deep"),
        ("a.json", b'{"a": [{"text": "x"}], "b": [{"text": "y"}]}', "holds 2 lists of records"),
        ("a.jsonl", b"nonsense\n", "none of the 1 records"),
        ("a.jsonl", b"[\n1]\n[2]\n", "not valid JSON"),
        ("a.parquet", b"PAR1 and nothing", "not a readable Parquet file"),
        ("a.parquet", b"", "not a readable Parquet file"),
        ("a.html", b"<html></html>", "neither title nor text"),
        ("a.pdf", b"%PDF", "of no known kind, expected one of .csv"),
        ("a.txt.gz", b"text", "of no known kind"),
        ("a", b"text", "of no known kind"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_one_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    good = write(tmp_path / "good.csv", as_csv([record()]))
    with pytest.raises(InputError) as caught:
        ingest.read_articles([good, write(tmp_path / name, content)])
    assert message in str(caught.value)
    assert name in str(caught.value) and "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", as_lines([record(text=os.urandom(9999).hex()) for _ in range(9)]))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"a\.jsonl\.gz is a damaged gzip file"):
        ingest.read_articles([path])


def test_missing_paths_empty_folders_and_no_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([tmp_path / "none.csv"], "There is no"),
        ([tmp_path / "empty"], "is empty"),
        ([], "No path"),
    ):
        with pytest.raises(InputError, match=message):
            ingest.read_articles(paths)


@given(st.binary(max_size=300), st.sampled_from([*FORMATS, "a.txt", "a.html"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_or_refused_politely(tmp_path: Path, content: bytes, name: str) -> None:
    try:
        kept, _ = ingest.read_articles([write(tmp_path / name, content)])
    except InputError as error:
        assert name in str(error)
    else:
        check_articles(kept)


# The list of what was dropped


def test_the_list_of_rejected_records_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    lines = [json.dumps(record()), "=cmd|' /C calc'!A0", "+1", "-1 x", "@SUM(1)", '"quoted', "Қате"]
    _, dropped = ingest.read_articles([write(tmp_path / "a.jsonl", "\n".join(lines))])
    before = dropped.copy(deep=True)
    ingest.write_rejected(dropped, tmp_path / "rejected.csv")
    raw = (tmp_path / "rejected.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert raw.startswith(b"\xef\xbb\xbf")
    assert [row["excerpt"][:2] for row in rows[:4]] == ["'=", "'+", "'-", "'@"]
    assert rows[5]["excerpt"] == "Қате" and rows[5]["line"] == "7"
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "rejected.csv"]
    pd.testing.assert_frame_equal(dropped, before)


def test_a_list_that_cannot_be_written_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    _, dropped = ingest.read_articles([write(tmp_path / "a.jsonl", as_lines([record()]))])
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "nowhere" / "r.csv", tmp_path / "folder"):
        with pytest.raises(OutputError, match="cannot be written"):
            ingest.write_rejected(dropped, target)
    assert sorted(os.listdir(tmp_path)) == ["a.jsonl", "folder"]


# Real corpora


@pytest.mark.corpora
@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not beside the repository")
@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("newsarticles_cc0.jsonl.gz", 3788, {}),
        ("telegram_ru_posts.jsonl.gz", 22099, {}),
        ("reuters_modapte_train.jsonl.gz", 9603, {}),
        ("wikinews.jsonl.gz", 295, {}),
        ("ungdc_ca_and_partners_1991_2024.jsonl.gz", 593, {}),
        ("wiki_events_central_asia_to_2021.jsonl", 641, {}),
        ("kazakhstan_counter_terrorism_2024.txt", 1, {}),
        ("xwmt_en_ru_kk.jsonl", 700, {"text": "kk"}),
        ("sib200", 2400, {}),
    ],
)
def test_no_row_of_a_real_corpus_goes_missing(tmp_path: Path, name: str, rows: int, columns: dict[str, str]) -> None:
    kept, dropped = ingest.read_articles([DATA / name], IngestSettings(columns=columns))
    assert len(kept) + len(dropped) == rows
    assert len(dropped) < rows / 50
    assert set(dropped["reason"]) <= {"the same article twice in the input", "neither title nor text"}
    kept.to_parquet(tmp_path / "out.parquet")


def test_an_article_has_the_same_id_whatever_zone_its_date_is_taken_to_be_in(tmp_path: Path) -> None:
    days = ["2024-08-15 10:00", "2024-08-15T10:00+05:00", "", "15.08.2024"]
    path = write(tmp_path / "a.jsonl", "\n".join(json.dumps(record(date=day, title=day or "none")) for day in days))
    zones = [ingest.read_articles([path], IngestSettings(timezone=zone)).kept for zone in ("UTC", "Asia/Almaty")]
    assert zones[0]["article_id"].tolist() == zones[1]["article_id"].tolist()
    assert (zones[0]["published"] - zones[1]["published"]).dropna().dt.total_seconds().tolist() == [18000, 0, 18000]
