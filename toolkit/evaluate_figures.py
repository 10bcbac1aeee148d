"""Figures of an evaluation: average precision beside ceiling and peers, reliability, confusion. Tables in, figures out.

Nothing is computed, read or written here; see `figures` for what a figure carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, counted, number, percent, rows
from toolkit.style import ACCENT, INK, SOURCES, Parts, finish, nothing, safe, within

_MEAN = "mean"
_BINS = 15
_GIVEN = {"range": [-0.01, 1.01], "tickformat": ".0%"}
_HAVING, _MANY = {"range": [-0.02, 1.02], "tickformat": ".0%"}, {"type": "log", "dtick": 1, "tickformat": ",d"}
_RELIABLE = {
    "xaxis": {"anchor": "y", "domain": [0, 1], "matches": "x2", "showticklabels": False, **_GIVEN},
    "xaxis2": {"anchor": "y2", "domain": [0, 1], "title": "probability that was given", **_GIVEN},
    "yaxis": {"anchor": "x", "domain": [0.3232, 1], "title": "share that has the theme", **_HAVING},
    "yaxis2": {"anchor": "x2", "domain": [0, 0.2632], "title": "articles", **_MANY},
}
"""Shares above, and the number of articles below them."""
_COLOURS = {"second": SOURCES[2], "supervised": SOURCES[3], "similarity": SOURCES[6], "bertopic": SOURCES[0]}


def _bars(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return plotly's error bars from the columns ``low`` and ``high`` about the column `name`."""
    above, below = table["high"] - table[name], table[name] - table["low"]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5, "width": 0}


def systems(summary: pd.DataFrame, titles: Mapping[str, str], names: Mapping[str, str]) -> go.Figure:
    """Draw the average precision of each system per theme with its interval; `summary` as `evaluate.summarise` gives.

    `names`: system -> what it is called.
    """
    shown = summary[(summary["measure"] == "average_precision") & summary["value"].notna()]
    if shown.empty:
        return nothing("systems", "Average precision", "No theme has an article with its label.")
    order = [theme for theme in [*titles, _MEAN] if theme in set(shown["theme"])][::-1]
    called = {**titles, _MEAN: "mean over themes"}
    dots = []
    for index, (system, name) in enumerate(names.items()):
        mine = shown[shown["system"] == system].set_index("theme").reindex(order).dropna(subset="value")
        shift = (index - (len(names) - 1) / 2) * -0.16
        dots.append(
            {
                "type": "scatter",
                "x": mine["value"],
                "y": [order.index(theme) + shift for theme in mine.index],
                "mode": "markers",
                "name": safe(name),
                "marker": {"size": 11 if index == 0 else 8, "color": _COLOURS.get(system, ACCENT)},
                "error_x": _bars(mine, "value"),
                "customdata": [safe(called[theme]) for theme in mine.index],
                "hovertemplate": "%{customdata}: %{x:.3f}<extra>" + safe(name) + "</extra>",
            }
        )
    ticks = [f"{safe(called[theme], 30)} " for theme in order]
    layout = {
        "yaxis": {"tickvals": list(range(len(order))), "ticktext": ticks, "range": [-0.6, len(order) - 0.4]},
        "xaxis": {"title": "average precision, with 95% interval", "range": [0, 1.02]},
    }
    height = 170 + (24 + 16 * len(names)) * len(order)
    caption = "Average precision: how well the articles of a theme are ranked above all others"
    return finish(dots, layout, "systems", caption, _systems_table(shown, order[::-1], called, names), height)


def _systems_table(
    shown: pd.DataFrame, order: Sequence[str], called: Mapping[str, str], names: Mapping[str, str]
) -> Table:
    cells = [
        [called[theme], names[m.system], f"{m.value:.3f}", f"{m.low:.3f} to {m.high:.3f}"]
        for theme in order
        for m in rows(shown[shown["theme"] == theme])
    ]
    columns = [("theme", "text"), ("scored by", "text"), ("average precision", "number"), ("95% interval", "number")]
    return Table("Average precision", columns, cells)


