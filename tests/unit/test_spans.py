"""Spans of time: which moments belong to days of the shop, wherever it is and whatever its clocks do."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.http.problems import ProblemError
from api.http.spans import Span, span_of

MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"),
    *("America/Sao_Paulo", "America/Havana", "Pacific/Auckland", "Pacific/Pago_Pago"),
]
"""With hours, halves and quarters beside UTC; Sao Paulo skipped midnight, Havana has it twice."""

zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1995, 1, 1), date(2037, 12, 31))


@given(day=days, zone=zones)
@example(day=date(2018, 11, 4), zone=ZoneInfo("America/Sao_Paulo"))  # has no midnight
@example(day=date(2024, 11, 3), zone=ZoneInfo("America/Havana"))  # has two
@example(day=date(2024, 3, 31), zone=ZoneInfo("Europe/Berlin"))  # has 23 hours
@example(day=date(2024, 10, 27), zone=ZoneInfo("Europe/Berlin"))  # has 25
@example(day=date(2024, 4, 7), zone=ZoneInfo("Australia/Lord_Howe"))  # has 24 and a half
def test_a_day_has_the_moments_that_clocks_show_on_it(day: date, zone: tzinfo) -> None:
    span = span_of(day, day, zone)
    assert span.first is not None
    assert span.last is not None
    inside, outside = (span.first, span.last), (span.first - MILLISECOND, span.last + MILLISECOND)
    assert [moment.astimezone(zone).date() - day for moment in inside] == [timedelta(0)] * 2
    assert [moment.astimezone(zone).date() - day for moment in outside] == [-DAY, DAY]


@given(day=days, more=st.integers(0, 400), zone=zones)
def test_days_follow_each_other_without_a_gap(day: date, more: int, zone: tzinfo) -> None:
    last = day + more * DAY
    whole, next_day = span_of(day, last, zone), span_of(last + DAY, None, zone)
    assert whole.first == span_of(day, None, zone).first
    assert (whole.last, next_day.last) == (span_of(None, last, zone).last, None)
    assert whole.last is not None
    assert whole.last + MILLISECOND == next_day.first


def test_moments_and_open_ends_stay_as_they_are() -> None:
    assert span_of(None, None, UTC) == Span(None, None)
    assert span_of(NOON, NOON, UTC) == Span(NOON, NOON)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2024, 5, 2), date(2024, 5, 1)),
        (NOON, NOON - MILLISECOND),
        (NOON, date(2024, 4, 30)),
        (date(2024, 5, 2), NOON),
    ],
)
def test_a_span_that_ends_before_it_starts_is_a_422(first: date, last: date) -> None:
    with pytest.raises(ProblemError) as error:
        span_of(first, last, UTC)
    problem = error.value.problem
    assert (problem.status, problem.errors[0].field) == (422, "from")


def test_whether_a_day_is_before_a_moment_depends_on_the_zone() -> None:
    midnight = datetime(2024, 5, 1, 22, 0, tzinfo=UTC)
    assert span_of(date(2024, 5, 2), midnight, ZoneInfo("Europe/Berlin")) == Span(midnight, midnight)
    with pytest.raises(ProblemError):
        span_of(date(2024, 5, 2), midnight, UTC)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Pacific/Pago_Pago", "UTC"])
def test_the_ends_of_the_calendar_are_days_too(zone: str) -> None:
    span = span_of(date.min, date.max, ZoneInfo(zone))
    assert span.first is not None
    assert span.first.date() == date.min
    assert span.last is None
