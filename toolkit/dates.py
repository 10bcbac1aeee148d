"""Date columns to instants in UTC, strictly: what is not understood is named, never guessed.

Understood are ISO 8601 (dates, months, datetimes, offsets), RFC 2822, bare years, epoch seconds to
nanoseconds, 15.08.2024, 15/08/2024, 15-08-2024, and month names in English, Russian and Kazakh on either
side of the day; each may carry a time. Nothing is filled in from today's date, so a file reads the same on
any day.

Most columns are plain ISO and go through pandas as one array. Every other value is rewritten as ISO first,
once a distinct value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from toolkit.schema import InputError, SettingsError
from toolkit.settings import IngestSettings

YEARS = (1800, 2100)
"""First and last year taken for the date of an article."""

_EMPTY = {
    "",
    "-",
    "--",
    "none",
    "null",
    "nan",
    "nat",
    "n/a",
    "na",
    "<na>",
    "0000-00-00",
    "0000-00-00 00:00:00",
}
_MONTHS = (
    "january января январь қаңтар",
    "february февраля февраль ақпан",
    "march марта март наурыз",
    "april апреля апрель сәуір",
    "may мая май мамыр",
    "june июня июнь маусым",
    "july июля июль шілде",
    "august августа август тамыз",
    "september сентября сентябрь қыркүйек",
    "october октября октябрь қазан",
    "november ноября ноябрь қараша",
    "december декабря декабрь желтоқсан",
)
_ZONES = {"z": "+00:00", "utc": "+00:00", "gmt": "+00:00", "ut": "+00:00", "msk": "+03:00", "мск": "+03:00"}
_ZONES |= {"est": "-05:00", "edt": "-04:00", "cst": "-06:00", "cdt": "-05:00"}
_ZONES |= {"mst": "-07:00", "mdt": "-06:00", "pst": "-08:00", "pdt": "-07:00"}

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_ZONED = re.compile(r"[0-9]:.*(?:Z|[+-][0-9:]+)$")
_NUMBER = re.compile(r"(-?[0-9]+)(\.[0-9]+)?")
_NAME = r"(?P<name>[^\W\d_]{3,12})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[0-9]{4})(?:\s?(?:г|года?|ж|жылы|жылғы|жыл)\b\.?)?"
_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?)?"
)
_ZONE = r"(?:\s?(?P<zone>(?:(?:utc|gmt)?[+-][0-9]{2}:?(?:[0-9]{2})?)|[a-zмск]{1,4}\b))?"
_TAIL = rf"(?:(?:\s*(?:,|\bat\b|\bв\b|\bсағат\b|\||—|–)\s*|\s+|t){_CLOCK}{_ZONE})?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<year>[0-9]{{4}})[-/.](?P<month>[0-9]{{1,2}})(?:[-/.](?P<day>[0-9]{{1,2}}){_TAIL})?",
        rf"(?P<day>[0-9]{{1,2}})\.(?P<month>[0-9]{{1,2}})\.(?P<year>[0-9]{{4}}|[0-9]{{2}})(?:\s?[гж]\.)?{_TAIL}",
        rf"(?P<a>[0-9]{{1,2}})([/-])(?P<b>[0-9]{{1,2}})\2(?P<year>[0-9]{{4}}){_TAIL}",
        rf"(?P<a>[0-9]{{1,2}})/(?P<b>[0-9]{{1,2}})/(?P<year>[0-9]{{2}}){_TAIL}",
        rf"{_DAY}[\s.-]*(?:of )?{_NAME},?[\s-]*{_YEAR}{_TAIL}",
        rf"{_NAME}[\s-]*{_DAY},?[\s-]+{_YEAR}{_TAIL}",
        rf"{_YEAR}[\s,-]*{_DAY}[\s-]*{_NAME}{_TAIL}",
        rf"{_NAME},? {_YEAR}",
        rf"{_NAME} +{_DAY} {_CLOCK}{_ZONE} (?P<year>[0-9]{{4}})",
        r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
        r"(?:t?(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})(?P<zone>z)?)?",
    )
)
_CLOCK_FIRST = re.compile(rf"({re.sub(r'[?]P<[a-z]+>', '?:', _CLOCK)})[,\s|]+(?=[0-9]{{1,2}}\D)(.+)")
_WEEKDAY = re.compile(r"^[^\W\d_]{2,12}\.?,\s*|^(?:mon|tue|wed|thu|fri|sat|sun)\s+|\s*\([^()]*\)$")


class Evidence(NamedTuple):
    """The first date of a column that can be read in two ways, and the first in which day or month leads for sure."""

    unclear: tuple[str, tuple[int, int]] | None = None
    day_leads: str | None = None
    month_leads: str | None = None

    def or_else(self, later: Evidence) -> Evidence:
        """Return what was seen, or else what was seen later."""
        return Evidence(
            self.unclear or later.unclear, self.day_leads or later.day_leads, self.month_leads or later.month_leads
        )


def parse_dates(values: pd.Series, settings: IngestSettings, evidence: Evidence | None = None) -> pd.DataFrame:
    """Read a column of dates: ``published`` (UTC, missing where empty or not read), ``written`` and ``reason``.

    ``written`` is the same whatever the zone: dates without one are taken as UTC. ``reason`` is ``""`` for a date that
    was read and for an empty one. 03/04/2024 is settled by the column: one value with a part above 12 settles it;
    `InputError` if none does, or if they contradict each other, and ``settings.day_first`` is not given. Where `values`
    are a piece of a column, `evidence` is that of the whole. Dates without a zone are in ``settings.timezone``; an hour
    that occurs twice there is the first of the two, an hour that is skipped is the instant after the gap.
    `SettingsError` if there is no such zone.
    """
    zone = _zone(settings.timezone)
    codes, distinct = pd.factorize(pd.Series(_texts(values), dtype=object))
    texts = [str(value) for value in distinct]
    day_first = _day_first(_seen(texts) if evidence is None else evidence, settings.day_first)
    isos = [text if _ISO.fullmatch(text) else _rewrite(text, day_first) for text in texts]
    instants = _instants(isos, zone)
    written = instants if zone.key == "UTC" else _instants(isos, ZoneInfo("UTC"))
    reasons = np.array([_reason(*each) for each in zip(texts, isos, instants.notna(), strict=True)], dtype=object)
    columns = {"published": instants.iloc[codes].array, "written": written.iloc[codes].array, "reason": reasons[codes]}
    return pd.DataFrame(columns, index=values.index)


def see_dates(values: pd.Series) -> Evidence:
    """Return what a column, or a piece of it, says about 03/04/2024."""
    return _seen(list(dict.fromkeys(_texts(values))))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SettingsError(
            f"timezone is {name!r}, expected an IANA zone such as 'UTC', 'Asia/Almaty' or 'Europe/Moscow'."
        ) from error


def _texts(values: pd.Series) -> list[str]:
    """Spell every value out, so that a date cell, a number and a string are read by the same rules."""
    return ["" if missing else _text(value) for value, missing in zip(values, values.isna(), strict=True)]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value if _ISO.fullmatch(value) and not value.startswith("0000") else _tidy(value)
    if isinstance(value, date):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return _tidy(str(value))


def _tidy(text: str) -> str:
    short = " ".join(text[:200].split())
    return "" if short.casefold() in _EMPTY else short


@lru_cache(maxsize=1024)
def _month(name: str) -> int:
    """The month's number, 0 for other words; case endings ("тамызда") and short forms ("авг") count."""
    for number, names in enumerate(_MONTHS, start=1):
        for full in names.split():
            if full.startswith(name) or (name.startswith(full) and len(name) <= len(full) + 3 and len(full) > 4):
                return number
    return 0


