"""``Prefer: wait`` and tokens on a real server with two threads: many wait, and nobody is in their way."""

import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from unittest import mock

import pytest
import redis
from pymongo import _csot
from pymongo.errors import NetworkTimeout

from api.http import commands as commands_module
from api.http import freshness as freshness_module
from api.http import prefer
from api.http.commands import Commands
from api.http.freshness import Freshness
from api.middleware import deadline
from bus.connections.clients import redis_client
from bus.connections.liveness import ServerLiveness
from bus.inbox.gateway import CommandGateway
from bus.notify.notifier import Notifier, announce, announce_positions, finished, reached
from read_side.generations.registry import FIRST
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.visibility import Visibility
from tests.integration.api.both_sides import BothSides, home
from tests.integration.api.waiting_callers import CALLERS, LONG, PATIENCE_S, THREADS, Web, product, serving
from tests.support import messages
from tests.support.waiting import until

NEVER_S = 3_600.0


@pytest.fixture
def web(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """As many places as in production, and waiters that look by themselves at their deadline only."""
    monkeypatch.setattr(deadline, "OPERATIONS_S", PATIENCE_S / 2)
    monkeypatch.setattr(commands_module, "LOOK_AGAIN_S", NEVER_S)
    monkeypatch.setattr(freshness_module, "LOOK_AGAIN_S", NEVER_S)
    monkeypatch.setattr(prefer, "MAX_WAIT_S", 600)
    slots = freshness_module.WaitSlots(freshness_module.WAITING_AT_A_TIME)
    monkeypatch.setattr(both.shop.services.commands, "_slots", slots)
    monkeypatch.setattr(both.shop.services.freshness, "_slots", slots)
    with redis_client(both.shop.settings) as client:
        notifier = both.shop.services.freshness._notifier
        until(lambda: hears(notifier, client), PATIENCE_S, "the listener listens")
    with serving(both.shop) as web:
        yield web


def hears(notifier: Notifier, client: redis.Redis) -> bool:
    """Whether announcements arrive: until then, the end of the silence may wake all who wait."""
    announce_positions(client, {"a test": 1})
    return notifier.position("a test") == 1


def test_a_hundred_wait_for_outcomes_while_others_are_served(web: Web) -> None:
    shop = web.shop
    shop.happened("product-other", messages.product_added(product_id="other"))
    waiting = web.callers(CALLERS, web.adds_product)
    command_ids = web.accepted()

    assert web.send("GET", "/products/other").status_code == 200
    assert web.send("GET", "/health/live").status_code == 200
    assert web.send("POST", "/products", product(500)).status_code == 202
    assert not any(future.done() for future in waiting)

    find = CommandGateway.find
    with mock.patch.object(CommandGateway, "find", autospec=True, side_effect=find) as looks:
        for command_id in command_ids:
            shop.finish(command_id)
        with redis_client(shop.settings) as client:
            announce(client, map(finished, command_ids))
        answers = [future.result(PATIENCE_S) for future in waiting]

    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["product_id"] for answer in answers] == [f"p{n}" for n in range(CALLERS)]
    assert {answer.headers["Preference-Applied"] for answer in answers} == {"wait"}
    assert sorted(call.args[1] for call in looks.call_args_list) == sorted(command_ids), "each looked once"


