"""Clients that would take the server from others: each is closed or waits, and others are answered.

One of each kind, with deadlines of tenths of seconds. ``python -m tests.attacks`` has them by the hundred.
"""

import select
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_network
from typing import Any

import orjson
import pytest

from api.server import health
from api.server.channel import MOST_UNANSWERED, Channel
from api.server.limits import Limits
from api.server.server import Server
from tests.support.line import PATIENCE_S, Line
from tests.support.waiting import until

SOON = Limits(head_s=0.1, body_s=0.1, output_s=0.1, look_s=0.02)
LARGE = 8_000_000
"""More than the kernel takes, so that some stays with the server until its caller reads."""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


class House:
    """A server with two threads: ``/slow`` answers when it is let, ``/large`` at length, all else who asks.

    ``unanswered`` has for each request how many of its connection were read and not answered.
    """

    def __init__(self, limits: Limits) -> None:
        self.began: list[str] = []
        self.unanswered: list[int] = []
        self.refusals: list[int] = []
        self.closings: list[str] = []
        self.go_on = threading.Event()
        self.server = Server(
            self._answer,
            "127.0.0.1",
            0,
            threads=2,
            limits=limits,
            on_refusal=self.refusals.append,
            on_closing=self.closings.append,
        )

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.began.append(path)
        self.unanswered.append(max(len(channel.requests) for channel in self.channels()))
        if path == "/slow":
            self.go_on.wait(PATIENCE_S)
        answer = b"x" * LARGE if path == "/large" else environ["REMOTE_ADDR"].encode()
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]

    def channels(self) -> list[Channel]:
        return list(self.server._server.active_channels.values())

    def line(self, source: str = "127.0.0.1") -> Line:
        return Line(self.server.port, source)

    def answers_others(self, **headers: str) -> str:
        """Ask over a new connection; return the address that the server took for the caller's."""
        with self.line() as line:
            line.send(get("other", **headers))
            return line.answer().body.decode()

    def until_looked(self, times: int) -> None:
        """Until the server has looked after its callers so many times."""
        looks = set[float]()

        def looked() -> bool:
            looks.add(self.server._server._next_look)
            return len(looks) > times

        until(looked, PATIENCE_S, "a look at the callers", poll=0.005)


@contextmanager
def serving(limits: Limits = SOON) -> Iterator[House]:
    house = House(limits)
    thread = threading.Thread(target=house.server.run)
    thread.start()
    try:
        yield house
    finally:
        house.go_on.set()
        house.server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def get(path: str, **headers: str) -> bytes:
    further = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET /{path} HTTP/1.1\r\nHost: x\r\n{further}\r\n".encode()


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", HEAD + b"abc"])
def test_a_request_that_stays_half_sent_is_a_408(sent: bytes) -> None:
    with serving() as house, house.line() as line:
        line.send(sent)
        status, body, _ = line.answer()
        assert line.rest() == b""
        assert house.answers_others() == "127.0.0.1"

    assert status == orjson.loads(body)["status"] == HTTPStatus.REQUEST_TIMEOUT
    assert orjson.loads(body)["type"] == "/problems/request-too-slow"
    assert house.refusals == [408]
    assert house.began == ["/other"]


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", HEAD.replace(b"10", b"9999")])
def test_a_byte_now_and_then_wins_no_time(sent: bytes) -> None:
    with serving(replace(SOON, body_bytes_per_s=1e6)) as house, house.line() as line:
        line.send(sent)
        while not select.select([line], [], [], 0.01)[0]:
            with suppress(ConnectionError):  # closed since then: the answer is there
                line.send(b"a")
        assert line.answer().status == 408


def test_the_clock_of_a_request_stands_still_while_the_server_owes_an_answer() -> None:
    with serving() as house, house.line() as line:
        line.send(get("slow") + HEAD[:20])
        until(lambda: house.began, PATIENCE_S, "a request in hand")
        house.until_looked(20)  # more than twice the deadline
        line.send(HEAD[20:] + b"0123456789")
        house.go_on.set()
        assert [line.answer().status for _ in range(2)] == [200, 200]
    assert house.refusals == []


def test_who_reads_nothing_is_parted_with_and_gets_no_answer_more() -> None:
    with serving() as house, house.line() as line:
        line.send(get("large") * 3)
        until(lambda: house.began, PATIENCE_S, "an answer under way")
        until(lambda: not house.channels(), PATIENCE_S, "a closed connection")
    assert house.began == ["/large"]
    assert house.closings == ["reading"]


