"""The figure of groups over time, with the words in which each period tells them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, counted, date, number, percent, rows
from toolkit.style import ACCENT, finish, nothing, panels, safe, within
from toolkit.trend_figures import axis_ticks, crowded_span, strayed

_MOST = 6
_MOST_ROWS = 200


def courses(course: pd.DataFrame, labels: Mapping[int, str], name: str) -> go.Figure:
    """Draw the share of each of the six largest groups in a panel of its own, the words of a period in its hover.

    `course` as `overtime.over_time` gives it, its ``start`` a date; `labels` are what the groups are called.
    """
    sizes = course.groupby("group")["articles"].sum().sort_values(ascending=False, kind="stable")
    shown = [group for group in sizes.index if group in labels and sizes[group]][:_MOST]
    caption = f"Share of articles of the {len(shown)} largest topics over time; a point tells the words of its period"
    if not shown:
        return nothing(name, "Topics over time", "No article has a date, so there is nothing to show over time.")
    titles = [safe(labels[group], 80) for group in shown]
    lines = []
    for place, group in enumerate(shown):
        mine = course[course["group"] == group]
        lines.append(
            {
                "type": "scatter",
                "x": mine["start"],
                "y": mine["share"].where(mine["total"] > 0),
                "mode": "lines+markers",
                "cliponaxis": False,
                "line": {"color": ACCENT, "width": 2},
                "customdata": [
                    [number(m.articles), counted(m.total, "article"), safe(", ".join(m.terms))] for m in rows(mine)
                ],
                "hovertemplate": "<b>from %{x|%-d %B %Y}</b>: %{y:.1%}, %{customdata[0]} of %{customdata[1]}"
                "<br>%{customdata[2]}<extra></extra>",
                **within(place),
            }
        )
    span, outside = crowded_span(course)
    heading = {"x": 0, "xanchor": "left", "font": {"size": 13}}
    across = {**axis_ticks(course["start"], span), "range": span}
    upright = {"tickformat": ".0%", "rangemode": "tozero", "nticks": 4}
    layout = panels(titles, 1, (0.2 / len(shown), 0), heading, across, upright)
    layout |= {"showlegend": False, "hovermode": "closest"}
    layout[f"xaxis{len(shown)}" if shown[1:] else "xaxis"]["showticklabels"] = True
    if outside:
        caption += f"; {strayed(outside)}"
    return finish(lines, layout, name, caption, _table(course, shown, labels), 90 + 130 * len(shown))


def _table(course: pd.DataFrame, shown: list[int], labels: Mapping[int, str]) -> Table:
    """Return the periods in which a topic has most of the articles, its own words beside them."""
    mine = course[course["group"].isin(shown) & course["articles"].gt(0)]
    largest = mine.sort_values(["share", "group", "start"], ascending=[False, True, True], kind="stable")
    cells = [
        [labels[m.group], date(m.start), number(m.articles), percent(m.share), ", ".join(m.terms)]
        for m in rows(largest.head(_MOST_ROWS))
    ]
    kinds = [("topic", "text"), ("from", "text"), ("articles", "number"), ("share", "number"), ("words", "text")]
    return Table("Topics over time, the largest shares first", kinds, cells)
