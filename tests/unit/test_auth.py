"""Authentication: who a token says it is, and every way in which it can be refused."""

import time
from collections.abc import Sequence
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from api.middleware import auth
from api.middleware.auth import Verifier
from api.middleware.trusted_keys import ConfiguredKeys, TrustedKey
from bus.errors import ConfigurationError
from bus.messages.principal import Principal, Role
from bus.settings import Settings
from tests.unit.bearers import EC_KEY, RSA_KEY, SECRET, Clock, bearer, pem, refused, verifier

WEAK_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - to be refused


@pytest.mark.parametrize("role", Role)
def test_a_good_token_names_its_bearer(role: Role) -> None:
    principal = verifier().principal(bearer(role=role, sub="ann", iss="shop"))

    assert principal == Principal(role=role, subject="ann", issuer="shop")


def test_the_scheme_is_read_in_any_case() -> None:
    assert verifier().principal(bearer().replace("Bearer", "bEARER")).subject == "c1"


class CountedKey(ConfiguredKeys):
    """How often a token was checked."""

    checked = 0

    def keys_for(self, token: str) -> Sequence[TrustedKey]:
        self.checked += 1
        return super().keys_for(token)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_token_is_checked_once_but_its_end_each_time(clock: Clock) -> None:
    key = CountedKey(TrustedKey(SECRET, "HS256"))
    asked = Verifier(key, Settings(jwt_leeway_s=0))
    ends_soon = bearer(exp=int(clock.now) + 10)
    for _ in range(9):
        assert asked.principal(ends_soon).subject == "c1"
        clock.now += 1
    assert key.checked == 1
    clock.now += 1
    assert "expired" in refused(asked, ends_soon)


def test_a_token_is_checked_again_after_a_while(clock: Clock) -> None:
    key = CountedKey(TrustedKey(SECRET, "HS256"))
    asked = Verifier(key, Settings(jwt_leeway_s=0))
    lasting = bearer(exp=int(clock.now) + 3_600)
    for _ in range(3):
        asked.principal(lasting)
    clock.now += auth.BELIEVED_S
    asked.principal(lasting)
    assert key.checked == 2
    clock.now -= 2 * auth.BELIEVED_S  # a clock that was put right
    asked.principal(lasting)
    assert key.checked == 3


def test_a_token_that_was_refused_is_checked_each_time(clock: Clock) -> None:
    key = CountedKey(TrustedKey(SECRET, "HS256"))
    asked = Verifier(key, Settings(jwt_leeway_s=0))
    early = bearer(nbf=clock.now + 10, exp=int(clock.now) + 60)
    assert "invalid_token" in refused(asked, early)
    clock.now += 10
    assert asked.principal(early).subject == "c1"
    forged = bearer("another secret of at least thirty-two bytes")
    for _ in range(2):
        assert "invalid_token" in refused(asked, forged)
    assert key.checked == 4


def test_only_so_many_tokens_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_BELIEVED", 3)
    asked = verifier()
    for number in range(10):
        assert asked.principal(bearer(sub=f"c{number}")).subject == f"c{number}"
        assert len(asked._believed) <= 3


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
def test_no_token_is_asked_for_without_an_error_code(header: str | None) -> None:
    assert refused(verifier(), header) == 'Bearer realm="twofold"'


@pytest.mark.parametrize("text", ["Bearer x", "Bearer a.b.c", "Bearer ...", "Bearer é.é.é", "Bearer a b"])
def test_what_is_no_token_is_refused(text: str) -> None:
    refused(verifier(), text)


def test_a_token_of_another_secret_or_algorithm_is_refused() -> None:
    refused(verifier(), bearer("another secret of thirty-two bytes."))
    refused(verifier(), bearer("", "none"))
    refused(verifier(), bearer(SECRET * 2, "HS512"))
    refused(verifier(), bearer(RSA_KEY, "RS256"))


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
def test_a_public_key_verifies_its_own_algorithm_only(key: Any, algorithm: str) -> None:
    by = verifier(jwt_secret=None, jwt_public_key=pem(key))

    assert by.principal(bearer(key, algorithm)).subject == "c1"
    refused(by, bearer(SECRET))
    refused(by, bearer("", "none"))


