"""Authentication: who a token says it is, and every way in which it can be refused."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.exceptions import PyJWKClientConnectionError

from api.http.problems import ProblemError
from api.middleware import auth
from api.middleware.auth import KeyServer, OneKey, Verifier
from bus.errors import ConfigurationError
from bus.messages.principal import Principal, Role
from tests.unit.bearers import EC_KEY, RSA_KEY, SECRET, Clock, bearer, claims, pem, refused, verifier


@pytest.mark.parametrize("role", Role)
def test_a_good_token_names_its_bearer(role: Role) -> None:
    principal = verifier().principal(bearer(role=role, sub="ann", iss="shop"))

    assert principal == Principal(role=role, subject="ann", issuer="shop")


def test_the_scheme_is_read_in_any_case() -> None:
    assert verifier().principal(bearer().replace("Bearer", "bEARER")).subject == "c1"


class CountedKey(OneKey):
    """How often a token was checked."""

    checked = 0

    def key_for(self, token: str) -> Any:
        self.checked += 1
        return super().key_for(token)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_token_is_checked_once_but_its_end_each_time(clock: Clock) -> None:
    key = CountedKey(SECRET)
    asked = Verifier(key, ["HS256"])
    ends_soon = bearer(exp=int(clock.now) + 10)
    for _ in range(9):
        assert asked.principal(ends_soon).subject == "c1"
        clock.now += 1
    assert key.checked == 1
    clock.now += 1
    assert "expired" in refused(asked, ends_soon)


def test_a_token_is_checked_again_after_a_while(clock: Clock) -> None:
    key = CountedKey(SECRET)
    asked = Verifier(key, ["HS256"])
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
    key = CountedKey(SECRET)
    asked = Verifier(key, ["HS256"])
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
        {"jwt_secret": None, "jwt_jwks_url": "file:///etc/passwd"},
    ],
)
def test_without_a_usable_key_nothing_starts(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        verifier(**settings)


def served(monkeypatch: pytest.MonkeyPatch, fetch: Callable[[Any], Any]) -> Verifier:
    """A verifier whose key server answers with what ``fetch`` gives."""
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", fetch)
    return Verifier(KeyServer("https://keys.example.org"), ["RS256", "ES256"])


def jwk(key: Any, kid: str) -> dict[str, Any]:
    algorithms = jwt.algorithms
    kind = algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else algorithms.ECAlgorithm
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


def named(key: Any, algorithm: str, kid: str) -> str:
    return "Bearer " + jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": kid})


def test_a_key_server_has_the_key_that_a_token_names(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"kty": "oct", "kid": "h", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
    by = served(monkeypatch, lambda _: {"keys": [jwk(RSA_KEY, "r"), jwk(EC_KEY, "e"), secret]})

    assert by.principal(named(RSA_KEY, "RS256", "r")).subject == "c1"
    assert by.principal(named(EC_KEY, "ES256", "e")).subject == "c1"
    refused(by, named(RSA_KEY, "RS256", "e"))
    refused(by, named(RSA_KEY, "RS256", "unknown"))
    refused(by, named(b"secret-secret-secret-secret-secret", "HS256", "h"))


def test_a_key_server_that_is_down_is_a_503_and_not_asked_by_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fetch(_: Any) -> Any:
        asked.append(1)
        raise PyJWKClientConnectionError("down")

    by = served(monkeypatch, fetch)
    for _ in range(3):
        with pytest.raises(ProblemError) as error:
            by.principal(named(RSA_KEY, "RS256", "r"))
        assert error.value.problem.status == 503
        assert "Retry-After" in error.value.headers
    assert len(asked) == 1


def test_absurd_claims_inside_a_good_signature_are_refused() -> None:
    payload = b'{"role":"customer","sub":"c1","exp":1e999}'
    signed = jwt.PyJWS().encode(payload, SECRET, algorithm="HS256")

    refused(Verifier(OneKey(SECRET), ["HS256"]), f"Bearer {signed}")
    deep = jwt.PyJWS().encode(b"[" * 5_000 + b"]" * 5_000, SECRET, algorithm="HS256")
    refused(Verifier(OneKey(SECRET), ["HS256"]), f"Bearer {deep}")
