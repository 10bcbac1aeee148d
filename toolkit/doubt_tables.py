"""What is wrong with a theme file or with the scores that it gives, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit.exhibits import Prose, number, percent, rows
from toolkit.languages import language_name

_SHOWN = 20


def warnings(doubts: pd.DataFrame, lint: pd.DataFrame, titles: Mapping[str, str]) -> Prose | None:
    """Return what makes the scores doubtful as a list, None where nothing does.

    `doubts` and `lint` as `faults.doubts` and `faults.lint` give them.
    """
    said = [doubt_sentence(doubt, titles) for doubt in rows(doubts)]
    said += [f"The theme file, {fault_sentence(fault, titles)}" for fault in rows(lint)]
    more = len(said) - _SHOWN
    said = [*said[:_SHOWN], *([f"And {counted(more, 'more warning')}; toolkit check shows all."] if more > 0 else [])]
    head = "Before the figures are used (`toolkit check` says what each seed does):"
    return Prose("\n".join([head, "", *(f"- {_plain(line)}" for line in said)])) if said else None


def _plain(text: str) -> str:
    """Keep a theme file's text from being read as Markdown."""
    return "".join("\\" + mark if mark in r"\`*_{}[]#+-!|<>~&" else mark for mark in " ".join(text.split()))


def doubt_sentence(doubt: Any, titles: Mapping[str, str]) -> str:
    """Return what makes the scores of a corpus doubtful; `doubt` is a row of `faults.doubts`."""
    mine, other = titles.get(doubt.theme, ""), titles.get(doubt.other, "")
    language, share = language_name(doubt.language), percent(doubt.share)
    count = counted(doubt.articles, "article")
    named = f"“{language}”" if language == doubt.language else language
    words_of = f"though {count} ha{'s' if doubt.articles == 1 else 've'} the words of one of its seeds"
    said = {
        "nothing": f"{mine}: no article carries it, {words_of if doubt.articles else 'and none has its words'}",
        "wordless": f"{mine}: {count} carry it, but none has the words of any seed; do not trust that",
        "too many": f"{mine}: {share} of all articles carry it; a theme that most articles carry tells little, and "
        "the scoring expects at most half",
        "unsure": f"{mine}: {share} of its {count} lie between 35 and 65%",
        "overlap": f"{mine} and {other} are hard to tell apart: {count} carry both, {share} of those on {mine}",
        "no seeds": f"{mine} has no seeds in {named} ({count}, {share}); those are scored by seeds of other languages",
        "no such seeds": f"{count} ({share}) are in {named}, in which a theme file holds no seeds; they are scored by "
        "seeds of other languages, which is hardly to be trusted",
        "unused": f"{'hardly any' if doubt.share else 'no'} article is in {named}: {counted(doubt.articles, 'seed')} "
        "do nothing here",
    }
    sentence = said[doubt.kind]
    return f"{sentence[0].upper()}{sentence[1:]}."


def fault_sentence(fault: Any, titles: Mapping[str, str]) -> str:
    """Return what is wrong with a phrase of a theme file; `fault` is a row of `faults.lint`."""
    where = f"line {fault.line}: “{fault.phrase}”"
    mine, first = titles[fault.theme], f"“{fault.other}” in line {fault.other_line}"
    own = fault.other_theme == fault.theme
    other = "" if own else f" of {titles.get(fault.other_theme, '')}"
    said = {
        "twice": f"stands in {mine} twice, first in line {fault.other_line}; once is enough"
        if own
        else f"is a seed of {mine} and{other} (line {fault.other_line}); it cannot tell them apart",
        "alike": f"has the same word stems as {first}{other}",
        "both sides": f"speaks for and against {mine} (see line {fault.other_line})",
        "no words": "holds only stop words, so no article can match it by its words",
        "script": f"stands under {language_name(fault.language)}, but is written in other letters",
        "alone": f"is the only seed of {mine}; a theme is found far better with ten",
    }
    return f"{where} {said[fault.fault]}."


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "seed"), counted(1200, "seed")
    ('1 seed', '1,200 seeds')
    """
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
