import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import params
from toolkit.params import Parameter
from toolkit.schema import InputError, SettingsError


def notebook(path, *cells, tag="parameters"):
    made = [
        {"cell_type": "code", "metadata": {"tags": [tag]} if number == 0 else {}, "source": source}
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


def known(**kinds):
    defaults = {"bool": True, "int": 1, "float": 0.5, "str": "a", "list": [], "dict": {}, "list[str]": []}
    return {name: Parameter(name, kind, defaults.get(kind)) for name, kind in kinds.items()}


def test_annotated_parameters_are_read_in_order_with_type_and_default(tmp_path):
    source = '# inputs\nperiod: str = "auto"  # a = b\nshift: int = -1\nday_first: bool | None = None'
    found = params.inspect(notebook(tmp_path / "1-a.ipynb", source, "x = 1"))
    assert list(found) == ["period", "shift", "day_first"]
    assert found["shift"] == Parameter("shift", "int", -1)
    assert found["day_first"] == Parameter("day_first", "bool | None", None)


def test_a_plain_assignment_has_the_type_of_its_default(tmp_path):
    assert params.inspect(notebook(tmp_path / "a.ipynb", "columns = {}"))["columns"].type == "dict"


def test_a_generic_type_is_understood(tmp_path):
    source = 'a: dict[str, int] | None = None\nb: list[str] = ["en"]'
    assert params.inspect(notebook(tmp_path / "a.ipynb", source))["a"].type == "dict[str, int] | None"


def test_a_notebook_without_the_tag_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="0 cells tagged 'parameters'"):
        params.inspect(notebook(tmp_path / "a.ipynb", "x = 1", tag="other"))


@pytest.mark.parametrize(
    "source", ["x: int = 'a'", "x: Path = 1", "import os", "x: int = y", "x: int", "x = (1, 2)", "x ="]
)
def test_a_parameter_that_would_not_reach_a_kernel_unchanged_is_refused(tmp_path, source):
    with pytest.raises(SettingsError):
        params.inspect(notebook(tmp_path / "a.ipynb", source))


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "a.ipynb").write_text("[]")
    with pytest.raises(InputError, match="no readable notebook"):
        params.inspect(tmp_path / "a.ipynb")


def test_notebooks_that_disagree_about_a_parameter_are_refused(tmp_path):
    first = notebook(tmp_path / "1-a.ipynb", "seed: int = 42")
    second = notebook(tmp_path / "2-b.ipynb", "seed: int = 7")
    with pytest.raises(SettingsError, match=r"seed is 'int = 42' in 1-a.ipynb and 'int = 7' in 2-b.ipynb"):
        params.merge([first, second])


def test_the_digest_follows_code_and_not_prose_or_outputs(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "x = 1", "x + 1")
    before = params.cells_digest(path)
    found = json.loads(path.read_text())
    found["cells"].append({"cell_type": "markdown", "metadata": {}, "source": "Prose."})
    found["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "2"}]
    path.write_text(json.dumps(found))
    assert params.cells_digest(path) == before
    assert params.cells_digest(notebook(tmp_path / "a.ipynb", "x = 1", "x + 2")) != before


def test_an_unknown_parameter_is_refused_with_the_nearest_and_all_known_ones():
    with pytest.raises(SettingsError, match=r"did you mean 'period'\? Known are period, seed"):
        params.check({"perriod": "week"}, known(period="str", seed="int"))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "5", 5),
        ("float", "1e-3", 0.001),
        ("float", "2", 2.0),
        ("bool", "true", True),
        ("bool | None", "null", None),
        ("bool | None", "false", False),
        ("str | None", "null", None),
        ("str", "5", "5"),
        ("str", "null", "null"),
        ("str", "2024-01-31", "2024-01-31"),
        ("list", "[en, ru]", ["en", "ru"]),
        ("list", "[2024-01-31]", ["2024-01-31"]),
        ("dict", "{text: body}", {"text": "body"}),
    ],
)
def test_text_from_the_command_line_becomes_the_type_asked_for(kind, text, value):
    found = params.check({"x": text}, known(x=kind))["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "five"),
        ("int", "1.5"),
        ("int", True),
        ("int", None),
        ("bool", 1),
        ("float", True),
        ("str", 5),
        ("list", "en"),
        ("list", (1, 2)),
        ("dict", {1: 2}),
        ("dict", "{1: 2}"),
        ("list[str]", [False]),
        ("list", "[unclosed"),
    ],
)
def test_a_wrong_type_is_refused_with_the_expected_one(kind, value):
    with pytest.raises(SettingsError, match=r"x is .*expected"):
        params.check({"x": value}, known(x=kind))


def test_a_date_from_yaml_is_text_again():
    assert params.check({"start": date(2024, 1, 31)}, known(start="str")) == {"start": "2024-01-31"}


@pytest.mark.parametrize(("name", "value"), [("threshold", 2.0), ("min_words", -1), ("similarity", float("nan"))])
def test_a_value_out_of_its_settings_range_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        params.check({name: value}, known(threshold="float", min_words="int", similarity="float"))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(plain, max_size=4), st.dictionaries(st.text(), plain, max_size=4), st.text())
def test_values_of_the_right_type_pass_unchanged(items, mapping, text):
    values = {"a": items, "b": mapping, "c": text}
    assert params.check(values, known(a="list", b="dict", c="str")) == values
