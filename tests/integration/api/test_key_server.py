"""Keys that a provider publishes: fetched beside requests, kept while it fails, and asked for in bounds."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from api.http.problems import ProblemError
from api.local import ports
from api.middleware import key_server
from api.middleware.auth import Verifier
from api.middleware.key_server import KeyServer
from bus.settings import Settings
from tests.support.key_server import Published, jwk, publishing
from tests.support.waiting import until
from tests.unit.bearers import EC_KEY, RSA_KEY, claims

NAMES = {"iss": "https://login.example", "aud": "twofold"}
NEXT_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
SOON_S = 20.0


def token(key: Any = RSA_KEY, kid: str = "first", algorithm: str = "RS256", **over: Any) -> str:
    return "Bearer " + jwt.encode(claims(**(NAMES | over)), key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def published() -> Iterator[Published]:
    given = Published(jwk(RSA_KEY, "first"), jwk(EC_KEY, "curve"))
    with publishing(given):
        yield given


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key server that answers is not given up because the machine is busy."""
    monkeypatch.setattr(key_server, "JWKS_TIMEOUT_S", 60.0)


def verifier(opened: ExitStack, url: str) -> Verifier:
    """A verifier that has asked the key server once."""
    by = Verifier.from_settings(
        Settings(jwt_jwks_url=url, jwt_issuer=NAMES["iss"], jwt_audience=NAMES["aud"])
    )
    opened.callback(by.stop)
    by.start()
    assert keys_of(by)._refresher._first.wait(SOON_S)
    return by


def keys_of(by: Verifier) -> KeyServer:
    keys = by._keys
    assert isinstance(keys, KeyServer)
    return keys


def status(by: Verifier, bearer: str) -> int:
    try:
        by.principal(bearer)
    except ProblemError as error:
        return int(error.problem.status)
    return 200


class Clock:
    """The key server's clock in this process; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(key_server, "time", clock)
    return clock


def test_a_token_is_checked_with_the_key_that_it_names(published: Published, opened: ExitStack) -> None:
    by = verifier(opened, published.url)
    assert by.principal(token()).subject == "c1"
    assert by.principal(token(EC_KEY, "curve", "ES256")).issuer == NAMES["iss"]
    for wrong in (token(kid="curve"), token(NEXT_KEY), token(EC_KEY, "first", "ES256"), token(kid="")):
        assert status(by, wrong) == 401
    for claim in NAMES:
        assert status(by, token(**{claim: "another"})) == 401
    assert published.asked == 1


def test_while_the_key_server_is_away_known_keys_are_used(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its outage is told once, as is its end; what it has taken back meanwhile counts from then on."""
    monkeypatch.setattr(key_server, "FETCH_EVERY_S", 0.05)
    monkeypatch.setattr(key_server, "PAUSES_S", (0.05, 0.1))
    given, port = Published(jwk(RSA_KEY, "first")), next(ports.candidates())
    with capture_logs() as logged:
        with publishing(given, port):
            by = verifier(opened, given.url)
        until(lambda: logged, SOON_S, "the outage in the log")
        assert by.principal(token(sub="c2")).subject == "c2"
        assert status(by, token(NEXT_KEY, "next")) == 401
        given.publish(jwk(NEXT_KEY, "next"))
        with publishing(given, port):
            until(lambda: status(by, token(NEXT_KEY, "next")) == 200, SOON_S, "the key server back")
            assert status(by, token(sub="c3")) == 401
            until(lambda: len(logged) > 1, SOON_S, "its end in the log")
            assert [entry["event"] for entry in logged] == [
                "the key server fails: the keys that it gave last are used",
                "the key server answers again",
            ]


