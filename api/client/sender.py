"""A patient client of the API: while the service is away, it tries again for a bounded time.

Trying again is safe because every command carries its idempotency key: the service does not do a
command twice. Several threads may use one sender.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_random_exponential

from api.client.errors import ServiceError
from api.tokens import sign
from bus.connections.preflight import refusals
from bus.errors import ConfigurationError
from bus.messages.principal import Role
from bus.settings import Settings

PATIENCE_S = 60.0
"""The seconds for which one request is tried again; the service restarts within seconds."""
MAX_PAUSE_S = 5.0
TIMEOUT_S = 30.0
PORTS = {"http": 80, "https": 443}
_TRY_AGAIN = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_NOT_LET_IN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class _AwayError(Exception):
    """The service asks to come back later."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.text[:200]}")
        after = response.headers.get("Retry-After", "")
        self.seconds = float(after) if after.isascii() and after.isdigit() else 0.0


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of a refusal: in words, and for each wrong field by its dotted path."""

    detail: str
    fields: Mapping[str, str]

    def __str__(self) -> str:
        return "; ".join(f"{field} {why}" for field, why in self.fields.items()) or self.detail


@dataclass(frozen=True, slots=True)
class Reply:
    """The service's answer to a command when it is sent."""

    command_id: str | None
    """``None`` if the request was refused before it became a command."""
    order_id: str | None
    finished: bool
    """True if the command is finished already: an earlier run sent it, or it was refused.

    False if it had to be sent twice, since the first time was perhaps in this very run.
    """
    refused: Reason | None


def connect(settings: Settings, url: str | None, subject: str) -> httpx.Client:
    """Return a client with a token of the staff, for ``url`` or for this configuration's API.

    Raises:
        ConfigurationError: there is no ``JWT_SECRET`` to sign with, or ``url`` is no address.
        ServiceError: nobody accepts connections there.

    """
    address = url or f"http://127.0.0.1:{settings.api_port}"
    try:
        base = httpx.URL(address)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in PORTS or not base.host:
        raise ConfigurationError(f"--url: {address!r} is no http address")
    token = sign(settings, Role.STAFF, subject)
    if refused := refusals([(base.host, base.port or PORTS[base.scheme])]):
        variable = "--url" if url else "API_PORT"
        raise ServiceError(f"{variable}: the API cannot be reached: {refused[0]}")
    return httpx.Client(
        base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S, trust_env=False
    )


class Sender:
    """Sends commands and asks what became of them; a call returns when the service has answered."""

    def __init__(self, client: httpx.Client, patience_s: float = PATIENCE_S) -> None:
        self._client = client
        self._retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, _AwayError)),
            wait=_pause,
            stop=stop_after_delay(patience_s),
            reraise=True,
        )

    def send(self, method: str, path: str, body: Mapping[str, Any], key: str) -> Reply:
        """Send a command.

        Raises:
            ServiceError: nobody answered, or the token is not good for this.

        """
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        response = self._request(method, path, content=content, headers=headers)
        link = response.links.get("status", {}).get("url", "")
        order_id = response.json().get("order_id") if response.is_success and response.content else None
        return Reply(
            command_id=link.rpartition("/")[2] or None,
            order_id=order_id,
            finished=response.status_code != HTTPStatus.ACCEPTED and self._tries() == 1,
            refused=None if response.is_success else _reason(response),
        )

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Return a document; raise ``ServiceError`` if the service does not give it."""
        response = self._request("GET", path, params=query)
        if not response.is_success:
            raise ServiceError(f"GET {path}: {_told(response)}")
        document: dict[str, Any] = response.json()
        return document

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._retrying(self._once, method, path, **options)
        except (httpx.TransportError, _AwayError) as error:
            base = str(self._client.base_url).rstrip("/")
            raise ServiceError(f"{method} {base}{path}: no answer in time, last: {error}") from None
        if response.status_code in _NOT_LET_IN:
            raise ServiceError(f"{method} {path}: {_told(response)}")
        return response

    def _tries(self) -> int:
        """Return how often this thread's last request was sent."""
        return int(self._retrying.statistics["attempt_number"])

    def _once(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self._client.request(method, path, **options)
        if response.status_code in _TRY_AGAIN:
            raise _AwayError(response)
        return response


_growing = wait_random_exponential(multiplier=0.2, max=MAX_PAUSE_S)


def _pause(state: RetryCallState) -> float:
    """Return a random pause in seconds, below a bound that grows with each try.

    It is not shorter than the service asks for, up to ``TIMEOUT_S``.
    """
    error = state.outcome.exception() if state.outcome else None
    asked = error.seconds if isinstance(error, _AwayError) else 0.0
    return max(_growing(state), min(asked, TIMEOUT_S))


def reason(problem: object, otherwise: str) -> Reason:
    """Return what a problem document (RFC 9457) says, or ``otherwise`` if it is none."""
    try:
        document: Any = problem
        fields = {error["field"]: error["message"] for error in document.get("errors", ())}
        return Reason(str(document["detail"]), fields)
    except (LookupError, TypeError, AttributeError):
        return Reason(otherwise, {})


def _reason(response: httpx.Response) -> Reason:
    """Return the reason in a response; a body that is no problem document is cut short."""
    otherwise = f"{response.status_code} {response.text[:200]}"
    try:
        return reason(response.json(), otherwise)
    except ValueError:
        return Reason(otherwise, {})


def _told(response: httpx.Response) -> str:
    return f"{response.status_code} {_reason(response).detail}".strip()
