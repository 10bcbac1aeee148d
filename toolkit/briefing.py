"""Sentences made from the numbers, and never beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from toolkit import periods
from toolkit.exhibits import counted, date, number, percent, points, rows, signed, with_bounds

_NAMED_THEMES = 12
_EXPECTED = (
    "Shares over time, and those of two windows, are **expected shares**: the mean of the articles' probabilities. "
    "Numbers of articles and stories, and what stands out beyond chance, are those of labels."
)
_SAME_SOURCES = 0.1
"""Least part of a change, as a share of it, for which the same sources are said to stand."""
_MOST = 0.5
_ROUND, _LEAST = 0.0095, 0.0005


def overview(articles: pd.DataFrame, dropped: pd.DataFrame, totals: pd.DataFrame) -> str:
    """Return one sentence on what was read: articles, stories, sources, span, losses."""
    dated = articles["published"].dropna()
    sources = articles.loc[articles["source"] != "", "source"].nunique()
    stories = counted(articles["story_id"].nunique(), "story", "stories")
    told = f" telling {stories}" if articles["story_id"].nunique() < len(articles) else ", no two of one story"
    parts = [f"{counted(len(articles), 'article')}{told}" if len(articles) > 1 else "One article"]
    if sources:
        parts.append(f"from {counted(sources, 'source')}")
    if len(dated):
        first, last = date(dated.min()), date(dated.max())
        parts.append(f"published {first}" if first == last else f"published {first} to {last}")
    undated = len(articles) - len(dated)
    unasked = int((dropped["stage"] == "select").sum())  # by dates, sources or places
    lost = f"; {counted(rest, 'row')} dropped" if (rest := len(dropped) - unasked) else "; nothing dropped"
    lost += f", {number(unasked)} outside what was asked for" * (unasked > 0)
    missing = f"; {number(undated)} without a date, outside the trends" if undated else ""
    none = totals.loc[totals["theme"] == ""].iloc[0]
    return ", ".join(parts) + lost + missing + f". {percent(none['share'])} carry none of the themes."


def caution(points: pd.DataFrame) -> str:
    """Return a warning when periods hold articles of other sources than the rest, or what shares are expected ones."""
    expected = "counted" in points and bool((points["counted"] == "probabilities").any())
    return "\n\n".join(filter(None, [_unlike(points), _EXPECTED * expected]))


def _unlike(points: pd.DataFrame) -> str:
    every = points[points["total"] > 0].drop_duplicates("start").sort_values("start")
    unlike = every[~every["comparable"]]
    if unlike.empty:
        return ""
    labels, affected = unlike["label"], int(unlike["total"].sum())
    span, verb, their, are = labels.iloc[0], "comes", "Its share tells", "it is"
    if len(unlike) > 1:
        span, verb, their, are = periods.span(span, labels.iloc[-1]), "come", "Their shares tell", "they are"
    return (
        f"**Caution**: {number(len(unlike))} of {counted(len(every), 'period')} ({span}; "
        f"{counted(affected, 'article')}) {verb} from other sources than the rest. {their} what was collected, not "
        f"what changed; {are} drawn hollow and left out where single periods are compared. Halves of the coverage hold "
        "such articles too, and tell apart what the mix of sources adds."
    )


def apart(articles: pd.DataFrame, placed: int) -> str:
    """Return how many dated articles have no place in the trends, or nothing; `placed` is how many have one."""
    dated = articles["published"].dropna()
    if len(dated) == placed:
        return ""
    return (
        f"**Dates**: {counted(len(dated) - placed, 'article is', 'articles are')} dated far from all others (all run "
        f"from {date(dated.min())} to {date(dated.max())}) and outside the trends; see whether the dates are right."
    )


def too_few(periods: int | None) -> str:
    """Return what fewer than eight comparable periods forbid to say; `periods` from `findings.few_periods`."""
    if periods is None:
        return ""
    if not periods:
        return "No period can be compared with another, so nothing can be said of change."
    can = f"Only {number(periods)} periods can" if periods > 1 else "Only one period can"
    return f"{can} be compared: too few to tell a change from chance period by period."


def theme_sentence(theme: str, title: str, totals: pd.DataFrame, found: pd.DataFrame, halves: pd.DataFrame) -> str:
    """Return what is to be said of a theme: how much, and what changed beyond chance."""
    mine = totals.loc[totals["theme"] == theme].iloc[0]
    said = [
        f"**{_plain(title)}**: {counted(mine['articles'], 'article')} ({percent(mine['share'])}), "
        f"{counted(mine['stories'], 'story', 'stories')}."
    ]
    events = rows(found[found["theme"] == theme])
    said += [_event(event) for event in events]
    moved = [_half(half) for half in _moved(halves, theme)]
    if (halves["since"] == "").any():
        said += moved or _unmoved(halves, theme)
    elif not any(event.lasting for event in events):
        said += moved
    return " ".join(said if len(said) > 1 else [*said, *_unmoved(halves, theme)])


def rising(alarms: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Return what rises at the end, seen from the past alone, or nothing; `alarms` from `watch.rising`."""
    said = [
        f"{_plain(titles[a.theme])} has {percent(a.share)} of the stories since {periods.named(a.label)}, against "
        f"{percent(a.before)} before"
        for a in rows(alarms)
    ]
    end = "; such an alarm rings falsely once in fifty periods or less often, so read the articles first."
    return f"**Watch**: {'; '.join(said)}{end}" if said else ""


