"""From a request to a command and back: accept it, perhaps wait for it, and say what it came to.

Why no outcome is missed: a request that waits expects the announcement before its command is accepted, so
before anybody can decide it, and looks by itself every two seconds and at its deadline, as Redis may lose
what is announced. A process that stops answers with what is known, without a look: that the command is
accepted.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import falcon

from api import etags, idempotency, prefer, problems, receipts
from api.answers import answer
from api.consistency import token_of
from api.deferral import Pause, Waits
from api.freshness import Freshness, WaitSlots
from api.problems import Problem, ProblemError
from bus.gateway import LOOK_AGAIN_S
from bus.inbox import Entry
from bus.messages.commands import (
    AddProduct,
    AnyCommand,
    ChangeCustomer,
    ChangeOrderStatus,
    ChangeProduct,
    PlaceOrder,
    RegisterCustomer,
)
from bus.messages.commands.command import Command
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.wakeup import Wakeup


@dataclass(frozen=True, slots=True)
class Concern:
    """What a command is about: the field of its id, and where a creation's resource will be."""

    id_field: str
    collection: str | None = None


CONCERNS: Mapping[type[Command], Concern] = {
    RegisterCustomer: Concern("customer_id", "/customers"),
    ChangeCustomer: Concern("customer_id"),
    AddProduct: Concern("product_id", "/products"),
    ChangeProduct: Concern("product_id"),
    PlaceOrder: Concern("order_id", "/orders"),
    ChangeOrderStatus: Concern("order_id"),
}


class Gateway(Protocol):
    """The part of ``bus.gateway.CommandGateway`` that is used here."""

    def send(self, envelope: CommandEnvelope, request: str | None = None) -> Entry | None: ...

    def find(self, command_id: str) -> Entry | None: ...

    def expect(self, command_id: str) -> AbstractContextManager[Wakeup]: ...


class Commands:
    """What the resources hand their commands to. Who finds no slot to wait in gets the 202 at once."""

    def __init__(
        self,
        gateway: Gateway,
        freshness: Freshness,
        slots: WaitSlots,
        stopping: threading.Event,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``now`` tells the moments of acceptance: of several processes, all should tell the same time.

        Once ``stopping`` is set nobody waits any more.
        """
        self._gateway = gateway
        self._freshness = freshness
        self._slots = slots
        self._stopping = stopping
        self._now = now

    def send(
        self, req: falcon.Request, resp: falcon.Response, command: AnyCommand, canonical_body: bytes
    ) -> Waits[None]:
        """Accept a command and answer.

        Raises:
            ProblemError: what the command came to, if that is not success; 400 for malformed headers;
                422 for an idempotency key that belongs to another request.

        """
        key = req.get_header("Idempotency-Key")
        digest = idempotency.request_digest(req, canonical_body) if key is not None else None
        envelope = CommandEnvelope(
            command_id=idempotency.command_id(key, req.context.principal),
            correlation_id=req.context.correlation_id,
            traceparent=req.context.traceparent,
            accepted_at=self._now(),
            by=req.context.principal,
            expected_versions=(
                etags.expected_versions(req.get_header("If-Match")) if req.method == "PATCH" else None
            ),
            command=command,
        )
        wanted = prefer.parse(req.get_header("Prefer"))
        entry, applied = yield from self._dispatch(envelope, wanted, digest)
        if entry is not None and entry.request != digest:
            raise _another_request()
        _answer(resp, entry.envelope if entry else envelope, entry.outcome if entry else None, applied)

    def _dispatch(
        self, envelope: CommandEnvelope, wanted: prefer.Preference, digest: str | None
    ) -> Waits[tuple[Entry | None, str | None]]:
        """Hand the command in and wait as wanted; the entry, and which preference was applied."""
        if not wanted.wait:
            return self._gateway.send(envelope, digest), None
        with self._slots.one() as free:
            if not free:
                return self._gateway.send(envelope, digest), None
            deadline = time.monotonic() + wanted.wait
            entry = yield from self.outcome(envelope, deadline, digest)
            outcome = entry.outcome if entry and entry.request == digest else None
            if not wanted.visible or outcome is None or outcome.status is not CommandStatus.SUCCEEDED:
                return entry, "wait"
            visible = yield from self._freshness.becomes_visible(outcome, deadline)
            return entry, "wait, visible" if visible else "wait"

    def outcome(
        self, envelope: CommandEnvelope, deadline: float, digest: str | None = None
    ) -> Waits[Entry | None]:
        """Accept a command and wait for its outcome until a time of the monotonic clock.

        Returns the finished entry. When the time is up, or another request has its id, it is the entry as it
        was last seen, or ``None`` if that was never.
        """
        with self._gateway.expect(envelope.command_id) as woken:
            entry = self._gateway.send(envelope, digest)
            if entry is not None and (entry.finished or entry.request != digest):
                return entry
            while not self._stopping.is_set():
                yield Pause(min(max(0.0, deadline - time.monotonic()), LOOK_AGAIN_S), woken)
                if self._stopping.is_set():
                    break
                woken.clear()
                entry = self._gateway.find(envelope.command_id) or entry
                if (entry is not None and entry.finished) or time.monotonic() >= deadline:
                    break
            return entry


def concern_of(command: Command) -> Concern:
    return CONCERNS[type(command)]


def _answer(
    resp: falcon.Response, envelope: CommandEnvelope, outcome: Outcome | None, applied: str | None
) -> None:
    status_page = f"/commands/{envelope.command_id}"
    concern = concern_of(envelope.command)
    identity = getattr(envelope.command, concern.id_field)
    resource = f"{concern.collection}/{identity}" if concern.collection else None
    headers = {"Link": f'<{status_page}>; rel="status"'}

    if outcome is None:
        resp.set_headers({**headers, "Location": resource or status_page})
        answer(resp, receipts.accepted(envelope.command_id, envelope.command), HTTPStatus.ACCEPTED)
        return
    if applied:
        headers["Preference-Applied"] = applied
    if problem := problems.of_outcome(outcome, envelope.command_id):
        raise ProblemError(problem, headers)
    if (token := token_of(outcome)) is not None:
        headers["Consistency-Token"] = token
    created = receipts.created(envelope.command_id, envelope.command, outcome)
    if resource is None or created is None:
        resp.set_headers(headers)
        resp.status = int(HTTPStatus.NO_CONTENT)
        return
    resp.set_headers({**headers, "Location": resource})
    answer(resp, created, HTTPStatus.CREATED)


def _another_request() -> ProblemError:
    detail = "This Idempotency-Key was used before, for another request."
    return ProblemError(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail))
