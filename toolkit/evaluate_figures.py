"""Figures of an evaluation: average precision beside ceiling and peers, reliability, confusion. Tables in, figures out.

Nothing is computed, read or written here; see `figures` for what a figure carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from toolkit.exhibits import Table, counted, number, percent, rows
from toolkit.style import ACCENT, INK, SOURCES, finish, nothing, safe

_MEAN = "mean"
_BINS = 15
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
    figure = go.Figure()
    for index, (system, name) in enumerate(names.items()):
        mine = shown[shown["system"] == system].set_index("theme").reindex(order).dropna(subset="value")
        shift = (index - (len(names) - 1) / 2) * -0.16
        figure.add_scatter(
            x=mine["value"],
            y=[order.index(theme) + shift for theme in mine.index],
            mode="markers",
            name=safe(name),
            marker={"size": 11 if index == 0 else 8, "color": _COLOURS.get(system, ACCENT)},
            error_x=_bars(mine, "value"),
            customdata=[safe(called[theme]) for theme in mine.index],
            hovertemplate="%{customdata}: %{x:.3f}<extra>" + safe(name) + "</extra>",
        )
    ticks = [f"{safe(called[theme], 30)} " for theme in order]
    figure.update_yaxes(tickvals=list(range(len(order))), ticktext=ticks, range=[-0.6, len(order) - 0.4])
    figure.update_xaxes(title="average precision, with 95% interval", range=[0, 1.02])
    height = 170 + (24 + 16 * len(names)) * len(order)
    caption = "Average precision: how well the articles of a theme are ranked above all others"
    return finish(figure, "systems", caption, _systems_table(shown, order[::-1], called, names), height)


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
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    ideal = {"color": INK, "dash": "dot", "width": 1}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="as it should be", line=ideal, hoverinfo="skip")
    for theme, title in titles.items():
        mine = bins[bins["theme"] == theme].sort_values("bin")
        told = [counted(m.articles, "article") for m in rows(mine)]
        figure.add_scatter(
            x=mine["score"],
            y=mine["share"],
            mode="lines+markers",
            name=safe(title),
            legendgroup=theme,
            line={"color": colours[theme], "width": 1.5},
            marker={"size": 8},
            error_y=_bars(mine, "share"),
            customdata=told,
            hovertemplate="said %{x:.0%}, true %{y:.0%}, %{customdata}<extra>" + safe(title) + "</extra>",
        )
        figure.add_bar(
            x=(mine["bin"] + 0.5) / _BINS,
            y=mine["articles"],
            marker_color=colours[theme],
            legendgroup=theme,
            showlegend=False,
            hovertemplate="%{y:,} articles<extra>" + safe(title) + "</extra>",
            row=2,
            col=1,
        )
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_xaxes(title="probability that was given", row=2, col=1)
    figure.update_yaxes(title="share that has the theme", range=[-0.02, 1.02], tickformat=".0%", row=1, col=1)
    figure.update_yaxes(title="articles", type="log", dtick=1, tickformat=",d", row=2, col=1)
    caption = "Share of the articles that have the theme, by the probability that was given"
    return finish(figure, "reliability", caption, _reliability_table(bins, titles), 560)


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
    figure = go.Figure(
        go.Heatmap(
            z=share,
            x=labels,
            y=[f"{label} " for label in labels],
            text=[[number(value) for value in row] for row in wide],
            texttemplate="%{text}",
            colorscale=[[0, "white"], [1, "#7FA6C9"]],
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="labelled %{y}, said %{x}: %{text} articles, %{z:.0%}<extra></extra>",
        )
    )
    figure.update_yaxes(title={"text": "labelled", "standoff": 18}, autorange="reversed", showgrid=False)
    figure.update_xaxes(title="said (the likeliest theme that was decided for)", showgrid=False)
    cells = [[name, *(number(value) for value in row)] for name, row in zip(called.values(), wide, strict=True)]
    columns = [("labelled", "text"), *((f"said: {name}", "number") for name in called.values())]
    caption = "Which theme is taken for which; an article labelled with several counts for each"
    return finish(figure, "confusion", caption, Table("Confusion", columns, cells), 190 + 40 * len(order))
