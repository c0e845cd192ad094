"""What the environment may say, and what each refusal names."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from api.local import servers
from api.local.servers import claim
from bus.errors import ConfigurationError
from bus.settings import LOCK_FILE, MIN_SECRET_BYTES, SERVERS_FILE, Settings, lock

LONG_ENOUGH = "s" * MIN_SECRET_BYTES


def test_nothing_set_is_a_development_machine() -> None:
    settings = Settings.load()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.write_mongodb_uri.get_secret_value() == "mongodb://127.0.0.1:27017"
    assert settings.read_mongodb_uri.get_secret_value() == "mongodb://127.0.0.1:27017"
    assert (settings.write_database, settings.read_database) == ("twofold_write", "twofold_read")
    assert settings.log_partitions == 4
    assert str(settings.shop_zone) == settings.shop_time_zone == "UTC"
    assert (settings.api_host, settings.api_port) == ("127.0.0.1", 8000)
    assert settings.jwt_secret is None
    assert (settings.jwt_customer_claim, settings.jwt_leeway_s) == ("sub", 10)
    assert settings.data_dir == Path(".data")
    assert settings.model_fields_set == set()


def test_each_field_is_the_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_PARTITIONS", "64")
    monkeypatch.setenv("API_PORT", "9000")

    settings = Settings.load()

    assert (settings.log_partitions, settings.api_port) == (64, 9000)
    assert settings.model_fields_set == {"log_partitions", "api_port"}


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")

    assert "redis_url" not in Settings.load().model_fields_set


BESIDE = """REDIS_URL='redis://127.0.0.1:21000/0'
WRITE_MONGODB_URI='mongodb://ann:p%24a@127.0.0.1:21001/?replicaSet=rs0'
READ_MONGODB_URI='mongodb://127.0.0.1:21002'
JWT_SECRET='a secret that the runner has made once'
"""


@pytest.fixture
def runs_beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A ``make run``, as far as a command can tell."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with claim(tmp_path):
        (tmp_path / SERVERS_FILE).write_text(BESIDE)
        yield


@pytest.mark.usefixtures("runs_beside")
def test_a_command_finds_what_runs_beside_it() -> None:
    settings = Settings.for_command_line()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:21000/0"
    assert (
        settings.write_mongodb_uri.get_secret_value() == "mongodb://ann:p%24a@127.0.0.1:21001/?replicaSet=rs0"
    )
    assert settings.read_mongodb_uri.get_secret_value() == "mongodb://127.0.0.1:21002"
    assert settings.jwt_secret is not None
    assert Settings.load().model_fields_set == {"data_dir"}, "a runner does not look there"


@pytest.mark.usefixtures("runs_beside")
def test_what_a_command_is_told_itself_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TIME_ZONE", "Asia/Kathmandu")
    monkeypatch.setenv("JWT_PUBLIC_KEY", "its own")

    settings = Settings.for_command_line()

    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:21000/0"
    assert settings.shop_time_zone == "Asia/Kathmandu"
    assert (settings.jwt_public_key, settings.jwt_secret) == ("its own", None)


def test_what_a_killed_runner_left_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with claim(tmp_path):
        (tmp_path / SERVERS_FILE).write_text(BESIDE)

    assert Settings.for_command_line() == Settings.load()


def test_a_command_that_looks_is_in_no_runners_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It holds the lock for the moment in which it looks, here until the runner has waited once."""
    with (tmp_path / LOCK_FILE).open("w") as looking:
        clock = mock.Mock(monotonic=lambda: 0.0, sleep=mock.Mock(side_effect=lambda _: looking.close()))
        monkeypatch.setattr(servers, "time", clock)
        assert lock(looking, exclusive=False)
        with claim(tmp_path):
            assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
    assert clock.sleep.call_count == 1