def test_a_hundred_wait_for_a_read_model(web: Web, both: BothSides) -> None:
    """The database is asked twice as they begin and once when what was announced is far enough."""
    web.shop.happened("product-p1", messages.product_added())
    reads = Visibility.positions
    with (
        mock.patch.object(Visibility, "positions", autospec=True, side_effect=reads) as looks,
        redis_client(web.shop.settings) as client,
    ):
        waiting = web.callers(CALLERS, lambda n: web.reads("/products/p1", f"0-{5 + n % 2}"))
        topic = reached("products", FIRST, 0)
        both.reached(5)
        for position in (3, 4, 5):
            announce_positions(client, {topic: position})
        web.until_waiting(CALLERS // 2)
        assert web.send("GET", "/products/p1").status_code == 200
        both.reached(6)
        announce_positions(client, {topic: 6})
        answers = [future.result(PATIENCE_S) for future in waiting]

    assert {answer.status_code for answer in answers} == {200}
    assert looks.call_count == 3 * CALLERS


def test_those_that_look_at_the_same_time_share_a_query(both: BothSides) -> None:
    """While one query is under way the others gather, and the next is for all of them."""
    visibility = both.shop.services.visibility
    under_way, go_on = threading.Event(), threading.Event()
    asked: list[int] = []
    at = Checkpoints.positions_at

    def positions_at(checkpoints: Checkpoints, places: Any) -> Any:
        asked.append(len(places))
        under_way.set()
        go_on.wait(PATIENCE_S)
        return at(checkpoints, places)

    both.reached(3)
    with mock.patch.object(Checkpoints, "positions_at", positions_at), ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(visibility.positions, [("products", FIRST, 0)])]
        assert under_way.wait(PATIENCE_S)
        futures += [pool.submit(visibility.positions, [(m.name, FIRST, 1)]) for m in READ_MODELS]
        group = visibility._positions
        until(lambda: len(group._waiting) == len(READ_MODELS), PATIENCE_S, "the others gathered")
        go_on.set()
        found = [future.result(PATIENCE_S) for future in futures]

    assert found == [[3], *([0] for _ in READ_MODELS)]
    assert asked == [1, len(READ_MODELS)]


def test_a_missed_announcement_is_made_up_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_module, "LOOK_AGAIN_S", 0.05)
    answer = web.adds_product(1)
    (command_id,) = until(web.accepted, PATIENCE_S, "an accepted command")
    web.shop.finish(command_id)
    assert answer.result(PATIENCE_S).status_code == 201


def test_the_deadline_ends_a_wait(web: Web) -> None:
    commands, reads = web.adds_product(1, "wait=1"), web.sends("GET", "/products", Consistency_Token="0-5")
    assert commands.result(PATIENCE_S).status_code == 202
    behind = reads.result(PATIENCE_S)
    assert (behind.status_code, behind.json()["type"]) == (503, "/problems/read-model-behind")


def test_a_stop_answers_everybody_at_once(web: Web) -> None:
    """None of them looks any more: the databases may be what makes the process stop."""
    sends = [web.adds_product, lambda _: web.reads("/products", "0-5")]
    waiting = web.callers(20, lambda n: sends[n % 2](n))
    with (
        mock.patch.object(CommandGateway, "find") as finds,
        mock.patch.object(Visibility, "positions") as positions,
    ):
        web.server.stop()
        answers = [future.result(PATIENCE_S) for future in waiting]
    assert [answer.status_code for answer in answers] == [202, 503] * 10
    assert {answer.headers["Connection"] for answer in answers} == {"close"}
    finds.assert_not_called()
    positions.assert_not_called()


def test_it_waits_until_every_read_model_shows_it(web: Web, both: BothSides) -> None:
    answer = web.adds_product(1, f"{LONG}, visible")
    (command_id,) = until(web.accepted, PATIENCE_S, "an accepted command")
    web.until_waiting(1)
    entry = web.shop.inbox.find(command_id)
    assert entry is not None
    both.write.handling(entry.envelope)
    partition = home("product-p1")
    with redis_client(web.shop.settings) as client:
        announce(client, [finished(command_id)])
        topics = {reached(model.name, FIRST, partition) for model in READ_MODELS}
        notifier = web.shop.services.freshness._notifier
        until(lambda: topics <= set(notifier._waiting), PATIENCE_S, "somebody who waits for the read models")
        web.until_waiting(1)
        both.reached(1, partition=partition)
        for topic in topics:
            announce_positions(client, {topic: 1})
        result = answer.result(PATIENCE_S)
    assert (result.status_code, result.headers["Preference-Applied"]) == (201, "wait, visible")
    assert notifier._waiting == {}


