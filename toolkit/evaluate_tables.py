"""Tables of an evaluation as people read them; a dash stands where a figure cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit.exhibits import Prose, Table, counted, date, number, percent, probability, quoted, rows
from toolkit.languages import language_name

_MEAN = "mean"
_NAMES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "best_f1": "best F1 of any threshold",
    "f1_ratio": "F1 / best F1",
    "average_precision": "average precision",
    "ece": "calibration error",
    "kappa": "Cohen's kappa",
    "prior_estimated": "mean probability",
    "prior_true": "true share",
    "accuracy": "accuracy of the likeliest theme",
    "first_kappa": "Cohen's kappa of the likeliest theme or none",
}
SYSTEMS = {
    "themes": "the themes, from seeds alone",
    "second": "the second themes or encoder",
    "supervised": "supervised: all labels, five-fold",
    "similarity": "similarity to the description",
    "bertopic": "BERTopic zero-shot",
}
"""System -> what it is called."""
_SHARES = ("prior_estimated", "prior_true")
_LONGEST = 420
_OPENING = 80
_FEWEST = 30
"""Fewer labelled articles come with a warning: the bootstrap cannot tell what it has not drawn."""


def figures(summary: pd.DataFrame, system: str, titles: Mapping[str, str]) -> Table:
    """Return every measure of one system, a row a measure, with its 95% interval; columns are themes and the mean."""
    found = {(m.measure, m.theme): m for m in rows(summary[summary["system"] == system])}
    columns = {**titles, _MEAN: "mean"}
    measures = [name for name in _NAMES if (name, _MEAN) in found]
    cells = [[_NAMES[name], *(_figure(found.get((name, theme)), name) for theme in columns)] for name in measures]
    heads = [("measure", "text"), *((title, "number") for title in columns.values())]
    return Table("Figures with 95% intervals (1,000 resamples)", heads, cells)


def _figure(found: Any, measure: str) -> str:
    if found is None or pd.isna(found.value):
        return "–"
    said = percent if measure in _SHARES else _digits
    return f"{said(found.value)} ({said(found.low)} to {said(found.high)})"


def _digits(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def systems(summary: pd.DataFrame, names: Mapping[str, str], ceiling: str) -> Table:
    """Return the means over themes of every system, and what share of the supervised ceiling's each reaches."""
    means = {(m.system, m.measure): float(m.value) for m in rows(summary[summary["theme"] == _MEAN])}
    wanted = [key for key in ("average_precision", "f1", "best_f1", "accuracy") if (ceiling, key) in means]
    cells = []
    for system, name in names.items():
        pairs = [(means[system, key], means[ceiling, key]) for key in wanted]
        cells.append([name, *(part for mine, top in pairs for part in (_digits(mine), _share(mine, top)))])
    heads = [(head, "number") for key in wanted for head in (_NAMES[key], "of supervised")]
    return Table(
        "Means over themes, beside the supervised ceiling and the peers", [("scored by", "text"), *heads], cells
    )


def _share(value: float, whole: float) -> str:
    return "–" if pd.isna(value) or pd.isna(whole) or not whole else f"{value / whole:.1%}"


def left_out(reasons: pd.DataFrame, unknown: Mapping[str, int]) -> Table:
    """Return which rows of the labels were left out and why, and which labels mean no theme."""
    cells = [[r.reason, number(r.rows), r.examples] for r in rows(reasons)]
    cells += [[f"not left out: the label “{label[:60]}” means no theme", number(k), ""] for label, k in unknown.items()]
    columns = [("reason", "text"), ("rows", "number"), ("such as", "text")]
    return Table("Rows left out, and labels that mean no theme" if cells else "No row was left out", columns, cells)


