"""What periods are called in a sentence.

A period has a label from `trends.calendar`: ``4 March 2024``, ``week of 4 March 2024``, ``March 2024``, ``Q1 2024``,
``2024``.
"""

from __future__ import annotations

import re

_WEEK = "week of "
_YEAR, _MONTH = re.compile(r" \d{4}$"), re.compile(r" \D+ \d{4}$")
_DURING = {
    "day": ("on {}", "on the days from {}"),
    "week": ("in the {}", "in the {}"),
    "month": ("in {}", "in the months of {}"),
    "quarter": ("in {}", "in the quarters {}"),
    "year": ("in {}", "in the years {}"),
}


def span(first: str, last: str) -> str:
    """Return from when to when, by the labels of the first and the last period.

    >>> span("week of 27 February 2017", "week of 6 March 2017"), span("4 March 2024", "6 March 2024")
    ('weeks of 27 February to 6 March 2017', '4 to 6 March 2024')
    """
    if first == last:
        return first
    tail = "" if (year := _YEAR.search(last)) is None else year[0]
    if _kind(first) == "day" and (month := _MONTH.search(last)) and first.endswith(month[0]):
        tail = month[0]
    first = first.removesuffix(tail)
    if first.startswith(_WEEK):
        return f"weeks of {first.removeprefix(_WEEK)} to {last.removeprefix(_WEEK)}"
    return f"{first} to {last}"


def named(label: str) -> str:
    """Return a period, or a span of them, with its article where it takes one.

    >>> named("week of 4 March 2024"), named("March 2024")
    ('the week of 4 March 2024', 'March 2024')
    """
    return f"the {label}" if _kind(label) == "week" else label


def during(label: str) -> str:
    """Return when, by the label of a period or of a span of them.

    >>> during("4 March 2024"), during("Q1 2024"), during("2001 to 2004")
    ('on 4 March 2024', 'in Q1 2024', 'in the years 2001 to 2004')
    """
    return _DURING[_kind(label)][" to " in label].format(label)


def _kind(label: str) -> str:
    if label.startswith("week"):
        return "week"
    if re.match(r"Q\d", label):
        return "quarter"
    if re.match(r"\d{4}\b", label):
        return "year"
    return "day" if label[:1].isdigit() else "month"
