"""Customers called as identity providers call them, over sockets and through every process."""

import http.client
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest

from api.tokens import sign
from bus.messages.principal import Role
from bus.settings import Settings
from tests.support.system import SECRET, TOKEN_TTL, System

DONE = {"Prefer": "wait=30, visible"}
AUTH0 = "auth0|5f7c8ec7c33c6c004bbafe82"
IDS = [AUTH0, "ann+shop@example.com", "+|+"]
CLAIM = "https://shop.example/customer_id"


@pytest.fixture(scope="module")
def named() -> Iterator[System]:
    """A system that takes a customer's id from a claim of its own."""
    with System(JWT_CUSTOMER_CLAIM=CLAIM) as system:
        yield system


@pytest.fixture(scope="module")
def customers(named: System) -> dict[str, httpx.Client]:
    """A client for each, who says in ``sub`` something else."""
    settings = Settings(jwt_secret=SECRET, jwt_customer_claim=CLAIM)
    clients = {}
    for identity in IDS:
        client = named.client("customer")
        token = sign(settings, Role.CUSTOMER, identity, TOKEN_TTL)
        client.headers["Authorization"] = f"Bearer {token}"
        clients[identity] = client
    return clients


@pytest.fixture(scope="module")
def registered(customers: dict[str, httpx.Client]) -> dict[str, httpx.Response]:
    """Each has registered, and this is what it was answered."""
    body = {"name": "Ann", "email": "ann@example.com"}
    return {
        identity: client.post("/customers", json=body, headers=DONE) for identity, client in customers.items()
    }


@pytest.mark.parametrize("identity", IDS)
def test_a_customer_registers_orders_and_reads(
    named: System, customers: dict[str, httpx.Client], registered: dict[str, httpx.Response], identity: str
) -> None:
    client, staff, answer = customers[identity], named.client("staff"), registered[identity]
    product = {"product_id": identity, "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
    staff.post("/products", json=product, headers=DONE).raise_for_status()
    assert (answer.status_code, answer.json()["customer_id"]) == (201, identity)
    order = {
        "items": [{"product_id": identity, "quantity": 1}],
        "shipping_address": {"line1": "1 High Street", "city": "Leeds", "country": "GB"},
    }
    placed = client.post("/orders", json=order, headers=DONE)
    assert placed.status_code == 201, placed.text

    record = client.get(answer.headers["Location"]).json()
    assert (record["customer_id"], record["orders"]) == (identity, 1)
    by_staff = staff.get("/orders", params={"customer_id": identity}).json()["orders"]
    assert [row["order_id"] for row in by_staff] == [placed.json()["order_id"]]
    assert client.get("/orders").json()["orders"] == by_staff


@pytest.mark.usefixtures("registered")
def test_an_address_may_be_written_with_or_without_percent_signs(
    named: System, customers: dict[str, httpx.Client]
) -> None:
    """``httpx`` would write them itself, so these requests are written by hand."""
    address = urlsplit(named.url)
    authorization = {"Authorization": customers[AUTH0].headers["Authorization"]}
    for path in (f"/customers/{AUTH0}", f"/customers/{quote(AUTH0)}", f"/customers/{quote(AUTH0).lower()}"):
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=40)
        try:
            connection.request("GET", path, headers=authorization)
            assert connection.getresponse().status == 200, path
        finally:
            connection.close()


@pytest.mark.usefixtures("registered")
def test_the_command_lines_take_such_a_stream(named: System) -> None:
    stream = f"customer-{AUTH0}"
    told = named.run("write_side", "show", stream)
    assert (told.returncode, told.stderr) == (0, "")
    assert stream in told.stdout
    assert "CustomerRegistered" in told.stdout
    for package in ("read_side", "write_side"):
        audited = named.run(package, "audit")
        assert audited.returncode == 0, audited.stdout
    unknown = named.run("write_side", "show", "customer-auth0|nobody")
    assert unknown.returncode != 0


def test_a_token_that_does_not_name_the_customer_is_told_which_claim_is_missing(named: System) -> None:
    refused = named.client("customer", "c1").get("/orders")
    assert refused.status_code == 401
    assert refused.json()["detail"] == f"The token has no claim {CLAIM}."
    assert CLAIM in refused.headers["WWW-Authenticate"]
