"""Reads the claims of a token: returns the caller, or tells which claim is missing or wrong.

The claims are looked at only once the signature is known to be right. So an error about them goes
to somebody whom the issuer trusts. It names the claim and never quotes it: proxies and clients log
answers.
"""

import re
from collections.abc import Mapping
from typing import Any, Self

from jwt import exceptions
from jwt.exceptions import PyJWTError

from api.tokens import is_subject
from bus.messages.principal import Principal, Role
from bus.messages.values import MAX_ID_LENGTH

_ROLES = ", ".join(Role)
_REASONS: Mapping[type[PyJWTError], tuple[str, str]] = {
    exceptions.ExpiredSignatureError: ("exp", "is in the past: the token has expired"),
    exceptions.ImmatureSignatureError: ("nbf", "is in the future: the token is not valid yet"),
    exceptions.InvalidIssuerError: ("iss", "is not the issuer whose tokens are taken here"),
    exceptions.InvalidAudienceError: ("aud", "does not name this service"),
    exceptions.InvalidSubjectError: ("sub", "is not text"),
    exceptions.InvalidJTIError: ("jti", "is not text"),
}
_NO_NUMBER = re.compile(r"\((exp|nbf)\) must be an integer")
"""PyJWT's words for a time that is not a number; it has no exception of its own for it."""


class WrongClaimError(ValueError):
    """A claim is missing (without a ``why``) or not what it must be; the text is for the caller."""

    def __init__(self, claim: str, why: str | None = None) -> None:
        wrong = f"The claim {claim} of the token {why}." if why else f"The token has no claim {claim}."
        super().__init__(wrong)

    @classmethod
    def found_in(cls, error: PyJWTError) -> Self | None:
        """Return the claim that PyJWT found missing or wrong.

        Return ``None`` if the error is about the token or its signature, and about no claim.
        """
        if isinstance(error, exceptions.MissingRequiredClaimError):
            return cls(error.claim)
        if found := _REASONS.get(type(error)):
            return cls(*found)
        if no_number := _NO_NUMBER.search(str(error)):
            return cls(no_number[1], "is not a number of seconds")
        return None


def principal_of(claims: Mapping[str, Any], customer_claim: str) -> Principal:
    """Return the caller whom the claims name.

    A customer's subject here is its customer id, from the claim ``customer_claim``. What the
    customer owns goes by this id, and so do its idempotency keys and what is recorded of it. The
    subject of any other caller is ``sub``.

    Raises:
        WrongClaimError: the role or the subject is missing or means nothing here, or the issuer is
            not text.

    """
    role = _role(claims)
    claim = customer_claim if role is Role.CUSTOMER else "sub"
    subject, issuer = claims.get(claim), claims.get("iss")
    if subject is None:
        raise WrongClaimError(claim)
    if not is_subject(role, subject):
        if role is Role.CUSTOMER:
            raise WrongClaimError(
                claim, f"is no customer id: 1 to {MAX_ID_LENGTH} letters, digits and ._:-|@+, not . or .."
            )
        raise WrongClaimError(claim, "is not 1 to 255 printable characters")
    if not isinstance(issuer, str | None):
        raise WrongClaimError("iss", "is not text")
    return Principal(role=role, subject=subject, issuer=issuer)


def lifetime_of(claims: Mapping[str, Any], now: float, most_s: int, leeway_s: int) -> tuple[int | None, int]:
    """Return when a token was issued, if it says so, and its ``exp``, in seconds since the epoch.

    Raises:
        WrongClaimError: from ``iat`` or from ``now`` on, the token is good for longer than
            ``most_s`` and ``leeway_s`` together; or its ``iat`` is not a number.

    """
    expires, issued = int(claims["exp"]), claims.get("iat")
    try:
        issued = None if issued is None else int(issued)
    except (ValueError, TypeError, ArithmeticError):
        raise WrongClaimError("iat", "is not a number of seconds") from None
    if expires - min(now, now if issued is None else issued) > most_s + leeway_s:
        raise WrongClaimError("exp", f"is too far ahead: a token may be good for {most_s} s at most")
    return issued, expires


def _role(claims: Mapping[str, Any]) -> Role:
    try:
        return Role(claims["role"])
    except KeyError:
        raise WrongClaimError("role") from None
    except (ValueError, TypeError):
        raise WrongClaimError("role", f"is none of {_ROLES}") from None