@lru_cache(maxsize=4096)
def _match(text: str) -> re.Match[str] | None:
    lowered = _WEEKDAY.sub("", text.lower()) if len(text) <= 80 else ""
    swapped = _CLOCK_FIRST.fullmatch(lowered)
    if swapped:
        lowered = f"{swapped[2]} {swapped[1]}"
    return next((found for form in _FORMS if (found := form.fullmatch(lowered))), None)


def _seen(texts: Sequence[str]) -> Evidence:
    pairs: dict[str, tuple[int, int]] = {}
    for text in texts:
        found = None if _ISO.fullmatch(text) or not re.search("[0-9][/-]", text[:8]) else _match(text)
        if found and "a" in found.groupdict():
            pairs[text] = (int(found["a"]), int(found["b"]))
    return Evidence(
        next(((text, pair) for text, pair in pairs.items() if pair[0] != pair[1] and max(pair) <= 12), None),
        next((text for text, (a, b) in pairs.items() if 12 < a <= 31 and b <= 12), None),
        next((text for text, (a, b) in pairs.items() if a <= 12 < b <= 31), None),
    )


def _day_first(seen: Evidence, asked: bool | None) -> bool | None:
    """Settle 03/04/2024 for the column; None if no value needs it."""
    if asked is not None or seen.unclear is None:
        return asked
    if (seen.day_leads is None) == (seen.month_leads is None):
        raise _ambiguous(*seen.unclear, [text for text in (seen.day_leads, seen.month_leads) if text is not None])
    return seen.day_leads is not None


