from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.dates import parse_dates
from toolkit.schema import InputError, SettingsError
from toolkit.settings import IngestSettings

DAY = "2024-08-15T00:00:00"
HALF_PAST_TEN = "2024-08-15T10:30:00"


def read(*values: object, **settings: object) -> list[str]:
    """Each value as ISO text in UTC, or its reason."""
    table = parse_dates(pd.Series(list(values), dtype=object), IngestSettings(**settings))
    assert (table["published"].isna() | (table["reason"] == "")).all()
    return [
        reason or ("" if pd.isna(instant) else instant.strftime("%Y-%m-%dT%H:%M:%S"))
        for instant, reason in zip(table["published"], table["reason"], strict=True)
    ]


@pytest.mark.parametrize(
    "value",
    [
        "2024-08-15",
        "2024-08-15T00:00:00Z",
        "2024-08-15 05:00:00+05:00",
        "2024-08-15T05:00+0500",
        "2024-08-15 00:00:00 UTC",
        "2024/08/15",
        "2024.8.15",
        "20240815",
        "20240815T000000Z",
        "15.08.2024",
        "15.8.24",
        "15.08.2024 г.",
        "15/08/2024",
        "08/15/2024",
        "15-08-2024",
        "15 August 2024",
        "15th of Aug. 2024",
        "15-Aug-2024",
        "August 15, 2024",
        "Thursday, August 15, 2024",
        "Aug 15 2024 12:00 AM",
        "15 августа 2024",
        "четверг, 15 августа 2024 года",
        "15 авг 2024",
        "15 тамыз 2024",
        "2024 жылғы 15 тамыз",
        "2024 ж. 15 тамыз",
        "15 тамыз 2024 ж.",
        "Thu, 15 Aug 2024 00:00:00 GMT",
        "Thu, 15 Aug 2024 05:00:00 +0500 (QYZT)",
        "Thu Aug 15 00:00:00 +0000 2024",
        "1723680000",
        "1723680000000",
        1723680000,
        1723680000.0,
        1723680000000,
        1723680000000000,
        date(2024, 8, 15),
        datetime(2024, 8, 15, 5, tzinfo=timezone(timedelta(hours=5))),
        pd.Timestamp("2024-08-15"),
    ],
)
def test_one_day_is_read_however_it_is_written(value: object) -> None:
    assert read(value) == [DAY]


@pytest.mark.parametrize(
    "value",
    [
        "15.08.2024 10:30",
        "15.08.2024, 10:30:00",
        "10:30, 15.08.2024",
        "10:30 15 августа 2024",
        "15 августа 2024 в 10:30",
        "15 августа 2024 г., 13:30 МСК",
        "August 15, 2024 at 10:30 AM",
        "15 August 2024 05:30 EST",
        "08/15/2024 10:30:00.000",
        "2024-08-15 10:30",
        "15 тамыз 2024 | 10:30",
    ],
)
def test_a_time_beside_the_day_is_read(value: str) -> None:
    assert read(value) == [HALF_PAST_TEN]


def test_bare_years_and_months_are_their_first_day() -> None:
    assert read("2016", 2016, 2016.0, "2016-05", "May 2016")[:3] == ["2016-01-01T00:00:00"] * 3
    assert read("2016-05", "May 2016") == ["2016-05-01T00:00:00"] * 2


def test_all_months_are_known_in_three_languages() -> None:
    english = pd.date_range("2024-01-05", periods=12, freq="31D").strftime("%B")
    russian = "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
    kazakh = "қаңтар ақпан наурыз сәуір мамыр маусым шілде тамыз қыркүйек қазан қараша желтоқсан"
    expected = [f"2024-{month:02}-05T00:00:00" for month in range(1, 13)]
    for names in (list(english), russian.split(), kazakh.split(), [name[:3] for name in russian.split()]):
        assert read(*(f"5 {name} 2024" for name in names)) == expected


def test_months_written_with_a_kazakh_case_ending_are_known() -> None:
    assert read("15 тамызда 2024", "15 тамыздың 2024") == [DAY, DAY]


@pytest.mark.parametrize("value", ["", "  ", None, float("nan"), pd.NaT, "None", "null", "N/A", "-", "0000-00-00"])
def test_no_date_is_no_fault(value: object) -> None:
    assert read(value) == [""]


@pytest.mark.parametrize(
    "value",
    [
        *("31/31/2024", "30.02.2024", "2024-13-01", "2023-02-29", "15.08.2024 25:00", "15.08.2024 13:00 PM"),
        *("now", "today", "yesterday", "hello", "1 maybe 2024", "15 marshall 2024", "5", "0", "12345", "١٥.٠٨.٢٠٢٤"),
        *(
            "2024-08-15T10:00:00+99:99",
            "15:01",
            True,
            [1],
            {"a": 1},
            float("inf"),
            "9" * 400,
        ),
        *("15 August", "Thursday", "2024-08-15 10:00 XYZ", "2024-08-15 garbage", "((((" * 50, "1 " * 5000),
    ],
)
def test_what_is_no_date_is_said_and_never_guessed(value: object) -> None:
    (reason,) = read(value)
    assert reason.startswith(("date not understood: ", "date outside the years"))
    assert len(reason) < 120


