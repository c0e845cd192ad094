"""What a client of the API sends with: patient with a service that is away, and honest about refusals."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from api.client.delivery import OF_A_REFUSED_ORDER, Delivery, Request
from api.client.errors import ServiceError
from api.client.sender import Reason, Sender
from tests.support.waiting import until

PATIENCE_S = 10.0

ORDER = Request("orders", "POST", "/orders", {"reference": "1"}, "o1")
SHIPPED = Request(
    "changes", "PATCH", "/orders/{order_id}/status", {"status": "x"}, "o1-x", order="o1", after="o1"
)
PRICE = Request("prices", "PATCH", "/products/p", {"unit_price": 2}, "p-2")

Answers = Callable[[httpx.Request], httpx.Response]


@contextmanager
def delivering(answers: Answers, patience_s: float = 60.0) -> Iterator[Delivery]:
    transport = httpx.MockTransport(answers)
    with httpx.Client(base_url="http://shop.example", transport=transport) as client:
        yield Delivery(Sender(client, patience_s), patience_s=patience_s)


def accepted(command_id: str, **ids: str) -> httpx.Response:
    body = {"command_id": command_id, "status": "accepted", **ids}
    return httpx.Response(202, json=body, headers=link(command_id))


def link(command_id: str) -> dict[str, str]:
    return {"Link": f'</commands/{command_id}>; rel="status"'}


def status(status: str, detail: str | None = None, *, visible: bool = True) -> httpx.Response:
    problem = {"detail": detail} if detail else None
    return httpx.Response(200, json={"status": status, "problem": problem, "visible": {"m": visible}})


class Service:
    """Accepts everything; ``finishes`` are the answers to questions after a command, in turn."""

    def __init__(self, *finishes: httpx.Response) -> None:
        self.finishes = list(finishes)
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if request.method == "GET":
            return self.finishes.pop(0) if self.finishes else status("succeeded")
        key = request.headers["Idempotency-Key"]
        return accepted(f"c-{key}", **({"order_id": "77"} if request.url.path == "/orders" else {}))


def nothing() -> None:
    """A step that nobody watches."""


def test_a_status_change_goes_to_the_id_that_the_order_was_given() -> None:
    service = Service()
    with delivering(service) as delivery:
        delivery.send([[ORDER, SHIPPED]], nothing)
        assert service.asked == ["POST /orders", "PATCH /orders/77/status"]
        assert delivery.unfinished == 2
        delivery.await_outcomes(nothing)
    assert delivery.report.new == {"orders": 1, "changes": 1}
    assert not delivery.report.refused


def test_a_service_that_is_away_is_tried_again_with_the_same_key() -> None:
    keys: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        match len(keys):
            case 1:
                raise httpx.ConnectError("refused", request=request)
            case 2:
                return httpx.Response(503, headers={"Retry-After": "0"})
            case 3:
                return httpx.Response(429, headers={"Retry-After": "0"})
            case _:
                return httpx.Response(201, json={"order_id": "77"}, headers=link("c1"))

    with delivering(answers) as delivery:
        delivery.send([[ORDER]], nothing)
    assert keys == ["o1"] * 4
    assert delivery.report.new == {"orders": 1}, "it may have arrived the first time"


def test_a_service_that_stays_away_ends_it() -> None:
    with (
        delivering(lambda _: httpx.Response(503, text="later"), patience_s=0) as delivery,
        pytest.raises(ServiceError, match=r"POST http://shop\.example/orders: no answer in time.*503 later"),
    ):
        delivery.send([[ORDER]], nothing)


def test_what_is_known_already_is_not_waited_for() -> None:
    service = Service()

    def answers(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return httpx.Response(204, headers=link("c2"))
        return httpx.Response(201, json={"order_id": "77"}, headers=link("c1"))

    with delivering(answers) as delivery:
        delivery.send([[ORDER, SHIPPED, PRICE]], nothing)
    assert delivery.unfinished == 0
    assert delivery.report.known == {"orders": 1, "changes": 1, "prices": 1}
    assert service.asked == []


def test_what_is_refused_at_once_is_told_and_takes_its_status_changes_with_it() -> None:
    problem = {"detail": "Wrong.", "errors": [{"field": "items", "message": "required"}]}
    with delivering(lambda _: httpx.Response(422, json=problem)) as delivery:
        delivery.send([[ORDER, SHIPPED]], nothing)
    assert delivery.report.refused == {
        "o1": Reason("Wrong.", {"items": "required"}),
        "o1-x": Reason(OF_A_REFUSED_ORDER, {}),
    }
    assert str(delivery.report.refused["o1"]) == "items required"
    assert delivery.report.refused_of == {"orders": 1, "changes": 1}


def test_what_is_rejected_later_is_told() -> None:
    with delivering(Service(status("rejected", "There is no customer."))) as delivery:
        delivery.send([[ORDER]], nothing)
        delivery.await_outcomes(nothing)
    assert delivery.report.refused == {"o1": Reason("There is no customer.", {})}
    assert not +delivery.report.new


def test_what_never_finishes_ends_it() -> None:
    with delivering(lambda r: status("accepted") if r.method == "GET" else accepted("c1")) as delivery:
        delivery.send([[ORDER]], nothing)
        delivery._patience_s = 0
        with pytest.raises(ServiceError, match=r"o1 \(command c1\) has no outcome after 0 s"):
            delivery.await_outcomes(nothing)


def test_visible_waits_for_the_read_models() -> None:
    service = Service(status("succeeded", visible=False), status("succeeded"))
    with delivering(service) as delivery:
        delivery.send([[ORDER]], nothing)
        delivery.await_outcomes(nothing, visible=True)
    assert not service.finishes


def test_a_token_that_is_not_good_ends_it() -> None:
    with (
        delivering(lambda _: httpx.Response(401, json={"detail": "The token has expired."})) as delivery,
        pytest.raises(ServiceError, match="401 The token has expired"),
    ):
        delivery.send([[ORDER]], nothing)


def test_the_body_goes_as_json() -> None:
    bodies = []

    def answers(request: httpx.Request) -> httpx.Response:
        bodies.append((request.headers["Content-Type"], json.loads(request.content)))
        return accepted("c1", order_id="77")

    with delivering(answers) as delivery:
        delivery.send([[ORDER]], nothing)
    assert bodies == [("application/json", {"reference": "1"})]


def test_requests_go_side_by_side_but_stages_one_after_the_other() -> None:
    """Two wait for each other, so both are on their way at once; the next stage waits for both."""
    both = threading.Barrier(2)
    done: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        key = request.headers["Idempotency-Key"]
        if key.startswith("first"):
            both.wait(timeout=10)
        done.append(key)
        return accepted(key)

    first = [Request("things", "POST", "/things", {}, f"first-{number}") for number in range(2)]
    with delivering(answers) as delivery:
        delivery.send([first, [PRICE]], nothing)
    assert done[2] == PRICE.key


def test_changes_of_one_order_go_one_after_the_other() -> None:
    """However many are sent at a time, each is sent when the one before it is accepted."""
    under_way: set[str] = set()
    seen: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        key = request.headers["Idempotency-Key"]
        order = key.partition("-")[0]
        assert order not in under_way
        under_way.add(order)
        seen.append(key)
        under_way.remove(order)
        return accepted(key, **({"order_id": order} if key == order else {}))

    stage = []
    for number in range(20):
        order = f"o{number}"
        stage.append(Request("orders", "POST", "/orders", {}, order))
        for before, change in ((order, f"{order}-1"), (f"{order}-1", f"{order}-2")):
            path = "/orders/{order_id}/status"
            stage.append(Request("changes", "PATCH", path, {}, change, order=order, after=before))
    with delivering(answers) as delivery:
        delivery.send([stage], nothing)
    for number in range(20):
        order = f"o{number}"
        assert [key for key in seen if key.partition("-")[0] == order] == [order, f"{order}-1", f"{order}-2"]


def test_a_service_that_is_away_ends_all_that_wait() -> None:
    """Nothing more is sent once one request was given up: here the first, and the others wait for that."""
    stage = [Request("things", "POST", "/things", {}, str(number)) for number in range(1000)]
    first, last = stage[0].key, stage[-1].key
    sent: list[str] = []
    last_is_over = threading.Event()

    def answers(request: httpx.Request) -> httpx.Response:
        sent.append(key := request.headers["Idempotency-Key"])
        if key == first:
            until(lambda: last in delivery._answers, PATIENCE_S, "all are to be sent")
            delivery._answers[last].add_done_callback(lambda _: last_is_over.set())
        elif not last_is_over.wait(PATIENCE_S):
            last_is_over.set()  # nobody else waits in vain
        return httpx.Response(503, text="later")

    with delivering(answers, patience_s=0) as delivery, pytest.raises(ServiceError):
        delivery.send([stage], nothing)
    assert last_is_over.is_set()
    assert last not in sent
