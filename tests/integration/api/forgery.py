"""Tokens as anybody could make them: put together by hand, since PyJWT refuses to make most of them."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER, AUDIENCE = "https://login.example", "twofold"
OURS, OTHERS = "the secret of the matrix, 32 bytes or more", "another secret that is 32 bytes or more"
OUR_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC_PEM = OUR_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(role: str, subject: str, /, **over: Any) -> dict[str, Any]:
    """Good ones; ``...`` leaves one out."""
    given = {
        "role": role,
        "sub": subject,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": int(time.time()) + 600,
        **over,
    }
    return {name: value for name, value in given.items() if value is not ...}


def _part(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def by_hand(payload: dict[str, Any], secret: str | None, alg: str = "HS256", **header: Any) -> str:
    """An HMAC with any text as its secret; without one, no signature at all."""
    signed = _part({"alg": alg, "typ": "JWT", **header}) + b"." + _part(payload)
    mac = b"" if secret is None else hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _part(mac)).decode()


def rs256(payload: dict[str, Any], key: rsa.RSAPrivateKey = OUR_KEY) -> str:
    return jwt.encode(payload, key, algorithm="RS256")


def swapped(token: str, payload: dict[str, Any]) -> str:
    """Somebody's signature under other claims."""
    header, _, signature = token.split(".")
    return f"{header}.{_part(payload).decode()}.{signature}"


def bad_claims(role: str, subject: str) -> dict[str, dict[str, Any]]:
    """What is wrong with them, whoever signs them."""
    now = int(time.time())
    return {
        "expired": claims(role, subject, exp=now - 60),
        "no exp": claims(role, subject, exp=...),
        "not yet valid": claims(role, subject, nbf=now + 600),
        "wrong issuer": claims(role, subject, iss="https://elsewhere.example"),
        "no issuer": claims(role, subject, iss=...),
        "wrong audience": claims(role, subject, aud="another"),
        "no audience": claims(role, subject, aud=...),
        "no role": claims(role, subject, role=...),
        "unknown role": claims(role, subject, role="root"),
        "roles": claims(role, subject, role=[role]),
        "no subject": claims(role, subject, sub=...),
    }


def bad_for_a_secret(role: str, subject: str) -> dict[str, str | None]:
    """``Authorization`` headers that an API with ``OURS`` must refuse, by what is wrong."""
    good = claims(role, subject)
    tokens = {
        "another secret": by_hand(good, OTHERS),
        "empty secret": by_hand(good, ""),
        "alg none": by_hand(good, None, "none"),
        "alg None": by_hand(good, None, "NONE"),
        "no signature": by_hand(good, None),
        "RS256 here": rs256(good),
        "RS256 in the header only": by_hand(good, OURS, "RS256"),
        "its own key": by_hand(good, OTHERS, jwk={"kty": "oct", "k": _part(OTHERS.encode()).decode()}),
        "unknown crit": by_hand(good, OURS, crit=["x"], x=1),
        "other claims": swapped(by_hand(claims("customer", "zoe"), OURS), good),
        "cut": by_hand(good, OURS)[:-2],
        **{wrong: by_hand(payload, OURS) for wrong, payload in bad_claims(role, subject).items()},
    }
    return _headers(tokens)


def bad_for_a_public_key(role: str, subject: str) -> dict[str, str | None]:
    """The same for one that has the public half of ``OUR_KEY``."""
    good = claims(role, subject)
    tokens = {
        "another key": rs256(good, OTHER_KEY),
        "alg none": by_hand(good, None, "none"),
        "HS256 with the public key": by_hand(good, PUBLIC_PEM),
        "HS256 with the public key, cut": by_hand(good, PUBLIC_PEM.strip()),
        "HS256 here": by_hand(good, OURS),
        "other claims": swapped(rs256(claims("customer", "zoe")), good),
        **{wrong: rs256(payload) for wrong, payload in bad_claims(role, subject).items()},
    }
    return _headers(tokens)


def _headers(tokens: dict[str, str]) -> dict[str, str | None]:
    good = {wrong: f"Bearer {token}" for wrong, token in tokens.items()}
    return {"none": None, "empty": "", "no token": "Bearer", "basic": "Basic YTpi", **good}