def reliability(bins: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw what probabilities are worth; `bins` as `evaluate.reliability` gives them. Below: articles in each bin."""
    line = {"color": INK, "dash": "dot", "width": 1}
    ideal = {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "line": line, "hoverinfo": "skip"}
    traces: list[Parts] = [{**ideal, "name": "as it should be"}]
    for theme, title in titles.items():
        mine = bins[bins["theme"] == theme].sort_values("bin")
        lines = {
            "type": "scatter",
            "x": mine["score"],
            "y": mine["share"],
            "mode": "lines+markers",
            "name": safe(title),
            "legendgroup": theme,
            "line": {"color": colours[theme], "width": 1.5},
            "marker": {"size": 8},
            "error_y": _bars(mine, "share"),
            "customdata": [counted(m.articles, "article") for m in rows(mine)],
            "hovertemplate": "said %{x:.0%}, true %{y:.0%}, %{customdata}<extra>" + safe(title) + "</extra>",
        }
        bars = {
            "type": "bar",
            "x": (mine["bin"] + 0.5) / _BINS,
            "y": mine["articles"],
            "marker": {"color": colours[theme]},
            "legendgroup": theme,
            "showlegend": False,
            "hovertemplate": "%{y:,} articles<extra>" + safe(title) + "</extra>",
            **within(1),
        }
        traces += [lines, bars]
    caption = "Share of the articles that have the theme, by the probability that was given"
    return finish(traces, _RELIABLE, "reliability", caption, _reliability_table(bins, titles), 560)


def _reliability_table(bins: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    cells = [
        [
            titles[m.theme],
            f"{m.bin / _BINS:.0%} to {(m.bin + 1) / _BINS:.0%}",
            number(m.articles),
            percent(m.score),
            percent(m.share),
            f"{percent(m.low)} to {percent(m.high)}",
        ]
        for m in rows(bins)
    ]
    columns = [
        ("theme", "text"),
        ("probability", "text"),
        ("articles", "number"),
        ("mean probability", "number"),
        ("have the theme", "number"),
        ("95% interval", "number"),
    ]
    return Table("Reliability", columns, cells)


def confusion(counts: pd.DataFrame, titles: Mapping[str, str]) -> go.Figure:
    """Draw which theme is taken for which; `counts` as `evaluate.confusion` gives them. Colour: share of the row."""
    called = {**titles, "": "no theme"}
    order = list(called)
    wide = counts.pivot(index="gold", columns="said", values="articles").loc[order, order].to_numpy(np.float64)
    total = wide.sum(axis=1, keepdims=True)
    share = np.divide(wide, total, out=np.zeros_like(wide), where=total > 0)
    labels = [safe(name, 26) for name in called.values()]
    drawn = {
        "type": "heatmap",
        "z": share,
        "x": labels,
        "y": [f"{label} " for label in labels],
        "text": [[number(value) for value in row] for row in wide],
        "texttemplate": "%{text}",
        "colorscale": [[0, "white"], [1, "#7FA6C9"]],
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "labelled %{y}, said %{x}: %{text} articles, %{z:.0%}<extra></extra>",
    }
    layout = {
        "yaxis": {"title": {"text": "labelled", "standoff": 18}, "autorange": "reversed", "showgrid": False},
        "xaxis": {"title": "said (the likeliest theme that was decided for)", "showgrid": False},
    }
    cells = [[name, *(number(value) for value in row)] for name, row in zip(called.values(), wide, strict=True)]
    columns = [("labelled", "text"), *((f"said: {name}", "number") for name in called.values())]
    caption = "Which theme is taken for which; an article labelled with several counts for each"
    return finish([drawn], layout, "confusion", caption, Table("Confusion", columns, cells), 190 + 40 * len(order))
