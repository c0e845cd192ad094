"""An earlier command that cannot be handled holds up the later ones for a while, and then no longer."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bus.messages.outcome import Outcome
from tests.e2e.every_request import Known, make_known, order
from tests.support.decided import decided
from tests.support.faulty_worker import GO_ON, STALLED
from tests.support.system import System
from tests.support.waiting import until

LET_THROUGH_S = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def faulty(folder: Path) -> Iterator[System]:
    worker = f"exec python -m tests.support.faulty_worker {folder}"
    lines = {"commands": worker, "commands2": worker}
    with System(lines, MAX_ATTEMPTS="3", SWEEP_AFTER_MS="500") as running:
        yield running


@pytest.fixture(scope="module")
def known(faulty: System) -> Known:
    return make_known(faulty.client("staff"), "earlier")


def fire(client: httpx.Client, known: Known, name: str) -> list[str]:
    """A product of a name, its price changed, an order for it, and an order for something else."""
    product = f"p{uuid.uuid4().hex}"
    sent = [
        client.post(
            "/products", json={"product_id": product, "name": name, "unit_price": 100, "currency": "EUR"}
        ),
        client.patch(f"/products/{product}", json={"unit_price": 250}),
        client.post("/orders", json=order(known.customer_id, product)),
        client.post("/orders", json=order(known.customer_id, known.product_id)),
    ]
    return [answer.raise_for_status().json()["command_id"] for answer in sent]


def outcomes(system: System, sent: list[str]) -> list[Outcome]:
    """What the commands came to, once all of them are finished."""

    def finished() -> dict[str, Outcome]:
        found = decided(system.write_database, sent)
        return found if len(found) == len(sent) else {}

    found = until(finished, LET_THROUGH_S, "all let through")
    return [found[command_id] for command_id in sent]


def test_one_that_keeps_failing_is_kept_as_failed_and_the_others_go_on(faulty: System, known: Known) -> None:
    sent = fire(faulty.client("staff"), known, "raises")
    product, price, with_it, without_it = outcomes(faulty, sent)
    assert product.status == "failed"
    assert "a decision that cannot be made" in str(product.error)
    assert [price.status, with_it.status] == ["rejected", "rejected"]  # there is no such product
    assert without_it.status == "succeeded"


def test_one_that_stalls_is_done_by_another_and_once(faulty: System, known: Known, folder: Path) -> None:
    try:
        sent = fire(faulty.client("staff"), known, "stalls")
        product, price, with_it, without_it = outcomes(faulty, sent)
        assert (folder / STALLED).exists()
    finally:
        (folder / GO_ON).touch()
    assert [one.status for one in (product, price, with_it, without_it)] == ["succeeded"] * 4
    assert (product.version, price.version, with_it.total) == (1, 2, 250)
    faulty.until_quiet()
    for name in ("commands", "commands2"):  # one of them with, or ended because of, the one that stalled
        assert faulty.processes[name].stop() in {0, 1}
    for command_id in sent:
        assert faulty.write_database.commits.count_documents({"command_id": command_id}) == 1