def test_a_silent_connection_ends_in_time() -> None:
    with serving(SOON) as house, house.line() as line:
        line.send(get("here"))
        assert line.answer().status == 200
        house.server._server.limits = replace(SOON, idle_s=0.1)  # from now on: the caller had time
        assert line.rest() == b""
    assert house.closings == ["request"]
    assert house.refusals == []


def test_unread_answers_hold_no_thread_and_are_all_there_once_they_are_read() -> None:
    with serving(Limits(look_s=0.02)) as house, ExitStack() as leaving:
        lines = [leaving.enter_context(house.line()) for _ in range(4)]
        for line in lines:
            line.send(get("large") * 3 + get("last", Connection="close"))
        until(lambda: house.began.count("/large") == len(lines), PATIENCE_S, "an answer to each")
        house.until_looked(3)
        assert house.answers_others() == "127.0.0.1"
        assert house.began.count("/large") == len(lines)
        received = lines[0].rest()
    assert received.count(b"200 OK") == 3 + 1
    assert received.endswith(b"127.0.0.1")


def test_of_many_requests_at_once_some_are_read_and_all_are_answered_in_order() -> None:
    paths = [f"n{number}" for number in range(300)]
    with serving() as house, house.line() as line:
        line.send(b"".join(map(get, paths)) + get("last", Connection="close"))
        received = line.rest()
    assert house.began == [f"/{path}" for path in (*paths, "last")]
    assert received.count(b"200 OK") == len(paths) + 1
    assert max(house.unanswered) == MOST_UNANSWERED


def test_silent_connections_give_way_to_newcomers() -> None:
    with serving(Limits(connections=20)) as house, ExitStack() as leaving:
        busy = leaving.enter_context(house.line())
        busy.send(get("slow"))
        until(lambda: house.began, PATIENCE_S, "a request in hand")
        silent = [leaving.enter_context(house.line()) for _ in range(60)]
        half = [leaving.enter_context(house.line()) for _ in range(60)]
        until(lambda: len(house.closings) + len(house.channels()) == 121, PATIENCE_S, "all of them let in")
        for line in half:
            line.send(b"G")
        assert house.answers_others() == "127.0.0.1"
        until(lambda: len(house.channels()) <= 18, PATIENCE_S, "nine tenths of the connections")
        assert silent[0].rest() == half[0].rest() == b""
        assert set(house.closings) == {"gave_way"}
        house.go_on.set()
        assert busy.answer().status == 200


def test_an_address_has_no_more_than_its_share_of_the_connections() -> None:
    with serving(Limits(per_address=2)) as house, ExitStack() as leaving:
        inside = [leaving.enter_context(house.line("127.0.0.2")) for _ in range(2)]
        for line in inside:
            line.send(get("here"))
            assert line.answer()[:2] == (200, b"127.0.0.2")
        assert leaving.enter_context(house.line("127.0.0.2")).rest() == b""
        assert house.closings == ["per_address"]
        assert house.answers_others() == "127.0.0.1"
        inside[0].close()
        until(lambda: len(house.channels()) == 1, PATIENCE_S, "the end of a connection")
        again = leaving.enter_context(house.line("127.0.0.2"))
        again.send(get("here"))
        assert again.answer().status == 200


def test_a_trusted_proxy_speaks_for_others_and_has_any_number_of_connections() -> None:
    limits = Limits(per_address=1, trusted_proxies=(ip_network("127.0.0.1"),))
    with serving(limits) as house, house.line(), house.line():
        assert house.answers_others(X_Forwarded_For="10.9.9.9, 10.1.1.1") == "10.1.1.1"
    with serving() as house:
        assert house.answers_others(X_Forwarded_For="10.1.1.1") == "127.0.0.1"


def test_a_connection_that_asks_for_health_in_a_loop_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "EVERY_S", 3_600.0)
    with serving() as house, house.line() as looping, house.line() as probe:
        looping.send(get("health/live") * 2)
        assert looping.answer().status == 200
        probe.send(get("health/ready"))
        assert probe.answer().status == 200
        assert house.began == ["/health/live", "/health/ready"]
    assert house.began[2:] == ["/health/live"], "to stop waits for nobody's second"


def test_idle_connections_cost_the_loop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Channel] = []
    readable = Channel.readable

    def noted(self: Channel) -> bool:
        asked.append(self)
        return readable(self)

    with serving(Limits(look_s=10.0)) as house, ExitStack() as leaving:
        for _ in range(50):
            leaving.enter_context(house.line())
        until(lambda: len(house.channels()) == 50, PATIENCE_S, "the connections")
        house.answers_others()
        idle = set(house.channels())
        monkeypatch.setattr(Channel, "readable", noted)
        for _ in range(5):
            house.answers_others()
        assert asked
        assert len(idle & set(asked)) <= 1  # the first of the others may not have been closed by then
