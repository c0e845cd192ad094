"""The days of the shop's calendar, against zoneinfo, and the periods that they belong to."""

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.primitives.time_zones import names, time_zone
from read_side.projections.days import By, day_of, periods_of

ZONES = (
    *("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Australia/Adelaide", "America/St_Johns"),
    *("Pacific/Chatham", "Pacific/Marquesas", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Pago_Pago"),
    *("America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Africa/Casablanca", "Antarctica/Troll"),
)
"""Of whole, half and quarter hours, on both sides of UTC; with changes at midnight and by half an hour."""
zones = st.sampled_from(ZONES)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
recent = st.datetimes(datetime(1970, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001
days = st.dates()


@pytest.fixture(scope="module", autouse=True)
def _rules_of_the_package() -> Iterator[None]:
    """Zoneinfo reads those of the machine, which may be of another release, unless it is told not to."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)
    zoneinfo.ZoneInfo.clear_cache()


@given(zones, moments)
def test_a_day_is_that_of_the_clock_on_the_wall(name: str, moment: datetime) -> None:
    assert day_of(moment, time_zone(name)) == moment.astimezone(zoneinfo.ZoneInfo(name)).date()


@given(zones, recent, st.integers(0, 1))
def test_whoever_is_there_and_looks_at_the_calendar_sees_that_day(
    name: str, local: datetime, fold: int
) -> None:
    """Each time that a wall clock shows, also those that it shows twice, counts on its own day."""
    there = local.replace(tzinfo=zoneinfo.ZoneInfo(name), fold=fold)
    moment = there.astimezone(UTC)
    if moment.astimezone(there.tzinfo).replace(tzinfo=None) == local:  # it is not skipped
        assert day_of(moment, time_zone(name)) == local.date()


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Kolkata", "2024-05-01T18:29:59.999+00:00", date(2024, 5, 1)),
        ("Asia/Kolkata", "2024-05-01T18:30:00+00:00", date(2024, 5, 2)),
        ("Asia/Kathmandu", "2024-05-01T18:14:59.999+00:00", date(2024, 5, 1)),
        ("Asia/Kathmandu", "2024-05-01T18:15:00+00:00", date(2024, 5, 2)),
        # Summer there is half an hour ahead, from 2024-10-06 on: 10:30 becomes 11.
        ("Australia/Lord_Howe", "2024-10-05T13:29:59+00:00", date(2024, 10, 5)),
        ("Australia/Lord_Howe", "2024-10-05T13:30:00+00:00", date(2024, 10, 6)),
        ("Australia/Lord_Howe", "2024-10-06T13:00:00+00:00", date(2024, 10, 7)),
        # A day of 23 hours and one of 25.
        ("Europe/Berlin", "2024-03-30T23:00:00+00:00", date(2024, 3, 31)),
        ("Europe/Berlin", "2024-03-31T22:00:00+00:00", date(2024, 4, 1)),
        ("Europe/Berlin", "2024-10-26T22:00:00+00:00", date(2024, 10, 27)),
        ("Europe/Berlin", "2024-10-27T22:59:59+00:00", date(2024, 10, 27)),
        ("America/Los_Angeles", "2024-01-01T07:59:59+00:00", date(2023, 12, 31)),
        # Samoa had no 30 December in 2011.
        ("Pacific/Apia", "2011-12-30T09:59:59+00:00", date(2011, 12, 29)),
        ("Pacific/Apia", "2011-12-30T10:00:00+00:00", date(2011, 12, 31)),
        # Beyond the first and the last day that there is.
        ("America/New_York", "0001-01-01T00:00:00+00:00", date(1, 1, 1)),
        ("Asia/Kolkata", "9999-12-31T23:00:00+00:00", date(9999, 12, 31)),
    ],
)
def test_days_begin_at_midnight_there(zone: str, moment: str, day: date) -> None:
    assert day_of(datetime.fromisoformat(moment), time_zone(zone)) == day


@given(st.dates(min_value=date(1001, 1, 1)))  # strftime does not fill up the years before
def test_periods_are_those_of_the_calendar(day: date) -> None:
    assert periods_of(day) == {
        "day": f"{day:%Y-%m-%d}",
        "week": f"{day:%G-W%V}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day:%Y}-Q{1 + (day.month - 1) // 3}",
        "year": f"{day:%Y}",
    }


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    assert periods_of(date(2024, 2, 29))["week"] == "2024-W09"
    assert periods_of(date(2021, 1, 3))["week"] == "2020-W53"
    assert periods_of(date(2024, 12, 30))["week"] == "2025-W01"


@given(days, days)
def test_periods_sort_in_the_order_of_time(one: date, other: date) -> None:
    earlier, later = map(periods_of, sorted((one, other)))
    assert earlier.keys() == later.keys() == set(get_args(By))
    assert all(earlier[by] <= later[by] for by in get_args(By))


@pytest.mark.parametrize("name", ["", "Berlin", "europe/berlin", "../tzdata/zones", "Europe", "UTC "])
def test_what_is_no_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone is named"):
        time_zone(name)


def test_every_zone_that_is_named_is_there() -> None:
    for name in names():
        assert str(time_zone(name)) == name