def groups(found: pd.DataFrame, what: str, titles: Mapping[str, str]) -> Table:
    """Return the figures of each group per theme; `found` as `evaluate.by_group` gives it."""
    cells = [
        [
            language_name(g.group) if what == "language" else g.group,
            titles[g.theme],
            number(g.articles),
            number(g.positives),
            *(_digits(value) for value in (g.precision, g.recall, g.f1, g.average_precision, g.ece)),
        ]
        for g in rows(found)
    ]
    heads = ["articles", "labelled", "precision", "recall", "F1", "average precision", "calibration error"]
    columns = [(what, "text"), ("theme", "text"), *((head, "number") for head in heads)]
    return Table(f"Figures by {what}", columns, cells)


def worst(found: pd.DataFrame, theme: str, title: str) -> Table:
    """Return the worst errors of a theme; `found` as `evaluate.worst` gives it."""
    mine = found[found["theme"] == theme]
    cells = [
        [
            w.kind,
            _article(w),
            probability(w.score),
            w.gold or "no label",
            quoted(_short(w.passage, _LONGEST)),
        ]
        for w in rows(mine)
    ]
    columns = [
        ("error", "text"),
        ("article", "text"),
        ("probability", "number"),
        ("labelled", "text"),
        ("passage", "text"),
    ]
    return Table(f"{title}: the surest errors" if cells else f"{title}: no error", columns, cells)


def _article(error: Any) -> str:
    """Return title, date and source; no title where the passage is the article's opening."""
    opening = str(error.passage).startswith(error.title[:_OPENING])
    parts = ["" if opening else _short(error.title, 110), date(error.published), error.source]
    return ", ".join(part for part in parts if part)


def _short(text: str, longest: int) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= longest else f"{text[:longest].rsplit(' ', 1)[0]} …"


def comparison(found: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return the paired differences of two systems; `found` as `evaluate.compare` gives it."""
    cells = [
        [
            titles.get(c.theme, "mean over themes"),
            _NAMES[c.measure],
            _digits(c.first),
            _digits(c.second),
            "–" if pd.isna(c.difference) else f"{c.difference:+.3f}",
            f"{_digits(c.low)} to {_digits(c.high)}",
            "–" if pd.isna(c.difference) else f"{c.p:.3f}",
        ]
        for c in rows(found)
    ]
    columns = [
        ("theme", "text"),
        ("measure", "text"),
        ("first", "number"),
        ("second", "number"),
        ("difference", "number"),
        ("95% interval", "number"),
        ("p", "number"),
    ]
    return Table("Second against first, paired over the same resamples", columns, cells)


def compared(articles: int, left_out: int) -> Prose:
    """Return how many articles have labels that count, and whether they are too few to say anything."""
    return Prose(" ".join(_compared(articles, left_out)))


def _compared(articles: int, left_out: int) -> list[str]:
    told = [
        f"{counted(articles, 'article has a label', 'articles have labels')} that can be compared; "
        f"{counted(left_out, 'row was', 'rows were')} left out."
    ]
    few = "So few labels say next to nothing: every figure may be chance, whatever its interval."
    return [*told, few] if articles < _FEWEST else told


def sentences(summary: pd.DataFrame, titles: Mapping[str, str], articles: int, left_out: int) -> list[str]:
    """Return the figures of the themes in sentences, for the terminal."""
    found = {(m.system, m.theme, m.measure): m for m in rows(summary)}
    told = _compared(articles, left_out)
    for theme, title in {**titles, _MEAN: "Mean over themes"}.items():
        parts = [
            f"{_NAMES[key]} {_figure(found.get(('themes', theme, key)), key)}"
            for key in ("f1", "f1_ratio", "average_precision", "ece")
        ]
        told.append(f"{title}: {', '.join(parts)}.")
    for key in ("average_precision", "f1", "accuracy"):
        mine, top = found.get(("themes", _MEAN, key)), found.get(("supervised", _MEAN, key))
        if mine and top and _share(mine.value, top.value) != "–":
            told.append(f"Of supervised {_NAMES[key]} ({_digits(top.value)}): {_share(mine.value, top.value)}.")
    return told
