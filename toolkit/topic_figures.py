"""Figures of the topics: their sizes, and the map of the articles."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, date, number, percent, rows
from toolkit.style import ACCENT, INK, finish, nothing, safe, wrap

_MAP_POINTS = 6000
_MAP_WIDTH, _MAP_HEIGHT = 900, 480
_LETTER, _LINE = 6.5, 17
"""Pixels: the map where it is narrow, a letter of a name on it and the height of its line."""
_FIRM, _FAIR = 0.75, 0.6
_SHOWN = (2, 3, 5, 8, 12, 18, 27, 40, 60)


def topic_sizes(topics: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw topics by size, coloured by theme. `topics` as `topics.topic_themes` gives them."""
    bars = []
    shown = topics.iloc[::-1]
    for theme in [*titles, ""]:
        mine = shown[shown["theme"] == theme]
        if mine.empty:
            continue
        bars.append(
            {
                "type": "bar",
                "x": mine["articles"],
                "y": [f"{safe(label, 46)} " for label in mine["label"]],
                "orientation": "h",
                "name": safe(titles.get(theme, "no theme")),
                "marker": {"color": colours[theme]},
                "text": [firmness(getattr(m, "stability", math.nan)).split(" (")[0] for m in rows(mine)],
                "textposition": "outside",
                "cliponaxis": False,
                "customdata": [[percent(m.share), f"articles/topic-{m.topic_id}.html"] for m in rows(mine)],
                "hovertemplate": "%{y}: %{x:,} articles, %{customdata[0]}; %{text}<extra></extra>",
            }
        )
    layout = {
        "barmode": "overlay",
        "bargap": 0.25,
        "yaxis": {"categoryorder": "array", "categoryarray": [f"{safe(label, 46)} " for label in shown["label"]]},
        "xaxis": {"title": "articles", "rangemode": "tozero", "tickformat": ",d"},
    }
    caption, table = "Topics found in the articles, by size", _topics_table(topics, titles)
    return finish(bars, layout, "topic-sizes", caption, table, 140 + 24 * len(topics))


