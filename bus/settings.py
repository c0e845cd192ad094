"""Everything that can be configured, read from the environment once and validated.

A process builds one ``Settings`` in its main and passes it on; nothing else reads the environment.
"""

import fcntl
from collections.abc import Mapping
from datetime import tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import IO, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bus.connections import mongodb_address
from bus.connections.redis_address import RedisAddress
from bus.errors import ConfigurationError
from bus.primitives.time_zones import time_zone
from bus.web_origin import check_origin

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: an HS256 key is at least as long as the hash

LOCAL_SECRET = "jwt_secret"  # noqa: S105 - a file's name
"""The file in ``DATA_DIR`` for the secret that the local runner makes if none is configured."""
KEYS = frozenset({"jwt_secret", "jwt_public_key", "jwt_jwks_url"})

SERVERS = frozenset({"redis_url", "write_mongodb_uri", "read_mongodb_uri"})
SERVERS_FILE = "servers.env"
"""The file in ``DATA_DIR`` in which the local runner says, while it runs, where its servers are.

It also says what else is needed to work on the same system.
"""
LOCK_FILE = "lock"
"""The file in ``DATA_DIR`` that the local runner has locked while it lives.

A runner that is killed leaves the other file behind.
"""


class Settings(BaseSettings):
    """The configuration of one process. Each field is the environment variable of the same name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    write_mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017")
    write_database: str = "twofold_write"
    read_mongodb_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017")
    read_database: str = "twofold_read"

    log_partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Fixed when the log is created; a later change is refused."""
    hole_grace_ms: Annotated[int, Field(ge=0, le=60_000)] = 2_000
    """The ms that a commit beyond a gap is visible before a projector closes the gap."""
    lease_ms: Annotated[int, Field(ge=500, le=300_000)] = 10_000
    """The ms that a projector owns a partition of a read model without renewing."""
    sweep_after_ms: Annotated[int, Field(ge=100, le=3_600_000)] = 5_000
    """The age in ms at which an unfinished command that is not in the queue is enqueued again."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """The number of times that a command may raise before it is kept as failed."""

    audit_trail_days: Annotated[int, Field(ge=0, le=36_500)] = 400
    """The days that an entry of the audit trail is kept; 0 is for ever."""

    shop_time_zone: str = "UTC"
    """The IANA name of the zone by whose days the analytics count and orders are listed.

    A change takes a rebuild of the analytics.
    """

    projection_threads: Annotated[int, Field(ge=1, le=256)] = 24
    """One thread for each read model and partition, so that none waits for another."""
    web_threads: Annotated[int, Field(ge=2, le=256)] = 16

    max_queued_requests: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Requests that may wait for a thread of one API process; past it the answer is 503 at once."""
    max_waiting_commands: Annotated[int, Field(ge=1)] = 20_000
    """Commands that may wait on the queue; past it no more are accepted until some are handled."""
    max_unfinished_per_caller: Annotated[int, Field(ge=1)] = 50
    """One customer's commands that may be accepted and unfinished; past it the answer is 429."""
    max_commands_per_second: Annotated[int, Field(ge=0)] = 20
    """Commands of one customer that one API process accepts a second; 0 for any number.

    First the customer may send ``max_unfinished_per_caller`` at once. Past the limit the answer is
    429.
    """
    max_unfinished_per_staff: Annotated[int, Field(ge=1)] = 5_000
    """Unfinished commands of one caller of the role staff; past it the answer is 429."""

    max_connections_per_address: Annotated[int, Field(ge=0)] = 200
    """Connections from one address to one API process, except trusted proxies; 0 for any number."""
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...] | None, NoDecode] = None
    """Networks, separated by commas, whose ``X-Forwarded-For`` says which address a caller has.

    If it is not set, no such header counts.
    """

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=1, le=65_535)] = 8_000
    cors_origins: Annotated[tuple[str, ...] | None, NoDecode] = None
    """Origins, separated by commas, whose pages may use the API from a browser.

    If it is not set, none may.
    """
    hsts_s: Annotated[int, Field(ge=0, le=63_072_000)] | None = None
    """The seconds for which browsers are told to use TLS alone (RFC 6797).

    If it is not set, they are told nothing.
    """
    public_details: bool = True
    """True lets everybody read ``/docs``, ``/openapi.json`` and each part in ``/health/ready``."""
    jwt_secret: SecretStr | None = None
    """HS256 key, at least 32 bytes."""
    jwt_secret_previous: SecretStr | None = None
    """The previous key, while tokens that it has signed are still accepted."""
    jwt_public_key: str | None = None
    """PEM text of an RS256 or ES256 public key; an RSA key has 2,048 bits at least."""
    jwt_public_key_previous: str | None = None
    """The previous public key, likewise."""
    jwt_jwks_url: str | None = None
    """The address of a provider's keys.

    It needs ``jwt_issuer`` and ``jwt_audience``, because a provider signs tokens for others with
    the same keys.
    """
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_customer_claim: Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]{1,255}$")] = "sub"
    """The claim of a token that holds a customer's id; answers tell the claim's name (RFC 6750)."""
    jwt_leeway_s: Annotated[int, Field(ge=0, le=300)] = 10
    """The seconds by which a token issuer's clock may be off, for ``nbf`` and ``exp``."""
    jwt_max_lifetime_s: Annotated[int, Field(ge=60, le=315_360_000)] = 2_592_000
    """The longest time in seconds that a token may be good for, from when it was issued.

    It is 30 days if not set, ten years at most.
    """

    data_dir: Path = Path(".data")
    """The folder in which the embedded servers keep their data."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["json", "plain"] | None = None
    """The format of the log; if not set, ``json``, and on a terminal the same in colours."""

    otel_traces_exporter: Literal["otlp", "none"] | None = None
    """This and the next three are OpenTelemetry's own; its SDK reads its other settings itself."""
    otel_exporter_otlp_endpoint: str | None = None
    otel_exporter_otlp_traces_endpoint: str | None = None
    otel_sdk_disabled: bool = False

    @classmethod
    def load(cls) -> Self:
        """Read the environment alone, as the local runner does.

        Raises:
            ConfigurationError: a variable is wrong; the error names each such variable and why.

        """
        return cls._loaded()

    @classmethod
    def for_command_line(cls) -> Self:
        """Load the environment; if it names no server, use a running ``make run`` in ``DATA_DIR``.

        What the environment says comes first. Every ``python -m`` reads its configuration this way.
        The processes of a deployment name their servers.

        Raises:
            ConfigurationError: as ``load``.

        """
        settings = cls.load()
        if SERVERS & settings.model_fields_set or not _goes_on(settings.data_dir):
            return settings
        own = {name: getattr(settings, name) for name in KEYS} if KEYS & settings.model_fields_set else {}
        return cls._loaded(settings.data_dir / SERVERS_FILE, own)

    @classmethod
    def _loaded(cls, file: Path | None = None, given: Mapping[str, Any] = MappingProxyType({})) -> Self:
        try:
            return cls(_env_file=file, **given)
        except ValidationError as error:
            wrong = "; ".join(
                f"{'_'.join(map(str, e['loc'])).upper() or 'environment'}:"
                f" {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise ConfigurationError(wrong) from None

    @property
    def shop_zone(self) -> tzinfo:
        """The zone that ``shop_time_zone`` names."""
        return time_zone(self.shop_time_zone)

    @property
    def traces(self) -> bool:
        """Return True if traces are recorded: if an endpoint is named, unless told otherwise."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none":
            return False
        endpoint = self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint
        return self.otel_traces_exporter == "otlp" or endpoint is not None

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @field_validator("read_mongodb_uri", "write_mongodb_uri")
    @classmethod
    def _keeps_the_promises(cls, uri: SecretStr) -> SecretStr:
        mongodb_address.check(uri.get_secret_value())
        return uri

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_address(cls, url: SecretStr) -> SecretStr:
        RedisAddress.parse(url.get_secret_value())
        return url

    @field_validator("shop_time_zone")
    @classmethod
    def _is_a_time_zone(cls, name: str) -> str:
        time_zone(name)
        return name

    @field_validator("jwt_jwks_url")
    @classmethod
    def _is_safe_to_fetch_from(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
        if url is not None and not (
            is_safe and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        ):
            raise ValueError(
                "must be an https address without a password; http is for localhost, 127.0.0.1 and ::1 alone"
            )
        return url

    @field_validator("jwt_secret", "jwt_secret_previous")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes")
        return secret

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _are_networks(cls, listed: object) -> object:
        return (
            tuple(map(ip_network, listed.replace(" ", "").split(","))) if isinstance(listed, str) else listed
        )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _are_origins(cls, listed: object) -> object:
        if not isinstance(listed, str):
            return listed
        return tuple(check_origin(origin.strip()) for origin in listed.split(","))

    @model_validator(mode="after")
    def _one_way_to_verify(self) -> Self:
        if sum(key is not None for key in (self.jwt_secret, self.jwt_public_key, self.jwt_jwks_url)) > 1:
            raise ValueError("set only one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL")
        if self.jwt_secret_previous and not self.jwt_secret:
            raise ValueError("JWT_SECRET_PREVIOUS goes with JWT_SECRET")
        if self.jwt_public_key_previous and not self.jwt_public_key:
            raise ValueError("JWT_PUBLIC_KEY_PREVIOUS goes with JWT_PUBLIC_KEY")
        if self.jwt_jwks_url and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE, which tokens must then have")
        return self


def lock(file: IO[str], *, exclusive: bool) -> bool:
    """Lock the local runner's file until it is closed, unless another lock is in the way.

    Returns True if it locked the file.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _goes_on(data_dir: Path) -> bool:
    """Return True if a local runner holds the lock; the system frees that of a killed one."""
    try:
        with (data_dir / LOCK_FILE).open() as file:
            return not lock(file, exclusive=False)
    except OSError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name
        return False
