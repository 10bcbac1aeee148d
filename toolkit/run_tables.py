"""Decisions and compared runs as tables that people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit.exhibits import Prose, Table, number, percent, probability, rows

_MOST_MOVED = 50


def decided(log: pd.DataFrame) -> Table | Prose:
    """Return what became of each decision, nothing where there is none; `log` as `decisions.apply` gives it."""
    if log.empty:
        return Prose("")
    cells = [[number(d.number), d.decision, d.status, d.detail, _page(d.topic_id, "its articles")] for d in rows(log)]
    columns = [("", "number"), ("decision", "text"), ("status", "text"), ("why", "text"), ("now", "link")]
    failed = int((log["status"] != "applied").sum())
    told = f", {number(failed)} of them not applied" if failed else ", all applied"
    return Table(f"Decisions{told}", columns, cells)


def _page(topic_id: int, text: str) -> tuple[str, str]:
    return (text, f"articles/topic-{topic_id}.html") if topic_id >= 0 else ("–", "")


def carried(matched: Any) -> Table | Prose:
    """Return which topics keep the name of the earlier run's; `matched` from `pairing.join_series`, None: no run."""
    if matched is None:
        return Prose("")
    counts = matched.links["kind"].value_counts()
    rest = ", ".join(f"{number(counts.get(kind, 0))} {kind}" for kind in ("new", "gone"))
    told = matched._replace(links=matched.links[matched.links["kind"].isin(["same", "split", "merged"])])
    return links(told, f"Topics beside those of the earlier run ({rest}): what is the same keeps its number and name")


def links(matched: Any, caption: str = "Topics of both runs") -> Table:
    """Return how topics of two runs go together, a row a link; `matched` as `pairing.match_topics` gives it."""
    cells = []
    for link in rows(matched.links):
        held = link.earlier_id >= 0 and link.later_id >= 0 and link.shared > 0
        kept, taken = (percent(value) if held else "–" for value in (link.kept, link.taken))
        words = ("at most " if min(link.earlier_id, link.later_id) < 0 else "") + f"{link.likeness:.2f}"
        cells.append([link.kind, link.earlier, link.later, number(link.shared), kept, taken, words])
    columns = [
        ("", "text"),
        ("earlier", "text"),
        ("later", "text"),
        ("articles in both", "number"),
        ("of the earlier's", "number"),
        ("of the later's", "number"),
        ("likeness of words", "number"),
    ]
    return Table(caption, columns, cells)


def moved_counts(moved: pd.DataFrame, titles: Mapping[str, str]) -> Table:
    """Return how many articles gained or lost each theme, by what differs; `moved` as `comparing.compare` gives it."""
    cells = []
    for (theme, why), mine in moved.groupby(["theme", "why"], sort=False):
        counts = [int((mine["change"] == change).sum()) for change in ("gained", "lost")]
        cells.append([titles.get(str(theme), str(theme)), *map(number, counts), str(why)])
    order = {title: place for place, title in enumerate(titles.values())}
    cells.sort(key=lambda cell: (order.get(cell[0], len(order)), cell[3]))
    columns = [("theme", "text"), ("gained", "number"), ("lost", "number"), ("what differs", "text")]
    return Table("Articles in both runs that changed theme" if cells else "No article changed theme", columns, cells)


def moved(table: pd.DataFrame, titles: Mapping[str, str], most: int = _MOST_MOVED) -> Table:
    """Return the articles that changed theme, the largest change of probability first."""
    cells = [
        [" ".join(str(m.title).split())[:160], titles.get(m.theme, m.theme), m.change, probability(m.score),
         probability(m.later_score), m.why]
        for m in rows(table.head(most))
    ]  # fmt: skip
    columns = [("article", "text"), ("theme", "text"), ("change", "text"), ("before", "number"), ("after", "number")]
    part = f" (the first {most} of {number(len(table))}; all are in moved.csv)" if len(table) > most else ""
    return Table(f"Articles that changed theme, one by one{part}", [*columns, ("what differs", "text")], cells)


def differences(table: pd.DataFrame) -> Table:
    """Return what differs between what two runs were made from."""
    cells = [[d.what, d.earlier, d.later, d.cause or "–"] for d in rows(table)]
    columns = [("", "text"), ("earlier", "text"), ("later", "text"), ("bears on themes as", "text")]
    return Table("What differs between the runs" if cells else "Nothing differs between the runs", columns, cells)


def sampled(read: int, count: int) -> Prose | None:
    """Return what is to be said where topics were found in `read` of `count` articles; None where it was in all."""
    if read >= count:
        return None
    return Prose(
        f"Topics were found in {number(read)} of the {number(count)} articles, drawn evenly over sources and time; "
        "each other article has the topic whose middle it is nearest to. Of 20,000 articles, where both could be done, "
        "those of half agreed with those of all by an adjusted Rand index of .83, and two searches in all that began "
        "elsewhere by .73."
    )