def _topics_table(topics: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    cells = [
        [
            (m.label, f"articles/topic-{m.topic_id}.html"),
            number(m.articles),
            percent(m.share),
            firmness(getattr(m, "stability", math.nan)),
            titles.get(m.theme, "none"),
            ", ".join(term for term in m.terms if term not in m.label.split(", ")),
            m.titles[0] if len(m.titles) else "",
        ]
        for m in rows(topics)
    ]
    columns = [
        ("topic", "link"),
        ("articles", "number"),
        ("share", "number"),
        ("found again", "text"),
        ("theme", "text"),
        ("further terms", "text"),
        ("most central article", "text"),
    ]
    return Table("Topics", columns, cells)


def firmness(stability: float) -> str:
    """Return how surely a topic is found again, in a word and as a number; `stability` as `stability.measure` gives it.

    >>> firmness(0.82), firmness(0.64), firmness(0.41), firmness(math.nan)
    ('firm (.82)', 'fair (.64)', 'loose (.41)', '')
    """
    if math.isnan(stability):
        return ""
    word = "firm" if stability >= _FIRM else "fair" if stability >= _FAIR else "loose"
    return f"{word} ({stability:.2f})".replace("(0.", "(.")


def topic_tree(lines: pd.DataFrame, topics: pd.DataFrame, total: int) -> go.Figure:
    """Draw how topics lie to each other: those that are joined further left are more alike.

    `lines` and `topics` as `levels.branches` gives them; `total` articles are there.
    """
    if len(topics) < 2:
        return nothing("topic-tree", "How the topics lie to each other", "There is one topic only.")
    xs = [x for line in rows(lines) for x in (line.x0, line.x1, None)]
    ys = [y for line in rows(lines) for y in (line.y0, line.y1, None)]
    lined = {"mode": "lines", "line": {"color": ACCENT, "width": 1.6}, "hoverinfo": "skip"}
    dotted = {
        "mode": "markers",
        "cliponaxis": False,
        "marker": {"size": 9, "color": ACCENT},
        "customdata": [
            [safe(m.label, 60), number(m.articles), "".join(f"<br>· {safe(part, 50)}" for part in m.parts)]
            for m in rows(topics)
        ],
        "hovertemplate": "<b>%{customdata[0]}</b>, %{customdata[1]} articles%{customdata[2]}<extra></extra>",
    }
    places = list(range(len(topics)))
    traces = [
        {"type": "scatter", "x": x, "y": y, "showlegend": False, **drawn}
        for x, y, drawn in ((xs, ys, lined), ([0.0] * len(topics), places, dotted))
    ]
    bare = {"showgrid": False}
    layout = {
        "yaxis": {
            "tickvals": places,
            "ticktext": [f"{safe(label, 46)} " for label in topics["label"]],
            "range": [len(topics) - 0.5, -0.5],
            "showline": False,
            **bare,
        },
        "xaxis": {"title": "further right: less alike", "showticklabels": False, "rangemode": "tozero", **bare},
    }
    caption = "How the topics lie to each other: joined further left means more alike"
    return finish(traces, layout, "topic-tree", caption, _tree_table(topics, total), 140 + 26 * len(topics))


def _tree_table(topics: pd.DataFrame, total: int) -> Table:
    cells = [
        [
            (m.label, f"articles/topic-{m.topic_id}.html"),
            number(m.articles),
            percent(m.articles / max(1, total)),
            "; ".join(m.parts) or "one part",
        ]
        for m in rows(topics)
    ]
    columns = [("topic", "link"), ("articles", "number"), ("share", "number"), ("its parts, the largest first", "text")]
    return Table("Topics in the order of the tree, and their parts", columns, cells)


def topic_map(
    places: pd.DataFrame, topics: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]
) -> go.Figure:
    """Draw articles near to those like them. `places`: ``x, y, title, published, source, topic, page, theme``.

    Beyond 6,000 articles every n-th is drawn, and the caption says so.
    """
    step = -(-len(places) // _MAP_POINTS)
    shown = places.iloc[:: max(1, step)]
    dots = []
    for theme in ["", *titles]:
        mine = shown[shown["theme"] == theme]
        dots.append(
            {
                "type": "scattergl",
                "x": mine["x"],
                "y": mine["y"],
                "mode": "markers",
                "name": safe(titles.get(theme, "no theme")),
                "marker": {"size": 5 if len(shown) > 1000 else 7, "color": colours[theme], "opacity": 0.75},
                "customdata": [
                    [wrap(m.title), f"{date(m.published)}, {safe(m.source, 40)}", safe(m.topic, 50), m.page]
                    for m in rows(mine)
                ],
                "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>topic: %{customdata[2]}"
                "<extra></extra>",
            }
        )
    look = {"showarrow": False, "font": {"size": 11, "color": INK}, "bgcolor": "rgba(255,255,255,0.72)"}
    largest = topics.head(18)
    named = [
        {"x": m.x, "y": m.y, "yshift": shift, "text": safe(m.short, 32), **look}
        for m, shift in zip(rows(largest), _apart(largest, shown), strict=True)
    ]
    layout = {"annotations": named, "xaxis": {"visible": False}, "yaxis": {"visible": False}}
    part = f"; one article in {step} is drawn" if step > 1 else ""
    caption = f"Map of the articles: near means alike; colour is the surest theme{part}"
    cells = [[m.label, number(m.articles)] for m in rows(topics)]
    table = Table("Topics on the map", [("topic", "text"), ("articles", "number")], cells)
    return finish(dots, layout, "topic-map", caption, table, 620)


def _apart(topics: pd.DataFrame, shown: pd.DataFrame) -> list[int]:
    """Return by how many pixels each name is moved up on the map, so that none lies on that of a larger topic."""
    span = {axis: float(np.ptp(shown[axis])) or 1.0 for axis in ("x", "y")} if len(shown) else {"x": 1.0, "y": 1.0}
    placed: list[tuple[float, float, float]] = []
    shifts = []
    for topic in rows(topics):
        across, up = _MAP_WIDTH * topic.x / span["x"], _MAP_HEIGHT * topic.y / span["y"]
        half = _LETTER * min(len(topic.short), 32) / 2
        for shift in (0, _LINE, -_LINE, 2 * _LINE, -2 * _LINE, 0):
            if all(abs(across - x) > half + h or abs(up + shift - y) >= _LINE for x, y, h in placed):
                break
        placed.append((across, up + shift, half))
        shifts.append(shift)
    return shifts


def choice_table(choice: pd.DataFrame, chosen: int) -> Table:
    """Return some of the numbers of topics that were looked at; `choice` as `topics.Topics` has it."""
    best = int(choice["topics"].iloc[choice["modularity"].argmax()]) if len(choice) else 0
    close = choice["silhouette"].notna()
    shown = choice[close | choice["topics"].isin([*_SHOWN, chosen - 1, chosen, chosen + 1, best])]
    notes = {best: "the greatest", chosen: "chosen"}
    cells = [
        [
            number(c.topics),
            f"{c.modularity:.3f}",
            f"{c.modularity / choice['modularity'].max():.1%}",
            f"{c.silhouette:.3f}" if c.silhouette == c.silhouette else "",
            notes.get(c.topics, ""),
        ]
        for c in rows(shown)
    ]
    names = ("topics", "modularity", "of the greatest", "silhouette")
    columns = [*((name, "number") for name in names), ("", "text")]
    return Table(
        "Numbers of topics that were looked at" if cells else f"The number of topics, {chosen}, was not searched for",
        columns,
        cells,
    )
