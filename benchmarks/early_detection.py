"""How soon is a planted event seen? Our alarms against three peers written from their papers' ideas.

Run: python benchmarks/early_detection.py [--write]

Real items of ../shared/data keep their labels, stories and the days between the items of a story; only the day on
which a story begins is drawn anew, so that every history is stationary and clumped as news is. The number of stories
begun each week follows a real stretch of the corpus. An event adds stories of one theme, real ones too, for six weeks
from a drawn week on, so many that the theme's expected share is 1.25, 1.5, 2 or 4 times its base.

The limit of every detector is set on histories without an event, to one false alarm per series-year; delays are
measured on others. A miss counts as six weeks in the mean delay, as no delay in the median.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from toolkit import detect, themefile, watch, words  # noqa: E402

DATA = ROOT.parent / "shared" / "data"
WEEKS, LENGTH, WARM = 104, 6, 26
STRENGTHS = (1.25, 1.5, 2.0, 4.0)
HISTORIES = 200
A_WEEK = 90
SEED = 42


# Real clumps ----------------------------------------------------------------------------------------------------


def wiki():
    """Return items of the years in which nearly all are labelled: day, story, theme."""
    table = pd.read_json(DATA / "wiki_current_events_2002_2021.jsonl.gz", lines=True)
    table = table[table["date"].dt.year.between(2015, 2019) & table["label"].ne("")]
    return pd.DataFrame({"day": table["date"], "story": table["story"].fillna(table["id"]), "theme": table["label"]})


def news():
    """Return articles of nine outlets; a theme is the tenth of them that holds most stems of its English seeds."""
    table = pd.read_json(DATA / "newsarticles_cc0.jsonl.gz", lines=True).dropna(subset=["text", "date"])
    texts = [set(words.stems(text[:4000])) for text in table["text"]]
    day = pd.to_datetime(table["date"], utc=True, errors="coerce").dt.tz_localize(None).dt.normalize()
    theme = pd.Series("other", index=table.index)
    for one in themefile.load_themes(ROOT / "data" / "themes.yml"):
        seeds = set(words.stems(" ".join(one.seeds["en"])))
        held = pd.Series([len(seeds & text) for text in texts], index=table.index)
        theme = theme.mask(held.rank(method="first") > 0.9 * len(table), one.id)
    head = [" ".join(sorted(words.stems(title))[:4]) for title in table["title"].fillna("")]
    return pd.DataFrame({"day": day, "story": head, "theme": theme}).dropna()


def clumps(items):
    """Cut stories where nothing comes for three days, or after two weeks; return arrays clump, lag, theme code."""
    items = items.sort_values(["story", "day"], kind="stable")
    day = items["day"].to_numpy().astype("datetime64[D]").astype(int)
    story = pd.factorize(items["story"])[0]
    cut = np.diff(story, prepend=-1) != 0
    cut |= np.diff(day, prepend=0) > 3
    clump = np.cumsum(cut) - 1
    lag = day - day[np.flatnonzero(cut)][clump]
    clump, lag = clump[lag < 14], lag[lag < 14]
    theme, names = pd.factorize(items["theme"].to_numpy()[(day - day[np.flatnonzero(cut)][np.cumsum(cut) - 1]) < 14])
    return clump, lag, theme, list(names), np.bincount(clump)


class Maker:
    """Draws histories from the clumps of one corpus."""

    def __init__(self, items, volume):
        self.clump, self.lag, self.theme, self.names, sizes = clumps(items)
        self.first = np.concatenate([[0], np.cumsum(sizes)])
        self.sizes, self.volume = sizes, volume
        shares = np.bincount(self.theme) / len(self.theme)
        self.usable = [at for at, share in enumerate(shares) if 0.03 <= share <= 0.2 and self.names[at] != "other"]
        self.shares = shares
        head = self.theme[self.first[:-1]]
        self.of_theme = [np.flatnonzero(head == at) for at in range(len(self.names))]
        self.purity = [self.theme_items(at) for at in range(len(self.names))]

    def theme_items(self, at):
        """Return how many items of the theme one of its clumps brings in the mean."""
        items = np.concatenate([np.arange(self.first[c], self.first[c + 1]) for c in self.of_theme[at]])
        return (self.theme[items] == at).sum() / len(self.of_theme[at])

    def history(self, random, event=None):
        """Return articles and stories per theme and week, and their totals: four arrays."""
        stretch = random.integers(0, len(self.volume) - WEEKS + 1)
        weights = self.volume[stretch : stretch + WEEKS]
        weights = weights / weights.sum()
        number = int(WEEKS * A_WEEK / self.sizes.mean())
        chosen = random.integers(0, len(self.sizes), number)
        days = random.choice(WEEKS, number, p=weights) * 7 + random.integers(0, 7, number)
        if event is not None:
            theme, start, strength = event
            share = self.shares[theme]
            weekly = WEEKS * A_WEEK * weights[start : start + LENGTH]
            extra = weekly * share * (strength - 1) / (1 - strength * share) / self.purity[theme]
            more = np.repeat(np.arange(start, start + LENGTH), random.poisson(extra))
            chosen = np.concatenate([chosen, random.choice(self.of_theme[theme], len(more))])
            days = np.concatenate([days, more * 7 + random.integers(0, 7, len(more))])
        return self.count(chosen, days)

    def count(self, chosen, days):
        sizes = self.sizes[chosen]
        item = np.repeat(self.first[chosen] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(
            sizes.sum()
        )
        copy, week = np.repeat(np.arange(len(chosen)), sizes), (np.repeat(days, sizes) + self.lag[item]) // 7
        keep = week < WEEKS
        item, copy, week, kinds = item[keep], copy[keep], week[keep], len(self.names)
        articles = np.bincount(self.theme[item] * WEEKS + week, minlength=kinds * WEEKS).reshape(kinds, WEEKS)
        told = np.unique((copy * WEEKS + week) * kinds + self.theme[item])
        stories = np.bincount(told % kinds * WEEKS + told // kinds % WEEKS, minlength=kinds * WEEKS)
        all_told = np.bincount(np.unique(copy * WEEKS + week) % WEEKS, minlength=WEEKS)
        return articles, articles.sum(axis=0), stories.reshape(kinds, WEEKS), all_told


# Detectors: a number per series and week, higher is more alarming; each sees the past alone ------------------------


def before(values, width):
    """Return the `width` weeks before each week, NaN where the series had not begun: (series, weeks, width)."""
    padded = np.concatenate([np.full((len(values), width), np.nan), values], axis=1)[:, :-1]
    return np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)


def mean_and_spread(values, width=26):
    """Return mean and standard deviation of the weeks before each week; 0 where there are none."""
    windows = before(values, width)
    known = np.maximum((~np.isnan(windows)).sum(axis=2), 1)
    mean = np.nansum(windows, axis=2) / known
    return mean, np.sqrt(np.nansum((windows - mean[:, :, None]) ** 2, axis=2) / known)


def ours(articles, totals, stories, told):
    return watch.surprise(stories.astype(float), told.astype(float))


def at_own_limit(articles, totals, stories, told):
    """Return the surprise over the limit that `watch` sets each series from its own first year, before any event."""
    first = slice(0, 52)
    limits = watch.alarm_limits(stories[:, first].astype(float), told[:, first].astype(float), 52)
    return ours(articles, totals, stories, told) / limits[:, None]


def bertrend(articles, totals, stories, told, decay=0.5):
    """Popularity: counts added up, fading by `decay` a week; against the percentiles of the series' own year.

    In the paper (Boutaleb, Picault & Grosjean 2024) popularity fades only while a topic is silent, which a theme never
    is, and percentiles are taken over topics; both are kinder here. Above the highest percentile the number goes on as
    the ratio to it, so that any false-alarm rate can be set.
    """
    popularity = np.zeros(articles.shape)
    for week in range(articles.shape[1]):
        popularity[:, week] = articles[:, week] + (np.exp(-decay) * popularity[:, week - 1] if week else 0)
    windows = np.nan_to_num(before(popularity, 52), nan=-1)
    below = (windows[:, :, :] < popularity[:, :, None]).sum(axis=2) - (windows < 0).sum(axis=2)
    highest = windows.max(axis=2)
    ratio = np.maximum(popularity / np.maximum(highest, 1), 1)
    return np.where(popularity > highest, ratio, below / np.maximum((windows >= 0).sum(axis=2), 1))


def z_score(articles, totals, stories, told):
    share = articles / np.maximum(totals, 1)
    mean, spread = mean_and_spread(share)
    return (share - mean) / np.maximum(spread, 1e-3)


def z_score_of_stories(articles, totals, stories, told):
    return z_score(stories, told, None, None)


def raw_counts(articles, totals, stories, told):
    return articles / np.maximum(mean_and_spread(articles.astype(float))[0], 1)


DETECTORS = {
    "ours (scan of stories)": ours,
    "BERTrend popularity, percentiles": bertrend,
    "rolling z-score of the share": z_score,
    "the same, of stories": z_score_of_stories,
    "raw counts, threshold": raw_counts,
}


def false_alarms(scores, limit):
    """Return false alarms per series-year after the warm-up."""
    return watch.onsets(scores[:, WARM:] >= limit).sum() / (scores[:, WARM:].size / 52)


def limit_for(scores, rate):
    """Return the lowest limit that gives at most `rate` false alarms per series-year."""
    values = np.unique(scores[:, WARM:])
    values = np.append(values[:: max(1, len(values) // 4000)], np.inf)
    low, high = int(np.searchsorted(values, np.median(scores[:, WARM:]))), len(values) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if false_alarms(scores, values[middle]) <= rate else (middle + 1, high)
    return values[low]


def stacked(maker, random, strength, number):
    """Return the four arrays of `number` histories, one usable theme each, and the week of its event (or 0)."""
    parts, starts = [], []
    for at in range(number):
        theme, start = maker.usable[at % len(maker.usable)], int(random.integers(60, WEEKS - LENGTH))
        made = maker.history(random, (theme, start, strength) if strength else None)
        parts.append([part[theme] if part.ndim == 2 else part for part in made])
        starts.append(start)
    return [np.array(column) for column in zip(*parts, strict=True)], np.array(starts)


def delays(scores, limit, starts):
    """Return the delay of each event in weeks, `LENGTH` where it was missed."""
    after = np.array([row[start : start + LENGTH] >= limit for row, start in zip(scores, starts, strict=True)])
    return np.where(after.any(axis=1), after.argmax(axis=1), LENGTH)


def in_hindsight(data, starts):
    """Return the share of events that `detect.find_changes` dates to within a week of their begin."""
    _, _, stories, told = data
    weeks = pd.date_range("2020-01-06", periods=WEEKS, freq="W-MON")
    hit = []
    for row, total, start in zip(stories[:50].astype(float), told.astype(float), starts, strict=False):
        found = detect.find_changes(detect.Counts(("t",), weeks, row[None], total[None]))
        rises = found[(found["difference"] > 0) & (found["last"] >= start) & (found["first"] < start + LENGTH)]
        hit.append(bool((rises["first"] - start).abs().le(1).any()))
    return float(np.mean(hit))


def measure(name, maker, rates=(1.0,)):
    quiet, _ = stacked(maker, np.random.default_rng(SEED), None, 2 * HISTORIES)
    check, _ = stacked(maker, np.random.default_rng(SEED + 1), None, HISTORIES)
    events = {s: stacked(maker, np.random.default_rng(SEED + 2), s, HISTORIES) for s in STRENGTHS}
    rows = []
    for rate in rates:
        for label, detector in DETECTORS.items():
            limit = limit_for(detector(*quiet), rate)
            rows.append(one_row(name, label, detector, limit, check, events))
        if rate == 1.0:
            rows.append(one_row(name, "ours, at its own limit", at_own_limit, 1.0, check, events))
    hindsight = {s: in_hindsight(*events[s]) for s in STRENGTHS}
    return rows, {"corpus": name, **{f"{s}x": f"{value:.0%}" for s, value in hindsight.items()}}


def one_row(name, label, detector, limit, check, events):
    row = {"corpus": name, "detector": label, "false alarms": f"{false_alarms(detector(*check), limit):.2f}"}
    for strength, (data, starts) in events.items():
        late = delays(detector(*data), limit, starts)
        median = np.median(late)
        said = "missed" if median >= LENGTH else f"{median:g}"
        row[f"{strength:g}x"] = f"{said} / {late.mean():.2f} / {np.mean(late == 0):.0%} / {np.mean(late < LENGTH):.0%}"
    return row


def as_markdown(rows):
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(row[key]) for key in head) + " |" for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/early_detection.md as well")
    write = parser.parse_args().write
    items = wiki()
    volume = items.groupby(items["day"].dt.to_period("W")).size().to_numpy()[1:-1].astype(float)
    results = [measure(name, Maker(own, volume)) for name, own in (("wiki", items), ("news", news()))]
    text = "\n\n".join(
        [
            "# Early detection",
            "Median delay in weeks / mean delay (a miss counts 6) / seen at once / seen in six; 200 histories each.",
            as_markdown([row for rows, _ in results for row in rows]),
            "In hindsight: events that `detect.find_changes` dates to within a week (50 histories per strength).",
            as_markdown([row for _, row in results]),
        ]
    )
    print(text)
    if write:
        (ROOT / "benchmarks" / "early_detection.md").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
