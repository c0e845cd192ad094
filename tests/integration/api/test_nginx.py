"""Behind nginx, with the configuration of ``deploy/nginx``: what it keeps from the server, and tells it."""

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.server.limits import Limits
from api.server.server import Server
from tests.support.nginx import CONFIGURATION, Nginx

PATIENCE_S = 20.0
CALLER = "127.0.0.9"
OpensNginx = Callable[[int], Nginx]


@pytest.fixture
def nginx(tmp_path: Path) -> OpensNginx:
    """In front of a port; where there is no nginx, ``tests/browser/left_out.py`` leaves out the tests."""
    return lambda upstream: Nginx(tmp_path, upstream)


class Upstream:
    """Answers with who asks and how much was sent; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        told = {"caller": environ["REMOTE_ADDR"], "body": len(environ["wsgi.input"].read())}
        answer = orjson.dumps({**told, "host": environ["HTTP_HOST"]})
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


@contextmanager
def serving() -> Iterator[tuple[Upstream, int]]:
    upstream = Upstream()
    limits = Limits(trusted_proxies=(ip_network("127.0.0.1"),))
    server = Server(upstream, "127.0.0.1", 0, threads=2, limits=limits)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield upstream, server.port
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def connect(proxy: Nginx, source: str = CALLER) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", proxy.port, PATIENCE_S, (source, 0))


def test_a_caller_is_known_by_its_own_address(nginx: OpensNginx) -> None:
    with serving() as (_, port), nginx(port) as proxy, closing(connect(proxy)) as caller:
        caller.request("GET", "/orders", headers={"X-Forwarded-For": "10.6.6.6", "Host": "shop.example:80"})
        told = orjson.loads(caller.getresponse().read())

    assert told == {"caller": CALLER, "body": 0, "host": "shop.example:80"}


def test_a_body_goes_on_once_it_is_whole_and_none_that_is_too_large(nginx: OpensNginx) -> None:
    with serving() as (upstream, port), nginx(port) as proxy:
        with closing(connect(proxy)) as slow, closing(connect(proxy)) as other:
            slow.putrequest("POST", "/slow")
            slow.putheader("Content-Length", "100000")
            slow.endheaders(b"a" * 50_000)
            other.request("GET", "/other")
            assert other.getresponse().read()
            assert upstream.asked == ["GET /other"]
            slow.send(b"a" * 50_000)
            assert orjson.loads(slow.getresponse().read())["body"] == 100_000
        with closing(connect(proxy)) as large:
            large.putrequest("POST", "/large")
            large.putheader("Content-Length", str(2 * 1024 * 1024))
            large.endheaders()
            assert large.getresponse().status == 413
    assert upstream.asked == ["GET /other", "POST /slow"]


def test_health_and_metrics_are_for_those_on_the_same_machine(nginx: OpensNginx) -> None:
    with serving() as (upstream, port), nginx(port) as proxy:
        for path in ("/health/ready", "/health/live", "/metrics"):
            for source, status in ((CALLER, 403), ("127.0.0.1", 200)):
                with closing(connect(proxy, source)) as caller:
                    caller.request("GET", path)
                    assert caller.getresponse().status == status, (path, source)
    assert len(upstream.asked) == 3


def test_a_command_without_an_answer_is_not_sent_again(nginx: OpensNginx) -> None:
    received: list[bytes] = []

    def hang_up(listening: socket.socket) -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:  # closed: the test is over
                return
            with line:
                received.append(line.recv(65_536))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        thread = threading.Thread(target=hang_up, args=(listening,))
        thread.start()
        with nginx(listening.getsockname()[1]) as proxy, closing(connect(proxy)) as caller:
            caller.request("POST", "/orders", body=b"{}")
            response = caller.getresponse()
            problem = orjson.loads(response.read())
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)

    assert len(received) == 1
    assert (response.status, response.getheader("Content-Type")) == (503, "application/problem+json")
    assert problem["type"] == "/problems/unavailable"
    assert problem["status"] == 503


def test_it_gives_up_idle_connections_before_the_server_does() -> None:
    seconds = re.search(r"keepalive_timeout (\d+)s", CONFIGURATION.read_text())
    assert seconds
    assert int(seconds[1]) < Limits().idle_s
