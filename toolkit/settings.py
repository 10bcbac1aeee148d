"""Frozen settings, one group a stage; a value that makes no sense is refused where it is made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from toolkit.schema import SettingsError

PERIODS = ("auto", "day", "week", "month", "quarter", "year")
COUNTS = ("labels", "probabilities")


def cache_home() -> Path:
    """Return the folder of caches: ``$TOOLKIT_CACHE``, else ``toolkit-news`` in the user's cache folder."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TOOLKIT_CACHE") or base / "toolkit-news")


def cache_limit() -> int:
    """Return the bytes that caches may take: ``$TOOLKIT_CACHE_GB`` (GiB), else 10 GiB.

    Raises `SettingsError` where it is no number above 0.
    """
    given = os.environ.get("TOOLKIT_CACHE_GB") or "10"
    try:
        size = float(given)
    except ValueError:
        size = 0.0
    _check(0 < size < 1e9, "TOOLKIT_CACHE_GB", given, "a number of gibibytes above 0")
    return int(size * 1024**3)


def fresh() -> bool:
    """Tell whether all is to be made again, whatever is kept: ``$TOOLKIT_FRESH`` is set (``toolkit run --fresh``)."""
    return bool(os.environ.get("TOOLKIT_FRESH"))


def _check(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise SettingsError(f"{name} is {value!r}, expected {expected}.")


@dataclass(frozen=True, kw_only=True)
class IngestSettings:
    """How files are read: which column is what, and how dates are to be understood."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Article column -> the file's column, e.g. ``{"text": "body"}``."""
    day_first: bool | None = None
    """03/04/2024 is 3 April (True) or March 4 (False); None: settled by the column, or refused."""
    timezone: str = "UTC"
    """IANA zone of dates that name none."""


@dataclass(frozen=True, kw_only=True)
class SelectSettings:
    """Which of the articles read are wanted; empty: all."""

    sources: Sequence[str] = ()
    start: str = ""
    """First day, such as 2024-08-31; articles without a date are out where a day is given."""
    end: str = ""
    """Last day, itself within."""
    timezone: str = "UTC"
    """IANA zone in which days begin and end."""

    def __post_init__(self) -> None:
        days = {name: _day(name, getattr(self, name)) for name in ("start", "end") if getattr(self, name)}
        if len(days) == 2 and days["start"] > days["end"]:
            raise SettingsError(
                f"start is {self.start} and end is {self.end}, which lies before it: change one of them."
            )


def _day(name: str, given: str) -> date:
    try:
        return datetime.strptime(given, "%Y-%m-%d").date()
    except ValueError as error:
        raise SettingsError(f"{name} is {given!r}, expected a date such as 2024-08-31.") from error


@dataclass(frozen=True, kw_only=True)
class CleanSettings:
    """What counts as an article."""

    min_words: int = 4
    """Fewer words in title and text together: dropped as too short."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes to keep; empty: all."""

    def __post_init__(self) -> None:
        _check(self.min_words >= 0, "min_words", self.min_words, "0 or more")


@dataclass(frozen=True, kw_only=True)
class DedupeSettings:
    """When two articles are the same text (dropped) or the same story (grouped)."""

    similarity: float = 0.35
    """Jaccard similarity of word shingles from which two articles tell one story."""
    shingle: int = 3
    """Words in a shingle."""
    window_days: int = 7
    """Articles further apart than this are never one story; undated ones may be."""
    seed: int = 42

    def __post_init__(self) -> None:
        _check(0 < self.similarity <= 1, "similarity", self.similarity, "above 0 and at most 1")
        _check(self.shingle >= 1, "shingle", self.shingle, "1 or more")
        _check(self.window_days >= 0, "window_days", self.window_days, "0 or more")


@dataclass(frozen=True, kw_only=True)
class EmbedSettings:
    """How texts become vectors."""

    encoder: str = "embedded"
    """``embedded`` (no network, no torch), or a sentence-transformers name or folder."""
    passage_words: int = 80
    """Longest passage, in words; longer articles are read in several."""
    cache_dir: str = ""
    """Folder of the embedding cache; empty: the user's cache folder."""
    seed: int = 42

    def __post_init__(self) -> None:
        _check(self.passage_words >= 10, "passage_words", self.passage_words, "10 or more")


@dataclass(frozen=True, kw_only=True)
class TopicSettings:
    """How topics are found."""

    n_topics: int = 0
    """Number of topics; 0: chosen by the data."""
    sample: int = 50_000
    """Of more articles, topics are found in a sample of so many, and all are assigned to them."""
    seed: int = 42

    def __post_init__(self) -> None:
        _check(self.n_topics >= 0, "n_topics", self.n_topics, "0 (chosen by the data) or more")
        _check(self.sample >= 1000, "sample", self.sample, "1000 or more")


@dataclass(frozen=True, kw_only=True)
class ThemeSettings:
    """How themes are scored."""

    threshold: float = 0.5
    """Probability from which an article carries a theme."""
    seed: int = 42

    def __post_init__(self) -> None:
        _check(0 < self.threshold < 1, "threshold", self.threshold, "between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class TrendSettings:
    """How articles are counted over time."""

    period: str = "auto"
    """One of `PERIODS`; ``auto``: chosen from the span."""
    timezone: str = "UTC"
    """IANA zone in which a day begins."""
    confidence: float = 0.95
    counted: str = "labels"
    """One of `COUNTS`: articles that carry the label, or the sum of the probabilities (the expected number)."""

    def __post_init__(self) -> None:
        _check(self.period in PERIODS, "period", self.period, "one of " + ", ".join(PERIODS))
        _check(self.counted in COUNTS, "counted", self.counted, "one of " + ", ".join(COUNTS))
        _check(0.5 <= self.confidence < 1, "confidence", self.confidence, "0.5 or more and below 1")


@dataclass(frozen=True, kw_only=True)
class WindowSettings:
    """Which two windows of time are compared: [first day, last day], both within, such as [2017-01-01, 2017-01-31].

    Neither: the halves of the coverage. One: that window and all that was published before it, or after it.
    """

    before: Sequence[str] = ()
    after: Sequence[str] = ()

    def __post_init__(self) -> None:
        days = {name: _window(name, getattr(self, name)) for name in ("before", "after")}
        if days["before"] and days["after"] and days["before"][1] >= days["after"][0]:
            raise SettingsError(
                f"before ends on {days['before'][1]} and after begins on {days['after'][0]}, expected two windows that "
                "do not overlap, the earlier one first: change their days."
            )


def _window(name: str, given: Sequence[str]) -> tuple[date, ...]:
    """Return the first and last day of a window, or nothing where none is given."""
    expected = "two days, the first and the last, such as [2017-01-01, 2017-01-31]"
    try:
        days = tuple(date.fromisoformat(day) for day in given)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{name} is {list(given)!r}, expected {expected}.") from error
    _check(len(days) in (0, 2) and list(days) == sorted(days), name, list(given), expected)
    return days


@dataclass(frozen=True, kw_only=True)
class BatchSettings:
    """Where the runs of a sweep are called, how often one is tried, and how long it may take."""

    jobs: int = 1
    """Runs at a time on this machine."""
    scheduler: str = ""
    """Address of a Dask scheduler, such as tcp://host:8786; empty: processes of this machine."""
    retries: int = 1
    """How often a run is tried again whose kernel, runner or worker was killed, or whose deadline passed."""
    deadline: float = 0
    """Minutes that a run may take; 0: as long as it wants."""
    warm: bool = False
    """Whether kernels are forked from a server that has imported what they import (on this machine, Linux)."""

    def __post_init__(self) -> None:
        _check(self.jobs >= 1, "jobs", self.jobs, "1 or more")
        _check(self.retries >= 0, "retries", self.retries, "0 or more")
        _check(0 <= self.deadline < 1e6, "deadline", self.deadline, "0 (none) or a number of minutes")
        _check(not (self.warm and self.scheduler), "warm", self.warm, "False with a scheduler")
        is_address = not self.scheduler or "://" in self.scheduler
        _check(is_address, "scheduler", self.scheduler, "an address such as tcp://host:8786")
