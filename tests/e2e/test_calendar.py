"""The shop's calendar on the running system: a zone, another one, and the rebuild that makes the change."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from read_side.projections import READ_MODELS
from tests.support.plain_http import NO_TLS
from tests.support.system import READY_S, System
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(300)

BEFORE, AFTER = "Asia/Kathmandu", "Australia/Lord_Howe"
"""A quarter past the half hour; and summers that are half an hour ahead of winters."""
ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}
PATIENT = {"Prefer": "wait=30, visible"}
REBUILT_S = 30.0

BY_DAYS = tuple(model.name for model in READ_MODELS if model.time_zone)

MOMENTS = tuple(
    at + timedelta(minutes=minutes)
    for at in (
        datetime(2024, 4, 6, 13, 0, tzinfo=UTC),  # midnight in summer there, on the day that summer ends
        datetime(2024, 4, 7, 13, 30, tzinfo=UTC),  # and in winter
        datetime(2024, 10, 5, 13, 30, tzinfo=UTC),
        datetime(2024, 10, 6, 13, 0, tzinfo=UTC),
        datetime(2023, 12, 31, 18, 15, tzinfo=UTC),  # midnight in Kathmandu
        datetime(2024, 9, 30, 13, 30, tzinfo=UTC),
    )
    for minutes in (-1, 0, 29, 31)
)


@pytest.fixture(scope="module")
def shop() -> Iterator[System]:
    """A shop in Kathmandu, with an order at each moment."""
    with System(SHOP_TIME_ZONE=BEFORE) as system:
        staff = system.client("staff")
        customer = {"customer_id": "ann", "name": "Ann"}
        product = {"product_id": "pot", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
        for path, body in (("/customers", {**customer, "email": "a@example.com"}), ("/products", product)):
            assert staff.post(path, json=body, headers=PATIENT).status_code == 201
        for moment in MOMENTS:
            order(staff, moment)
        system.until_quiet()
        yield system


def order(staff: httpx.Client, moment: datetime) -> None:
    body = {
        "customer_id": "ann",
        "items": [{"product_id": "pot", "quantity": 1}],
        "shipping_address": ADDRESS,
        "occurred_at": moment.isoformat(),
    }
    response = staff.post("/orders", json=body, headers={"Prefer": "wait=30"})
    assert response.status_code == 201, response.text


def get(staff: httpx.Client, path: str, **query: Any) -> Any:
    response = staff.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


def days(zone: str, moments: tuple[datetime, ...] = MOMENTS) -> Counter[date]:
    return Counter(moment.astimezone(ZoneInfo(zone)).date() for moment in moments)


def shows_the_days_of(system: System, zone: str) -> None:
    """Asserts that both analytics count by the days of a zone, whatever is asked."""
    counted, staff = days(zone), system.client("staff")
    formats = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}
    for by, form in formats.items():
        expected: Counter[str] = Counter()
        for day, orders in counted.items():
            expected[f"{day:{form}}"] += orders
        answer = get(staff, "/analytics/orders", by=by)
        assert answer.get("time_zone", system.environ["SHOP_TIME_ZONE"]) == zone
        assert {bucket["period"]: bucket["orders"] for bucket in answer["buckets"]} == expected
    quarters = get(staff, "/analytics/orders", by="quarter")["buckets"]
    assert sum(bucket["orders"] for bucket in quarters) == len(MOMENTS)
    assert {bucket["period"] for bucket in quarters} == {
        f"{day.year}-Q{(day.month + 2) // 3}" for day in counted
    }
    for first, last in zip(sorted(counted), sorted(counted)[1:], strict=False):
        asked = {"from": first.isoformat(), "to": last.isoformat()}
        orders = counted[first] + counted[last]
        [total] = get(staff, "/analytics/orders", by="year", **asked)["totals"]
        sales = get(staff, "/analytics/products", **asked)
        assert (total["orders"], sales["products"][0]["units"]) == (orders, orders), asked
        assert sales.get("time_zone", system.environ["SHOP_TIME_ZONE"]) == zone


def lists_the_days_of(system: System, zone: str) -> None:
    """Asserts that orders are listed by the days of a zone, which takes no rebuild."""
    staff = system.client("staff")
    for day, orders in days(zone).items():
        asked = {"from": day.isoformat(), "to": day.isoformat(), "limit": 100}
        assert len(get(staff, "/orders", **asked)["orders"]) == orders, asked


def time_zone(system: System) -> str:
    """What readiness says of it: found within the last seconds, and not told while MongoDB is slow."""
    answer = httpx.get(f"{system.url}/health/ready", timeout=40, trust_env=False, verify=NO_TLS)
    return str(answer.json()["parts"]["time_zone"])


def test_the_moments_are_on_other_days_in_each_zone() -> None:
    assert days(BEFORE) != days(AFTER) != days("UTC") != days(BEFORE)


def test_days_are_those_of_the_shop(shop: System) -> None:
    shows_the_days_of(shop, BEFORE)
    lists_the_days_of(shop, BEFORE)
    until(lambda: time_zone(shop) == "ok", REBUILT_S, "readiness that has nothing to rebuild")


def test_after_a_change_the_answers_say_whose_days_they_are_until_they_are_rebuilt(shop: System) -> None:
    for process in shop.processes.values():
        process.stop()
    shop.environ["SHOP_TIME_ZONE"] = AFTER
    for process in shop.processes.values():
        process.start()
    until(shop.is_ready, READY_S, f"ready again\n{shop.told()}")
    shop.until_quiet()

    shows_the_days_of(shop, BEFORE)
    lists_the_days_of(shop, AFTER)
    to_rebuild = f"rebuild {', '.join(BY_DAYS)}"
    until(lambda: time_zone(shop) == to_rebuild, REBUILT_S, "readiness that says what to rebuild")
    status = shop.run("read_side", "status", "--json")
    assert status.returncode == 3
    assert [line.partition(":")[0] for line in json.loads(status.stdout)["attention"]] == [
        f"{name}.g1 counts by the days of {BEFORE}, SHOP_TIME_ZONE is {AFTER}" for name in BY_DAYS
    ]

    rebuilt = shop.run("read_side", "rebuild", *BY_DAYS)
    assert rebuilt.returncode == 0, rebuilt.stderr
    staff = shop.client("staff")
    until(lambda: "time_zone" not in get(staff, "/analytics/products"), REBUILT_S, "the new one is served")
    shows_the_days_of(shop, AFTER)
    until(lambda: time_zone(shop) == "ok", REBUILT_S, "readiness that has nothing to rebuild")
    assert shop.run("read_side", "status").returncode == 0
    audited = shop.run("read_side", "audit")
    assert audited.returncode == 0, audited.stdout


@pytest.mark.parametrize("command", [("api", "serve"), ("read_side", "worker"), ("read_side", "status")])
def test_a_zone_that_is_none_is_refused_by_the_variables_name(
    shop: System, command: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(shop.environ, "SHOP_TIME_ZONE", "Berlin")
    refused = shop.run(*command)
    assert refused.returncode != 0
    assert "SHOP_TIME_ZONE: no time zone is named 'Berlin'" in refused.stderr
