"""Tokens for tests of who is let in, and the verifiers that look at them."""

import json
import time
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.http.problems import ProblemError
from api.middleware.auth import Verifier
from bus.settings import Settings

SECRET = "a secret of at least thirty-two bytes"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def claims(**overrides: Any) -> dict[str, Any]:
    given = {"role": "customer", "sub": "c1", "exp": int(time.time()) + 60, **overrides}
    return {name: value for name, value in given.items() if value is not ...}


def bearer(key: Any = SECRET, algorithm: str = "HS256", **overrides: Any) -> str:
    """Signed as it is: PyJWT's own ``encode`` refuses some of what must be refused when it comes."""
    return "Bearer " + jwt.PyJWS().encode(json.dumps(claims(**overrides)).encode(), key, algorithm=algorithm)


def verifier(**settings: Any) -> Verifier:
    return Verifier.from_settings(Settings(**({"jwt_secret": SECRET} | settings)))


def refusal(by: Verifier, authorization: str | None) -> ProblemError:
    with pytest.raises(ProblemError) as error:
        by.principal(authorization)
    assert error.value.problem.status == 401
    return error.value


def refused(by: Verifier, authorization: str | None) -> str:
    return refusal(by, authorization).headers["WWW-Authenticate"]


class Clock:
    """A time that a test sets, for the verifier and for PyJWT."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(int(time.time()))
        now = classmethod(lambda _, tz: datetime.fromtimestamp(self.now, tz))
        monkeypatch.setattr(time, "time", lambda: self.now)
        monkeypatch.setattr("jwt.api_jwt.datetime", type("Set", (datetime,), {"now": now}))
