"""The embedded servers, for real: they serve, survive ``kill -9``, leave nothing, and say what is missing."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pymongo import MongoClient, WriteConcern

from bus.errors import ConfigurationError, ServerUnavailableError
from bus.local import mongod, ports, redis_server
from bus.local.mongod import Mongod
from bus.local.process import ServerProcess
from bus.local.redis_server import RedisServer
from bus.local.servers import LocalServers, claim
from bus.settings import Settings
from tests.waiting import until

SERVERS: list[type[ServerProcess]] = [RedisServer, Mongod]


@pytest.fixture
def other_data_dir(tmp_path: Path) -> Path:
    return tmp_path / "other"


def write(uri: str, text: str) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=10_000)
    with client:
        notes = client.kept.get_collection("notes", write_concern=WriteConcern(w="majority", j=True))
        notes.insert_one({"text": text})


def read(uri: str) -> list[str]:
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=10_000)
    with client:
        return [note["text"] for note in client.kept.notes.find()]


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
    free = next(ports.candidates(data_dir / "none"))
    monkeypatch.setattr(ports, "candidates", lambda _remembered: iter([redis_server.port, free]))

    with kind(data_dir) as server:
        assert server.port == free


def test_two_instances_live_side_by_side(data_dir: Path, other_data_dir: Path) -> None:
    with (
        LocalServers(Settings(data_dir=data_dir)) as one,
        LocalServers(Settings(data_dir=other_data_dir)) as other,
    ):
        assert set(one.environ.values()).isdisjoint(other.environ.values())
        write(one.environ["WRITE_MONGODB_URI"], "one's")
        assert read(other.environ["READ_MONGODB_URI"]) == []


def test_second_instance_on_a_data_directory_is_refused(data_dir: Path) -> None:
    with (
        claim(data_dir),
        pytest.raises(ConfigurationError, match=rf"^DATA_DIR: another instance \(pid {os.getpid()}\)"),
        LocalServers(Settings(data_dir=data_dir)),
    ):
        pass


def test_lock_left_by_a_killed_instance_blocks_nobody(data_dir: Path) -> None:
    (data_dir / "lock").write_text("1")

    with claim(data_dir):
        assert (data_dir / "lock").read_text() == str(os.getpid())


def test_data_directory_that_cannot_be_made_is_told(data_dir: Path) -> None:
    (data_dir / "file").touch()

    with pytest.raises(ConfigurationError, match=r"^DATA_DIR: .* cannot be used"), claim(data_dir / "file"):
        pass


def test_servers_that_are_brought_are_not_started(data_dir: Path) -> None:
    brought = Settings(
        data_dir=data_dir, redis_url="redis://elsewhere/1", write_mongodb_uri="mongodb://elsewhere/"
    )
    with LocalServers(brought) as servers:
        assert servers.environ == {
            "REDIS_URL": "redis://elsewhere/1",
            "WRITE_MONGODB_URI": "mongodb://elsewhere/",
            "READ_MONGODB_URI": "mongodb://elsewhere/",
        }
    assert sorted(path.name for path in data_dir.iterdir()) == ["lock"]


def test_read_side_alone_may_be_elsewhere(data_dir: Path) -> None:
    brought = Settings(
        data_dir=data_dir, redis_url="redis://elsewhere/1", read_mongodb_uri="mongodb://elsewhere/"
    )
    with LocalServers(brought) as servers:
        assert servers.environ["READ_MONGODB_URI"] == "mongodb://elsewhere/"
        assert servers.environ["WRITE_MONGODB_URI"].startswith("mongodb://127.0.0.1:")


def test_dead_server_is_started_again_where_it_was(data_dir: Path) -> None:
    with LocalServers(Settings(data_dir=data_dir, write_mongodb_uri="mongodb://elsewhere/")) as servers:
        assert servers.restart_dead() == []
        with redis.Redis.from_url(servers.environ["REDIS_URL"]) as client:
            os.kill(client.info("server")["process_id"], 9)
            before = servers.environ

            assert until(servers.restart_dead, 10, "the dead server is noticed") == ["redis"]
            assert servers.environ == before
            assert client.ping()


class TestMissing:
    @pytest.fixture(autouse=True)
    def _empty_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    @pytest.fixture
    def _no_wheels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nothing() -> Iterator[Path]:
            return iter(())

        monkeypatch.setattr(redis_server, "in_wheel", nothing)
        monkeypatch.setattr(mongod, "in_wheel", nothing)

    @pytest.mark.usefixtures("_no_wheels")
    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            (RedisServer, ["redis-server", "6.2", "pip install -e '.[local]'", "REDIS_URL"]),
            (Mongod, ["mongod", "5.0", "pip install -e '.[local]'", "WRITE_MONGODB_URI"]),
        ],
    )
    def test_says_what_to_install_or_set(
        self, kind: type[ServerProcess], names: list[str], data_dir: Path
    ) -> None:
        with pytest.raises(ServerUnavailableError) as missing:
            kind(data_dir).start()

        assert all(name in str(missing.value) for name in names)
        assert "\n" not in str(missing.value)
        assert list(data_dir.iterdir()) == []

    @pytest.mark.usefixtures("_no_wheels")
    @pytest.mark.parametrize(
        ("script", "flaw"),
        [
            ("echo 'Redis server v=6.0.16 sha=0'", "is older than 6.2"),
            ("echo 'libssl.so.3: cannot open' >&2; exit 127", r"does not run here .*libssl"),
            ("exit 0", "does not run here"),
        ],
    )
    def test_unfit_program_is_passed_over_with_its_flaw(
        self, tmp_path: Path, script: str, flaw: str, data_dir: Path
    ) -> None:
        program = tmp_path / "redis-server"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(stat.S_IRWXU)

        with pytest.raises(ServerUnavailableError, match=f"redis-server {flaw}"):
            RedisServer(data_dir).start()

    def test_old_program_gives_way_to_the_wheel(self, tmp_path: Path, data_dir: Path) -> None:
        program = tmp_path / "redis-server"
        program.write_text("#!/bin/sh\necho 'Redis server v=5.0.7'\n")
        program.chmod(stat.S_IRWXU)

        with RedisServer(data_dir) as server:
            assert server.pid is not None


def test_server_that_does_not_start_shows_why(data_dir: Path) -> None:
    (data_dir / "mongod").mkdir()
    (data_dir / "mongod" / "storage.bson").write_text("damaged")

    with pytest.raises(ServerUnavailableError, match=r"mongod stopped .*mongod\.log.*\n.*corrupt"):
        Mongod(data_dir).start()
