"""What one caller may have under way: past it 429, while others go on; two web processes share the bound.

The worker is stopped while commands are sent, so that nothing is finished.
"""

import itertools
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from api.http.freshness import WAITS_OF_A_CUSTOMER
from api.local import ports
from bus.settings import Settings
from tests.support.system import System, is_ready
from tests.support.waiting import until

BOUND = Settings.model_fields["max_unfinished_per_caller"].default
ORDER = {
    "items": [{"product_id": "p1", "quantity": 1}],
    "shipping_address": {"line1": "1 Row", "city": "York", "country": "GB"},
}
PATIENCE_S = 60.0
SEVERAL = 8
WAIT = {"Prefer": "wait=30"}


@pytest.fixture(scope="module")
def second_port() -> int:
    return next(ports.candidates())


@pytest.fixture(scope="module")
def system(second_port: int) -> Iterator[System]:
    with System({"web2": f"exec env API_PORT={second_port} python -m api serve"}) as running:
        second = f"http://127.0.0.1:{second_port}"
        until(partial(is_ready, second), PATIENCE_S, "the second web process is ready")
        yield running


@pytest.fixture
def idle(system: System) -> Iterator[System]:
    """With nobody who carries commands out."""
    system.processes["commands"].stop()
    try:
        yield system
    finally:
        system.processes["commands"].start()
        system.until_quiet()


def places(client: httpx.Client, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return client.post("/orders", json=ORDER, headers=headers)


def under(key: str) -> Mapping[str, str]:
    return {"Idempotency-Key": key}


def unfinished(system: System, subject: str) -> int:
    return system.write_database.commands.count_documents({"envelope.by.subject": subject})


def code(response: httpx.Response) -> tuple[int, str, str | None]:
    return response.status_code, response.json()["type"], response.headers.get("Retry-After")


def test_a_customer_has_fifty_unfinished_commands_and_no_more(idle: System) -> None:
    subject = f"c{uuid.uuid4().hex}"
    customer, staff = idle.client("customer", subject), idle.client("staff")
    sent = [places(customer, under(f"k{n}")) for n in range(BOUND)]
    assert {response.status_code for response in sent} == {202}

    assert code(places(customer)) == (429, "/problems/too-many-unfinished", "1")
    assert code(places(customer, under("another"))) == (429, "/problems/too-many-unfinished", "1")
    assert code(places(customer, WAIT)) == (429, "/problems/too-many-unfinished", "1")
    again = places(customer, under("k7"))
    assert (again.status_code, again.json()) == (202, sent[7].json()), "a repeat is no more"
    assert places(staff).status_code == 202
    assert places(idle.client("customer", "somebody-else")).status_code == 202
    assert unfinished(idle, subject) == BOUND

    idle.processes["commands"].start()
    until(lambda: places(customer).status_code == 202, PATIENCE_S, "it goes on once they are finished")


def test_the_third_request_that_waits_is_refused(idle: System) -> None:
    subject = f"c{uuid.uuid4().hex}"
    customer, staff = idle.client("customer", subject), idle.client("staff")
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(places, customer, WAIT) for _ in range(WAITS_OF_A_CUSTOMER)]
        until(lambda: unfinished(idle, subject) == len(waiting), PATIENCE_S, "two wait")
        assert code(places(customer, WAIT)) == (429, "/problems/too-many-waits", "1")
        assert unfinished(idle, subject) == len(waiting), "it was not accepted"
        assert places(customer).status_code == 202, "without waiting it is"
        others = pool.submit(places, staff, WAIT)
        idle.processes["commands"].start()
        answers = [future.result(PATIENCE_S) for future in (*waiting, others)]
    assert {answer.status_code for answer in answers} == {422}, "there is no such product"
    assert places(customer, WAIT).status_code == 422, "there is room to wait again"


def test_two_web_processes_share_the_bound(idle: System, second_port: int) -> None:
    customer = idle.client("customer", f"c{uuid.uuid4().hex}")
    urls = itertools.cycle((idle.url, f"http://127.0.0.1:{second_port}"))
    accepted = refused_in_a_row = 0
    while refused_in_a_row < SEVERAL and accepted < 2 * BOUND:
        status = customer.post(f"{next(urls)}/orders", json=ORDER).status_code
        assert status in {202, 429}
        accepted += status == 202
        refused_in_a_row = refused_in_a_row + 1 if status == 429 else 0
    assert BOUND <= accepted <= BOUND + 2 * (BOUND // 4)
