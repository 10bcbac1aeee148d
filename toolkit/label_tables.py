"""The analyst's answers as tables: how many there are, which do not count, and what they say of the scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit.exhibits import Prose, Table, number, percent

_SAID = ("yes", "no", "unsure")
_MEANING = {
    "prevalence": "articles about it, of all",
    "precision": "rightly labelled, of those labelled",
    "recall": "labelled, of those about it",
}


def answered(settled: Any, titles: Mapping[str, str]) -> Table | Prose:
    """Return the answers that count, a row a theme: yes, no, unsure, and how many were drawn at random.

    Where there is none, a sentence says so.
    """
    answers = settled.answers
    if not len(answers):
        return Prose("No answer counts yet: the scores come from the seeds alone.")
    columns = [("Theme", "text"), *((said.capitalize(), "number") for said in _SAID), ("At random", "number")]
    lines = []
    for theme, title in titles.items():
        mine = answers[answers["theme"] == theme]
        counts = [int((mine["answer"] == said).sum()) for said in _SAID]
        lines.append([title, *map(number, counts), number(int((mine["picked_as"] == "random").sum()))])
    return Table("Answers that count", columns, lines)


def left_out(settled: Any) -> Table | None:
    """Return why rows of the answers file do not count, with the commonest names; contradictions are said first.

    None, and so nothing in a notebook, where every row counts.
    """
    rows = settled.left_out
    lines = []
    if settled.contradicting:
        both = "questions answered both yes and no; the last answer counts"
        lines.append([both, number(settled.contradicting), ""])
    for reason, group in rows.groupby("reason"):
        column = "theme" if "theme file" in str(reason) else "answer" if "unsure" in str(reason) else "article_id"
        shown = ", ".join(str(name) for name in group[column].value_counts().index[:3])
        lines.append([str(reason), number(len(group)), shown])
    columns = [("Why", "text"), ("Rows", "number"), ("Such as", "text")]
    return None if not lines else Table("Answers that do not count; they stay in the file", columns, lines)


def errors(estimate: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return prevalence, precision and recall with their intervals, a row a theme and measure."""
    columns = [("Theme", "text"), ("Measure", "text"), ("Of", "number"), ("Value", "number"), ("95% interval", "text")]
    lines = []
    for row in estimate.to_dict("records"):
        interval = f"{percent(row['low'])} to {percent(row['high'])}" if row["total"] else "no answer tells"
        meaning = f"{row['measure'].capitalize()}: {_MEANING[row['measure']]}"
        title = titles.get(row["theme"], row["theme"])
        lines.append([title, meaning, number(row["total"]), percent(row["value"]), interval])
    return Table("How right the scores are, by the answers drawn at random", columns, lines)
