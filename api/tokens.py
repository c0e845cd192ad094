"""Makes tokens for trying the service out: HS256 with the configured secret."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from pydantic import SecretStr

from bus.errors import ConfigurationError
from bus.messages.principal import Role
from bus.messages.values import is_id
from bus.settings import LOCAL_SECRET, Settings

TTL = timedelta(hours=12)
"""The default lifetime of a token, unless ``JWT_MAX_LIFETIME_S`` is shorter."""
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,255}")


def is_subject(role: Role, subject: object) -> bool:
    """Return True if a token of this role may have this subject; a customer's is a customer id."""
    if not isinstance(subject, str):
        return False
    if role is Role.CUSTOMER:
        return is_id(subject)
    return _SUBJECT.fullmatch(subject) is not None and subject.isprintable()


def sign(settings: Settings, role: Role, subject: str, ttl: timedelta | None = None) -> str:
    """Return a token that is good for ``ttl`` from now, or for ``TTL``.

    A customer's id is the token's ``sub``. If the API takes the id from another claim, it is in
    that claim too.

    Raises:
        ConfigurationError: there is no secret, neither configured nor the local runner's; or the
            role allows no such subject; or ``ttl`` is longer than ``JWT_MAX_LIFETIME_S``.

    """
    most = timedelta(seconds=settings.jwt_max_lifetime_s)
    ttl = min(TTL, most) if ttl is None else ttl
    if ttl > most:
        raise ConfigurationError(f"a token may be good for {most} at most: JWT_MAX_LIFETIME_S")
    secret = settings.jwt_secret or _secret_of_local_runner(settings)
    if not is_subject(role, subject):
        raise ConfigurationError(f"{subject!r} cannot be the subject of a {role} token")
    now = datetime.now(UTC)
    claims: dict[str, Any] = {"role": role.value, "sub": subject, "iat": now, "exp": now + ttl}
    if role is Role.CUSTOMER:
        claims[settings.jwt_customer_claim] = subject
    if settings.jwt_issuer is not None:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience is not None:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, secret.get_secret_value(), algorithm="HS256")


def _secret_of_local_runner(settings: Settings) -> SecretStr:
    """Return the secret that ``make run`` keeps in ``DATA_DIR``: a second shell needs no set-up."""
    kept = settings.data_dir / LOCAL_SECRET
    if settings.jwt_public_key or settings.jwt_jwks_url or not kept.is_file():
        raise ConfigurationError("JWT_SECRET is not set: tokens can only be made with it")
    return SecretStr(kept.read_text().strip())
