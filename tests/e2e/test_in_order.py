"""Commands come to what they would one by one, in the order accepted, whatever the clocks of the hosts say.

They are sent back to back to two APIs in turn, one whose clock is five minutes ahead and one whose clock is
five minutes behind, and are handled by three workers.
"""

import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from read_side.projections import READ_MODELS
from tests.e2e.conftest import Scattered
from tests.e2e.every_request import order
from tests.support.plain_http import NO_TLS
from tests.support.waiting import until

FINISHED_S = 60.0
WAIT = {"Prefer": "wait=30"}
SHOPS = 8
SLACK = timedelta(seconds=2)
"""Between mongod's clock and the test's, read some time apart."""
NOW_S = 30.0
"""Until now is the past for everybody, were a request slow: any host's own clock is off by minutes."""


class Turns:
    """A caller that sends each request to the other API, on a connection of its own."""

    def __init__(self, scattered: Scattered) -> None:
        authorization = {"Authorization": f"Bearer {scattered.system.token('staff', 'sam')}"}
        self.apis = [
            httpx.Client(
                base_url=url,
                headers={**authorization, "Connection": "close"},
                timeout=40,
                trust_env=False,
                verify=NO_TLS,
            )
            for url in (scattered.late, scattered.early)
        ]
        self._turns = itertools.cycle(self.apis)

    def send(self, method: str, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        return next(self._turns).request(method, path, json=body, headers=headers)

    def fire(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        accepted = self.send(method, path, body)
        assert accepted.status_code == httpx.codes.ACCEPTED, accepted.text
        told: dict[str, Any] = accepted.json()
        return told

    def outcome(self, command_id: str) -> dict[str, Any]:
        def finished() -> dict[str, Any] | None:
            told: dict[str, Any] = self.apis[0].get(f"/commands/{command_id}").raise_for_status().json()
            return None if told["status"] == "accepted" else told

        return until(finished, FINISHED_S, f"an outcome of {command_id}") or {}

    def close(self) -> None:
        for api in self.apis:
            api.close()


@pytest.fixture
def turns(scattered: Scattered) -> Iterator[Turns]:
    turns = Turns(scattered)
    until(lambda: all(map(listens, turns.apis)), FINISHED_S, "both APIs")
    yield turns
    turns.close()


def listens(api: httpx.Client) -> bool:
    try:
        return api.get("/health/ready").is_success
    except httpx.TransportError:
        return False


def open_shop(turns: Turns) -> tuple[str, str, list[str]]:
    """A customer, and a product of which the price has changed; their ids and those of the commands."""
    customer, product = f"c{uuid.uuid4().hex}", f"p{uuid.uuid4().hex}"
    sent = [
        turns.fire(
            "POST", "/customers", {"customer_id": customer, "name": "Ada", "email": "ada@example.org"}
        ),
        turns.fire(
            "POST",
            "/products",
            {"product_id": product, "name": "Kettle", "unit_price": 100, "currency": "EUR"},
        ),
        turns.fire("PATCH", f"/products/{product}", {"unit_price": 250}),
    ]
    return customer, product, [told["command_id"] for told in sent]


def test_seven_commands_back_to_back_are_seven_successes(scattered: Scattered, turns: Turns) -> None:
    sent: list[str] = []
    orders: list[str] = []
    for _ in range(SHOPS):
        customer, product, opening = open_shop(turns)
        placed = turns.fire("POST", "/orders", order(customer, product))
        orders.append(placed["order_id"])
        sent += [*opening, placed["command_id"]]
        for status in ("confirmed", "shipped", "delivered"):
            path = f"/orders/{placed['order_id']}/status"
            sent.append(turns.fire("PATCH", path, {"status": status})["command_id"])

    assert {turns.outcome(command_id)["status"] for command_id in sent} == {"succeeded"}
    scattered.system.until_quiet()
    for order_id in orders:
        shown = turns.apis[1].get(f"/orders/{order_id}").json()
        assert (shown["status"], shown["total"]) == ("delivered", 250)
        times = [entry["at"] for entry in shown["history"]]
        assert times == sorted(times)


def test_of_two_names_the_later_stays(scattered: Scattered, turns: Turns) -> None:
    customers = []
    for _ in range(SHOPS):
        customer, _, sent = open_shop(turns)
        for name in ("First", "Second", "Last"):
            sent.append(turns.fire("PATCH", f"/customers/{customer}", {"name": name})["command_id"])
        customers.append((customer, sent))
    for customer, sent in customers:
        assert [turns.outcome(command_id)["status"] for command_id in sent] == ["succeeded"] * 6
        stream = {"stream": f"customer-{customer}"}
        newest = scattered.system.write_database.commits.find_one(stream, sort=[("version", -1)])
        assert newest is not None
        assert newest["state"]["name"] == "Last"


def test_what_is_not_allowed_is_still_rejected(turns: Turns) -> None:
    customer, product, _ = open_shop(turns)
    placed = turns.fire("POST", "/orders", order(customer, product))
    path = f"/orders/{placed['order_id']}/status"
    sent = [turns.fire("PATCH", path, {"status": status}) for status in ("shipped", "confirmed", "confirmed")]
    told = [turns.outcome(one["command_id"]) for one in sent]
    assert [one["status"] for one in told] == ["rejected", "succeeded", "succeeded"]
    assert told[0]["problem"]["status"] == httpx.codes.CONFLICT


def test_a_time_that_staff_give_is_held_against_one_clock(turns: Turns) -> None:
    """Now is not in the future, though the API that is told so lags; in two minutes is, for all of them.

    Each API knows mongod's time but for half of a round trip, so now may be the future for a moment.
    """
    late, early = turns.apis
    customer, product, _ = open_shop(turns)
    before = datetime.now(UTC)
    placed = early.post("/orders", json=order(customer, product), headers=WAIT).raise_for_status().json()
    path = f"/orders/{placed['order_id']}/status"

    in_two_minutes = {"status": "confirmed", "occurred_at": text(datetime.now(UTC) + timedelta(minutes=2))}
    assert (
        early.patch(path, json=in_two_minutes, headers=WAIT).json()["type"].endswith("/occurred-at-in-future")
    )
    accepted_at = datetime.fromisoformat(turns.outcome(placed["command_id"])["accepted_at"])
    since = {"status": "confirmed", "occurred_at": text(max(accepted_at, datetime.now(UTC)))}
    until(
        lambda: late.patch(path, json=since, headers=WAIT).status_code == httpx.codes.NO_CONTENT,
        NOW_S,
        "now is not in the future",
    )
    assert before - SLACK <= accepted_at <= datetime.now(UTC) + SLACK


def text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_commands_page_tells_which_read_models_show_it(turns: Turns) -> None:
    customer, product, _ = open_shop(turns)
    placed = turns.fire("POST", "/orders", order(customer, product))
    told = turns.outcome(placed["command_id"])
    assert (told["type"], told["status"], told["version"]) == ("PlaceOrder", "succeeded", 1)

    def visible() -> bool:
        return all(turns.outcome(placed["command_id"])["visible"].values())

    until(visible, FINISHED_S, "all models show the order")
    assert turns.apis[0].get(f"/orders/{placed['order_id']}").is_success
    assert sorted(told["visible"]) == sorted(model.name for model in READ_MODELS)
