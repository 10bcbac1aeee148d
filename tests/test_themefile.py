"""What a theme file promises: every fault is named with its line and column, and nothing in it is ever run."""

from __future__ import annotations

import pytest

from toolkit.schema import InputError
from toolkit.themefile import load_themes, read_phrases

HEAD = "themes:\n  - id: a\n"
WORD = "    seeds: {en: [w]}\n"
FAULTS = {
    "an unknown key": (HEAD + "    seed: {en: [w]}\n", 3, 5, "unknown key 'seed'; did you mean 'seeds'"),
    "an unknown key at the top": ("theme:\n  - id: a\n", 1, 1, "unknown key 'theme'; did you mean 'themes'"),
    "an unknown language": (HEAD + "    seeds:\n      de: [Wort]\n", 4, 7, "language 'de'; known are en, ru, kk"),
    "a language YAML reads as no": (HEAD + "    seeds: {no: [ord]}\n", 3, 13, "put it in quotes"),
    "a key given twice": (HEAD + 2 * WORD, 4, 5, "'seeds' given twice, first in line 3"),
    "a language given twice": (
        HEAD + "    seeds:\n      en: []\n      en: []\n",
        5,
        7,
        "'en' given twice, first in line 4",
    ),
    "an id given twice": (HEAD + WORD + "  - id: a\n" + WORD, 4, 5, "the first in line 2"),
    "a number as a phrase": (HEAD + "    seeds: {en: [w, 2024]}\n", 3, 21, "found 2024"),
    "an empty phrase": (HEAD + "    seeds:\n      en:\n        - w\n        - \n", 6, 10, "not empty, found None"),
    "a mapping as a phrase": (HEAD + "    seeds: {en: [a: b]}\n", 3, 18, "found a mapping"),
    "text in place of a list": (HEAD + "    seeds: {en: word}\n", 3, 17, "expected a list of phrases, found 'word'"),
    "a date that is none": (HEAD + "    seeds: {en: [2024-13-45]}\n", 3, 18, "found 2024-13-45"),
    "a title that is a list": (HEAD + "    title: [x]\n    seeds: {en: [w]}\n", 3, 12, "must be text, found a list"),
    "no seeds": (HEAD + "    title: A\n", 2, 5, "no seeds"),
    "seeds without phrases": (HEAD + "    seeds: {en: []}\n", 3, 12, "no seeds"),
    "an id with capitals": ("themes:\n  - id: Big\n    seeds: {en: [w]}\n", 2, 9, "the id is 'Big'"),
    "no id": ("themes:\n  - seeds: {en: [w]}\n", 2, 5, "the id is None"),
    "a theme that is text": ("themes:\n  - word\n", 2, 5, "found 'word', expected a mapping"),
    "a Python object as a phrase": (HEAD + "    seeds: {en: [!!python/name:os.system x]}\n", 3, 18, "expected a text"),
    "a merge key": (HEAD + "    <<: {seeds: {en: [w]}}\n", 3, 5, "unknown key <<"),
}


@pytest.fixture
def refused(tmp_path):
    """Return what is said of a theme file that is refused."""

    def refuse(content):
        path = tmp_path / "mine.yml"
        path.write_text(content, encoding="utf-8")
        for read in (load_themes, read_phrases):
            with pytest.raises(InputError) as error:
                read(path)
        return str(error.value)

    return refuse


@pytest.mark.parametrize("case", FAULTS)
def test_every_fault_is_named_with_its_line_and_column(refused, case):
    content, line, column, said = FAULTS[case]
    message = refused(content)
    assert message.startswith(f"mine.yml, line {line}, column {column}: ")
    assert said in message and "\n" not in message


def test_what_is_nested_beyond_reason_is_refused(refused):
    assert "nested far too deeply" in refused("themes: " + "[" * 12_000)


def test_a_file_that_contains_itself_is_refused(refused):
    assert "line 1, column 10: theme 1: found a list" in refused("themes: [&a [*a]]")


def test_a_second_document_is_refused(refused):
    assert "in line 2, column 1" in refused("themes: []\n---\nthemes: []\n")


def test_every_phrase_is_read_with_its_line_even_those_said_twice(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(
        HEAD + "    seeds:\n      en:\n        - two   words\n        - two words\n    against: {ru: [нет]}\n", "utf-8"
    )
    found = read_phrases(path)
    assert [(p.side, p.language, p.text, p.line) for p in found] == [
        ("seeds", "en", "two words", 5),
        ("seeds", "en", "two words", 6),
        ("against", "ru", "нет", 7),
    ]
    (theme,) = load_themes(path)
    assert theme.seeds == {"en": ("two words",)} and theme.against == {"ru": ("нет",)}


def test_quoted_words_are_text_whatever_they_look_like(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("themes: [{id: a, title: '', seeds: {en: ['2024', 'no', !!str 7]}}]", "utf-8")
    (theme,) = load_themes(path)
    assert theme.seeds == {"en": ("2024", "no", "7")} and theme.title == "A"