def test_a_public_key_is_not_taken_for_a_secret() -> None:
    """The confusion of RS256 and HS256: the forger signs with the text that everybody has."""
    header, payload = (part.encode() for part in bearer().removeprefix("Bearer ").split(".")[:2])
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = algorithm.sign(header + b"." + payload, pem(RSA_KEY).encode())
    forged = b".".join([header, payload, jwt.utils.base64url_encode(signature)]).decode()

    refused(verifier(jwt_secret=None, jwt_public_key=pem(RSA_KEY)), f"Bearer {forged}")


def test_issuer_and_audience_are_checked_where_configured() -> None:
    by = verifier(jwt_issuer="shop", jwt_audience="orders")

    assert by.principal(bearer(iss="shop", aud=["orders", "x"])).issuer == "shop"
    for wrong in ({}, {"iss": "shop"}, {"iss": "other", "aud": "orders"}, {"iss": "shop", "aud": "x"}):
        refused(by, bearer(**wrong))


def test_an_audience_nobody_asked_for_is_let_pass() -> None:
    assert verifier().principal(bearer(aud="somebody")).subject == "c1"


@pytest.mark.parametrize(
    "settings",
    [
        {"jwt_secret": None},
        {"jwt_secret": None, "jwt_public_key": "no key"},
        {"jwt_secret": None, "jwt_public_key": pem(ec.generate_private_key(ec.SECP384R1()))},
        {"jwt_secret": None, "jwt_public_key": pem(WEAK_KEY)},
        {"jwt_secret": None, "jwt_public_key": pem(RSA_KEY), "jwt_public_key_previous": pem(WEAK_KEY)},
    ],
)
def test_without_a_usable_key_nothing_starts(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        verifier(**settings)


PREVIOUS = "the secret before it, of at least thirty-two bytes"


def test_while_a_secret_is_changed_tokens_of_both_are_taken() -> None:
    by = verifier(jwt_secret_previous=PREVIOUS)
    for secret in (SECRET, PREVIOUS):
        assert by.principal(bearer(secret)).subject == "c1"
        assert "claim exp" in refused(by, bearer(secret, exp=1)), "the secret was found"
    refused(by, bearer("a third secret of at least thirty-two bytes"))
    refused(verifier(), bearer(PREVIOUS))


def test_while_a_public_key_is_changed_both_are_taken_each_for_its_algorithm() -> None:
    by = verifier(jwt_secret=None, jwt_public_key=pem(EC_KEY), jwt_public_key_previous=pem(RSA_KEY))
    assert by.principal(bearer(EC_KEY, "ES256")).subject == "c1"
    assert by.principal(bearer(RSA_KEY, "RS256")).subject == "c1"
    for key, algorithm in ((RSA_KEY, "PS256"), (SECRET, "HS256"), ("", "none")):
        refused(by, bearer(key, algorithm))


DAY_S = 86_400


@pytest.mark.parametrize(
    ("issued", "expires", "is_taken"),
    [
        (None, 30 * DAY_S, True),
        (None, 30 * DAY_S + 10, True),
        (None, 30 * DAY_S + 11, False),
        (0, 30 * DAY_S, True),
        (-DAY_S, 29 * DAY_S, True),
        (-DAY_S, 30 * DAY_S, False),
        (60, 30 * DAY_S + 60, False),
    ],
)
def test_a_token_is_good_for_30_days_at_most(
    clock: Clock, issued: int | None, expires: int, *, is_taken: bool
) -> None:
    """From when it was issued, or from now on if it does not say that, or says a time to come."""
    iat = ... if issued is None else int(clock.now) + issued
    given = bearer(exp=int(clock.now) + expires, iat=iat)
    if is_taken:
        assert verifier().principal(given).subject == "c1"
    else:
        assert "claim exp of the token is too far ahead" in refused(verifier(), given)


def test_how_long_a_token_is_good_for_can_be_set() -> None:
    by = verifier(jwt_max_lifetime_s=3_600)
    assert "3600 s at most" in refused(by, bearer(exp=int(time.time()) + DAY_S))


def test_absurd_claims_inside_a_good_signature_are_refused() -> None:
    payload = b'{"role":"customer","sub":"c1","exp":1e999}'
    signed = jwt.PyJWS().encode(payload, SECRET, algorithm="HS256")

    refused(verifier(), f"Bearer {signed}")
    deep = jwt.PyJWS().encode(b"[" * 5_000 + b"]" * 5_000, SECRET, algorithm="HS256")
    refused(verifier(), f"Bearer {deep}")
