"""What is wrong with a theme file: on its own (`lint`), and on a scored corpus (`doubts`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd

from toolkit import words
from toolkit.themefile import Phrase, Theme

LINT_COLUMNS = ["theme", "language", "phrase", "line", "fault", "other_theme", "other", "other_line"]
DOUBT_COLUMNS = ["kind", "theme", "other", "language", "articles", "share"]

_TOO_MANY = 0.5
_BOTH = 0.5
_CORRELATED = 0.6
_FEWEST_BOTH = 10
_SPOKEN = 0.01
_UNSURE = (0.35, 0.65)


@lru_cache(5000)
def stems_of(phrase: str) -> frozenset[str]:
    """Return the stems of a phrase.

    >>> sorted(stems_of("the financing of terrorism"))
    ['financ', 'terror']
    """
    return frozenset(words.stems(phrase))


def lint(phrases: Sequence[Phrase]) -> pd.DataFrame:
    """Return what is wrong with the phrases as such, a row a fault: `LINT_COLUMNS`.

    Faults: ``twice`` and ``alike`` (the same stems) within a theme or between themes of one language; ``both sides``
    (for and against the same theme); ``no words`` (stop words only); ``script`` (letters of another script than the
    language's); ``alone`` (the only seed of a theme in any language).
    """
    rows = [_fault(phrase, fault) for phrase in phrases for fault in _own_faults(phrase)]
    groups: dict[tuple[str, frozenset[str]], list[Phrase]] = defaultdict(list)
    for phrase in phrases:
        if stems_of(phrase.text):
            groups[phrase.language, stems_of(phrase.text)].append(phrase)
    for group in groups.values():
        for place, phrase in enumerate(group):
            rows += _pair_fault(phrase, group[:place])
    seeds = [phrase for phrase in phrases if phrase.side == "seeds"]
    sizes = pd.Series([phrase.theme for phrase in seeds], dtype=object).value_counts()
    rows += [_fault(phrase, "alone") for phrase in seeds if sizes[phrase.theme] == 1]
    return pd.DataFrame(rows, columns=LINT_COLUMNS).sort_values("line", kind="stable").reset_index(drop=True)


def _fault(phrase: Phrase, fault: str, other: Phrase | None = None) -> tuple[object, ...]:
    rest = (other.theme, other.text, other.line) if other else ("", "", 0)
    return (phrase.theme, phrase.language, phrase.text, phrase.line, fault, *rest)


def _own_faults(phrase: Phrase) -> list[str]:
    cyrillic = sum("\u0400" <= char <= "\u04ff" for char in phrase.text)
    latin = sum(char.isascii() and char.isalpha() for char in phrase.text)
    wrong = cyrillic > latin if phrase.language == "en" else latin > cyrillic and not phrase.text.isupper()
    return ["no words"] * (not stems_of(phrase.text)) + ["script"] * wrong


def _pair_fault(phrase: Phrase, earlier: Sequence[Phrase]) -> list[tuple[object, ...]]:
    """Return how a phrase repeats the first of those with the same stems, own theme before others."""
    mine = [other for other in earlier if other.theme == phrase.theme]
    for other in [*mine, *(other for other in earlier if other.theme != phrase.theme)]:
        if other.side == phrase.side == "seeds" or (other.theme, other.side) == (phrase.theme, phrase.side):
            same = _folded(other.text) == _folded(phrase.text)
            return [_fault(phrase, "twice" if same else "alike", other)]
        if other.theme == phrase.theme:
            return [_fault(phrase, "both sides", other)]
    return []


def _folded(text: str) -> str:
    return text.casefold().replace("ё", "е")


def doubts(articles: pd.DataFrame, scores: pd.DataFrame, themes: Sequence[Theme], held: pd.Series) -> pd.DataFrame:
    """Return what makes the scores of a corpus doubtful, a row a doubt: `DOUBT_COLUMNS`.

    `held` says per theme how many articles have the words of the seed that most of them have. Kinds: ``nothing`` (no
    article carries the theme), ``wordless`` (articles carry it, none has its words), ``too many`` (above half of all),
    ``unsure`` (most of its articles at 35 to 65%), ``overlap`` (half of the smaller theme's articles carry the other
    as well, or the scores correlate at .6 or more), ``no seeds`` (a theme without seeds in a language of the corpus),
    ``no such seeds`` (a language in which a theme file holds none), ``unused`` (so many seeds in a language of fewer
    than one article in a hundred).
    """
    total = len(articles)
    rows: list[tuple[object, ...]] = []
    for theme in themes:
        mine = scores[scores["theme"] == theme.id]
        carrying = mine[mine["label"]]
        share = len(carrying) / total
        if carrying.empty:
            rows.append(("nothing", theme.id, "", "", int(held[theme.id]), 0.0))
        elif not held[theme.id]:
            rows.append(("wordless", theme.id, "", "", len(carrying), share))
        elif share > _TOO_MANY:
            rows.append(("too many", theme.id, "", "", len(carrying), share))
        unsure = float(carrying["score"].between(*_UNSURE).mean()) if len(carrying) else 0.0
        if unsure > _TOO_MANY:
            rows.append(("unsure", theme.id, "", "", len(carrying), unsure))
    rows += _overlaps(scores, [theme.id for theme in themes]) + _languages(articles, themes)
    return pd.DataFrame(rows, columns=DOUBT_COLUMNS)


def _overlaps(scores: pd.DataFrame, names: Sequence[str]) -> list[tuple[object, ...]]:
    """Return the pairs of themes that are hard to tell apart: how many articles carry both, share of the smaller."""
    wide = scores.pivot(index="article_id", columns="theme", values=["label", "score"])
    labels = wide["label"][list(names)].to_numpy(dtype=np.float64)
    values = wide["score"][list(names)].to_numpy(dtype=np.float64)
    both = labels.T @ labels
    centred = values - values.mean(axis=0)
    lengths = np.maximum(np.linalg.norm(centred, axis=0), 1e-9)
    alike = (centred.T @ centred) / np.outer(lengths, lengths)
    found: list[tuple[float, tuple[object, ...]]] = []
    for first, second in combinations(range(len(names)), 2):
        smaller = min(both[first, first], both[second, second])
        share = both[first, second] / max(1.0, smaller)
        enough = smaller >= _FEWEST_BOTH
        if enough and (share >= _BOTH or alike[first, second] >= _CORRELATED):
            pair = (first, second) if both[first, first] <= both[second, second] else (second, first)
            row = ("overlap", names[pair[0]], names[pair[1]], "", int(both[first, second]), float(share))
            found.append((-float(share), row))
    return [row for _, row in sorted(found, key=lambda one: one[0])]


def _languages(articles: pd.DataFrame, themes: Sequence[Theme]) -> list[tuple[object, ...]]:
    counts = articles["language"].value_counts().sort_index()
    rows: list[tuple[object, ...]] = []
    for language, count in counts[counts >= _SPOKEN * len(articles)].items():
        share = count / len(articles)
        if language not in words.LANGUAGES:
            rows.append(("no such seeds", "", "", str(language), int(count), share))
            continue
        lacking = [theme.id for theme in themes if language not in theme.seeds]
        rows += [("no seeds", name, "", str(language), int(count), share) for name in lacking]
    for language in words.LANGUAGES:
        seeds = sum(len(theme.seeds.get(language, ())) for theme in themes)
        share = float(counts.get(language, 0)) / len(articles)
        if seeds and share < _SPOKEN:
            rows.append(("unused", "", "", language, seeds, share))
    return rows
