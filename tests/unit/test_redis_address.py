"""What ``REDIS_URL`` may say, what it means, and that a refusal tells no password."""

import re
from pathlib import Path

import pytest

from bus.connections.redis_address import RedisAddress
from bus.errors import ConfigurationError
from bus.settings import Settings
from tests.support.certificates import KEY_PASSWORD, Certificates, certificates_in

SECRET = "hunter2"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


def refusal(monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(ConfigurationError) as refused:
        Settings.load()
    return str(refused.value)


@pytest.mark.parametrize(
    ("url", "servers", "database"),
    [
        ("redis://h", [("h", 6379)], 0),
        ("redis://h:7000/", [("h", 7000)], 0),
        ("redis://h/15", [("h", 6379)], 15),
        ("redis://h?db=3", [("h", 6379)], 3),
        ("redis://[::1]:7000/2", [("::1", 7000)], 2),
        ("rediss://redis.example", [("redis.example", 6379)], 0),
        ("redis+sentinel://a,b:7000/shop", [("a", 26379), ("b", 7000)], 0),
        ("rediss+sentinel://a/shop/4", [("a", 26379)], 4),
    ],
)
def test_where_it_is(url: str, servers: list[tuple[str, int]], database: int) -> None:
    address = RedisAddress.parse(url)
    assert list(address.servers) == servers
    assert address.credentials == {"db": database}
    assert address.primary == ("shop" if "sentinel" in url else None)
    assert (address.tls is not None) == url.startswith("rediss")


@pytest.mark.parametrize(
    ("url", "who"),
    [
        ("redis://:p%40ss@h", {"password": "p@ss"}),
        ("redis://ann:p%2Fss@h", {"username": "ann", "password": "p/ss"}),
        ("redis://h?username=ann&password=p%26ss", {"username": "ann", "password": "p&ss"}),
        ("redis://h?client_name=web1", {"client_name": "web1"}),
        ("redis+sentinel://ann:pw@a,b/shop?sentinel_password=sp", {"username": "ann", "password": "pw"}),
    ],
)
def test_who_one_is(url: str, who: dict[str, str]) -> None:
    address = RedisAddress.parse(url)
    assert address.credentials == {"db": 0, **who}
    assert address.sentinel_credentials == ({"password": "sp"} if "sentinel" in url else {})


def test_a_socket(tmp_path: Path) -> None:
    address = RedisAddress.parse(f"unix://:pw@{tmp_path}/redis.sock?db=2")
    assert (address.socket, address.servers) == (f"{tmp_path}/redis.sock", ())
    assert address.credentials == {"db": 2, "password": "pw"}


def test_the_files_of_tls(certificates: Certificates) -> None:
    files = f"ssl_ca_certs={certificates.authority}&ssl_certfile={certificates.client}"
    options = f"{files}&ssl_keyfile={certificates.client_key}&ssl_password={KEY_PASSWORD}"
    address = RedisAddress.parse(f"rediss://h?{options}&ssl_check_hostname=false&ssl_cert_reqs=none")
    assert address.tls == {
        "ssl_ca_certs": str(certificates.authority),
        "ssl_certfile": str(certificates.client),
        "ssl_keyfile": str(certificates.client_key),
        "ssl_password": KEY_PASSWORD,
        "ssl_check_hostname": False,
        "ssl_cert_reqs": "none",
    }


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("h:6379", "must begin with one of redis://"),
        ("http://h", "must begin with one of redis://"),
        ("REDIS://h", "must begin with one of redis://"),
        ("redis://", "needs HOST"),
        ("redis:///0", "needs HOST"),
        ("redis://h:port", "needs HOST"),
        ("redis://h h", "needs HOST"),
        ("redis://[::1", "malformed"),
        ("redis://[x::y]", "malformed|no IPv6|needs HOST"),
        ("redis://h:0", "port"),
        ("redis://h:65536", "port"),
        ("redis://h,g", "several hosts"),
        ("redis://h/first", "database"),
        ("redis://h/-1", "database"),
        ("redis://h/0/1", "database"),
        ("redis://h?db=one", "database"),
        ("redis://h/1?db=1", "database twice"),
        ("redis://h?timeout=1", "option that is not one of"),
        ("redis://h?socket_timeout=60", "option that is not one of"),
        ("redis://h?decode_responses=True", "option that is not one of"),
        ("redis://h?db", "name=value"),
        ("redis://h?password=", "password: must have one value"),
        ("redis://h?db=1&db=2", "db: must have one value"),
        ("redis://h?client_name=my%20name", "client_name"),
        ("redis://h?username=ann", "username: needs a password"),
        ("redis://ann@h", "user name without a password"),
        ("redis://:pw@h?password=pw", "twice"),
        ("redis://h#0", "@ or #"),
        ("redis://h?ssl_cert_reqs=none", "ssl_cert_reqs: needs TLS"),
        ("redis://h?sentinel_password=pw", "sentinel_password: is for redis"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs: must be one of required, optional, none"),
        ("rediss://h?ssl_check_hostname=maybe", "ssl_check_hostname: must be true or false"),
        ("redis+sentinel://a,b", "name of the primary"),
        ("redis+sentinel://a,/shop", "needs HOST"),
        ("redis+sentinel://a/shop/x", "database"),
        ("redis+sentinel://a/shop?sentinel_username=w", "sentinel_username: needs a sentinel_password"),
        ("unix://h/tmp/redis.sock", "absolute path"),
        ("unix://", "absolute path"),
        ("unix:///nowhere/redis.sock", "folder of the socket"),
        ("unix:///etc/passwd", "is not a socket"),
    ],
)
def test_what_cannot_work_is_told_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    told = refusal(monkeypatch, url)
    assert told.startswith("REDIS_URL: ")
    assert re.search(why, told), told


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs: /nowhere/ca.pem cannot be read: No such file"),
        ("ssl_ca_certs=/etc", "ssl_ca_certs: /etc cannot be read: Is a directory"),
        ("ssl_ca_certs=/etc/passwd", "ssl_ca_certs: holds no certificate"),
        ("ssl_ca_path=/nowhere", "ssl_ca_path: /nowhere is not a folder"),
        ("ssl_certfile=/nowhere/client.pem", "ssl_certfile: /nowhere/client.pem cannot be read"),
        ("ssl_certfile={client}&ssl_keyfile=/nowhere/key", "ssl_keyfile: /nowhere/key cannot be read"),
        ("ssl_keyfile={key}", "ssl_keyfile: needs the certificate"),
        ("ssl_certfile={client}", "not a certificate with its key"),
        ("ssl_certfile={client}&ssl_keyfile={key}", "not a certificate with its key"),
        ("ssl_certfile={client}&ssl_keyfile={key}&ssl_password=hunter2", "not a certificate with its key"),
        ("ssl_certfile={server}&ssl_keyfile={key}&ssl_password=of-the-key", "not a certificate with its key"),
    ],
)
def test_files_that_cannot_be_used_are_told_by_variable_and_option(
    monkeypatch: pytest.MonkeyPatch, certificates: Certificates, options: str, why: str
) -> None:
    named = options.format(
        client=certificates.client, key=certificates.client_key, server=certificates.server
    )
    told = refusal(monkeypatch, f"rediss://h?{named}")
    assert told.startswith("REDIS_URL: ")
    assert why in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "url",
    [
        *(f"redis://:{end.format(SECRET)}@h/0" for end in ("{}/x", "x/{}", "{}#x", "x#{}", "{}?x", "x?{}=y")),
        *(f"redis://ann:{SECRET}@{end}" for end in ("h:port", "h/one", "h?nosuch=1", "[::1", "h,g", "")),
        *(f"redis://h?{end}" for end in (f"password={SECRET}&db=x", f"{SECRET}=1", f"x&password={SECRET}")),
        f"redis://h:{SECRET}",
        f"redis://h/{SECRET}",
        f"{SECRET}://h",
        f"redis+sentinel://:{SECRET}@a,b",
        f"redis+sentinel://a/shop?sentinel_password={SECRET}&sentinel_nosuch=1",
        f"unix://:{SECRET}@tmp/redis.sock",
        f"unix://:{SECRET}@/nowhere/redis.sock",
        f"rediss://h?ssl_password={SECRET}&ssl_cert_reqs={SECRET}",
    ],
)
def test_a_refusal_tells_no_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    told = refusal(monkeypatch, url)
    assert told.startswith("REDIS_URL: ")
    assert SECRET not in told


def test_an_address_shows_no_password() -> None:
    for url in (f"redis://ann:{SECRET}@h", f"redis+sentinel://:{SECRET}@h/n?sentinel_password={SECRET}"):
        assert SECRET not in repr(RedisAddress.parse(url))