@pytest.mark.usefixtures("runs_beside")
@pytest.mark.parametrize("variable", ["REDIS_URL", "WRITE_MONGODB_URI", "READ_MONGODB_URI"])
def test_a_command_that_is_told_one_server_takes_no_other_from_there(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nothing is done to half of a system that is meant, and half of one on this machine."""
    monkeypatch.setenv(variable, "redis://shop/1" if variable == "REDIS_URL" else "mongodb://shop")

    assert Settings.for_command_line() == Settings.load()


def test_without_servers_beside_it_a_command_has_what_a_process_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    assert Settings.for_command_line() == Settings.load()


def test_the_shop_has_a_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TIME_ZONE", "Asia/Kathmandu")

    assert str(Settings.load().shop_zone) == "Asia/Kathmandu"


def test_short_secret_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "hunter2")

    with pytest.raises(ConfigurationError, match=r"^JWT_SECRET: .*at least 32 bytes") as refusal:
        Settings.load()
    assert "hunter2" not in str(refusal.value)


def test_secret_is_measured_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "ü" * (MIN_SECRET_BYTES // 2))

    assert Settings.load().jwt_secret is not None


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", LONG_ENOUGH)
    monkeypatch.setenv("REDIS_URL", f"redis://:{LONG_ENOUGH}@shop/1")
    for variable in ("WRITE_MONGODB_URI", "READ_MONGODB_URI"):
        monkeypatch.setenv(variable, f"mongodb://ann:{LONG_ENOUGH}@shop")

    settings = Settings.load()

    for shown in (repr(settings), str(settings.redis_url), settings.model_dump_json()):
        assert LONG_ENOUGH not in shown


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().cors_origins is None
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example, http://localhost:5173,http://[::1]:8080")

    origins = Settings.load().cors_origins

    assert origins == ("https://shop.example", "http://localhost:5173", "http://[::1]:8080")


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().trusted_proxies is None
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16,::1")

    assert [str(each) for each in Settings.load().trusted_proxies or ()] == [
        "10.0.0.5/32",
        "10.1.0.0/16",
        "::1/128",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        *("*", "null", "shop.example", "ftp://shop.example", "https://", "https://shop.example/"),
        *("https://shop.example/app", "https://shop.example:443", "http://a:80", "https://Shop.example"),
        *(
            "https://ann@shop.example",
            "https://*.example",
            "https://shöp.example",
            "https://a b",
            "http://a:x",
        ),
        *("https://shop.example?x", "https://shop.example:", "https://shop.example,", "https://a https://b"),
    ],
)
def test_what_no_browser_calls_an_origin_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"http://localhost:5173,{wrong}")

    with pytest.raises(ConfigurationError, match=r"^CORS_ORIGINS: '.*' is not an origin such as https://"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_PARTITIONS", "0"),
        ("HOLE_GRACE_MS", "-1"),
        ("LEASE_MS", "10"),
        ("SWEEP_AFTER_MS", "0"),
        ("MAX_ATTEMPTS", "0"),
        ("PROJECTION_THREADS", "257"),
        ("WEB_THREADS", "1"),
        ("API_PORT", "65536"),
        ("JWT_CUSTOMER_CLAIM", 'a "b'),
        ("JWT_CUSTOMER_CLAIM", "a\\b"),
        ("JWT_LEEWAY_S", "-1"),
        ("JWT_LEEWAY_S", "301"),
        ("JWT_MAX_LIFETIME_S", "59"),
        ("JWT_SECRET_PREVIOUS", "short"),
        ("LOG_FORMAT", "xml"),
        ("SHOP_TIME_ZONE", "Berlin"),
        ("SHOP_TIME_ZONE", "+02:00"),
        ("WRITE_MONGODB_URI", "postgres://127.0.0.1"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "-1"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.1,"),
    ],
)
def test_impossible_value_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        Settings.load()


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "0")
    monkeypatch.setenv("JWT_SECRET", "short")

    with pytest.raises(ConfigurationError, match=r"API_PORT: .*; JWT_SECRET: "):
        Settings.load()
