"""Keys that a provider publishes: a JWKS (RFC 7517), fetched by a thread beside the requests.

No request fetches. A request goes by the set that was fetched last, for as long as the key server
fails: an outage there changes nothing for tokens whose keys are known. A key that the server has
taken back is gone with the next set that it answers with.

A token may name a key that is not in the set: the provider has changed keys, or somebody made the
name up. Then the thread fetches once more, but not within ``ASK_AGAIN_S`` of the fetch before,
whichever request asks. A few requests wait for that, at most ``JWKS_TIMEOUT_S`` from its beginning.
All others are refused at once. So made-up names neither load the key server nor hold up requests
with known keys, which take no lock.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.request import HTTPErrorProcessor, ProxyHandler, Request, build_opener

import jwt

from api.middleware.refresher import Refresher
from api.middleware.trusted_keys import KeysUnknownError, TrustedKey, UnusableKeyError
from bus.errors import TwofoldError
from bus.observability.logs import logger, redacted

FETCH_EVERY_S = 300.0
PAUSES_S = (1.0, 30.0)
"""After a fetch that failed: the first pause and the longest."""
JWKS_TIMEOUT_S = 2.0
ASK_AGAIN_S = 10.0
MOST_BYTES = 262_144
MOST_WAITING = 4

_Set = Mapping[str, Sequence[TrustedKey]]
"""The keys by their ids; two keys of different kinds may have the same."""


class KeyServerError(TwofoldError):
    """The key server gave no set of keys that can be used."""


class KeyServer:
    """The keys that one address publishes.

    One condition guards ``_pending``, ``_asked_at`` and ``_waiting``. A fetch is pending from when
    a request asks for it, or the thread begins it by itself, until it has ended. Meanwhile no
    request asks for another. ``_keys`` is replaced as a whole, before the requests that wait for
    the fetch are woken.
    """

    def __init__(self, url: str, most_waiting: int = MOST_WAITING) -> None:
        self._url = url
        self._most_waiting = most_waiting
        self._keys: _Set | None = None
        self._left_out: Mapping[str, str] = {}
        self._changed = threading.Condition()
        self._pending = False
        self._asked_at = float("-inf")
        self._waiting = 0
        told = "the key server fails: the keys that it gave last are used", "the key server answers again"
        self._refresher = Refresher("key server", self._fetch, FETCH_EVERY_S, pauses_s=PAUSES_S, told=told)

    def start(self) -> None:
        self._refresher.start()

    def stop(self) -> None:
        self._refresher.stop()

    def keys_for(self, token: str) -> Sequence[TrustedKey]:
        """Return the keys that the token names; see ``trusted_keys.Keys``."""
        name = jwt.get_unverified_header(token).get("kid")
        found = self._named(name)
        if name and not found:
            self._await_more()
            found = self._named(name)
        if self._keys is None:
            raise KeysUnknownError
        return found

    def _named(self, name: str | None) -> Sequence[TrustedKey]:
        return (self._keys or {}).get(name or "", ())

    def _await_more(self) -> None:
        """Have the keys fetched if that is due; wait until they are, unless too many others do."""
        with self._changed:
            now = time.monotonic()
            if not self._pending and now - self._asked_at >= ASK_AGAIN_S:
                self._pending, self._asked_at = True, now
                self._refresher.look_now()
            if self._waiting >= self._most_waiting:
                return
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._pending, self._asked_at + JWKS_TIMEOUT_S - now)
            finally:
                self._waiting -= 1

    def _fetch(self) -> None:
        with self._changed:
            self._pending, self._asked_at = True, time.monotonic()
        try:
            self._keys, left_out = keys_in(fetch(self._url))
        finally:
            with self._changed:
                self._pending = False
                self._changed.notify_all()
        if left_out != self._left_out:
            logger.warning("keys of the key server are left out", keys=left_out)
        self._left_out = left_out


class _AsItComes(HTTPErrorProcessor):
    """Follows no redirect: nobody has checked where it leads."""

    def http_response(self, request: Request, response: Any) -> Any:
        del request
        return response

    https_response = http_response


def fetch(url: str) -> bytes:
    """Return what is at an address, which is known to be of http or https.

    Raises:
        KeyServerError: it answers with something else than 200, with too much, or too slowly.
        OSError: it cannot be reached.

    """
    # An address of http is this machine's, and no proxy leads there. Others use the environment's.
    proxies: dict[str, str] | None = {} if url.startswith("http:") else None
    opener = build_opener(ProxyHandler(proxies), _AsItComes)
    request = Request(url, headers={"User-Agent": "Twofold"})  # noqa: S310 - its scheme is known
    deadline = time.monotonic() + JWKS_TIMEOUT_S
    with opener.open(request, timeout=JWKS_TIMEOUT_S) as answer:
        if answer.status != HTTPStatus.OK:
            raise KeyServerError(f"it answers {answer.status}")
        body = b""
        while part := answer.read1(MOST_BYTES):
            body += part
            if len(body) > MOST_BYTES:
                raise KeyServerError(f"it answers with more than {MOST_BYTES} bytes")
            if time.monotonic() > deadline:
                raise KeyServerError(f"it took longer than {JWKS_TIMEOUT_S} s")
        return body


def keys_in(text: bytes) -> tuple[_Set, Mapping[str, str]]:
    """Return the keys of a set that can be used here, and why others cannot, by their ids.

    Raises:
        KeyServerError: the text is no set of keys, or none of them can be used.

    """
    try:
        listed = [jwk for jwk in json.loads(text)["keys"] if isinstance(jwk, dict)]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise KeyServerError("its answer is no set of keys (RFC 7517)") from None
    found: dict[str, tuple[TrustedKey, ...]] = {}
    left_out: dict[str, str] = {}
    for jwk in listed:
        name = str(jwk.get("kid"))
        try:
            found[name] = (*found.get(name, ()), _usable(jwk))
        except Exception as error:  # noqa: BLE001 - PyJWT raises what it likes, and one key costs no other
            left_out[name] = redacted(error)
    if not found:
        raise KeyServerError("none of its keys can be used")
    return found, left_out


def _usable(jwk: Mapping[str, Any]) -> TrustedKey:
    if not isinstance(jwk.get("kid"), str):
        raise UnusableKeyError("has no id")
    if (jwk.get("use") or "sig") != "sig":
        raise UnusableKeyError("is not for signatures")
    key = TrustedKey.of(jwt.PyJWK(dict(jwk)).key)
    if (jwk.get("alg") or key.algorithm) != key.algorithm:
        raise UnusableKeyError(f"is for another algorithm than {key.algorithm}")
    return key