@pytest.mark.parametrize("value", ["1500-01-01", "01.01.1799", "3000-01-01", "0001-01-01", "1 May 9999", "2101", 1799])
def test_years_outside_1800_to_2100_are_refused(value: object) -> None:
    assert "outside the years 1800 to 2100" in read(value)[0]


def test_years_1800_and_2100_are_taken() -> None:
    assert read("1800-01-01", "2100-12-31") == ["1800-01-01T00:00:00", "2100-12-31T00:00:00"]


def test_one_clear_value_settles_day_and_month_for_the_whole_column() -> None:
    assert read("03/04/2024", "15/04/2024") == ["2024-04-03T00:00:00", "2024-04-15T00:00:00"]
    assert read("03/04/2024", "04/15/2024") == ["2024-03-04T00:00:00", "2024-04-15T00:00:00"]


def test_a_setting_settles_day_and_month_and_clear_values_stand_by_themselves() -> None:
    assert read("03/04/2024", "04/15/2024", day_first=True) == ["2024-04-03T00:00:00", "2024-04-15T00:00:00"]
    assert read("03/04/2024", "15/04/2024", day_first=False) == ["2024-03-04T00:00:00", "2024-04-15T00:00:00"]


@pytest.mark.parametrize("others", [(), ("15/04/2024", "04/15/2024"), ("31/31/2024",), ("2024-08-15", "15.08.2024")])
def test_an_unsettled_day_and_month_is_refused_with_both_readings(others: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"'03/04/2024' is 3 April or 4 March.*-p day_first true"):
        read(*others, "03/04/2024")


def test_dates_that_read_the_same_either_way_need_no_setting() -> None:
    assert read("04/04/2024", "15/04/2024", "04/15/2024")[0] == "2024-04-04T00:00:00"
    assert read("04/04/2024") == ["2024-04-04T00:00:00"]


def test_dates_without_a_zone_are_in_the_zone_of_the_settings() -> None:
    assert read("2024-08-15 10:00", "15.08.2024 10:00", "2024-08-15 10:00Z", timezone="Asia/Almaty") == [
        "2024-08-15T05:00:00",
        "2024-08-15T05:00:00",
        "2024-08-15T10:00:00",
    ]


def test_hours_that_are_skipped_or_occur_twice_are_read() -> None:
    skipped, twice = read("2024-03-31 02:30", "2024-10-27 02:30", timezone="Europe/Berlin")
    assert (skipped, twice) == ("2024-03-31T01:00:00", "2024-10-27T00:30:00")
    assert read("2024-02-29 23:30", timezone="Asia/Almaty") == ["2024-02-29T17:30:00"]


@pytest.mark.parametrize("name", ["Nowhere/Atall", "", "../etc/passwd", "Europe", "/etc/localtime"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="expected an IANA zone"):
        read("2024-08-15", timezone=name)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamp_columns_are_taken_as_they_are(unit: str) -> None:
    naive = pd.Series(pd.to_datetime(["2024-08-15 10:30", None])).astype(f"datetime64[{unit}]")
    for column, zone in ((naive, "UTC"), (naive.dt.tz_localize("Asia/Almaty").dt.tz_convert("UTC"), "UTC")):
        table = parse_dates(column, IngestSettings(timezone=zone))
        assert table["published"].isna().tolist() == [False, True]
        assert (table["reason"] == "").all()
    assert parse_dates(naive, IngestSettings())["published"][0] == pd.Timestamp(HALF_PAST_TEN, tz="UTC")


def test_an_empty_column_stays_a_column_of_instants() -> None:
    table = parse_dates(pd.Series([], dtype=object), IngestSettings())
    assert len(table) == 0
    assert str(table["published"].dt.tz) == "UTC"


MOMENTS = st.datetimes(datetime(1801, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


@settings(deadline=None, max_examples=50)
@given(st.lists(MOMENTS, min_size=1, max_size=8), st.integers(-12, 14))
def test_what_the_standard_library_writes_is_read_back(moments: list[datetime], hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    expected = [moment.strftime("%Y-%m-%dT%H:%M:%S") for moment in moments]
    aware = [moment.replace(tzinfo=UTC).astimezone(zone) for moment in moments]
    assert read(*(moment.isoformat() for moment in aware)) == expected
    assert read(*(format_datetime(moment) for moment in aware)) == expected
    assert read(*(moment.strftime("%d.%m.%Y %H:%M:%S") for moment in moments)) == expected
    assert read(*(moment.strftime("%d %B %Y, %H:%M:%S") for moment in moments)) == expected
    assert read(*(moment.strftime("%B %d, %Y %I:%M:%S %p") for moment in moments)) == expected


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.text("0123456789/-.: T")))
)
def test_any_column_gives_a_date_or_a_reason_and_is_not_changed(values: list[object]) -> None:
    column = pd.Series(values, dtype=object, index=range(5, 5 + len(values)))
    before = column.copy(deep=True)
    table = parse_dates(column, IngestSettings(day_first=True))
    pd.testing.assert_series_equal(column, before)
    assert list(table.index) == list(column.index)
    assert (table["published"].isna() | (table["reason"] == "")).all()
