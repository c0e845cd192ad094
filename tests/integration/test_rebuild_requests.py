"""Requests for rebuilds: each ends in one way, whoever races."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database
from bus.settings import Settings
from read_side.errors import RebuildLostError
from read_side.projections.customers import CUSTOMERS
from read_side.projections.model import ReadModel
from read_side.projections.products import PRODUCTS
from read_side.rebuild.rebuild_requests import MOST_DEATHS, Claim, RebuildRequests
from tests.integration.sides import LONG_AGO

MODELS = (CUSTOMERS, PRODUCTS)
ROUNDS = 30
RACERS = 6


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[StoredDocument]]:
    database = read_database(settings)
    with database.client:
        yield database


@pytest.fixture
def requests(database: Database[StoredDocument]) -> RebuildRequests:
    requests = RebuildRequests(database)
    requests.create()
    return requests


def taken(requests: RebuildRequests, *models: ReadModel) -> Claim:
    claim = requests.take(models or MODELS, "host:1")
    assert claim is not None
    return claim


def expire(database: Database[StoredDocument]) -> None:
    """What silence and enough time come to."""
    database.rebuild_requests.update_many({"state": "running"}, {"$set": {"expires_at": LONG_AGO}})


def test_a_request_is_taken_told_of_and_ended(requests: RebuildRequests) -> None:
    assert requests.take(MODELS, "host:1") is None
    asked = requests.request(PRODUCTS, "ops:olga")
    assert asked is not None
    assert (asked["state"], asked["requested_by"]) == ("requested", "ops:olga")

    claim = taken(requests)
    assert claim.name == "products"
    assert requests.tell(claim, generation=2, done=5, total=9, phase="filling") is False
    told = requests.all()["products"]
    assert (told["state"], told["done"], told["phase"], told["silent"]) == ("running", 5, "filling", False)

    assert requests.succeed(claim, {"commits": 9})
    told = requests.all()["products"]
    assert (told["state"], told["result"], told["phase"]) == ("succeeded", {"commits": 9}, None)
    assert told["requested_at"] <= told["started_at"] <= told["finished_at"]
    assert "running" not in told
    assert requests.take(MODELS, "host:1") is None
    with pytest.raises(RebuildLostError):
        requests.tell(claim, done=9)


def test_an_open_request_is_not_asked_for_again_and_an_ended_one_starts_anew(
    requests: RebuildRequests,
) -> None:
    requests.request(PRODUCTS, "ops:olga")
    assert requests.request(PRODUCTS, "ops:otto") is None
    claim = taken(requests)
    requests.tell(claim, generation=2)
    assert requests.request(PRODUCTS, "ops:otto") is None
    assert requests.fail(claim, "no")

    again = requests.request(PRODUCTS, "ops:otto")
    assert again is not None
    assert (again["requested_by"], again["state"]) == ("ops:otto", "requested")
    assert {"error", "generation", "started_at", "finished_at"}.isdisjoint(again)
    assert again["epoch"] > claim.epoch


def test_the_first_asked_for_is_taken_first_and_one_runs_at_a_time(
    database: Database[StoredDocument], requests: RebuildRequests
) -> None:
    requests.request(PRODUCTS, "ops:olga")
    # Both may be asked for within a millisecond, and then neither is the first.
    database.rebuild_requests.update_one({"_id": "products"}, {"$set": {"requested_at": LONG_AGO}})
    requests.request(CUSTOMERS, "ops:olga")
    first = taken(requests)
    assert first.name == "products"
    assert requests.take(MODELS, "host:2") is None
    assert requests.succeed(first, None)
    assert taken(requests).name == "customers"


def test_only_code_of_its_version_or_later_takes_it(requests: RebuildRequests) -> None:
    newer = replace(PRODUCTS, version=PRODUCTS.version + 1)
    requests.request(newer, "ops:olga")
    assert requests.take((PRODUCTS,), "host:1") is None
    assert requests.take((CUSTOMERS,), "host:1") is None
    assert taken(requests, newer).name == "products"


def test_given_back_somebody_else_goes_on(requests: RebuildRequests) -> None:
    requests.request(PRODUCTS, "ops:olga")
    first = taken(requests)
    requests.tell(first, generation=2)
    assert requests.give_back(first)
    assert not requests.give_back(first)
    second = taken(requests)
    assert (second.generation, second.epoch > first.epoch) == (2, True)
    assert not requests.succeed(first, None)
    assert not requests.fail(first, "late")
    assert not requests.bury(first, "late")
    assert requests.all()["products"]["state"] == "running"


def test_a_silent_one_is_taken_over_and_learns_of_it(
    database: Database[StoredDocument], requests: RebuildRequests
) -> None:
    requests.request(PRODUCTS, "ops:olga")
    first = taken(requests)
    requests.tell(first, generation=2)
    assert requests.take(MODELS, "host:2") is None, "its lease has not run out"
    expire(database)
    assert requests.all()["products"]["silent"]
    second = taken(requests)
    assert (second.name, second.generation) == ("products", 2)
    with pytest.raises(RebuildLostError):
        requests.tell(first, done=1)
    assert requests.succeed(second, None)


def test_what_kills_its_process_each_time_is_given_up(requests: RebuildRequests) -> None:
    requests.request(PRODUCTS, "ops:olga")
    for _ in range(MOST_DEATHS):
        assert requests.bury(taken(requests), "status -9")
    told = requests.all()["products"]
    assert told["state"] == "failed"
    assert told["finished_at"]
    assert "status -9" in told["error"]
    assert requests.request(PRODUCTS, "ops:olga"), "and may be asked for again"
    assert requests.bury(taken(requests), "status -9")
    assert requests.all()["products"]["state"] == "requested", "with a count of its own"


def test_a_waiting_one_is_stopped_at_once_and_a_running_one_hears_of_it(requests: RebuildRequests) -> None:
    assert requests.stop("products") is None
    requests.request(PRODUCTS, "ops:olga")
    stopped = requests.stop("products")
    assert stopped is not None
    assert (stopped["state"], stopped["finished_at"] is not None) == ("stopped", True)
    assert requests.take(MODELS, "host:1") is None

    requests.request(PRODUCTS, "ops:olga")
    claim = taken(requests)
    running = requests.stop("products")
    assert running is not None
    assert (running["state"], running["finished_at"]) == ("running", None)
    assert requests.tell(claim) is True
    assert requests.give_back(claim)
    assert requests.all()["products"]["state"] == "stopped"
    assert requests.stop("products") is None


@pytest.mark.parametrize("silently", [False, True])
def test_one_that_is_to_stop_and_dies_is_stopped(
    database: Database[StoredDocument], requests: RebuildRequests, *, silently: bool
) -> None:
    requests.request(PRODUCTS, "ops:olga")
    claim = taken(requests)
    requests.stop("products")
    if silently:
        expire(database)
    else:
        requests.bury(claim, "status 1")
    assert requests.take(MODELS, "host:2") is None
    assert requests.all()["products"]["state"] == "stopped"


def test_of_many_who_ask_at_once_one_is_heard(requests: RebuildRequests) -> None:
    with ThreadPoolExecutor(RACERS) as pool:
        for _ in range(ROUNDS):
            together = Barrier(RACERS)

            def ask(number: int, together: Barrier = together) -> bool:
                together.wait()
                return requests.request(PRODUCTS, f"ops:o{number}") is not None

            assert sum(pool.map(ask, range(RACERS))) == 1
            assert requests.succeed(taken(requests), None)


def test_of_many_who_take_at_once_one_has_it_whichever_they_want(
    database: Database[StoredDocument], requests: RebuildRequests
) -> None:
    """Each looks, sees that nothing runs, and then they all take: not even the same request."""
    with ThreadPoolExecutor(RACERS) as pool:
        for round_ in range(ROUNDS):
            for model in MODELS:
                requests.request(model, "ops:olga")
            together = Barrier(RACERS)

            def take(number: int, together: Barrier = together) -> Claim | None:
                together.wait()
                return requests.take([MODELS[number % 2]], f"host:{number}")

            claims = [claim for claim in pool.map(take, range(RACERS)) if claim is not None]
            assert len(claims) == 1, (round_, claims)
            assert database.rebuild_requests.count_documents({"state": "running"}) == 1
            requests.succeed(claims[0], None)
            requests.succeed(taken(requests), None)
