"""Who asks: bearer JWTs (RFC 6750, RFC 7519), verified with the one key that is configured.

The kind of key pins the algorithm, so neither ``alg: none`` nor an HS256 token signed with a public key's
text is ever looked at. ``exp`` is required: a token that never ends cannot be taken back. ``iss`` and ``aud``
are checked where they are configured. The clock of an issuer may be a few seconds off (``JWT_LEEWAY_S``).

A token comes with many requests and says the same each time, so who it names is kept for a while; that it has
not expired is looked at every time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, Self

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from api.http.problems import Problem, ProblemError
from api.middleware.claims import WrongClaimError, principal_of
from bus.errors import ConfigurationError
from bus.messages.principal import Principal
from bus.settings import Settings

JWKS_TIMEOUT_S = 2.0
JWKS_RETRY_S = 5.0
"""How long nobody asks a key server again that did not answer."""

BELIEVED_S = 60.0
"""How long a signature that was right is not checked again. A key taken back counts for so much longer,
beside the minutes for which a key server's answer is kept."""
MOST_BELIEVED = 10_000
"""Tokens; some 10 MB."""

_CHALLENGE = 'Bearer realm="twofold"'
_NOT_VALID = "The token cannot be read, or no key that is trusted here has signed it."


class Keys(Protocol):
    """Where the key for a token comes from."""

    def key_for(self, token: str) -> Any:
        """What ``jwt.decode`` verifies the token with; raises PyJWT's errors."""


class OneKey:
    """A configured key."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def key_for(self, token: str) -> Any:  # noqa: ARG002 - the same for all
        return self._key


class KeyServer:
    """A JWKS endpoint (RFC 7517), cached; one that is down is not asked by every request."""

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=JWKS_TIMEOUT_S)
        self._ask_again_at = 0.0

    def key_for(self, token: str) -> Any:
        if time.monotonic() < self._ask_again_at:
            raise PyJWKClientConnectionError("the key server did not answer a moment ago")
        try:
            return self._client.get_signing_key_from_jwt(token)
        except PyJWKClientConnectionError:
            self._ask_again_at = time.monotonic() + JWKS_RETRY_S
            raise


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Whom a token names, from when until when in seconds since the epoch."""

    principal: Principal
    since: float
    until: float


class Verifier:
    """Turns an ``Authorization`` header into a principal."""

    def __init__(  # noqa: PLR0913 - what is configured of tokens
        self,
        keys: Keys,
        algorithms: Sequence[str],
        *,
        issuer: str | None = None,
        audience: str | None = None,
        customer_claim: str = "sub",
        leeway_s: int = 0,
    ) -> None:
        """``customer_claim`` has a customer's id; ``leeway_s`` is how far an issuer's clock may be off."""
        self._keys = keys
        self._algorithms = list(algorithms)
        self._issuer = issuer
        self._audience = audience
        self._customer_claim = customer_claim
        self._leeway_s = leeway_s
        self._believed: dict[str, VerifiedToken] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raises ``ConfigurationError`` if there is no key, or none that can be used."""
        keys, algorithms = _configured_keys(settings)
        return cls(
            keys,
            algorithms,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            customer_claim=settings.jwt_customer_claim,
            leeway_s=settings.jwt_leeway_s,
        )

    def principal(self, authorization: str | None) -> Principal:
        """Who asks.

        Raises:
            ProblemError: 401 for a missing or bad token, 503 if the key server cannot be reached.

        """
        if authorization is None:
            raise _unauthorized("This needs a bearer token.")
        scheme, _, credentials = authorization.partition(" ")
        token = credentials.strip()
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("The Authorization header must be Bearer and a token.")
        now, known = time.time(), self._believed.get(token)
        if known is not None and known.since <= now < known.until:
            return known.principal
        try:
            claims = self._claims(token)
            principal = principal_of(claims, self._customer_claim)
            until = min(int(claims["exp"]) + self._leeway_s, now + BELIEVED_S)
        except PyJWKClientConnectionError:
            detail = "The server that has the keys to check tokens with does not answer."
            problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
            raise ProblemError(problem, {"Retry-After": str(int(JWKS_RETRY_S))}) from None
        except WrongClaimError as wrong:
            raise _unauthorized(str(wrong), bad=True) from None
        except PyJWTError as error:
            wrong_claim = WrongClaimError.found_in(error)
            raise _unauthorized(str(wrong_claim or _NOT_VALID), bad=True) from None
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            # What claims of absurd types and sizes come to inside the library.
            raise _unauthorized(_NOT_VALID, bad=True) from None
        if len(self._believed) >= MOST_BELIEVED:
            self._believed.clear()
        self._believed[token] = VerifiedToken(principal, now, until)
        return principal

    def _claims(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=self._keys.key_for(token),
            algorithms=self._algorithms,
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway_s,
            options={
                "require": ["exp", "role"],
                "verify_aud": self._audience is not None,
                "verify_iat": False,  # RFC 7519 gives it no say, and clocks differ
            },
        )
        return claims


def _configured_keys(settings: Settings) -> tuple[Keys, Sequence[str]]:
    if settings.jwt_secret is not None:
        return OneKey(settings.jwt_secret.get_secret_value()), ["HS256"]
    if settings.jwt_public_key is not None:
        return _public_key(settings.jwt_public_key)
    if settings.jwt_jwks_url is not None:
        try:
            return KeyServer(settings.jwt_jwks_url), ["RS256", "ES256"]
        except PyJWTError as error:
            raise ConfigurationError(f"JWT_JWKS_URL: {error}") from None
    raise ConfigurationError(
        "set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL: tokens cannot be checked without"
    )


def _public_key(pem: str) -> tuple[Keys, Sequence[str]]:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("JWT_PUBLIC_KEY: not a public key in PEM") from None
    if isinstance(key, RSAPublicKey):
        return OneKey(key), ["RS256"]
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return OneKey(key), ["ES256"]
    raise ConfigurationError("JWT_PUBLIC_KEY: must be an RSA key, or an elliptic curve's on P-256")


def _unauthorized(detail: str, *, bad: bool = False) -> ProblemError:
    challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{detail}"' if bad else _CHALLENGE
    problem = Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    return ProblemError(problem, {"WWW-Authenticate": challenge})
