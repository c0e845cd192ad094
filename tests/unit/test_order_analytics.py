"""Orders counted by day, week, month, quarter and year."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from bus.messages.registry import AnyEvent
from bus.primitives.time_zones import time_zone
from read_side.projections import order_analytics
from read_side.projections.days import By
from read_side.projections.model import Documents
from read_side.projections.order_analytics import ORDER_ANALYTICS
from tests.support.messages import (
    PLACED_AT,
    order_cancelled,
    order_confirmed,
    order_delivered,
    order_placed,
    order_shipped,
    product_added,
)
from tests.unit.projecting import project

NONE = {"pending": 0, "confirmed": 0, "shipped": 0, "delivered": 0, "cancelled": 0}


def placed_on(day: str, *, customer: int = 1, time: str = "12:00:00+00:00", **over: Any) -> AnyEvent:
    moment = datetime.fromisoformat(f"{day}T{time}")
    over = {"order_id": f"o{day}-{customer}", "customer_id": f"c{customer}"} | over
    return order_placed(placed_at=moment, **over)


def test_orders_count_on_the_day_they_were_placed() -> None:
    shown = project(ORDER_ANALYTICS, product_added(), order_placed(), order_placed(order_id="o2"))
    counts = {
        "currency": "EUR",
        "orders": 2,
        "units": 10,
        "gross": 12700,
        "discounts": 0,
        "cancelled_orders": 0,
        "cancelled_gross": 0,
        "by_status": {**NONE, "pending": 2},
    }
    assert order_analytics.by_period(shown.stored) == {
        "buckets": [{"period": "2024-05-01", **counts}],
        "totals": [counts],
    }


def test_an_order_that_moves_on_stays_with_its_day() -> None:
    shown = project(ORDER_ANALYTICS, order_placed(), order_confirmed(), order_shipped(), order_delivered())
    [bucket] = order_analytics.by_period(shown.stored)["buckets"]
    assert (bucket["period"], bucket["orders"]) == ("2024-05-01", 1)
    assert bucket["by_status"] == {**NONE, "delivered": 1}


def test_a_cancelled_order_was_placed_all_the_same() -> None:
    shown = project(ORDER_ANALYTICS, order_placed(), order_placed(order_id="o2"), order_cancelled())
    [bucket] = order_analytics.by_period(shown.stored)["buckets"]
    assert (bucket["orders"], bucket["units"], bucket["gross"]) == (2, 10, 12700)
    assert (bucket["cancelled_orders"], bucket["cancelled_gross"]) == (1, 6350)
    assert bucket["by_status"] == {**NONE, "pending": 1, "cancelled": 1}


def test_partitions_keep_apart_and_are_summed_when_asked() -> None:
    orders = [placed_on("2024-05-01", customer=number) for number in range(20)]
    shown = project(ORDER_ANALYTICS, *orders)
    assert len(shown.documents) == len({d["partition"] for d in shown.documents.values()}) > 1
    assert {d["_id"] for d in shown.documents.values()} >= {"2024-05-01/EUR@0"}
    [bucket] = order_analytics.by_period(shown.stored)["buckets"]
    assert (bucket["orders"], bucket["gross"]) == (20, 20 * 6350)


def test_discounts_are_counted_and_gross_is_what_is_left() -> None:
    order = order_placed()
    lines = [
        {**line.model_dump(), "discount": discount, "line_total": line.line_total - discount}
        for line, discount in zip(order.lines, (500, 25), strict=True)
    ]
    discounted = order_placed(order_id="o2", lines=lines, total=order.total - 525)
    shown = project(ORDER_ANALYTICS, order, discounted, order_cancelled(order_id="o2", total=5825))
    [bucket] = order_analytics.by_period(shown.stored)["buckets"]
    assert (bucket["gross"], bucket["discounts"], bucket["cancelled_gross"]) == (6350 + 5825, 525, 5825)


@pytest.mark.parametrize(
    ("zone", "by", "periods"),
    [
        ("UTC", "day", ["2023-12-31", "2024-01-01"]),
        ("Asia/Kathmandu", "day", ["2024-01-01"]),
        ("Pacific/Marquesas", "day", ["2023-12-31"]),
        ("Pacific/Marquesas", "year", ["2023"]),
        ("UTC", "week", ["2023-W52", "2024-W01"]),
        ("Asia/Kathmandu", "week", ["2024-W01"]),
        ("UTC", "quarter", ["2023-Q4", "2024-Q1"]),
        ("Asia/Kathmandu", "month", ["2024-01"]),
    ],
)
def test_days_are_those_of_the_time_zone(zone: str, by: By, periods: list[str]) -> None:
    """Two orders, placed at 18:30 on 31 December and at 08:30 on 1 January, UTC."""
    model = order_analytics.made_for(time_zone(zone))
    moments = datetime(2023, 12, 31, 18, 30, tzinfo=UTC), datetime(2024, 1, 1, 8, 30, tzinfo=UTC)
    orders = [order_placed(order_id=f"o{n}", placed_at=moment) for n, moment in enumerate(moments)]
    moved = [order_confirmed(order_id=f"o{n}", placed_at=moment) for n, moment in enumerate(moments)]
    buckets = order_analytics.by_period(project(model, *orders, *moved).stored, by=by)["buckets"]
    assert [bucket["period"] for bucket in buckets] == periods
    assert sum(bucket["by_status"]["confirmed"] for bucket in buckets) == 2


def test_a_day_is_one_of_utc_unless_a_zone_is_given() -> None:
    shown = project(
        ORDER_ANALYTICS,
        placed_on("2024-05-01", time="00:30:00+02:00"),
        order_placed(order_id="o2", placed_at=PLACED_AT.astimezone(timezone(timedelta(hours=-9)))),
    )
    periods = [bucket["period"] for bucket in order_analytics.by_period(shown.stored)["buckets"]]
    assert periods == ["2024-04-30", "2024-05-01"]


def test_early_years_sort_before_late_ones() -> None:
    early = order_placed(placed_at=datetime(987, 6, 5, tzinfo=UTC))
    shown = project(ORDER_ANALYTICS, early, order_placed(order_id="o2"))
    assert [b["period"] for b in order_analytics.by_period(shown.stored, by="year")["buckets"]] == [
        "0987",
        "2024",
    ]


@pytest.fixture(scope="module")
def years() -> Documents:
    """One order on each day around the ends of two years, on two partitions, and two in dollars."""
    days = ["2022-12-30", "2022-12-31", "2023-01-01", "2023-01-31", "2023-02-01", "2023-12-31", "2024-01-01"]
    orders = [placed_on(day, customer=number) for number, day in enumerate(days)]
    dollars = [
        placed_on(day, order_id=f"usd{day}", currency="USD", total=1) for day in ("2022-12-31", "2023-02-01")
    ]
    return project(ORDER_ANALYTICS, *orders, *dollars).stored


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            {"first": date(2022, 12, 31), "last": date(2023, 1, 31)},
            ["2022-12-31 EUR 1", "2022-12-31 USD 1", "2023-01-01 EUR 1", "2023-01-31 EUR 1"],
        ),
        (
            {"first": date(2022, 12, 31), "last": date(2023, 1, 1), "by": "month"},
            ["2022-12 EUR 1", "2022-12 USD 1", "2023-01 EUR 1"],
        ),
        (
            {"by": "month"},
            [
                "2022-12 EUR 2",
                "2022-12 USD 1",
                "2023-01 EUR 2",
                "2023-02 EUR 1",
                "2023-02 USD 1",
                "2023-12 EUR 1",
                "2024-01 EUR 1",
            ],
        ),
        (
            {"by": "year"},
            ["2022 EUR 2", "2022 USD 1", "2023 EUR 4", "2023 USD 1", "2024 EUR 1"],
        ),
        (
            {"by": "quarter"},
            [
                "2022-Q4 EUR 2",
                "2022-Q4 USD 1",
                "2023-Q1 EUR 3",
                "2023-Q1 USD 1",
                "2023-Q4 EUR 1",
                "2024-Q1 EUR 1",
            ],
        ),
        (
            {"by": "week", "last": date(2023, 2, 1)},
            ["2022-W52 EUR 3", "2022-W52 USD 1", "2023-W05 EUR 2", "2023-W05 USD 1"],
        ),
        ({"by": "week", "first": date(2023, 1, 1), "last": date(2023, 1, 30)}, ["2022-W52 EUR 1"]),
        ({"by": "quarter", "first": date(2023, 1, 31), "last": date(2023, 1, 31)}, ["2023-Q1 EUR 1"]),
        ({"by": "year", "first": date(2023, 1, 2)}, ["2023 EUR 3", "2023 USD 1", "2024 EUR 1"]),
        ({"by": "year", "last": date(2022, 12, 30)}, ["2022 EUR 1"]),
        ({"first": date(2023, 2, 2), "last": date(2023, 12, 30)}, []),
    ],
)
def test_only_the_days_asked_for_count(years: Documents, asked: dict[str, Any], expected: list[str]) -> None:
    answer = order_analytics.by_period(years, **asked)
    assert [f"{b['period']} {b['currency']} {b['orders']}" for b in answer["buckets"]] == expected


def test_totals_are_the_buckets_by_currency(years: Documents) -> None:
    answer = order_analytics.by_period(years, first=date(2023, 1, 1), by="month")
    assert [(total["currency"], total["orders"], total["gross"]) for total in answer["totals"]] == [
        ("EUR", 5, 5 * 6350),
        ("USD", 1, 1),
    ]
    assert answer["totals"][0]["by_status"] == {**NONE, "pending": 5}
    assert all("period" not in total for total in answer["totals"])


def test_nothing_placed_is_nothing_counted() -> None:
    assert order_analytics.by_period(project(ORDER_ANALYTICS).stored) == {"buckets": [], "totals": []}


def test_an_order_that_was_never_placed_cannot_move() -> None:
    with pytest.raises(LookupError, match="no confirmed order"):
        project(ORDER_ANALYTICS, order_placed(), order_shipped())
