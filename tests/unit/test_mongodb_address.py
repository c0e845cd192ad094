"""What a MongoDB URI may say, on either side, and that a refusal tells no password."""

from typing import Any, cast

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from bus.connections.mongodb_address import refuse_one_of_several
from bus.errors import ConfigurationError
from bus.settings import Settings
from tests.support.certificates import KEY_PASSWORD, Certificates, certificates_in

MONGODB = "mongodb://127.0.0.1:27017/"
SECRET = "hunter2"

both_sides = pytest.mark.parametrize("variable", ["READ_MONGODB_URI", "WRITE_MONGODB_URI"])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


def refusal(monkeypatch: pytest.MonkeyPatch, variable: str, uri: str) -> str:
    monkeypatch.setenv(variable, uri)
    with pytest.raises(ConfigurationError) as refused:
        Settings.load()
    return str(refused.value)


@both_sides
@pytest.mark.parametrize(
    "options",
    [
        "",
        "?w=majority",
        "?journal=true",
        "?readPreference=primary",
        "?replicaSet=rs0&w=majority&journal=true",
        "?directConnection=true",
        "?directConnection=false&replicaSet=rs0",
    ],
)
def test_what_keeps_the_promises_is_taken(
    monkeypatch: pytest.MonkeyPatch, variable: str, options: str
) -> None:
    monkeypatch.setenv(variable, MONGODB + options)
    assert getattr(Settings.load(), variable.lower()).get_secret_value() == MONGODB + options


@both_sides
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("?w=1", "w must be left out"),
        ("?w=0", "w must be left out"),
        ("?w=2", "w must be left out"),
        ("?W=1", "w must be left out"),
        ("?journal=false", "journal must be left out"),
        ("?w=majority&journal=false", "journal must be left out"),
        ("?readPreference=secondary", "readPreference must be left out"),
        ("?readPreference=primaryPreferred", "readPreference must be left out"),
        ("?readPreference=nearest&readPreferenceTags=dc:a", "readPreference must be left out"),
        ("?readPreferenceTags=dc:a", "readPreferenceTags must be left out"),
        ("?maxStalenessSeconds=120", "maxStalenessSeconds must be left out"),
        *((f"?readConcernLevel={level}", "readConcernLevel must be") for level in ("local", "available")),
        *((f"?readConcernLevel={level}", "readConcernLevel must be") for level in ("majority", "snapshot")),
        ("?directConnection=true&replicaSet=rs0", "directConnection must be left out"),
    ],
)
def test_what_weakens_them_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, options: str, reason: str
) -> None:
    assert reason in refusal(monkeypatch, variable, MONGODB + options)


@both_sides
@pytest.mark.parametrize(
    "uri",
    [
        "postgres://127.0.0.1",
        "mongodb://",
        "mongodb://h:port",
        "mongodb://h:99999",
        "mongodb://h,g/?directConnection=true",
        "mongodb://h/?nosuch=1",
        "mongodb://h/?journal=maybe",
        "mongodb://h/?tls=true&tlsCAFile=/nowhere/ca.pem",
        "mongodb://h/?tls=true&tlsCAFile=/etc/passwd",
        "mongodb://h/?tls=true&tlsCertificateKeyFile=/nowhere/client.pem",
        "mongodb://h/?tls=true&tlsCertificateKeyFile=/etc/passwd",
        "mongodb://h/?tls=false&tlsCAFile=/etc/passwd",
        "mongodb://h/?authMechanism=MONGODB-X509&authSource=admin",
    ],
)
def test_what_cannot_work_is_told_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, uri: str
) -> None:
    assert refusal(monkeypatch, variable, uri).startswith(f"{variable}: ")


def test_the_files_of_tls(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> None:
    files = f"tlsCAFile={certificates.authority}&tlsCertificateKeyFile={certificates.client_both}"
    options = f"?tls=true&{files}&tlsCertificateKeyFilePassword="
    monkeypatch.setenv("READ_MONGODB_URI", MONGODB + options + KEY_PASSWORD)
    assert Settings.load().read_mongodb_uri.get_secret_value().endswith(KEY_PASSWORD)

    told = refusal(monkeypatch, "READ_MONGODB_URI", MONGODB + options + SECRET)
    assert told.startswith("READ_MONGODB_URI: ")
    assert SECRET not in told


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://ann:{SECRET}/x@h/",
        f"mongodb://ann:x/{SECRET}@h/",
        f"mongodb://ann:{SECRET}@x@h/",
        f"mongodb://ann:{SECRET}?x@h/",
        f"mongodb://ann:{SECRET}%@h/",
        f"mongodb://ann:{SECRET}@h:port/",
        f"mongodb://ann:{SECRET}@h/?w=1",
        f"mongodb://ann:{SECRET}@h/?{SECRET}=1",
        f"mongodb://h:{SECRET}/",
        f"mongodb://h/?tlsCertificateKeyFilePassword={SECRET}&journal={SECRET}",
        f"{SECRET}://h/",
    ],
)
def test_a_refusal_tells_no_password(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    told = refusal(monkeypatch, "WRITE_MONGODB_URI", uri)
    assert told.startswith("WRITE_MONGODB_URI: ")
    assert SECRET not in told


class DoorbellHandler:
    """A database whose server says ``hello`` as it was told to."""

    def __init__(self, uri: str, hello: dict[str, Any]) -> None:
        self.client: MongoClient[dict[str, Any]] = MongoClient(uri, connect=False)
        self.hello = hello

    def command(self, name: str) -> dict[str, Any]:
        assert name == "hello"
        return self.hello


def asked(uri: str, **hello: Any) -> None:
    database = DoorbellHandler(uri, hello)
    with database.client:
        refuse_one_of_several({"WRITE_MONGODB_URI": cast("Database[dict[str, Any]]", database)})


@pytest.mark.parametrize(
    "hello",
    [
        {},
        {"msg": "isdbgrid"},
        {"setName": "rs0", "hosts": ["a:1"]},
        {"setName": "rs0"},
    ],
)
def test_a_direct_connection_may_lead_to_a_server_that_hides_no_other(hello: dict[str, Any]) -> None:
    asked(MONGODB + "?directConnection=true", **hello)


@pytest.mark.parametrize(
    "hello",
    [
        {"setName": "rs0", "hosts": ["a:1", "b:1", "c:1"]},
        {"setName": "rs0", "hosts": ["a:1"], "passives": ["b:1"]},
        {"setName": "rs0", "hosts": ["a:1"], "arbiters": ["b:1"]},
    ],
)
def test_a_direct_connection_to_one_of_several_is_refused_by_the_variable(hello: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^WRITE_MONGODB_URI: .*replicaSet=rs0"):
        asked(MONGODB + "?directConnection=true", **hello)
    asked(MONGODB + "?replicaSet=rs0", **hello)
