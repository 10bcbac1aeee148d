"""First steps: what is picked, corrected and chosen is what runs, and stands there as code."""

import pytest
import yaml
from goldens import ROOT
from small_run import IMAGE, SCRIPT

from toolkit import batch, desk, starting, steps, themes
from toolkit.schema import InputError, ToolkitError


@pytest.fixture
def source(tmp_path):
    """A table whose columns have odd names, with hostile text."""
    path = tmp_path / "odd.csv"
    rows = [f'"{IMAGE} {i}","Words of day {i} {SCRIPT}",0{i}/04/2024' for i in range(1, 10)]
    path.write_text("\n".join(["title,words,when", *rows]), "utf-8")
    return path


@pytest.fixture
def first(source, tmp_path):
    return starting.Start([str(source)], str(tmp_path / "run"))


def test_a_column_is_corrected_and_what_cannot_be_read_changes_nothing(first):
    assert first.read()[0]["published"].isna().all()
    first.take(text="words", published="when", day_first=True)
    articles, lost = first.read()
    assert lost == 0 and articles["published"].dt.month.tolist() == [4] * 9
    before = (dict(first.columns), first.day_first)
    with pytest.raises(InputError, match="There is no column 'body' to take as 'text'; the columns are: title, words"):
        first.take(text="body")
    with pytest.raises(InputError, match=r"There is no file or folder 'nowhere\.csv'"):
        first.use("nowhere.csv")
    assert (first.columns, first.day_first) == before and len(first.read()[0]) == 9
    first.take(text="", day_first=True)
    assert "text" not in first.columns and first.columns["published"] == "when"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"period": "decade"}, "The period is 'decade', expected one of auto, day"),
        ({"themes": ["sport"]}, "There is no theme 'sport' in .*; it has extremism, cooperation"),
    ],
)
def test_a_choice_that_there_is_not_is_refused(first, given, said):
    with pytest.raises(ToolkitError, match=said):
        first.choose(**given)
    assert first.period == "auto" and len(first.themes) == 3


def test_the_code_does_what_was_clicked(first):
    first.take(text="words", published="when", day_first=True).choose("week", "2024-04-02", "", ["cooperation"])
    lines = [line for line in first.code.splitlines() if "import" not in line and "run(" not in line]
    scope = {"starting": starting, "desk": desk}
    exec("\n".join(line for line in lines if not line.startswith("view")), scope)
    again = scope["first"]
    assert again.values() == first.values() and again.code == first.code
    assert set(first.values()) == {"inputs", "columns", "day_first", "start", "period", "themes"}


def test_what_runs_is_what_was_chosen_with_the_themes_kept_beside_the_run(first, monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(batch, "run_notebooks", lambda planned, *more: seen.update(planned=planned) or planned.out)
    first.take(text="words").choose(themes=["cooperation"])
    assert first.run() == (tmp_path / "run").resolve()
    kept = themes.load_themes(seen["planned"].values["themes"])
    every = themes.load_themes(ROOT / "data" / "themes.yml")
    assert kept == tuple(theme for theme in every if theme.id == "cooperation")
    assert yaml.safe_load((tmp_path / "run.themes.yml").read_text("utf-8"))["themes"][0]["id"] == "cooperation"
    assert seen["planned"].given["columns"] == {"text": "words"} and "period" not in seen["planned"].given


def test_a_run_goes_into_no_folder_that_cannot_be_written(first, source):
    with pytest.raises(ToolkitError, match="is a file, expected a folder"):
        first.into(str(source / "run"))


def test_each_step_stands_as_text_with_its_call_and_shows_article_text_as_text(first, monkeypatch, tmp_path):
    shown = [first.files(str(tmp_path)), first.rows(), first.mapping(), first.choices(), first.button()]
    bundles = [step._repr_mimebundle_() for step in shown]
    assert all("application/vnd.jupyter.widget-view+json" in bundle for bundle in bundles)
    assert not any("<img" in bundle["text/html"] or "<script" in bundle["text/html"] for bundle in bundles)
    assert "first.use(" in bundles[0]["text/plain"] and "first.run(progress=print)" in bundles[-1]["text/plain"]
    monkeypatch.setattr(steps, "find_spec", lambda name: None)
    assert set(first.choices()._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_fields_make_the_calls_and_tell_what_is_wrong(first):
    mapping = first.mapping().widget()
    fields = {field.description: field for field in mapping.children[0].children}
    fields["published"].value = "when"
    assert first.columns == {} and 'role="alert"' in mapping.children[1].value, "03/04/2024 can be read in two ways"
    fields["03/04/2024"].value = "day first"
    assert (first.columns, first.day_first) == ({"published": "when"}, True)
    said = mapping.children[2].value.replace("&#x27;", "'")
    assert "first.take(published='when', day_first=True)" in said and "alert" not in mapping.children[1].value


def test_documents_in_a_folder_need_no_columns(tmp_path):
    (tmp_path / "2024-05-01 note.txt").write_text("A title\n\nWhat happened in the city.", "utf-8")
    first = starting.Start([str(tmp_path)], str(tmp_path.parent / "run"))
    assert "the file itself" in first.rows()._repr_mimebundle_()["text/html"]
    assert len(first.mapping().widget().children[0].children) == 7
