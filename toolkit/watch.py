"""Alarms from the past alone: can it be said already, with the news up to now, that a theme rises?

A prospective scan (Kulldorff 2001, "Prospective time periodic geographical disease surveillance using a scan
statistic", without the geography): the last one, two, three and four periods are each compared with the share of up to
a year before them, and the least likely of the four decides. The tail is that of clumped counts (`chance.upper_tail`)
at the dispersion of the past, swollen by what a short past leaves unknown. An alarm is raised where that chance falls
below a limit that the wanted number of false alarms a year sets, in histories drawn without any event.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from toolkit.chance import dispersion, draw, upper_tail
from toolkit.detect import Counts, counts_of

Floats = npt.NDArray[np.float64]

SHORTEST_PAST = 12
_LONGEST_PAST = 52
_SCANS = (1, 2, 3, 4)
_STEP = 0.25
_HISTORIES, _DRAWN, _WARM = 150, 104, 26


def surprise(hits: Floats, totals: Floats, since: int = SHORTEST_PAST) -> Floats:
    """Return -log10 of the chance of the last periods' counts, for each series (rows) and period; past alone.

    NaN in the periods before `since`: the first twelve are too few to compare with.
    """
    result = np.full(hits.shape, np.nan)
    for now in range(since, hits.shape[1]):
        past = slice(max(0, now - _LONGEST_PAST), now)
        result[:, now] = _scans(hits, totals, dispersion(hits[:, past], totals[:, past]), now).max(axis=0)
    return result


def _scans(hits: Floats, totals: Floats, effect: Floats, now: int) -> Floats:
    """Return the surprise at the last one, two, three and four periods; (scans, series)."""
    cuts, first = [now - length + 1 for length in _SCANS], max(0, now - _LONGEST_PAST)
    x, n = (np.array([of[:, cut : now + 1].sum(axis=1) for cut in cuts]) for of in (hits, totals))
    before, size = (np.array([of[:, first:cut].sum(axis=1) for cut in cuts]) for of in (hits, totals))
    share, swollen = np.minimum((before + 0.5) / (size + 1), 1 - 1e-9), effect * (1 + n / (size + 1))
    return np.asarray(-np.log10(np.maximum(upper_tail(x, n, share, swollen), 1e-300)))


def alarm_limits(
    hits: Floats, totals: Floats, periods_a_year: float, false_alarms: float = 1.0, seed: int = 42
) -> Floats:
    """Return for each series the `surprise` from which an alarm is raised, for so many false alarms a year at most.

    How often the best of four overlapping scans is that surprising by chance depends on how many stories there are and
    how they clump. So histories of like share, dispersion and size are drawn without any event (`chance.draw`), and
    the limit is the lowest at which alarms begin as often as is allowed. `hits` and `totals` are those of quiet
    periods, (series, periods); series alike share their histories.
    """
    effects = dispersion(hits, totals)
    share = (hits.sum(axis=1) + 0.5) / (totals.sum(axis=1) + 1)
    size = totals.sum(axis=1) / np.maximum((totals > 0).sum(axis=1), 1)
    alike = np.column_stack([np.round(np.log(np.maximum(of, 1e-9)) / _STEP) for of in (share, effects, size)])
    groups, of = np.unique(alike, axis=0, return_inverse=True)
    rate, of = min(0.5, false_alarms / periods_a_year), of.ravel()
    limits = np.empty(len(groups))
    for group in range(len(groups)):
        rows = of == group
        week = np.full(_DRAWN, max(1.0, float(size[rows].mean())))
        random = np.random.default_rng(seed)
        drawn = draw(float(share[rows].mean()), float(effects[rows].mean()), week, _HISTORIES, random)
        limits[group] = _limit(surprise(drawn, np.broadcast_to(week, drawn.shape), _WARM)[:, _WARM:], rate)
    return np.asarray(limits[of])


def _limit(scores: Floats, rate: float) -> float:
    """Return the lowest limit at which alarms begin in at most a part `rate` of the periods."""
    tried = np.quantile(scores, 1 - np.geomspace(1e-4, 0.5, 200))
    begun = [float((onsets(scores >= limit)).mean()) for limit in tried]
    allowed = [limit for limit, found in zip(tried, begun, strict=True) if found > rate]
    return float(np.nextafter(max(allowed, default=tried.min()), np.inf))


def onsets(on: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return whether an alarm begins: on now and not the period before; (series, periods)."""
    return np.asarray(on & ~np.concatenate([np.zeros((len(on), 1), dtype=bool), on[:, :-1]], axis=1))


def alarms(hits: Floats, totals: Floats, periods_a_year: float, false_alarms: float = 1.0) -> npt.NDArray[np.bool_]:
    """Return for each series and period whether an alarm is on; `hits` and `totals` are stories, (series, periods).

    The limits are set on the first year, which is held to be quiet.
    """
    first = slice(0, _LONGEST_PAST)
    limits = alarm_limits(hits[:, first], totals[:, first], periods_a_year, false_alarms)
    return np.asarray(np.nan_to_num(surprise(hits, totals)) >= limits[:, None])


def rising(points: pd.DataFrame) -> pd.DataFrame:
    """Return the themes on which an alarm is on in the last comparable period.

    A series without an event has one false alarm in a year, or in 52 periods where these are longer than weeks, at
    most. `points` from `trends.share_over_time`. Columns: ``theme, periods`` (the last one to four, those that stand
    out most), ``label`` (of the first of them), ``share`` of stories in these, ``before`` (in up to 52 periods before),
    ``chance`` of so many or more. Empty where nothing rises, or where there are fewer than thirteen comparable periods.
    """
    columns = ["theme", "periods", "label", "share", "before", "chance"]
    counts = _filled(counts_of(points)) if len(points) else None
    if counts is None or counts.totals.shape[1] <= SHORTEST_PAST:
        return pd.DataFrame(columns=columns)
    x, n, now = counts.hits, counts.totals, counts.totals.shape[1] - 1
    effect = dispersion(x[:, max(0, now - _LONGEST_PAST) : now], n[:, max(0, now - _LONGEST_PAST) : now])
    found = _scans(x, n, effect, now)
    labels, told = points.drop_duplicates("start").set_index("start")["label"], []
    quiet, often = slice(max(0, now - _LONGEST_PAST), now), max(_LONGEST_PAST, _periods_a_year(counts.starts))
    limits = alarm_limits(x[:, quiet], n[:, quiet], often)
    for at in np.flatnonzero(found.max(axis=0) >= limits):
        length = _SCANS[int(found[:, at].argmax())]
        cut = now - length + 1
        recent, past = slice(cut, now + 1), slice(max(0, now - _LONGEST_PAST), cut)
        shares = [x[at, part].sum() / n[at, part].sum() for part in (recent, past)]
        chance = float(10 ** -found[:, at].max())
        told.append((counts.themes[at], length, str(labels[counts.starts[cut]]), *shares, chance))
    return pd.DataFrame(told, columns=columns)


def _filled(counts: Counts) -> Counts | None:
    """Return the periods in which anything was collected; None where there are none."""
    filled = np.flatnonzero((counts.totals > 0).any(axis=0))
    if not len(filled):
        return None
    return counts._replace(hits=counts.hits[:, filled], totals=counts.totals[:, filled], starts=counts.starts[filled])


def _periods_a_year(starts: pd.DatetimeIndex) -> float:
    return 365.25 / float(np.median(np.diff(starts.to_numpy()) / np.timedelta64(1, "D")))
