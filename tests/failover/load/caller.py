"""How a witness calls the API: any request at any of its processes, with every header, written down."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.failover.history.exchange import Diary, Exchange, Look
from tests.support.plain_http import NO_TLS

TIMEOUT_S = 12.0
GIVE_UP_S = 90.0
"""When a command is still not answered, long after every fault is over."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
WAIT = "wait=3"
REFUSED = range(400, 500)


@dataclass(frozen=True, slots=True)
class Told:
    """A command that is kept; ``token`` is there when its outcome was told."""

    command_id: str
    subject: str | None
    token: str | None


class Caller:
    def __init__(self, name: str, ports: Sequence[int], token: str, diary: Diary) -> None:
        self._name = name
        self._urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._diary = diary
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S, trust_env=False, verify=NO_TLS
        )
        self._turn = 0

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any], key: str, *, outcome: bool) -> Told:
        """Ask under one key until the command is kept, and until its outcome is told if that is wanted.

        Each try goes to the next process. Raises ``RuntimeError`` for an answer that no command of a witness
        should have, and ``TimeoutError``.
        """
        deadline = time.monotonic() + GIVE_UP_S
        pause = FIRST_PAUSE_S
        while time.monotonic() < deadline:
            exchange, token = self._exchange(method, path, body, key, wait=outcome)
            if exchange.status in REFUSED or exchange.status == 500:
                raise RuntimeError(f"{method} {path} ({key}): {exchange.status}")
            if exchange.command_id is not None and (exchange.tells_success or not outcome):
                return Told(exchange.command_id, exchange.subject, token)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise TimeoutError(f"{method} {path} ({key}): no answer within {GIVE_UP_S:g} s")

    def look(self, path: str, stream: str, fields: Mapping[str, str], carried: Told | None = None) -> None:
        """Read at each process in turn; ``fields`` says which of the answer's fields is of which stream.

        With a command that was told to be done it carries its token; without one it is a strong read.
        """
        headers = {}
        if carried is not None:
            assert carried.token is not None
            headers = {"Consistency-Token": carried.token, "Prefer": "wait=1"}
        for url in self._urls:
            began = time.monotonic()
            try:
                response = self._http.get(url + path, headers=headers)
            except httpx.HTTPError:
                continue
            shown = response.json() if response.status_code == 200 else {}
            self._diary.looked(
                Look(
                    client=self._name,
                    stream=stream,
                    began=began,
                    ended=time.monotonic(),
                    status=response.status_code,
                    shown={of: shown[name] for name, of in fields.items() if name in shown},
                    strong=carried is None,
                    carried=(carried.command_id,) if carried is not None else (),
                )
            )

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any], key: str, *, wait: bool
    ) -> tuple[Exchange, str | None]:
        self._turn += 1
        url = self._urls[self._turn % len(self._urls)]
        headers = {"Idempotency-Key": key, **({"Prefer": WAIT} if wait else {})}
        began = time.monotonic()
        try:
            response = self._http.request(method, url + path, json=body, headers=headers)
        except httpx.HTTPError:
            exchange = Exchange(self._name, key, began, time.monotonic(), None)
            self._diary.asked(exchange)
            return exchange, None
        told = response.json() if response.content and response.is_success else {}
        exchange = Exchange(
            client=self._name,
            key=key,
            began=began,
            ended=time.monotonic(),
            status=response.status_code,
            command_id=response.headers.get("Link", "").partition("</commands/")[2].partition(">")[0] or None,
            subject=told.get("order_id") or told.get("customer_id") or told.get("product_id"),
            version=told.get("version"),
        )
        self._diary.asked(exchange)
        return exchange, response.headers.get("Consistency-Token")
