"""The servers of one data directory: what is brought, what is started, and who may use it."""

import os
import stat
from pathlib import Path

import pytest
import redis

from api.local.servers import LocalServers, claim
from bus.errors import ConfigurationError
from bus.settings import SERVERS_FILE, Settings
from tests.integration.notes import read, write
from tests.support.waiting import until


@pytest.fixture
def other_data_dir(tmp_path: Path) -> Path:
    return tmp_path / "other"


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


def test_it_is_closed_to_other_users(data_dir: Path) -> None:
    data_dir.chmod(0o755)

    with claim(data_dir):
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


def test_a_folder_that_others_write_to_is_refused_and_left_as_it_is(data_dir: Path) -> None:
    """As ``/tmp`` is: nobody else could use it any more."""
    data_dir.chmod(0o1777)

    with pytest.raises(ConfigurationError, match=r"^DATA_DIR: .* is shared"), claim(data_dir):
        pass
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o1777


def test_data_directory_that_cannot_be_made_is_told(data_dir: Path) -> None:
    (data_dir / "file").touch()

    with pytest.raises(ConfigurationError, match=r"^DATA_DIR: .* cannot be used"), claim(data_dir / "file"):
        pass


def test_servers_that_are_brought_are_not_started(data_dir: Path) -> None:
    brought = Settings(
        data_dir=data_dir,
        redis_url="redis://elsewhere/1",
        write_mongodb_uri="mongodb://elsewhere/",
        jwt_jwks_url="https://elsewhere/",
        jwt_issuer="elsewhere",
        jwt_audience="here",
    )
    with LocalServers(brought) as servers:
        assert servers.environ == {
            "REDIS_URL": "redis://elsewhere/1",
            "WRITE_MONGODB_URI": "mongodb://elsewhere/",
            "READ_MONGODB_URI": "mongodb://elsewhere/",
        }
        assert servers.told["JWT_JWKS_URL"] == "https://elsewhere/"
        assert "JWT_SECRET" not in servers.told
    assert sorted(path.name for path in data_dir.iterdir()) == ["lock"]


def test_a_secret_that_is_brought_is_told_to_other_shells(data_dir: Path) -> None:
    secret = "a secret that is long enough to sign with"
    brought = Settings(
        data_dir=data_dir,
        redis_url="redis://elsewhere/1",
        write_mongodb_uri="mongodb://elsewhere/",
        jwt_secret=secret,
    )
    with LocalServers(brought) as servers:
        assert servers.told["JWT_SECRET"] == secret
        assert f"JWT_SECRET='{secret}'" in (data_dir / SERVERS_FILE).read_text()


def test_read_side_alone_may_be_elsewhere(data_dir: Path) -> None:
    brought = Settings(
        data_dir=data_dir, redis_url="redis://elsewhere/1", read_mongodb_uri="mongodb://elsewhere/"
    )
    with LocalServers(brought) as servers:
        assert servers.environ["READ_MONGODB_URI"] == "mongodb://elsewhere/"
        assert "@127.0.0.1:" in servers.environ["WRITE_MONGODB_URI"]


def test_dead_server_is_started_again_where_it_was(data_dir: Path) -> None:
    with LocalServers(Settings(data_dir=data_dir, write_mongodb_uri="mongodb://elsewhere/")) as servers:
        assert servers.restart_dead() == []
        with redis.Redis.from_url(servers.environ["REDIS_URL"]) as client:
            os.kill(client.info("server")["process_id"], 9)
            before = servers.environ

            assert until(servers.restart_dead, 10, "the dead server is noticed") == ["redis"]
            assert servers.environ == before
            assert client.ping()
