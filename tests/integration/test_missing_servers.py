"""A system without a usable server is told what to install or set."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.local import mongod, redis_server
from api.local.mongod import Mongod
from api.local.process import ServerProcess
from api.local.redis_server import RedisServer
from bus.errors import ServerUnavailableError


@pytest.fixture(autouse=True)
def _empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def _no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_says_what_to_install_or_set(kind: type[ServerProcess], names: list[str], data_dir: Path) -> None:
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
    tmp_path: Path, script: str, flaw: str, data_dir: Path
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)

    with pytest.raises(ServerUnavailableError, match=f"redis-server {flaw}"):
        RedisServer(data_dir).start()


def test_old_program_gives_way_to_the_wheel(tmp_path: Path, data_dir: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=5.0.7'\n")
    program.chmod(stat.S_IRWXU)

    with RedisServer(data_dir) as server:
        assert server.pid is not None
