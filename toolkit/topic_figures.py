"""Figures of the topics: their sizes, and the map of the articles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, date, number, percent, rows
from toolkit.style import INK, finish, safe, wrap

_MAP_POINTS = 6000


def topic_sizes(topics: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> go.Figure:
    """Draw topics by size, coloured by theme. `topics` as `topics.topic_themes` gives them."""
    figure = go.Figure()
    shown = topics.iloc[::-1]
    for theme in [*titles, ""]:
        mine = shown[shown["theme"] == theme]
        if mine.empty:
            continue
        figure.add_bar(
            x=mine["articles"],
            y=[f"{safe(label, 46)} " for label in mine["label"]],
            orientation="h",
            name=safe(titles.get(theme, "no theme")),
            marker_color=colours[theme],
            customdata=[[percent(m.share), f"articles/topic-{m.topic_id}.html"] for m in rows(mine)],
            hovertemplate="%{y}: %{x:,} articles, %{customdata[0]}<extra></extra>",
        )
    order = [f"{safe(label, 46)} " for label in shown["label"]]
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_xaxes(title="articles", rangemode="tozero")
    figure.update_layout(barmode="overlay", bargap=0.25)
    return finish(
        figure,
        "topic-sizes",
        "Topics found in the articles, by size",
        _topics_table(topics, titles),
        140 + 24 * len(topics),
    )


def _topics_table(topics: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    cells = [
        [
            (m.label, f"articles/topic-{m.topic_id}.html"),
            number(m.articles),
            percent(m.share),
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
        ("theme", "text"),
        ("further terms", "text"),
        ("most central article", "text"),
    ]
    return Table("Topics", columns, cells)


def topic_map(
    places: pd.DataFrame, topics: pd.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]
) -> go.Figure:
    """Draw articles near to those like them. `places`: ``x, y, title, published, source, topic, page, theme``.

    Beyond 6,000 articles every n-th is drawn, and the caption says so.
    """
    step = -(-len(places) // _MAP_POINTS)
    shown = places.iloc[:: max(1, step)]
    figure = go.Figure()
    for theme in ["", *titles]:
        mine = shown[shown["theme"] == theme]
        figure.add_scattergl(
            x=mine["x"],
            y=mine["y"],
            mode="markers",
            name=safe(titles.get(theme, "no theme")),
            marker={"size": 5 if len(shown) > 1000 else 7, "color": colours[theme], "opacity": 0.75},
            customdata=[
                [wrap(m.title), f"{date(m.published)}, {safe(m.source, 40)}", safe(m.topic, 50), m.page]
                for m in rows(mine)
            ],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>topic: %{customdata[2]}<extra></extra>",
        )
    for m in rows(topics.head(18)):
        figure.add_annotation(
            x=m.x,
            y=m.y,
            text=safe(m.short, 32),
            showarrow=False,
            font={"size": 11, "color": INK},
            bgcolor="rgba(255,255,255,0.72)",
        )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    part = f"; one article in {step} is drawn" if step > 1 else ""
    caption = f"Map of the articles: near means alike; colour is the surest theme{part}"
    cells = [[m.label, number(m.articles)] for m in rows(topics)]
    table = Table("Topics on the map", [("topic", "text"), ("articles", "number")], cells)
    return finish(figure, "topic-map", caption, table, 620)


def choice_table(choice: pd.DataFrame, chosen: int) -> Table:
    """Return what was tried for the number of topics; `choice` as `topics.choose_number` gives it."""
    cells = [
        [
            f"{c.topics}{' (chosen)' if c.topics == chosen else ''}",
            f"{c.separation:.2f}",
            f"{c.stability:.2f}",
            f"{c.score:.3f}",
        ]
        for c in rows(choice)
    ]
    columns = [("topics", "number"), ("separation", "number"), ("stability", "number"), ("product", "number")]
    return Table(
        "Numbers of topics that were tried" if cells else f"The number of topics, {chosen}, was not searched for",
        columns,
        cells,
    )
