"""Which keys may be configured, with what they need and where they may be fetched."""

import pytest

from bus.errors import ConfigurationError
from bus.settings import MIN_SECRET_BYTES, Settings

LONG_ENOUGH = "s" * MIN_SECRET_BYTES


@pytest.mark.parametrize(
    "keys",
    [
        {"JWT_SECRET": LONG_ENOUGH, "JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----"},
        {"JWT_SECRET": LONG_ENOUGH, "JWT_JWKS_URL": "https://issuer.example/jwks"},
        {"JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----", "JWT_JWKS_URL": "https://issuer.example/jwks"},
    ],
)
def test_two_keys_are_refused(monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match="only one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL"):
        Settings.load()


OF_A_KEY_SERVER = {"JWT_ISSUER": "https://issuer.example", "JWT_AUDIENCE": "twofold"}


@pytest.mark.parametrize(
    "url",
    [
        *("https://issuer.example/jwks", "http://127.0.0.1:8080/jwks", "http://127.9.9.9/", "http://[::1]/"),
        "http://localhost/jwks",
    ],
)
def test_keys_are_fetched_by_https_or_from_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in (OF_A_KEY_SERVER | {"JWT_JWKS_URL": url}).items():
        monkeypatch.setenv(name, value)
    assert Settings.load().jwt_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://issuer.example/jwks", "http://10.0.0.1/", "http://localhost.example/", "ftp://127.0.0.1/"),
        *("file:///etc/passwd", "https://", "/jwks", "https://ann:secret@issuer.example/", "https://a:x/"),
        "https://[::1/",
    ],
)
def test_keys_are_not_fetched_where_anybody_can_change_them(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for name, value in (OF_A_KEY_SERVER | {"JWT_JWKS_URL": url}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"^JWT_JWKS_URL: "):
        Settings.load()


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"JWT_JWKS_URL": "https://a.example/"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"JWT_JWKS_URL": "https://a.example/", "JWT_ISSUER": "a"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"JWT_JWKS_URL": "https://a.example/", "JWT_AUDIENCE": "a"}, "JWT_ISSUER and JWT_AUDIENCE"),
        ({"JWT_SECRET_PREVIOUS": LONG_ENOUGH}, "JWT_SECRET_PREVIOUS goes with JWT_SECRET"),
        (
            {"JWT_PUBLIC_KEY_PREVIOUS": "a", "JWT_SECRET": LONG_ENOUGH},
            "JWT_PUBLIC_KEY_PREVIOUS goes with JWT_PUBLIC_KEY",
        ),
    ],
)
def test_what_a_key_needs_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], names: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=names):
        Settings.load()