def test_head_waits_as_get_does(web: Web, both: BothSides) -> None:
    web.shop.happened("product-p1", messages.product_added())
    head = web.reads("/products/p1", "0-5", "HEAD")
    web.until_waiting(1)
    both.reached(5)
    with redis_client(web.shop.settings) as client:
        announce_positions(client, {reached("products", FIRST, 0): 5})
    result = head.result(PATIENCE_S)
    assert (result.status_code, result.content) == (200, b"")
    got = web.send("GET", "/products/p1", Consistency_Token="0-5")
    assert result.headers["Content-Length"] == got.headers["Content-Length"]
    assert result.headers["ETag"] == got.headers["ETag"]


def test_past_the_places_the_202_comes_at_once_and_places_of_the_gone_are_free(web: Web) -> None:
    commands: Commands = web.shop.services.commands
    freshness: Freshness = web.shop.services.freshness
    commands._slots = freshness._slots = freshness_module.WaitSlots(1)
    headers = {
        **dict(web.shop.staff._default_headers or {}),
        "Prefer": LONG,
        "Content-Type": "application/json",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", web.server.port, timeout=PATIENCE_S)) as gone:
        gone.request(
            "POST", "/products", json.dumps(product(1)), headers | {"Content-Type": "application/json"}
        )
        web.until_waiting(1)
    web.until_waiting(0)
    stays = web.adds_product(2)
    web.until_waiting(1)
    assert web.adds_product(3).result(PATIENCE_S).status_code == 202
    behind = web.send("GET", "/products", Consistency_Token="0-5", Prefer=LONG)
    assert behind.status_code == 503
    web.server.stop()
    assert stays.result(PATIENCE_S).status_code == 202


def test_strong_reads_and_the_feed_wait_without_a_thread(web: Web, both: BothSides) -> None:
    """As many as would take every thread, for a position that does not exist yet."""
    ops = dict(web.shop.ops._default_headers or {})
    partition = home("product-p1")
    waiting = web.callers(3 * THREADS, lambda _: web.reads("/events", f"{partition}-1", **ops))
    assert web.send("GET", "/products").status_code == 200
    both.write.do(messages.add_product(product_id="p1"))
    answers = [future.result(PATIENCE_S) for future in waiting]
    assert [len(answer.json()["events"]) for answer in answers] == [1] * len(answers)


def test_while_a_database_is_away_hardly_anybody_looks(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that fails finds out for all; each would take its whole timeout otherwise."""
    waiting = web.callers(20, web.adds_product)
    monkeypatch.setattr(ServerLiveness, "answers", lambda _: False)
    with (
        mock.patch.object(CommandGateway, "find", side_effect=NetworkTimeout("silent")) as looks,
        redis_client(web.shop.settings) as client,
    ):
        announce(client, map(finished, web.accepted()))
        answers = [future.result(PATIENCE_S) for future in waiting]
    assert {(answer.status_code, answer.json()["type"]) for answer in answers} == {
        (503, "/problems/unavailable")
    }
    assert 1 <= looks.call_count < len(waiting)


def test_a_wait_is_given_up_soon_after_what_was_asked(web: Web) -> None:
    """No operation of a request that goes on may take the database longer than any request's."""
    deadlines: list[float] = []
    find = CommandGateway.find

    def noted(gateway: CommandGateway, command_id: str) -> Any:
        left = time_left()
        assert left is not None
        deadlines.append(left)
        return find(gateway, command_id)

    with mock.patch.object(CommandGateway, "find", noted):
        assert web.adds_product(1, "wait=1").result(PATIENCE_S).status_code == 202
    assert deadlines
    assert max(deadlines) <= deadline.OPERATIONS_S


def time_left() -> float | None:
    """What the operations of this thread may still take."""
    left: float | None = _csot.remaining()
    return left
