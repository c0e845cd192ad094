"""The claims of a token: which are needed, what is said of a wrong one, and whose id a customer's is."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from api.middleware.auth import Verifier
from api.tokens import sign
from bus.errors import ConfigurationError
from bus.messages.principal import Principal, Role
from bus.settings import Settings
from tests.unit.bearers import SECRET, Clock, bearer, refusal, verifier


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


FAR_AHEAD = 4_102_444_800
"""The year 2100."""


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": ...},
        {"exp": 1},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": [1]},
        {"exp": None},
        {"nbf": FAR_AHEAD},
        {"nbf": "later"},
        {"nbf": {}},
        {"sub": ...},
        {"sub": ""},
        {"sub": 7},
        {"sub": "not an id"},
        {"sub": ".."},
        {"sub": "x" * 129},
        {"sub": "line\nbreak", "role": "staff"},
        {"sub": "x" * 256, "role": "ops"},
        {"role": ...},
        {"role": "admin"},
        {"role": ["staff"]},
        {"role": {}},
        {"iat": "lately"},
        {"iat": float("inf")},
        {"iat": {}},
        {"iss": 7},
        {"jti": 7},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    """And what is in it is not repeated."""
    error = refusal(verifier(), bearer(**wrong))
    claim, value = next(iter(wrong.items()))
    detail = error.problem.detail
    missing = value is None or value is ...
    assert detail.startswith(f"The token has no claim {claim}." if missing else f"The claim {claim} of ")
    assert error.headers["WWW-Authenticate"] == (
        f'Bearer realm="twofold", error="invalid_token", error_description="{detail}"'
    )
    assert missing or len(str(value)) < 3 or str(value) not in detail


@pytest.mark.parametrize(
    ("wrong", "claim"),
    [
        ({"iss": "elsewhere", "aud": "orders"}, "iss"),
        ({"iss": ..., "aud": "orders"}, "iss"),
        ({"iss": "shop", "aud": "another"}, "aud"),
        ({"iss": "shop", "aud": 7}, "aud"),
        ({"iss": "shop", "aud": ...}, "aud"),
    ],
    ids=str,
)
def test_another_issuer_and_another_audience_are_refused_by_name(wrong: dict[str, Any], claim: str) -> None:
    by = verifier(jwt_issuer="shop", jwt_audience="orders")
    assert f" claim {claim}" in refusal(by, bearer(**wrong)).problem.detail


def test_claims_are_not_told_of_before_the_signature_is_right() -> None:
    forged = bearer("another secret of at least thirty-two bytes", role="admin", exp=1)
    assert "claim" not in refusal(verifier(), forged).problem.detail


AUTH0 = "auth0|5f7c8ec7c33c6c004bbafe82"
NAMESPACED = "https://shop.example/customer_id"


@pytest.mark.parametrize("subject", [AUTH0, "ann+shop@example.com", "google-oauth2|1", "x" * 128])
def test_a_customer_is_called_as_its_identity_provider_calls_it(subject: str) -> None:
    assert verifier().principal(bearer(sub=subject)) == Principal(role=Role.CUSTOMER, subject=subject)


def test_a_customers_id_may_stand_in_another_claim() -> None:
    """It is the subject then, whoever else is named; of others, that is ``sub`` still."""
    by = verifier(jwt_customer_claim=NAMESPACED)
    given = {NAMESPACED: "c7"}
    assert by.principal(bearer(sub=AUTH0, **given)).subject == "c7"
    assert by.principal(bearer(sub=..., **given)).subject == "c7"
    assert by.principal(bearer(role="staff", sub="sam", **given)).subject == "sam"


@pytest.mark.parametrize("wrong", [{}, {NAMESPACED: None}, {NAMESPACED: "no id"}, {NAMESPACED: 7}], ids=str)
def test_a_customer_without_its_id_is_not_taken_for_its_subject(wrong: dict[str, Any]) -> None:
    by = verifier(jwt_customer_claim=NAMESPACED)
    assert f" claim {NAMESPACED}" in refusal(by, bearer(sub="c1", **wrong)).problem.detail


def test_staff_without_a_subject_is_refused() -> None:
    by = verifier(jwt_customer_claim=NAMESPACED)
    refused_ = refusal(by, bearer(role="staff", sub=..., **{NAMESPACED: "c7"}))
    assert refused_.problem.detail == "The token has no claim sub."


@pytest.mark.parametrize("role", Role)
def test_a_token_made_here_is_taken_whichever_claim_has_the_id(role: Role) -> None:
    settings = Settings(jwt_secret=SECRET, jwt_customer_claim=NAMESPACED, jwt_issuer="shop")
    token = sign(settings, role, "ann@example.com", timedelta(minutes=1))
    principal = Verifier.from_settings(settings).principal(f"Bearer {token}")
    assert principal == Principal(role=role, subject="ann@example.com", issuer="shop")


def test_a_token_made_here_is_good_for_12_hours_or_as_long_as_is_allowed() -> None:
    def lasts(ttl: timedelta | None = None, **settings: Any) -> int:
        token = sign(Settings(jwt_secret=SECRET, **settings), Role.OPS, "olga", ttl)
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
        return int(claims["exp"]) - int(claims["iat"])

    assert lasts() == 12 * 3_600
    assert lasts(jwt_max_lifetime_s=60) == 60
    assert lasts(timedelta(days=30)) == 30 * 86_400
    with pytest.raises(ConfigurationError, match="30 days, 0:00:00 at most: JWT_MAX_LIFETIME_S"):
        lasts(timedelta(days=30, seconds=1))


@pytest.mark.parametrize("subject", ["", "a b", "..", "x" * 129])
def test_no_token_is_made_for_what_cannot_be_a_customer(subject: str) -> None:
    with pytest.raises(ConfigurationError):
        sign(Settings(jwt_secret=SECRET), Role.CUSTOMER, subject, timedelta(minutes=1))


def test_an_issuers_clock_may_be_some_seconds_off(clock: Clock) -> None:
    by = verifier(jwt_leeway_s=10)
    assert by.principal(bearer(nbf=clock.now + 10, exp=int(clock.now) + 60)).subject == "c1"
    assert "claim nbf" in refusal(by, bearer(nbf=clock.now + 11, exp=int(clock.now) + 60)).problem.detail
    over = bearer(exp=int(clock.now) - 9)
    assert by.principal(over).subject == "c1"
    assert "claim exp" in refusal(by, bearer(exp=int(clock.now) - 10)).problem.detail
    clock.now += 1
    assert "claim exp" in refusal(by, over).problem.detail, "also of one that was taken a moment ago"


def test_without_leeway_a_token_ends_when_it_says(clock: Clock) -> None:
    by = verifier(jwt_leeway_s=0)
    assert by.principal(bearer(exp=int(clock.now) + 1)).subject == "c1"
    assert "claim exp" in refusal(by, bearer(exp=int(clock.now))).problem.detail