def _ambiguous(text: str, pair: tuple[int, int], witnesses: Sequence[str]) -> InputError:
    first, second = (f"{day} {_MONTHS[month - 1].split()[0].title()}" for day, month in (pair, pair[::-1]))
    seen = (
        f"other dates contradict each other ({witnesses[0]!r}, {witnesses[1]!r})"
        if witnesses
        else "no other date of the column settles it"
    )
    return InputError(
        f"The date {text!r} is {first} or {second}, and {seen}; "
        "say which with the setting day_first (`-p day_first true` or `-p day_first false`)."
    )


def _rewrite(text: str, day_first: bool | None) -> str:
    """Spell a date as ISO 8601; ``""`` where it is none."""
    number = _NUMBER.fullmatch(text)
    if number and not (number[2] is None and len(text) in (8, 14) and text[:2] in ("18", "19", "20")):
        return _from_number(text)
    found = _match(text)
    if found is None:
        return ""
    part = found.groupdict()
    if part.get("a"):
        swap = not day_first if int(part["a"]) <= 12 and int(part["b"]) <= 12 else int(part["b"]) > 12
        part["day"], part["month"] = (part["b"], part["a"]) if swap else (part["a"], part["b"])
    month = _month(part["name"]) if part.get("name") else int(part["month"])
    year = int(part["year"])
    if len(part["year"]) == 2:
        year += 2000 if year < 69 else 1900
    return _spelled(year, month, int(part.get("day") or 1), part)


def _spelled(year: int, month: int, day: int, part: dict[str, str | None]) -> str:
    hour, zone = int(part.get("hour") or 0), part.get("zone") or ""
    if part.get("half"):
        if not 1 <= hour <= 12:
            return ""
        hour = hour % 12 + (12 if part["half"] == "p" else 0)
    if zone:
        zone = _ZONES.get(zone, zone.removeprefix("utc").removeprefix("gmt"))
        if not zone or zone[0] not in "+-":
            return ""
    clock = f"{hour:02}:{part.get('minute') or '00'}:{part.get('second') or '00'}.{part.get('part') or '0'}"
    return f"{year:04}-{month:02}-{day:02}T{clock}{zone}"


def _from_number(text: str) -> str:
    """A bare year, or an epoch in the unit that its size tells; small numbers are no dates."""
    value = float(text)
    if re.fullmatch(r"[0-9]{4}(\.0*)?", text):
        return f"{text[:4]}-01-01T00:00:00"
    size = abs(value)
    if not 1e8 <= size < 1e20:
        return ""
    per_second = 10 ** next((power for limit, power in ((1e11, 0), (1e14, 3), (1e17, 6)) if size < limit), 9)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / per_second)
    except OverflowError:
        return ""
    return moment.isoformat(timespec="microseconds")


def _instants(isos: Sequence[str], zone: ZoneInfo) -> pd.Series:
    """ISO strings to UTC; those without a zone are in `zone`."""
    texts = pd.Series(isos, dtype=object)
    plausible = np.array([iso[:4].isdigit() and YEARS[0] <= int(iso[:4]) <= YEARS[1] for iso in isos], dtype=bool)
    zoned = np.array([bool(_ZONED.search(iso)) for iso in isos], dtype=bool)
    result = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    if (plausible & zoned).any():
        read = pd.to_datetime(texts[plausible & zoned], format="ISO8601", errors="coerce", utc=True)
        result[plausible & zoned] = read.dt.as_unit("us")
    if (plausible & ~zoned).any():
        read = pd.to_datetime(texts[plausible & ~zoned], format="ISO8601", errors="coerce").dt.as_unit("us")
        first_of_two = np.ones(len(read), dtype=bool)
        local = read.dt.tz_localize(zone, ambiguous=first_of_two, nonexistent="shift_forward")
        result[plausible & ~zoned] = local.dt.tz_convert("UTC")
    return result


def _reason(text: str, iso: str, read: bool, /) -> str:
    if not text or read:
        return ""
    year = iso[:4]
    if year.isdigit() and not YEARS[0] <= int(year) <= YEARS[1]:
        return f"date outside the years {YEARS[0]} to {YEARS[1]}: {text[:40]!r}"
    return f"date not understood: {text[:40]!r}"
