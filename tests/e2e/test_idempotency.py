"""An ``Idempotency-Key`` means one command, also when two processes get the request at the same moment."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from tests.e2e.conftest import Scattered
from tests.e2e.every_request import Known, make_known, order
from tests.support.plain_http import NO_TLS
from tests.support.waiting import until

ROUNDS = 10


@pytest.fixture(scope="module")
def known(scattered: Scattered) -> Known:
    return make_known(scattered.system.client("staff"), "idempotency")


@pytest.mark.parametrize("prefer", ["respond-async", "wait=30"])
def test_the_same_request_to_two_processes_at_once_is_one_command(
    scattered: Scattered, known: Known, prefer: str
) -> None:
    authorization = {"Authorization": f"Bearer {scattered.system.token('staff', 'sam')}", "Prefer": prefer}
    body = order(known.customer_id, known.product_id)
    database = scattered.system.write_database
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            key, both = uuid.uuid4().hex, threading.Barrier(2)

            def send(url: str, key: str = key, both: threading.Barrier = both) -> httpx.Response:
                headers = {**authorization, "Idempotency-Key": key}
                with httpx.Client(
                    base_url=url, headers=headers, timeout=40, trust_env=False, verify=NO_TLS
                ) as client:
                    both.wait(30)
                    return client.post("/orders", json={**body, "reference": key})

            answers = list(pool.map(send, (scattered.early, scattered.late)))
            told = [answer.json() for answer in answers]
            assert {answer.status_code for answer in answers} <= {201, 202}
            assert told[0]["command_id"] == told[1]["command_id"]
            assert told[0]["order_id"] == told[1]["order_id"]

            again = send_alone(
                scattered.early, {**authorization, "Idempotency-Key": key}, {**body, "reference": key}
            )
            assert (again["command_id"], again["order_id"]) == (told[0]["command_id"], told[0]["order_id"])
            other = httpx.post(
                f"{scattered.late}/orders",
                json={**body, "reference": "another"},
                headers={**authorization, "Idempotency-Key": key},
                timeout=40,
                trust_env=False,
                verify=NO_TLS,
            )
            assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")

            done = {"command_id": told[0]["command_id"]}
            until(partial(database.commits.find_one, done), 60, "the order")
            assert database.commits.count_documents({"events.data.reference": key}) == 1


def send_alone(url: str, headers: dict[str, str], body: dict[str, object]) -> dict[str, str]:
    answer = httpx.post(
        f"{url}/orders", json=body, headers=headers, timeout=40, trust_env=False, verify=NO_TLS
    )
    told: dict[str, str] = answer.raise_for_status().json()
    return told
