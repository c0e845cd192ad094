"""The embedded servers, for real: they serve, survive ``kill -9``, and leave nothing behind."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from api.local import ports
from api.local.mongod import Mongod
from api.local.process import ServerProcess
from api.local.redis_server import RedisServer
from api.local.servers import LocalServers
from bus.errors import ServerUnavailableError
from bus.settings import SERVERS_FILE, Settings
from tests.integration.notes import read, write

SERVERS: list[type[ServerProcess]] = [RedisServer, Mongod]


NOT_LET_IN = (redis.AuthenticationError, OperationFailure)


def address_of(server: RedisServer | Mongod) -> str:
    return server.url if isinstance(server, RedisServer) else server.uri


def write_and_read(address: str) -> str | None:
    if address.startswith("redis"):
        with redis.Redis.from_url(address, decode_responses=True) as client:
            client.set("greeting", "hello")
            said: str | None = client.get("greeting")
            return said
    write(address, "hello")
    return read(address)[0]


def runs(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_stopped_server_leaves_no_process(kind: type[ServerProcess], data_dir: Path) -> None:
    server = kind(data_dir)
    with server:
        pid = server.pid
        assert runs(pid)
        assert ports.listens(server.port)

    assert server.pid is None
    assert not runs(pid)
    assert not ports.listens(server.port)


@pytest.mark.parametrize("kind", SERVERS)
def test_starting_twice_is_starting_once(kind: type[ServerProcess], data_dir: Path) -> None:
    with kind(data_dir) as server:
        pid = server.pid
        server.start()

        assert server.pid == pid


def test_redis_is_reached_on_loopback_and_keeps_what_it_was_told(data_dir: Path) -> None:
    with RedisServer(data_dir) as server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        client.set("greeting", "hello")
        configured = client.config_get("*")
    assert configured["bind"] == "127.0.0.1"
    assert (configured["appendonly"], configured["appendfsync"]) == ("yes", "everysec")

    with RedisServer(data_dir) as server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        assert client.get("greeting") == "hello"


@pytest.mark.parametrize("kind", SERVERS)
def test_a_guarded_server_serves_those_who_know_its_secret(
    kind: type[RedisServer | Mongod], data_dir: Path
) -> None:
    secret = data_dir / f"{kind.name}.secret"
    with kind(data_dir, guarded=True) as server:
        told = secret.read_text()
        assert secret.stat().st_mode & 0o077 == 0
        assert told.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes(), "everybody can read it"
        assert told not in server.log.read_text()
        assert write_and_read(address_of(server)) == "hello"
        with pytest.raises(NOT_LET_IN):
            write_and_read(address_of(server).replace(told, "wrong"))

        server.kill()
        server.start()
        assert write_and_read(address_of(server)) == "hello"
    with kind(data_dir, guarded=True):
        assert secret.read_text() == told


def test_data_of_an_unguarded_mongod_is_there_once_it_is_guarded(data_dir: Path) -> None:
    """The version before had no passwords; and the port may be another than it was."""
    with Mongod(data_dir) as server:
        write(server.uri, "without a password")
    (data_dir / "mongod.port").unlink()

    with Mongod(data_dir, guarded=True) as server:
        assert read(server.uri) == ["without a password"]
    (data_dir / "mongod.secret").unlink()
    with Mongod(data_dir, guarded=True) as server:
        assert read(server.uri) == ["without a password"], "lost, the secret is made anew"


def test_mongod_listens_on_loopback_alone(data_dir: Path) -> None:
    with Mongod(data_dir) as server:
        client: MongoClient[dict[str, Any]] = MongoClient(server.uri)
        with client:
            parsed = client.admin.command("getCmdLineOpts")["parsed"]

    assert parsed["net"]["bindIp"] == "127.0.0.1"
    assert parsed["net"]["unixDomainSocket"]["enabled"] is False


def test_killed_mongod_comes_back_on_its_port_with_its_data(data_dir: Path) -> None:
    with Mongod(data_dir) as server:
        uri, pid = server.uri, server.pid
        write(uri, "before the crash")

        server.kill()
        assert not runs(pid)
        server.start()

        assert server.uri == uri
        assert read(uri) == ["before the crash"]
        write(uri, "after it")


def test_killed_redis_comes_back_on_its_port(data_dir: Path) -> None:
    with RedisServer(data_dir) as server:
        url = server.url
        server.kill()
        server.start()

        assert server.url == url
        with redis.Redis.from_url(url) as client:
            assert client.ping()


def test_next_instance_gets_the_same_port_when_it_is_free(data_dir: Path) -> None:
    with RedisServer(data_dir) as server:
        port = server.port

    with RedisServer(data_dir) as server:
        assert server.port == port


def test_mongod_keeps_its_data_on_another_port(data_dir: Path) -> None:
    with Mongod(data_dir) as server:
        port = server.port
        write(server.uri, "on the old port")
    (data_dir / "mongod.port").unlink()

    with Mongod(data_dir) as server:
        assert server.port != port
        assert read(server.uri) == ["on the old port"]
        write(server.uri, "on the new port")


@pytest.mark.parametrize("kind", SERVERS)
def test_port_that_is_lost_to_somebody_else_is_replaced(
    kind: type[ServerProcess], data_dir: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = next(ports.candidates())
    monkeypatch.setattr(ports, "candidates", lambda _remembered: iter([redis_server.port, free]))

    with kind(data_dir) as server:
        assert server.port == free


def test_server_that_does_not_start_shows_why(data_dir: Path) -> None:
    (data_dir / "mongod").mkdir()
    (data_dir / "mongod" / "storage.bson").write_text("damaged")

    with pytest.raises(ServerUnavailableError, match=r"mongod stopped .*\n.*Unable to read the storage"):
        Mongod(data_dir).start()


BESIDE = {
    "read_side parked --json": "[]",
    "bus queues --json --interval 0.1": '"commands"',
    "api token --role staff --sub ann": "eyJ",
}
"""What is typed in another shell, and a part of what it says."""


def test_a_command_beside_them_finds_them(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "WRITE_MONGODB_URI", "READ_MONGODB_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    monkeypatch.setenv("SHOP_TIME_ZONE", "Asia/Kathmandu")
    file = data_dir / SERVERS_FILE
    with LocalServers(Settings.load()) as servers:
        assert file.stat().st_mode & 0o077 == 0
        monkeypatch.delenv("SHOP_TIME_ZONE")
        told = Settings.for_command_line()
        assert told.shop_time_zone == "Asia/Kathmandu"
        assert told.redis_url.get_secret_value() == servers.environ["REDIS_URL"]
        for line, said in BESIDE.items():
            command = [sys.executable, "-m", *line.split()]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert ran.returncode == 0, ran.stderr
            assert said in ran.stdout
    assert not file.exists()
