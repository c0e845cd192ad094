"""Waiting for a read model: who wakes a waiter, how long it waits, and when there is no waiting."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from unittest import mock

import pytest
from falcon import testing
from pydantic import SecretStr

from api.http import freshness
from api.http.freshness import Freshness
from api.middleware.deferral import Waits
from bus.connections.clients import redis_client
from bus.notify.notifier import announce_positions, reached
from bus.settings import Settings
from read_side.generations.registry import FIRST
from tests.integration.api.both_sides import BothSides
from tests.support.shop_api import Shop, open_shop
from tests.support.waiting import until


def get(shop: Shop, prefer: str = "wait=0") -> testing.Result:
    """The products as of position 5 of partition 0."""
    return shop.staff.simulate_get("/products", headers={"Consistency-Token": "0-5", "Prefer": prefer})


def is_behind(result: testing.Result) -> bool:
    return bool(result.status_code == 503) and result.json["type"] == "/problems/read-model-behind"


def while_waiting(both: BothSides, happens: Callable[[], None]) -> testing.Result:
    """The answer for ``0-5`` to somebody who waits when something happens."""
    results: list[testing.Result] = []
    thread = threading.Thread(target=lambda: results.append(get(both.shop, "wait=30")))
    thread.start()
    try:
        topic = reached("products", FIRST, 0)
        until(lambda: topic in both.shop.services.freshness._notifier._waiting, 5, "somebody waits")
        happens()
    finally:
        thread.join(40)
    return results[0]


def announce(both: BothSides, position: int) -> None:
    with redis_client(both.shop.settings) as client:
        announce_positions(client, {reached("products", FIRST, 0): position})


def let_go(both: BothSides) -> None:
    """End every wait, as a process does that stops."""
    both.shop.services.freshness._stopping.set()
    both.shop.services.freshness._notifier.wake_all()


@pytest.mark.timeout(25, func_only=True)
def test_an_announcement_wakes_who_waits(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else would: the test's own timeout is shorter than what the caller would wait."""
    monkeypatch.setattr(freshness, "LOOK_AGAIN_S", 60)

    def happens() -> None:
        announce(both, 4)
        both.reached(5)
        announce(both, 5)

    assert while_waiting(both, happens).status_code == 200


@pytest.mark.timeout(25, func_only=True)
def test_a_missed_announcement_is_made_up_for(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "LOOK_AGAIN_S", 0.05)

    assert while_waiting(both, lambda: both.reached(5)).status_code == 200


def test_an_announcement_is_not_taken_at_its_word(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the read database was put back, or from another deployment on the same Redis."""
    monkeypatch.setattr(freshness, "LOOK_AGAIN_S", 60)
    services = both.shop.services.freshness
    looks = mock.Mock(wraps=services._unreached)
    monkeypatch.setattr(services, "_unreached", looks)

    def happens() -> None:
        until(lambda: looks.call_count >= 2, 5, "the looks before the first pause")
        before = looks.call_count
        announce(both, 5)
        until(lambda: looks.call_count > before, 5, "a look after the announcement")
        let_go(both)

    try:
        assert is_behind(while_waiting(both, happens))
    finally:
        services._stopping.clear()
    assert is_behind(get(both.shop))


def gives_up(*_: object) -> Waits[bool]:
    yield from ()
    return False


@pytest.mark.parametrize(
    ("prefer", "seconds"), [("", 1), ("wait=0", 0), ("wait=7", 7), ("wait=99", 30), ("wait=soon", 1)]
)
def test_how_long_is_waited(both: BothSides, prefer: str, seconds: int) -> None:
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    with (
        mock.patch.object(freshness, "time", clock),
        mock.patch.object(Freshness, "_wait", side_effect=gives_up) as wait,
    ):
        assert is_behind(get(both.shop, prefer))

    assert wait.call_args.args[1] == 100.0 + seconds


def test_without_redis_waiters_look_for_themselves(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(BothSides, "start_anew", lambda _: None)
    with open_shop(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})) as shop:
        both = BothSides(shop)
        assert is_behind(get(shop))
        assert while_waiting(both, lambda: both.reached(5)).status_code == 200
        assert get(shop).status_code == 200


@pytest.mark.timeout(25, func_only=True)
def test_without_a_free_place_to_wait_it_is_a_503_at_once(both: BothSides) -> None:
    slots = both.shop.services.freshness._slots
    taken = [slots.one() for _ in range(4)]
    assert all(slot.__enter__() for slot in taken)
    try:
        assert is_behind(get(both.shop, "wait=30"))
        both.reached(5)
        assert get(both.shop, "wait=30").status_code == 200, "what need not wait"
    finally:
        for slot in taken:
            slot.__exit__(None, None, None)
    both.reached(4)
    assert is_behind(get(both.shop)), "and slots are given back"


@pytest.mark.timeout(25, func_only=True)
def test_who_waits_is_let_go_when_the_process_stops(both: BothSides) -> None:
    try:
        assert is_behind(while_waiting(both, lambda: let_go(both)))
        assert is_behind(get(both.shop, "wait=30")), "and nobody waits any more"
    finally:
        both.shop.services.freshness._stopping.clear()
