"""A phrase is put into the analyst's theme file as one piece of text, and all else stays as it was."""

import difflib

import pytest
from goldens import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.planting import add_seed, remove_seed
from toolkit.schema import InputError
from toolkit.themefile import load_themes, read_phrases

BLOCK = "themes:\n- id: a\n  seeds:\n    en:\n    - war   # old\n    # why\n- id: b\n  seeds: {en: [peace]}\n"
FILES = {
    "a list of lines": (BLOCK, "a", "en", "    - nuclear plant\n"),
    "a list in brackets": (BLOCK, "b", "en", "  seeds: {en: [peace, nuclear plant]}\n"),
    "a language in brackets": (BLOCK, "b", "kk", "  seeds: {en: [peace], kk: [nuclear plant]}\n"),
    "a language on a line": (BLOCK, "a", "ru", "    ru: [nuclear plant]\n"),
    "brackets over lines": (
        "themes:\n- id: a\n  seeds:\n    en: [war, # c\n      peace, # d\n    ]\n",
        "a",
        "en",
        "      peace, nuclear plant, # d\n",
    ),
    "a block of text": (
        "themes:\n- id: a\n  seeds:\n    en:\n    - |\n      war\n      peace\n\n- id: b\n  seeds: {en: [w]}\n",
        "a",
        "en",
        "    - nuclear plant\n",
    ),
    "no line end": ("themes:\n- id: a\n  seeds:\n    en:\n    - war", "a", "en", "    - nuclear plant\n"),
    "an empty list": ("themes:\n- id: a\n  seeds: {en: [war], kk: []}", "a", "kk", None),
    "a byte order mark and Windows line ends": (
        "\ufeff" + BLOCK.replace("\n", "\r\n"),
        "a",
        "en",
        "    - nuclear plant\r\n",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_one_piece_of_text_is_put_in_wherever_the_list_stands(tmp_path, case):
    text, theme, language, line = FILES[case]
    path = tmp_path / "mine.yml"
    path.write_bytes(text.encode())
    before = read_phrases(path)
    planted = add_seed(path, theme, language, "nuclear plant")
    after = path.read_bytes().decode()
    new = [phrase for phrase in read_phrases(path) if phrase[:4] not in {old[:4] for old in before}]
    assert new == [planted] and planted[:4] == (theme, "seeds", language, "nuclear plant")
    assert len(read_phrases(path)) == len(before) + 1
    if line:
        assert line in after.splitlines(keepends=True)
    taken = [part for tag, a, b, _, _ in difflib.SequenceMatcher(None, text, after).get_opcodes() if tag != "insert"
             for part in [text[a:b]] if tag != "equal"]  # fmt: skip
    assert not taken, "something was changed or taken out"


def test_the_bundled_file_gains_one_line_and_keeps_its_comments(tmp_path):
    path = tmp_path / "themes.yml"
    before = (ROOT / "data" / "themes.yml").read_text("utf-8")
    path.write_text(before, "utf-8")
    add_seed(path, "cooperation", "ru", "мост дружбы")
    changed = [
        line for line in difflib.ndiff(before.splitlines(), path.read_text("utf-8").splitlines()) if line[0] != " "
    ]
    assert changed == ["+         - мост дружбы"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_whatever_the_phrase_it_is_read_back_as_one_line_or_refused_and_the_file_left(tmp_path, text):
    path = tmp_path / "mine.yml"
    path.write_text(BLOCK, "utf-8")
    try:
        planted = add_seed(path, "a", "en", text + " plant")
    except InputError:
        assert path.read_text("utf-8") == BLOCK
        return
    assert planted in read_phrases(path) and planted.text.endswith("plant") and "\n" not in planted.text


@pytest.mark.parametrize(
    ("theme", "language", "phrase", "said"),
    [
        ("c", "en", "nuclear plant", "theme is 'c', expected one of: a, b"),
        ("a", "de", "nuclear plant", "language is 'de', expected one of: en, ru, kk"),
        ("a", "en", "the of", "expected one with a word that is no stop word"),
        ("a", "en", "plant " * 41, "41 words, expected 40 at most"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path, theme, language, phrase, said):
    path = tmp_path / "mine.yml"
    path.write_text(BLOCK, "utf-8")
    with pytest.raises(InputError, match=said):
        add_seed(path, theme, language, phrase)
    assert path.read_text("utf-8") == BLOCK


def test_a_phrase_that_is_there_is_not_put_in_twice(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(BLOCK, "utf-8")
    assert add_seed(path, "a", "en", " war ").line == 5
    assert path.read_text("utf-8") == BLOCK


def test_a_list_that_two_themes_share_is_left_alone(tmp_path):
    path = tmp_path / "mine.yml"
    text = "themes:\n- id: a\n  seeds:\n    en: &x [war]\n- id: b\n  seeds: {en: *x}\n"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match="add it to the seeds of b by hand"):
        add_seed(path, "b", "en", "nuclear plant")
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("side", ["seeds", "against"])
@pytest.mark.parametrize("language", ["en", "ru", "kk"])
@pytest.mark.parametrize("theme", ["a", "b"])
def test_a_phrase_taken_out_again_leaves_what_was_there(tmp_path, theme, language, side):
    path = tmp_path / "mine.yml"
    path.write_text(BLOCK, "utf-8")
    before = [phrase[:4] for phrase in read_phrases(path)]
    add_seed(path, theme, language, "nuclear plant: a (new) one", side)
    remove_seed(path, theme, language, "nuclear plant: a (new) one", side)
    assert [phrase[:4] for phrase in read_phrases(path)] == before
    with pytest.raises(InputError, match="it was changed meanwhile"):
        remove_seed(path, theme, language, "nuclear plant: a (new) one", side)


def test_a_phrase_may_speak_against_a_theme(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(BLOCK, "utf-8")
    add_seed(path, "b", "en", "nuclear plant", "against")
    assert load_themes(path)[1].against == {"en": ("nuclear plant",)}