def _event(event: Any) -> str:
    share, rest = (with_bounds(*at) for at in ((event.share, event.low, event.high),
                                               (event.rest, event.rest_low, event.rest_high)))  # fmt: skip
    if event.against == "before":
        verb = "rose" if event.way == "rise" else "fell"
        said = f"Its share of stories {verb} from {rest} to {share} {_when(event)}"
    else:
        said = f"Its share of stories was {share} {_when(event)}, against {rest} in other periods"
    said += "" if pd.isna(event.then) else f", and {percent(event.then)} afterwards"
    return f"{said}{_same_outlets(event)}; {_tellers(event)}."


def _when(event: Any) -> str:
    return f"from {periods.named(event.label)} on" if event.lasting else periods.during(event.label)


def _same_outlets(event: Any) -> str:
    """Say how much of a rise or fall the same sources make, as far as its interval supports it.

    More than all of it is all of it. That the same sources stand behind it at all asks for an interval above zero.
    """
    if pd.isna(event.within):
        return ""
    if event.within_low == event.within_high:
        return "; no source has articles enough on both sides to say whether the same sources write so"
    part, low, high = (min(1, max(0, bound)) for bound in (event.within, event.within_low, event.within_high))
    if low > 0:
        whole = "all" if part > 1 - _SAME_SOURCES / 2 else f"{part:.0%}"
        least = f"at least {low:.0%}" if high == 1 else f"95% interval {low * 100:.0f} to {high:.0%}"
        return f"; {whole} of the {event.way} is within the same sources{f' ({least})' * (low < 1)}"
    if high < _MOST:
        return "; but not within the same sources: it comes from other sources being collected"
    return f"; how much of the {event.way} is within the same sources cannot be told"


def _tellers(event: Any) -> str:
    told = counted(event.stories, "story", "stories")
    if event.sources > 1:
        told += f" of {counted(event.sources, 'source')}"
    return f"{told}, led by {_plain(event.cited[0])}" if event.way == "rise" and len(event.cited) else told


def _moved(halves: pd.DataFrame, theme: str) -> list[Any]:
    """Return the row of a theme's articles if its share changed beyond chance from window to window, else nothing."""
    mine = halves[(halves["theme"] == theme) & (halves["unit"] == "article")]
    return [half for half in rows(mine) if not half.low <= 0 <= half.high]


def _half(half: Any) -> str:
    verb = "rose" if half.change > 0 else "fell"
    low, high = sorted((abs(half.low), abs(half.high)))
    shares = _both(half)
    digits = 0 if low >= _ROUND else 1
    least = f"{low * 100:.{digits}f}" if low >= _LEAST else "above 0"
    size = f"{points(half.change)}, 95% interval {least} to {high * 100:.{digits}f}"
    return f"Its share {verb}: {shares} ({size}){_why(half)}."


def _both(half: Any) -> str:
    """Return the shares in the two windows."""
    first, second = "in the first half of the coverage", "in the second"
    if not half.since:
        first, second = periods.during(half.first), periods.during(half.second)
    return f"{percent(half.before)} {first}, {percent(half.after)} {second}"


def _unmoved(halves: pd.DataFrame, theme: str) -> list[str]:
    """Say that nothing changed beyond chance, if there is anything to compare."""
    mine = rows(halves[(halves["theme"] == theme) & (halves["unit"] == "article")])
    return [
        f"No change beyond chance: {_both(half)} ({signed(half.change)} points, 95% interval {signed(half.low)} to "
        f"{signed(half.high)})."
        for half in mine
    ]


def _why(half: Any) -> str:
    """Say whether the same sources write so, as far as their own interval supports it; not where there is only one."""
    if pd.isna(half.sources) or half.sources < 2:
        return ""
    low, high = sorted((half.within_low, half.within_high), key=lambda bound: bound * half.change)
    same, bounds = half.within / half.change, f"{signed(half.within_low)} to {signed(half.within_high)}"
    if low / half.change > 0:
        if same > 1 - _SAME_SOURCES:
            return "; the same sources write so"
        rest = ", the rest from other sources being collected"
        return f"; {points(half.within)} of it within the same sources (95% interval {bounds}){rest}"
    if high / half.change < _MOST or half.within_low == half.within_high:
        return "; but not within the same sources: it comes from other sources being collected"
    within = f"{signed(half.within)} points within them, 95% interval {bounds}"
    return f"; whether the same sources write so cannot be told ({within})"


