"""Shedding load: what is one too many is refused at once, health is told, and it recovers by itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import redis

from api.middleware.shedding import Backlog
from api.server.server import Server
from bus.connections.clients import redis_client
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.queue.keys import NAMESPACE
from bus.settings import Settings
from tests.support.plain_http import NO_TLS
from tests.support.waiting import until

PATIENCE_S = 10
QUEUE = f"{NAMESPACE}:{COMMANDS_QUEUE}.msgs"


class Application:
    """Answers 204; on ``/slow`` only once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.inside = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/slow":
            self.inside += 1
            self.let.wait(PATIENCE_S)
        start_response("204 No Content", [])
        return []


class Fullness(Backlog):
    """A backlog that is as full as the test says; whether that is known without asking, likewise."""

    def __init__(self, full: list[bool], *, known: bool = False) -> None:
        self._full = full
        self._known = known

    def is_full(self) -> bool:
        return self._full[0]

    def is_known_full(self) -> bool:
        return self._known and self._full[0]


@contextmanager
def serving(application: Application, **bounds: Any) -> Iterator[tuple[str, Server]]:
    server = Server(application, "127.0.0.1", 0, threads=1, **bounds)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", server
    finally:
        application.let.set()
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def get(url: str, answers: list[httpx.Response]) -> threading.Thread:
    def ask() -> None:
        answers.append(httpx.get(url, timeout=PATIENCE_S, trust_env=False, verify=NO_TLS))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_past_the_bound_on_waiting_requests_the_surplus_is_refused_at_once() -> None:
    application = Application()
    answers: list[httpx.Response] = []
    refusals: list[int] = []
    headers = {"X-Content-Type-Options": "nosniff"}
    with serving(application, max_queued=2, on_refusal=refusals.append, headers=headers) as (url, server):
        threads = [get(f"{url}/slow", answers)]
        until(lambda: application.inside, PATIENCE_S, "a request in hand")
        threads += [get(f"{url}/quick", answers) for _ in range(6)]
        until(lambda: len(answers) == 4, PATIENCE_S, "the surplus refused while the only thread is taken")
        assert len(server.waiting) == 2
        assert {answer.status_code for answer in answers} == {503}
        refused = answers[0]
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["type"] == "/problems/overloaded"
        application.let.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert sorted(answer.status_code for answer in answers) == [204] * 3 + [503] * 4
        assert refusals == [503] * 4, "each is counted once"
        assert httpx.get(f"{url}/quick", trust_env=False, verify=NO_TLS).status_code == 204


@pytest.mark.parametrize("known", [False, True], ids=["asked", "known"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_past_the_bound_on_waiting_commands_writes_are_refused_and_reads_go_on(
    method: str,
    known: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    full = [True]
    with (
        serving(Application(), backlog=Fullness(full, known=known)) as (url, _),
        httpx.Client(base_url=url, trust_env=False, verify=NO_TLS) as client,
    ):
        refused = client.request(method, "/orders", json={})
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["type"] == "/problems/overloaded"
        closing = client.request(method, "/orders", json={}, headers={"Connection": "close"})
        assert (closing.status_code, closing.headers["Connection"]) == (503, "close")
        assert client.get("/orders").status_code == 204
        full[0] = False
        assert client.request(method, "/orders", json={}).status_code == 204


def test_health_is_told_whatever_waits() -> None:
    application = Application()
    with serving(application, max_queued=1, backlog=Fullness([True])) as (url, server):
        slow = [get(f"{url}/slow", [])]
        until(lambda: application.inside, PATIENCE_S, "the only thread taken")
        slow.append(get(f"{url}/slow", []))
        until(lambda: server.waiting, PATIENCE_S, "the only place taken")
        for path in ("/health/live", "/health/ready"):
            assert httpx.get(f"{url}{path}", trust_env=False, verify=NO_TLS).status_code == 204
        assert httpx.get(f"{url}/orders", trust_env=False, verify=NO_TLS).status_code == 503
        head = httpx.head(f"{url}/orders", trust_env=False, verify=NO_TLS)
        assert (head.status_code, head.content) == (503, b"")
        application.let.set()
        for thread in slow:
            thread.join(PATIENCE_S)


def test_the_backlog_is_what_is_on_the_queue(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.middleware.shedding.COUNT_EVERY_S", 0.0)
    with redis_client(settings) as client:
        backlog = Backlog(client, 2)
        assert not backlog.is_full()
        client.hset(QUEUE, mapping={"k1": b"", "k2": b""})
        assert backlog.is_full()
        client.hdel(QUEUE, "k1")
        assert not backlog.is_full()


def test_without_redis_nothing_is_counted_and_commands_are_let_in() -> None:
    with redis.Redis(port=1) as client:
        assert not Backlog(client, 1).is_full()
