"""The keys that tokens are checked with, each for the one algorithm of its kind.

So a token with ``alg: none``, or an HS256 token signed with a public key's text, is never accepted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bus.errors import ConfigurationError, TwofoldError
from bus.settings import Settings

MIN_RSA_BITS = 2_048
"""RFC 7518, section 3.3."""


class UnusableKeyError(TwofoldError):
    """A public key is of a kind that is not used here, or too weak; the text says which."""


class KeysUnknownError(TwofoldError):
    """The key server has not answered since the process started, so no token can be checked."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that ``jwt.decode`` verifies a signature with, and the algorithm it is taken for."""

    key: Any
    algorithm: str

    @classmethod
    def of(cls, key: object) -> Self:
        """Return the trusted key of a public key; raises ``UnusableKeyError``."""
        if isinstance(key, RSAPublicKey):
            if key.key_size < MIN_RSA_BITS:
                raise UnusableKeyError(f"has {key.key_size} bits, and RSA needs {MIN_RSA_BITS} or more")
            return cls(key, "RS256")
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            return cls(key, "ES256")
        raise UnusableKeyError("must be an RSA key, or an elliptic curve's on P-256")


class Keys(Protocol):
    """A source of the keys for a token."""

    def keys_for(self, token: str) -> Sequence[TrustedKey]:
        """Return the keys that may have signed a token, which may be none.

        Raises:
            jwt.PyJWTError: the token cannot be read.
            KeysUnknownError: no key is known yet.

        """

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ConfiguredKeys:
    """Keys of the environment: the one that tokens are signed with, and perhaps its predecessor."""

    def __init__(self, *keys: TrustedKey) -> None:
        self._keys = keys

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the keys of ``JWT_SECRET`` or ``JWT_PUBLIC_KEY``, and of their predecessors.

        Raises:
            ConfigurationError: there is neither, or a public key that cannot be used.

        """
        secrets = (settings.jwt_secret, settings.jwt_secret_previous)
        pems = {
            "JWT_PUBLIC_KEY": settings.jwt_public_key,
            "JWT_PUBLIC_KEY_PREVIOUS": settings.jwt_public_key_previous,
        }
        keys = [TrustedKey(secret.get_secret_value(), "HS256") for secret in secrets if secret]
        keys += [_public_key(variable, pem) for variable, pem in pems.items() if pem]
        if not keys:
            raise ConfigurationError(
                "set JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL: tokens cannot be checked without"
            )
        return cls(*keys)

    def keys_for(self, token: str) -> Sequence[TrustedKey]:  # noqa: ARG002 - the same for all
        return self._keys

    def start(self) -> None:
        """Do nothing: there is nothing to fetch."""

    def stop(self) -> None: ...


def _public_key(variable: str, pem: str) -> TrustedKey:
    try:
        return TrustedKey.of(load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError(f"{variable}: not a public key in PEM") from None
    except UnusableKeyError as error:
        raise ConfigurationError(f"{variable}: {error}") from None
