"""Verifies bearer JWTs (RFC 6750, RFC 7519) with the keys that are configured or published.

``exp`` is required, and a token must not be good for longer than ``JWT_MAX_LIFETIME_S``: a token
that never ends is never out of the way. ``iss`` and ``aud`` are checked if they are configured, as
they must be with a key server. The clock of an issuer may be a few seconds off (``JWT_LEEWAY_S``).

A token comes with many requests and says the same each time. So the caller that it names is kept
for a while. For every request the process checks that the token has not expired and is not denied.
"""

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import jwt
from jwt.exceptions import InvalidAlgorithmError, InvalidSignatureError, PyJWTError

from api.http.problems import Problem, ProblemError
from api.middleware.claims import WrongClaimError, lifetime_of, principal_of
from api.middleware.deny_list import DenyList, DenyListUnknownError
from api.middleware.key_server import MOST_WAITING, KeyServer
from api.middleware.trusted_keys import ConfiguredKeys, Keys, KeysUnknownError, TrustedKey
from bus.messages.principal import Principal
from bus.settings import Settings

RETRY_S = 5
"""The pause before a caller asks again while the key server, or MongoDB, has never answered."""
BELIEVED_S = 60.0
"""The time for which a signature that was right is not checked again.

A key that was taken back counts for so much longer, beside the minutes for which a key server's
answer is kept.
"""
MOST_BELIEVED = 10_000
"""Tokens; some 10 MB."""

_CHALLENGE = 'Bearer realm="twofold"'
_NOT_VALID = "The token cannot be read, or no key that is trusted here has signed it."
_TAKEN_BACK = "The token has been taken back: it takes one that was issued later."


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token's caller, time of issue, and when to believe it (since, until), in epoch seconds."""

    principal: Principal
    issued_at: int | None
    since: float
    until: float


class Verifier:
    """Turns an ``Authorization`` header into a principal."""

    def __init__(self, keys: Keys, settings: Settings, denied: DenyList | None = None) -> None:
        self._keys = keys
        self._settings = settings
        self._denied = denied
        self._believed: dict[str, VerifiedToken] = {}

    @classmethod
    def from_settings(cls, settings: Settings, denied: DenyList | None = None) -> Self:
        """Return a verifier; raises ``ConfigurationError`` for no key or an unusable one."""
        if settings.jwt_jwks_url is None:
            return cls(ConfiguredKeys.of(settings), settings, denied)
        most_waiting = min(MOST_WAITING, settings.web_threads // 2)
        return cls(KeyServer(settings.jwt_jwks_url, most_waiting), settings, denied)

    def start(self) -> None:
        """Begin to look up what changes: the keys of a key server, and the denied tokens."""
        self._keys.start()
        if self._denied is not None:
            self._denied.start()

    def stop(self) -> None:
        self._keys.stop()
        if self._denied is not None:
            self._denied.stop()

    def principal(self, authorization: str | None) -> Principal:
        """Return the caller that the bearer token names.

        Raises:
            ProblemError: 401 for a missing or bad token, 503 if the keys or the denied tokens are
                not known yet.

        """
        if authorization is None:
            raise _unauthorized("This needs a bearer token.")
        scheme, _, credentials = authorization.partition(" ")
        token = credentials.strip()
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("The Authorization header must be Bearer and a token.")
        now, known = time.time(), self._believed.get(token)
        if known is None or not known.since <= now < known.until:
            known = self._verified(token, now)
            if len(self._believed) >= MOST_BELIEVED:
                self._believed.clear()
            self._believed[token] = known
        if self._is_denied(known):
            raise _unauthorized(_TAKEN_BACK, bad=True)
        return known.principal

    def _is_denied(self, known: VerifiedToken) -> bool:
        try:
            return self._denied is not None and self._denied.covers(known.principal, known.issued_at)
        except DenyListUnknownError:
            raise _unavailable("Which tokens have been taken back is not known yet.") from None

    def _verified(self, token: str, now: float) -> VerifiedToken:
        """Return the token if it is good; raises ``ProblemError`` as ``principal`` does."""
        settings = self._settings
        try:
            claims = self._claims(token)
            issued, expires = lifetime_of(claims, now, settings.jwt_max_lifetime_s, settings.jwt_leeway_s)
            principal = principal_of(claims, settings.jwt_customer_claim)
            until = min(expires + settings.jwt_leeway_s, now + BELIEVED_S)
            return VerifiedToken(principal, issued, now, until)
        except KeysUnknownError:
            raise _unavailable("The server that has the keys to check tokens with does not answer.") from None
        except WrongClaimError as wrong:
            raise _unauthorized(str(wrong), bad=True) from None
        except PyJWTError as error:
            wrong_claim = WrongClaimError.found_in(error)
            raise _unauthorized(str(wrong_claim or _NOT_VALID), bad=True) from None
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            # What claims of absurd types and sizes come to inside the library.
            raise _unauthorized(_NOT_VALID, bad=True) from None

    def _claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that one of the keys has signed; raises PyJWT's errors."""
        not_signed: PyJWTError = InvalidSignatureError()
        for key in self._keys.keys_for(token):
            try:
                return self._decoded(token, key)
            except (InvalidSignatureError, InvalidAlgorithmError) as error:
                not_signed = error
        raise not_signed

    def _decoded(self, token: str, key: TrustedKey) -> dict[str, Any]:
        settings = self._settings
        claims: dict[str, Any] = jwt.decode(
            token,
            key=key.key,
            algorithms=[key.algorithm],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            leeway=settings.jwt_leeway_s,
            options={
                "require": ["exp", "role"],
                "verify_aud": settings.jwt_audience is not None,
                "verify_iat": False,  # RFC 7519 gives it no say, and clocks differ
            },
        )
        return claims


def _unavailable(detail: str) -> ProblemError:
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)
    return ProblemError(problem, {"Retry-After": str(RETRY_S)})


def _unauthorized(detail: str, *, bad: bool = False) -> ProblemError:
    challenge = f'{_CHALLENGE}, error="invalid_token", error_description="{detail}"' if bad else _CHALLENGE
    problem = Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    return ProblemError(problem, {"WWW-Authenticate": challenge})
