"""Accepts the command of a request, perhaps waits for it, and answers with what it came to.

Why no outcome is missed: a request that waits expects the announcement before its command is
accepted, so before anybody can decide it. Redis may lose an announcement, so the request also looks
by itself every two seconds and at its deadline. A process that stops does not look once more. It
answers with what it knows: that the command is accepted.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

import falcon

from api.http import etags, idempotency, prefer, problems, receipts
from api.http.admission import Admission
from api.http.answers import answer
from api.http.consistency import token_of
from api.http.freshness import Freshness, WaitSlots
from api.http.problems import Problem, ProblemError
from api.middleware.deferral import Pause, Waits
from bus.inbox.command_records import CommandRecord
from bus.inbox.gateway import LOOK_AGAIN_S
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import AnyCommand
from bus.messages.streams import id_of
from bus.notify.wakeup import Wakeup

CREATED_IN: Mapping[str, str] = {
    "RegisterCustomer": "/customers",
    "AddProduct": "/products",
    "PlaceOrder": "/orders",
}
"""The path under which a command of this type creates its resource.

A command that creates something and is not here would be answered with 204 and no ``Location``. So
a route that is described as creating is an error at start if no command creates at its path, and
``tests/unit/test_creating_commands.py`` decides every command there is. A command that is here also
has a case in ``receipts.created``.
"""


class Gateway(Protocol):
    """The part of ``bus.inbox.gateway.CommandGateway`` that is used here."""

    def send(self, envelope: CommandEnvelope, request: str | None = None) -> CommandRecord | None: ...

    def find(self, command_id: str) -> CommandRecord | None: ...

    def expect(self, command_id: str) -> AbstractContextManager[Wakeup]: ...


class Commands:
    """Takes commands from the resources; answers 202 at once if there is no slot to wait in."""

    def __init__(  # noqa: PLR0913 - its collaborators, wired in the main
        self,
        *,
        gateway: Gateway,
        freshness: Freshness,
        slots: WaitSlots,
        stopping: threading.Event,
        admission: Admission,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``now`` returns the moment of acceptance: all processes should tell the same time.

        Once ``stopping`` is set, no request waits any more.
        """
        self._gateway = gateway
        self._freshness = freshness
        self._slots = slots
        self._stopping = stopping
        self._admission = admission
        self._now = now

    def send(
        self, req: falcon.Request, resp: falcon.Response, command: AnyCommand, canonical_body: bytes
    ) -> Waits[None]:
        """Accept a command and answer.

        Raises:
            ProblemError: what the command came to, if that is not success; 400 for malformed
                headers; 422 for an idempotency key that belongs to another request; 429 if the
                caller has too many unfinished commands or waiting requests, or sends too many
                commands a second; 503 if the backlog is full.

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
        record, applied = yield from self._dispatch(envelope, wanted, digest)
        if record is None:
            _answer(resp, envelope.command_id, command.type, command.stream, None, applied)
        elif record.request != digest:
            raise _another_request()
        else:
            _answer(resp, record.command_id, record.type, record.stream, record.outcome, applied)

    def _dispatch(
        self, envelope: CommandEnvelope, wanted: prefer.Preference, digest: str | None
    ) -> Waits[tuple[CommandRecord | None, str | None]]:
        """Hand the command in and wait as wanted; return its record and the applied preferences."""
        if not wanted.wait:
            return self._accept(envelope, digest), None
        with self._slots.one(envelope.by) as free:
            if not free:
                return self._accept(envelope, digest), None
            deadline = time.monotonic() + wanted.wait
            record = yield from self.outcome(envelope, deadline, digest)
            outcome = record.outcome if record and record.request == digest else None
            if not wanted.visible or outcome is None or outcome.status is not CommandStatus.SUCCEEDED:
                return record, "wait"
            visible = yield from self._freshness.becomes_visible(outcome, deadline)
            return record, "wait, visible" if visible else "wait"

    def _accept(self, envelope: CommandEnvelope, digest: str | None) -> CommandRecord | None:
        """Accept a command if its caller may send one more.

        Return ``None`` if it is new, else its record.

        A repeat under an ``Idempotency-Key`` is not one more unfinished command: its record is
        looked for before it is refused. A repeat that is let in counts for the caller's pace.
        """
        with self._admission.of_one(envelope.by) as refusal:
            if refusal is None:
                return self._gateway.send(envelope, digest)
        known = self._gateway.find(envelope.command_id) if digest is not None else None
        if known is None:
            raise refusal
        return known

    def outcome(
        self, envelope: CommandEnvelope, deadline: float, digest: str | None = None
    ) -> Waits[CommandRecord | None]:
        """Accept a command and wait for its outcome until a time of the monotonic clock.

        Return its finished record. If the time is up, the process stops or another request has the
        command's id, return the record as it was last seen, or ``None`` if it was never seen.
        """
        with self._gateway.expect(envelope.command_id) as woken:
            record = self._accept(envelope, digest)
            if record is not None and (record.finished or record.request != digest):
                return record
            while not self._stopping.is_set():
                yield Pause(min(max(0.0, deadline - time.monotonic()), LOOK_AGAIN_S), woken)
                if self._stopping.is_set():
                    break
                woken.clear()
                record = self._gateway.find(envelope.command_id) or record
                if (record is not None and record.finished) or time.monotonic() >= deadline:
                    break
            return record


def _answer(  # noqa: PLR0913, PLR0917 - what is known of a command, and how it was waited for
    resp: falcon.Response,
    command_id: str,
    command_type: str,
    stream: str,
    outcome: Outcome | None,
    applied: str | None,
) -> None:
    status_page = f"/commands/{command_id}"
    identity = id_of(stream)
    resource = f"{CREATED_IN[command_type]}/{in_path(identity)}" if command_type in CREATED_IN else None
    headers = {"Link": f'<{status_page}>; rel="status"'}

    if outcome is None:
        resp.set_headers({**headers, "Location": resource or status_page})
        answer(resp, receipts.accepted(command_id, stream), HTTPStatus.ACCEPTED)
        return
    if applied:
        headers["Preference-Applied"] = applied
    if problem := problems.of_outcome(outcome, command_id):
        raise ProblemError(problem, headers)
    if (token := token_of(outcome)) is not None:
        headers["Consistency-Token"] = token
    created = receipts.created(command_id, command_type, identity, outcome)
    if resource is None or created is None:
        resp.set_headers(headers)
        resp.status = int(HTTPStatus.NO_CONTENT)
        return
    resp.set_headers({**headers, "Location": resource})
    answer(resp, created, HTTPStatus.CREATED)


def in_path(identity: str) -> str:
    """Return an id as it stands in a path (RFC 3986, section 3.3).

    For example, ``auth0|5f7c`` is ``auth0%7C5f7c``. A ``+`` could stand as it is. But some clients
    and proxies take it for a space, so it is written ``%2B``.
    """
    return quote(identity, safe=":@")


def _another_request() -> ProblemError:
    detail = "This Idempotency-Key was used before, for another request."
    return ProblemError(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail))
