"""Connections: each is read and written when it can be, however many there are."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from api.server import server as server_module
from api.server.channel import Channel
from api.server.limits import Limits
from api.server.server import Server
from tests.support.line import PATIENCE_S, Line
from tests.support.waiting import until

LARGE = 300_000
"""Often more than the kernel takes at once, so that the reading thread has to send the rest."""
BEGUN, GO_ON = threading.Event(), threading.Event()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the path and what was sent, ``/large...`` at length, ``/slow`` when it is let."""
    path = environ["PATH_INFO"].encode() + environ["wsgi.input"].read()
    if path == b"/slow":
        BEGUN.set()
        GO_ON.wait(PATIENCE_S)
    answer = path.ljust(LARGE, b".") if path.startswith(b"/large") else path
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


@contextmanager
def serving(limits: Limits = Limits()) -> Iterator[Server]:  # noqa: B008 - it does not change
    BEGUN.clear()
    GO_ON.clear()
    server = Server(application, "127.0.0.1", 0, threads=4, limits=limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def connected(server: Server) -> Line:
    return Line(server.port)


def answer(line: Line) -> bytes:
    return line.answer().body.rstrip(b".")


def ask(line: Line, path: str) -> bytes:
    line.ask(path)
    return answer(line)


def test_each_of_many_connections_gets_each_of_its_answers() -> None:
    def talk(server: Server, who: int) -> None:
        with connected(server) as line:
            for turn in range(50):
                path = f"large{who}-{turn}" if (who + turn) % 5 == 0 else f"{who}-{turn}"
                assert ask(line, path) == f"/{path}".encode()

    with serving() as server, ThreadPoolExecutor(40) as callers:
        for told in [callers.submit(talk, server, who) for who in range(40)]:
            told.result(PATIENCE_S)


def test_a_request_may_come_in_pieces() -> None:
    pieces = (b"POST /a HTTP/1.1\r\nHo", b"st: x\r\nContent-Length: 4\r\n\r\n", b"bc", b"de")
    with serving() as server, connected(server) as line:
        for _ in range(2):
            for piece in pieces:
                line.send(piece)
                ask_somebody_else(server)
            assert answer(line) == b"/abcde"


def ask_somebody_else(server: Server) -> None:
    """When that is answered, what was sent before was read."""
    with connected(server) as line:
        assert ask(line, "else") == b"/else"


def test_a_server_that_stops_parts_with_the_idle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DRAIN_S", 60.0)  # the test may take longer than a drain
    with serving() as server, connected(server) as busy, connected(server) as idle:
        assert ask(idle, "once") == b"/once"
        busy.ask("slow")
        assert BEGUN.wait(PATIENCE_S)
        server.stop()
        assert idle.rest() == b""
        GO_ON.set()
        assert answer(busy) == b"/slow"


def test_an_answer_takes_one_send(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    send = Channel.send

    def counting(self: Channel, data: bytes, *args: Any, **options: Any) -> Any:
        sent.append(data)
        return send(self, data, *args, **options)

    monkeypatch.setattr(Channel, "send", counting)
    with serving() as server, connected(server) as line:
        for turn in range(10):
            ask(line, str(turn))
    assert len(sent) == 10


def test_who_is_idle_for_too_long_is_parted_with() -> None:
    with serving() as server, connected(server) as line:
        assert ask(line, "once") == b"/once"
        server._server.limits = Limits(idle_s=0.05, look_s=0.02)  # from now on: the caller had time
        assert line.rest() == b""


def test_beyond_the_limit_a_connection_waits_for_another_to_end() -> None:
    limits = Limits(connections=2 + 3)  # the server has two descriptors itself
    with serving(limits) as server, ExitStack() as leaving:
        inside = [leaving.enter_context(connected(server)) for _ in range(3)]
        for line in inside:
            line.ask("slow")
        assert BEGUN.wait(PATIENCE_S)
        outside = leaving.enter_context(connected(server))
        outside.ask("late")
        until(lambda: server._server.in_connection_overflow, PATIENCE_S, "nobody let in any more")
        inside[1].close()
        GO_ON.set()
        assert answer(inside[0]) == b"/slow"
        assert answer(outside) == b"/late"
