"""The figure of two runs compared: where the articles of each topic went."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from toolkit.exhibits import Table, number, rows
from toolkit.style import INK, NO_THEME, finish, nothing, safe, topic_colour

_THIN = 0.1
_FAINT = "55"
_CAPTION = "Topics of the earlier run (left) and of the later one (right)"


def topic_flows(matched: Any, earlier: pd.DataFrame, later: pd.DataFrame) -> go.Figure:
    """Draw the flow of articles from the topics of one run to those of another.

    `matched` as `pairing.match_topics` gives it, `earlier` and `later` the topics of each run. Flows of less than a
    tenth of both topics are left out. A topic that is the same keeps its colour; the rest of the later run is grey.
    """
    flows = _thick(matched.flows)
    if flows.empty:
        return nothing("topic-flows", _CAPTION, "There is no topic to compare.")
    left, right = _shown(earlier, flows["earlier_id"]), _shown(later, flows["later_id"])
    labels = _labels(earlier, left, "not there yet") + _labels(later, right, "gone")
    same = matched.links[matched.links["kind"] == "same"]
    kept = {b: topic_colour(a) for a, b in zip(same["earlier_id"], same["later_id"], strict=True)}
    colours = [topic_colour(topic) for topic in left] + [kept.get(topic, NO_THEME) for topic in right]
    sources = [left.index(topic) for topic in flows["earlier_id"]]
    targets = [len(left) + right.index(topic) for topic in flows["later_id"]]
    drawn = {
        "type": "sankey",
        "arrangement": "snap",
        "node": {"label": labels, "color": colours, "pad": 14, "thickness": 14,
                 "line": {"width": 0}, "hovertemplate": "%{label}<extra></extra>"},
        "link": {"source": sources, "target": targets, "value": flows["articles"].tolist(),
                 "color": [f"{colours[source]}{_FAINT}" for source in sources],
                 "hovertemplate": "%{source.label} → %{target.label}: %{value:,} articles<extra></extra>"},
        "textfont": {"size": 13, "color": INK, "shadow": "none"},
    }  # fmt: skip
    names = [dict(zip(side["topic_id"], side["label"], strict=True)) for side in (earlier, later)]
    cells = [[names[0].get(f.earlier_id, "–"), names[1].get(f.later_id, "–"), number(f.articles)] for f in rows(flows)]
    what = "articles" if matched.by == "articles" else "articles (of the smaller topic: few are in both runs)"
    table = Table("Flows", [("earlier", "text"), ("later", "text"), (what, "number")], cells)
    return finish([drawn], {}, "topic-flows", _CAPTION, table, 120 + 44 * max(len(left), len(right)))


def _thick(flows: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is a sliver of both its topics."""
    if flows.empty:
        return flows
    sums = [flows.groupby(side)["articles"].transform("sum") for side in ("earlier_id", "later_id")]
    return flows[(flows["articles"] >= _THIN * sums[0]) | (flows["articles"] >= _THIN * sums[1])]


def _shown(topics: pd.DataFrame, ids: pd.Series) -> list[int]:
    """Return the topics that have a flow, in the order of size, and -1 behind them for none."""
    there = set(ids)
    return [int(topic) for topic in topics["topic_id"] if topic in there] + [-1] * (-1 in there)


def _labels(topics: pd.DataFrame, shown: list[int], other: str) -> list[str]:
    names = dict(zip(topics["topic_id"], topics["label"], strict=True))
    sizes = dict(zip(topics["topic_id"], topics["articles"], strict=True))
    return [f"{safe(names[t], 38)} ({number(sizes[t])})" if t in names else other for t in shown]
