"""What operators mend over HTTP, on the running system: dead commands, parked streams, rebuilds."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from read_side.projections import READ_MODELS
from tests.e2e.every_request import Known, make_known, order
from tests.support.plain_http import NO_TLS
from tests.support.processes import Process
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)

DONE_S = 120.0
PATIENT = {"Prefer": "wait=30"}
UNKNOWN = 99
"""A version of an event's schema that no build knows."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operators")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[System]:
    """Its commands' worker cannot decide about a product that is to be named ``raises``."""
    lines = {
        "commands": f"exec python -m tests.support.faulty_worker {folder}",
        "projections2": "exec python -m read_side worker",
    }
    with System(lines, MAX_ATTEMPTS="1") as system:
        yield system


@pytest.fixture(scope="module")
def known(running: System) -> Known:
    return make_known(running.client("staff"), "known")


@pytest.fixture(scope="module")
def ops(running: System) -> httpx.Client:
    return running.client("ops", "olga")


def get(client: httpx.Client, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return response.json()


def rebuild_of(client: httpx.Client, name: str) -> dict[str, Any]:
    rows = [row for row in get(client, "/ops/rebuilds")["rebuilds"] if row["read_model"] == name]
    return rows[0] if rows else {"state": None}


def has_ended(client: httpx.Client, name: str) -> bool:
    return rebuild_of(client, name)["state"] not in {"requested", "running"}


def only(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The row, once there is one."""
    assert len(rows) <= 1, rows
    return rows[0] if rows else None


def test_a_dead_command_succeeds_when_it_is_retried(running: System, ops: httpx.Client, folder: Path) -> None:
    staff = running.client("staff")
    product = {"product_id": "pan", "name": "raises", "unit_price": 900, "currency": "EUR"}
    failed = staff.post("/products", json=product, headers=PATIENT)
    assert failed.status_code == 500, failed.text
    # The log tells the caller that it failed; the inbox, which is listed, may tell it a moment later.
    dead = until(lambda: only(get(ops, "/ops/dead")["dead"]), DONE_S, "it is listed")
    assert dead is not None
    assert (dead["kind"], dead["what"], dead["state"]) == ("command", "AddProduct", "kept")
    in_full = get(ops, f"/ops/dead/{dead['id']}")
    assert in_full["documents"][0]["envelope"]["command"]["product_id"] == "pan"

    worker = running.processes["commands"]
    worker.stop()
    healthy = Process(
        "healthy commands", "exec python -m write_side worker", running.environ, folder / "healthy.log"
    )
    healthy.start()
    try:
        retried = ops.post(f"/ops/dead/{dead['id']}/retry", json={"reason": "a new release"})
        assert (retried.status_code, retried.json()) == (
            200,
            {"result": "accepted again, at the end of the order"},
        )
        until(
            lambda: staff.get(f"/commands/{dead['id']}").json()["status"] == "succeeded",
            DONE_S,
            f"the retried command succeeds\n{healthy.tail()}",
        )
        until(lambda: staff.get("/products/pan").status_code == 200, DONE_S, "the product is there")
    finally:
        healthy.stop()
        worker.start()
    [resolution] = get(ops, f"/ops/dead/{dead['id']}")["documents"][0]["resolutions"]
    assert (resolution["by"], resolution["reason"]) == ("ops:olga", "a new release")
    assert get(ops, "/ops/dead")["dead"] == []
    again = ops.post(f"/ops/dead/{dead['id']}/retry", json={"reason": "twice"})
    assert again.status_code == 409


def test_a_parked_stream_is_mended_by_those_who_project(
    running: System, known: Known, ops: httpx.Client
) -> None:
    projections = [running.processes[name] for name in ("projections", "projections2")]
    for process in projections:
        process.stop()
    staff = running.client("staff")
    placed = staff.post("/orders", json=order(known.customer_id, known.product_id), headers=PATIENT)
    order_id = placed.json()["order_id"]
    confirmed = staff.patch(f"/orders/{order_id}/status", json={"status": "confirmed"}, headers=PATIENT)
    assert confirmed.status_code == 204
    where = {"stream": f"order-{order_id}", "version": 2}
    running.write_database.commits.update_one(where, {"$set": {"events.0.v": UNKNOWN}})
    for process in projections:
        process.start()

    def parked() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(ops, "/ops/parked")["parked"]
        return [row for row in found if row["read_model"] == "order_detail"]

    [row] = until(parked, DONE_S, f"it is parked\n{running.told()}")
    assert (row["stream"], row["waiting"]) == (f"order-{order_id}", 0)
    # The parking is told before the batch is written, in which the order is placed.
    until(lambda: staff.get(f"/orders/{order_id}").json()["status"] == "pending", DONE_S, "it is shown")

    meant = {"read_model": "order_detail", "stream": row["stream"]}

    def retried() -> str:
        """Whether it came to something within a request; nobody may have been there to do it yet."""
        response = ops.post("/ops/parked/retry", json=meant)
        assert response.status_code == 200, response.text
        [result] = response.json()["results"]
        assert result["result"] in {"parked", "busy"}, result
        return str(result["result"])

    until(lambda: retried() == "parked", DONE_S, "it is tried and stays parked")
    running.write_database.commits.update_one(where, {"$set": {"events.0.v": 1}})
    ops.post("/ops/parked/retry", json=meant)
    until(lambda: not parked(), DONE_S, f"it is mended\n{running.told()}")
    until(lambda: staff.get(f"/orders/{order_id}").json()["status"] == "confirmed", DONE_S, "it is shown")
    assert ops.post("/ops/parked/retry", json=meant).status_code == 404

    def has_ended_in(name: str) -> bool:
        response = ops.post("/ops/parked/retry", json={**meant, "read_model": name})
        if response.status_code != 200:  # it takes no part in it, or has been mended by now
            return True
        [result] = response.json()["results"]
        assert result["result"] in {"rebuild", "mended", "busy"}, result
        return bool(result["result"] != "busy")

    for name in ("order_analytics", "customers"):
        until(partial(has_ended_in, name), DONE_S, f"{name} is mended, or to be rebuilt\n{running.told()}")


def test_two_ask_at_once_and_one_rebuild_runs_under_commands(
    running: System, known: Known, ops: httpx.Client
) -> None:
    over = threading.Event()

    def sell() -> int:
        staff, sold = running.client("staff", "seller"), 0
        while not over.is_set():
            body = order(known.customer_id, known.product_id)
            assert staff.post("/orders", json=body, headers=PATIENT).status_code == 201
            sold += 1
        return sold

    def ask(_: int) -> httpx.Response:
        headers = {"Authorization": f"Bearer {running.token('ops', 'olga')}"}
        return httpx.post(
            f"{running.url}/ops/rebuilds",
            json={"read_model": "order_detail"},
            headers=headers,
            timeout=40,
            trust_env=False,
            verify=NO_TLS,
        )

    with ThreadPoolExecutor(3) as pool:
        selling = pool.submit(sell)
        try:
            answers = list(pool.map(ask, range(2)))
            assert sorted(answer.status_code for answer in answers) == [202, 409], [a.text for a in answers]
            until(
                lambda: rebuild_of(ops, "order_detail")["state"] in {"succeeded", "failed"},
                DONE_S,
                f"the rebuild ends\n{running.told()}",
            )
        finally:
            over.set()
        assert selling.result() > 0
    row = rebuild_of(ops, "order_detail")
    assert (row["state"], row["generation"], row["error"]) == ("succeeded", 2, None), row
    assert row["result"]["commits"] > 0
    assert (row["result"]["parked"], row["result"]["differences"]) == (0, 0)
    assert row["requested_at"] <= row["started_at"] <= row["finished_at"]
    assert row["requested_by"] == "ops:olga"


def test_one_from_the_command_line_is_seen_and_keeps_others_out(running: System, ops: httpx.Client) -> None:
    """Nobody projects while it is looked at: it waits for the workers then, and is not over too soon."""
    running.until_quiet()
    projections = [running.processes[name] for name in ("projections", "projections2")]
    for process in projections:
        process.stop()
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(running.run, "read_side", "rebuild", "products", "--json")
        try:
            until(lambda: rebuild_of(ops, "products")["state"] == "running", DONE_S, "it is seen")
            refused = ops.post("/ops/rebuilds", json={"read_model": "products"})
            assert refused.status_code == 409
        finally:
            for process in projections:
                process.start()
        assert run.result().returncode == 0, run.result().stderr
    row = rebuild_of(ops, "products")
    assert (row["state"], row["generation"]) == ("succeeded", 2)
    assert ops.post("/ops/rebuilds/products/stop").status_code == 409


def test_afterwards_every_read_model_is_the_fold_of_the_log(running: System, ops: httpx.Client) -> None:
    names = [model.name for model in READ_MODELS]
    parked = {row["read_model"] for row in get(ops, "/ops/parked")["parked"]}
    for name in sorted(parked):
        assert ops.post("/ops/rebuilds", json={"read_model": name}).status_code == 202
    for name in sorted(parked):  # carried out one at a time, in this order
        until(partial(has_ended, ops, name), DONE_S, f"the rebuild of {name} ends\n{running.told()}")
        row = rebuild_of(ops, name)
        assert (row["state"], row["error"]) == ("succeeded", None), f"{row}\n{running.told()}"
    running.until_quiet()
    audited = running.run("read_side", "audit", "--json")
    assert audited.returncode == 0, audited.stdout
    assert {one.get("read_model") for one in json.loads(audited.stdout)} >= set(names)