def named_lines(theme: str, named: pd.DataFrame, most: int = 6) -> list[str]:
    """Return which organisations and which places a theme's articles name most often, a line each."""
    mine = named[named["theme"] == theme].sort_values(["articles", "name"], ascending=[False, True])
    lines = []
    for what, kinds in (("Organisations", ["organisation"]), ("Places", ["country", "region", "city"])):
        names = [f"{_plain(a.name)} ({percent(a.share)})" for a in rows(mine[mine["kind"].isin(kinds)].head(most))]
        if names:
            lines.append(f"{what}: {', '.join(names)}.")
    return lines or ["No organisation or place of the gazetteer is named."]


def uncovered(outside: pd.DataFrame, totals: pd.DataFrame, most: int = 5) -> str:
    """Return how much the themes leave out, and its largest topics; `outside` from `counts.outside_topics`."""
    none = totals.loc[totals["theme"] == ""].iloc[0]
    count = int(none["articles"])
    if not count:
        return "Every article carries a theme."
    left = f"{counted(count, 'article carries', 'articles carry')} none of the themes"
    left += f" ({percent(none['share'])})."
    if outside.empty:
        return f"{left} No topic lies outside the themes: most articles of each carry one."
    named = "; ".join(f"{_plain(t.label)} ({number(t.outside)})" for t in rows(outside.head(most)))
    return f"{left} The largest topic{'s' * (len(outside) > 1)} among them: {named}."


def findings(
    titles: Mapping[str, str], totals: pd.DataFrame, found: pd.DataFrame, halves: pd.DataFrame, named: pd.DataFrame
) -> str:
    """Return a Markdown list with one item a theme: how much, what changed, who is named.

    `found` from `findings.find_events` with ``cited``, `halves` from `changes.compare_windows`.
    """
    lines = []
    carried = set(totals.loc[totals["articles"] > 0, "theme"])
    for theme, title in titles.items():
        if theme not in carried:
            lines.append(f"- **{_plain(title)}**: no article carries it.")
            continue
        lines.append(f"- {theme_sentence(theme, title, totals, found, halves)}")
        lines += [f"    - {line}" for line in named_lines(theme, named)]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Keep article text from being read as Markdown."""
    return "".join("\\" + mark if mark in r"\`*_{}[]()#+-.!|<>~&" else mark for mark in " ".join(str(text).split()))


def headlines(
    articles: pd.DataFrame, totals: pd.DataFrame, changed: str, titles: Mapping[str, str], topics: pd.DataFrame,
    outside: pd.DataFrame,
) -> list[str]:  # fmt: skip
    """Return the four lines that a terminal shows of a run, in plain text; `changed` from `changes_line`."""
    carried = rows(totals[totals["theme"] != ""].sort_values("share", ascending=False, kind="stable"))
    named = [t for t in rows(totals) if t.theme and t in carried[:_NAMED_THEMES]]
    shares = ", ".join(f"{titles[t.theme]} {percent(t.share)}" for t in named)
    shares += f" and {counted(len(carried) - len(named), 'theme')} less common" * (len(carried) > len(named))
    none = totals.loc[totals["theme"] == "", "share"].iloc[0]
    told = counted(articles["story_id"].nunique(), "story", "stories")
    dated = articles["published"].dropna()
    days = list(dict.fromkeys([date(dated.min()), date(dated.max())])) if len(dated) else ["without dates"]
    largest = "; ".join(f"{t.label} ({number(t.outside)})" for t in rows(outside.head(3)))
    beyond = f", the largest outside the themes: {largest}" if largest else ""
    return [
        ", ".join([counted(len(articles), "article"), told, " to ".join(days)]),
        f"Themes: {shares}; none {percent(none)}",
        changed,
        f"{counted(len(topics), 'topic')}{beyond}",
    ]


def changes_line(titles: Mapping[str, str], found: pd.DataFrame, halves: pd.DataFrame, few: int | None = None) -> str:
    """Return in plain text which themes changed beyond chance, and when; `few` from `findings.few_periods`."""
    said = []
    for theme, title in titles.items():
        events = rows(found[found["theme"] == theme])
        said += [f"{title} {_from_to(event)} {_when(event)}" for event in events]
        said += [f"{title} {_up(half)}" for half in _moved(halves, theme) if not events]
    if halves.empty and few is not None:
        return f"Changes: none can be told, {'there is one period only' if few else 'no article has a date'}"
    return f"Changes beyond chance: {'; '.join(said) or 'none'}"


def _from_to(event: Any) -> str:
    share, rest = percent(event.share), percent(event.rest)
    return f"{rest} to {share}" if event.against == "before" else f"{share} (otherwise {rest})"


def _up(half: Any) -> str:
    when = "in the second half" if half.since else f"({half.second} against {half.first})"
    way = f"{'up' if half.change > 0 else 'down'} {points(half.change)} {when}"
    why = _why(half)
    if "cannot be told" in why:
        return f"{way} (whether within the same sources cannot be told)"
    return f"{way} (from other sources being collected)" if why.startswith("; but not") else way
