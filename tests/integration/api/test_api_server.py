"""The HTTP server itself: what it refuses, what it keeps open, and how it stops."""

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import orjson
import pytest

from api.app import create_app
from api.openapi.command import unwired
from api.server import server as server_module
from api.server.server import MAX_HEADER_BYTES, MAX_READ_BYTES, Server
from bus.errors import ConfigurationError
from tests.support.line import Line, refuses
from tests.support.waiting import until

CHUNKED = b"POST / HTTP/%s\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


class Application:
    """Answers ``/empty`` with 204, ``/fail`` with an error, ``/slow`` when it is let, all else with text."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("hunter2")
        if environ["PATH_INFO"] == "/empty":
            start_response("204 No Content", [])
            return []
        if environ["PATH_INFO"] == "/slow":
            self.reached.set()
            self.go_on.wait(10)
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]


@contextmanager
def serving(application: Any) -> Iterator[Server]:
    server = Server(application, "127.0.0.1", 0, threads=4, headers={"X-Content-Type-Options": "nosniff"})
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        server.stop()  # a second signal is harmless
        thread.join(10)
        assert not thread.is_alive()


def connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MAX_READ_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
        (CHUNKED % b"1.1" + b"Content-Length: 1\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED % b"1.1" + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED % b"1.0" + b"\r\n0\r\n\r\n", 400),
        (b"GET /fail HTTP/1.1\r\nHost: x\r\n\r\n", 500),
    ],
)
def test_what_the_server_refuses_is_a_problem(request_: bytes, status: int) -> None:
    with serving(Application()) as server, Line(server.port) as line:
        line.send(request_)
        answered, body, headers = line.answer()

    assert answered == orjson.loads(body)["status"] == status
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] is None
    assert headers["Connection"] == "close"
    assert b"hunter2" not in body


def test_a_connection_is_kept_after_an_answer_without_a_body() -> None:
    with serving(Application()) as server, closing(connect(server)) as client:
        for path in ("/empty", "/", "/empty"):
            client.request("PATCH", path)
            response = client.getresponse()
            response.read()
            assert response.getheader("Connection") is None


def test_a_connection_is_closed_when_asked() -> None:
    with serving(Application()) as server, closing(connect(server)) as client:
        client.request("PATCH", "/empty", headers={"Connection": "close"})

        assert client.getresponse().getheader("Connection") == "close"


def test_stopping_finishes_what_has_begun_and_lets_nobody_else_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "DRAIN_S", 60.0)  # the test may take longer than a drain
    application = Application()
    with serving(application) as server, closing(connect(server)) as begun, closing(connect(server)) as idle:
        idle.request("GET", "/")
        idle.getresponse().read()
        begun.request("GET", "/slow")
        assert application.reached.wait(10)

        server.stop()
        until(lambda: refuses(server.port), 5, "a closed port")
        application.go_on.set()
        response = begun.getresponse()

        assert (response.status, response.read()) == (200, b"hello")
        assert idle.sock.recv(1) == b""


def test_two_servers_share_a_port() -> None:
    with serving(Application()) as first:
        second = Server(Application(), "127.0.0.1", first.port, threads=1)
        second.stop()
        second.run()


def test_a_port_that_cannot_be_had_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="listen"):
        Server(Application(), "127.0.0.1", taken.getsockname()[1], threads=1)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        *(("/problems", 200), ("/problems/not%2dready", 200)),
        *(("//problems/not-ready", 404), ("/%70roblems/not-ready", 404), ("/problems%2fnot-ready", 404)),
    ],
)
def test_a_route_answers_to_its_own_spelling(target: str, status: int) -> None:
    with serving(create_app(unwired())) as server, closing(connect(server)) as connection:
        connection.request("GET", target)
        assert connection.getresponse().status == status
