"""A published set of keys: which are used, and why others are not."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from structlog.testing import capture_logs

from api.middleware import key_server
from api.middleware.key_server import KeyServer, KeyServerError, keys_in
from tests.support.key_server import jwk
from tests.unit.bearers import EC_KEY, RSA_KEY

WEAK_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - to be left out
GOOD = jwk(RSA_KEY, "good")
SECRET = {"kty": "oct", "kid": "bad", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}


def text(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (jwk(WEAK_KEY, "bad"), "UnusableKeyError: has 1024 bits, and RSA needs 2048 or more"),
        (jwk(ec.generate_private_key(ec.SECP384R1()), "bad"), "UnusableKeyError: must be an RSA key"),
        (jwk(RSA_KEY, "bad", use="enc"), "UnusableKeyError: is not for signatures"),
        (jwk(RSA_KEY, "bad", alg="PS256"), "UnusableKeyError: is for another algorithm than RS256"),
        (SECRET, "UnusableKeyError: must be an RSA key"),
        (jwk(RSA_KEY, "bad", alg=["RS256"]), "TypeError"),
        (jwk(RSA_KEY, "bad", n="!"), "InvalidKeyError"),
        (jwk(RSA_KEY, "bad", n=7), ""),
        (jwk(RSA_KEY, "bad", kty="none"), "InvalidKeyError"),
        ({"kid": "bad"}, "InvalidKeyError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "key",
)
def test_a_key_that_cannot_be_used_is_left_out_alone(bad: dict[str, Any], why: str) -> None:
    found, left_out = keys_in(text(bad, "no key", GOOD, jwk(EC_KEY, "curve")))
    assert [(name, [key.algorithm for key in keys]) for name, keys in found.items()] == [
        ("good", ["RS256"]),
        ("curve", ["ES256"]),
    ]
    assert list(left_out) == ["bad"]
    assert left_out["bad"].startswith(why)
    assert SECRET["k"] not in left_out["bad"]


def test_two_keys_may_have_one_id() -> None:
    found, left_out = keys_in(text(GOOD, jwk(EC_KEY, "good", use=None, alg=None)))
    assert [key.algorithm for key in found["good"]] == ["RS256", "ES256"]
    assert left_out == {}


@pytest.mark.parametrize(
    "wrong",
    [b"", b"<html>", b"[]", b"{}", b'{"keys": 7}', b'{"keys": []}', b"[" * 5_000, text(SECRET), text({})],
    ids=lambda value: value[:20].decode(),
)
def test_without_a_key_that_can_be_used_it_is_no_set(wrong: bytes) -> None:
    """So that the set before it goes on being used."""
    with pytest.raises(KeyServerError):
        keys_in(wrong)


def test_what_is_left_out_is_told_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([text(GOOD), text(GOOD, SECRET), text(GOOD, SECRET), text(GOOD)])
    monkeypatch.setattr(key_server, "fetch", lambda _: next(answers))
    keys = KeyServer("https://keys.example")
    with capture_logs() as logged:
        for _ in range(4):
            keys._fetch()
    assert [list(entry["keys"]) for entry in logged] == [["bad"], []]