def test_before_the_key_server_has_answered_once_nobody_is_refused_for_good(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "PAUSES_S", (0.05, 0.1))
    given, port = Published(jwk(RSA_KEY, "first")), next(ports.candidates())
    by = verifier(opened, f"http://127.0.0.1:{port}/keys")
    with pytest.raises(ProblemError) as error:
        by.principal(token())
    assert (error.value.problem.status, error.value.headers) == (503, {"Retry-After": "5"})
    with publishing(given, port):
        until(lambda: status(by, token()) == 200, SOON_S, "its first keys")


def test_a_new_key_is_fetched_for_the_first_token_that_names_it(
    published: Published, opened: ExitStack, clock: Clock
) -> None:
    by = verifier(opened, published.url)
    published.publish(jwk(NEXT_KEY, "next"))
    assert status(by, token(NEXT_KEY, "next")) == 401, "not yet: the key server was asked a moment ago"
    clock.now += key_server.ASK_AGAIN_S
    assert by.principal(token(NEXT_KEY, "next")).subject == "c1"
    assert status(by, token()) == 401
    assert published.asked == 2


@pytest.mark.parametrize("protected", [True, False])
def test_made_up_key_ids_cost_one_fetch_in_ten_seconds(
    published: Published,
    opened: ExitStack,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    protected: bool,
) -> None:
    if not protected:
        monkeypatch.setattr(key_server, "ASK_AGAIN_S", 0.0)
    by = verifier(opened, published.url)
    with ThreadPoolExecutor(8) as callers:
        for fetched in (1, 2, 3):
            made_up = [token(kid=f"k{fetched}-{number}") for number in range(40)]
            assert set(callers.map(lambda one: status(by, one), made_up)) == {401}
            assert (published.asked == fetched) is protected
            assert status(by, token(sub=f"c{fetched}")) == 200
            clock.now += key_server.ASK_AGAIN_S


def test_few_requests_wait_for_a_key_server_that_hangs(
    published: Published, opened: ExitStack, clock: Clock
) -> None:
    """All others are answered at once: with 401 where the key is unknown, and where it is known as ever."""
    by = verifier(opened, published.url)
    published.answers.clear()
    published.publish(jwk(RSA_KEY, "first"), jwk(NEXT_KEY, "next"))
    clock.now += key_server.ASK_AGAIN_S
    most = key_server.MOST_WAITING
    with ThreadPoolExecutor(most) as callers:
        waiting = [callers.submit(status, by, token(NEXT_KEY, "next")) for _ in range(most)]
        until(lambda: keys_of(by)._waiting == most, SOON_S, "requests that wait")
        assert [status(by, token(NEXT_KEY, "next")) for _ in range(10)] == [401] * 10
        assert status(by, token(sub="c2")) == 200
        assert not any(one.done() for one in waiting)
        published.answers.set()
        assert [one.result(SOON_S) for one in waiting] == [200] * most


def test_a_request_waits_for_a_key_server_that_hangs_for_its_timeout_only(
    published: Published, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_server, "ASK_AGAIN_S", 0.0)
    by = verifier(opened, published.url)
    monkeypatch.setattr(key_server, "JWKS_TIMEOUT_S", 0.1)
    published.answers.clear()
    assert status(by, token(kid="unknown")) == 401
    assert status(by, token()) == 200


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 404}, "answers 404"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, "answers 302"),
        ({"body": b" " * (key_server.MOST_BYTES + 1)}, "more than 262144 bytes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_plain_answer_is_refused(published: Published, answer: dict[str, Any], why: str) -> None:
    for name, value in answer.items():
        setattr(published, name, value)
    with pytest.raises(key_server.KeyServerError, match=why):
        key_server.fetch(published.url)


def test_an_answer_that_drips_is_given_up(published: Published, clock: Clock) -> None:
    published.body = b"{" * 100_000
    assert key_server.fetch(published.url) == published.body
    clock.monotonic = iter((0.0, key_server.JWKS_TIMEOUT_S + 1)).__next__  # type: ignore[method-assign]
    with pytest.raises(key_server.KeyServerError, match="longer than"):
        key_server.fetch(published.url)
