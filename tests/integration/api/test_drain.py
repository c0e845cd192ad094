"""A server that drains: what was sent before gets its answer, what was not sent whole is not begun."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.server import channel
from api.server import server as server_module
from api.server.server import Server
from tests.support.line import Line, refuses
from tests.support.waiting import until

PATIENCE_S = 10.0
LARGE, MANY = 900_000, 16
"""More than the kernel's buffers take: it stays with the server until its client reads."""
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"0123456789"
HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a drain may take is for who runs the process to care about."""
    monkeypatch.setattr(server_module, "DRAIN_S", 60.0)
    monkeypatch.setattr(server_module, "REFUSE_AFTER_S", 60.0)


class Application:
    """``/slow`` answers when it is let, ``/large`` at length, all else with the body it was sent."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.began.append(path)
        if path == "/slow":
            self.go_on.wait(PATIENCE_S)
        answer = b"x" * LARGE if path == "/large" else path.encode() + environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


@contextmanager
def serving(application: Application, threads: int = 4) -> Iterator[tuple[Server, threading.Thread]]:
    server = Server(application, "127.0.0.1", 0, threads=threads)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server, thread
    finally:
        application.go_on.set()
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def until_closed_to_newcomers(server: Server) -> None:
    until(lambda: refuses(server.port), PATIENCE_S, "a closed port")


def test_every_pipelined_request_is_answered_in_order() -> None:
    application = Application()
    with serving(application) as (server, _), Line(server.port) as line:
        line.send(SLOW + b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(5)))
        until(lambda: application.began, PATIENCE_S, "a request in hand")

        server.stop()
        until_closed_to_newcomers(server)
        application.go_on.set()
        answers = line.rest()

    assert application.began == ["/slow", "/0", "/1", "/2", "/3", "/4"]
    assert answers.count(b"200 OK") == 6
    assert answers.count(b"Connection: close") == 1
    assert answers.endswith(b"/4")


def test_what_was_sent_while_another_request_was_in_hand_is_answered() -> None:
    """It waits in the kernel: the server does not read on while it works."""
    application = Application()
    with serving(application) as (server, _), Line(server.port) as line:
        line.send(SLOW)
        until(lambda: application.began, PATIENCE_S, "a request in hand")
        line.send(HEAD + BODY)

        server.stop()
        until_closed_to_newcomers(server)
        application.go_on.set()
        answers = line.rest()

    assert answers.endswith(b"/echo" + BODY)


def test_a_request_that_is_half_read_is_finished_if_the_rest_comes() -> None:
    application = Application()
    with serving(application) as (server, _), Line(server.port) as line:
        line.send(HEAD + BODY[:3])
        until(lambda: any(c.request for c in channels(server)), PATIENCE_S, "half a request")

        server.stop()
        until_closed_to_newcomers(server)
        line.send(BODY[3:])
        answer = line.rest()

    assert answer.endswith(b"/echo" + BODY)
    assert b"Connection: close" in answer
    assert application.began == ["/echo"]


def test_a_request_that_stays_half_read_is_neither_begun_nor_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "DRAIN_S", 0.5)
    application = Application()
    with serving(application) as (server, thread), Line(server.port) as line:
        line.send(HEAD + BODY[:3])
        until(lambda: any(c.request for c in channels(server)), PATIENCE_S, "half a request")

        server.stop()
        thread.join(PATIENCE_S)

        assert line.rest() == b""
    assert application.began == []


def test_a_slow_reader_gets_all_of_its_answers() -> None:
    application = Application()
    with serving(application) as (server, thread), Line(server.port) as line:
        line.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * MANY)
        until(lambda: any(c.total_outbufs_len for c in channels(server)), PATIENCE_S, "an answer under way")

        server.stop()
        until_closed_to_newcomers(server)
        assert thread.is_alive()
        answers = line.rest()

    assert answers.count(b"200 OK") == MANY
    assert answers.count(b"x") >= MANY * LARGE


def test_who_has_just_connected_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection was accepted, its request is on the way."""
    monkeypatch.setattr(channel, "NEW_S", PATIENCE_S)
    application = Application()
    with serving(application) as (server, _), Line(server.port) as line:
        until(lambda: channels(server), PATIENCE_S, "the connection")
        server.stop()
        until_closed_to_newcomers(server)
        line.send(HEAD + BODY)
        assert line.rest().endswith(BODY)


def test_what_still_waits_for_a_thread_at_the_end_is_refused_with_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "REFUSE_AFTER_S", 0.0)
    application = Application()
    with serving(application, threads=1) as (server, _), Line(server.port) as first:
        first.send(SLOW)
        until(lambda: application.began, PATIENCE_S, "a request in hand")
        with Line(server.port) as second:
            second.send((HEAD + BODY) * 2)
            until(lambda: server.waiting, PATIENCE_S, "a request that waits")

            server.stop()
            answers = second.rest()
        application.go_on.set()
        assert first.rest().endswith(b"/slow")

    assert answers.count(b"503 Service Unavailable") == 2
    assert answers.count(b"Connection: close") == 1
    assert application.began == ["/slow"]


def channels(server: Server) -> list[Any]:
    return list(server._server.active_channels.values())
