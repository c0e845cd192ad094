"""Checks at start what a MongoDB URI says, and the files that it names.

A ``kill -9`` of mongod loses acknowledged writes unless they are ``w: majority, j: true``, and
checkpoints rely on the read models being as durable as the log. A decision needs the newest commit,
and a read that waits for a position needs the newest checkpoint: both are on the primary. Some
reads must be surer than others, so each read asks for its own level and the URI names none.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from bus.connections.address_secrets import without_secrets
from bus.errors import ConfigurationError

WRITE_URI, READ_URI = "WRITE_MONGODB_URI", "READ_MONGODB_URI"


def check(uri: str) -> None:
    """Check a URI, and read the files that it names.

    Raises:
        ValueError: it is no URI, weakens what the system promises, or names a file that cannot be
            used.

    """
    try:
        options = parse_uri(uri, validate=True)["options"]
        _refuse_what_weakens(options)
        MongoClient(
            uri, connect=False
        ).close()  # it reads the files of TLS, and finds what does not go together
    except (PyMongoError, ValueError, OSError) as error:
        raise ValueError(without_secrets(uri, str(error))) from None


def refuse_one_of_several(databases: Mapping[str, Database[dict[str, Any]]]) -> None:
    """Refuse a direct connection to one member of a replica set that has others; ask the server.

    Such a client does not find the next primary, and may read from a member that is not the
    primary. A set of one member hides nothing, and a mongos is no member. The keys of ``databases``
    are the variables that name their URIs.

    Raises:
        ConfigurationError: a database has such a client; the message names the variable.

    """
    for variable, database in databases.items():
        if not database.client.options.direct_connection:
            continue
        hello = database.command("hello")
        members = [host for kind in ("hosts", "passives", "arbiters") for host in hello.get(kind, ())]
        if len(members) > 1:
            name = hello.get("setName")
            raise ConfigurationError(
                f"{variable}: directConnection=true leads to one of the {len(members)} members of the replica"
                f" set {name}: name them all, with replicaSet={name} in its place"
            )


def _refuse_what_weakens(options: Mapping[str, Any]) -> None:
    if options.get("w", "majority") != "majority":
        raise ValueError("w must be left out or majority: what is acknowledged would not survive a crash")
    if not options.get("journal", True):
        raise ValueError("journal must be left out or true: what is acknowledged would not survive a crash")
    if options.get("readPreference", "primary").lower() != "primary":
        raise ValueError("readPreference must be left out or primary: other members may be behind")
    for name in ("maxStalenessSeconds", "readPreferenceTags"):
        if name in options:
            raise ValueError(f"{name} must be left out: everything is read from the primary")
    if "readConcernLevel" in options:
        raise ValueError("readConcernLevel must be left out: each read asks for the level that it needs")
    if options.get("directConnection") and options.get("replicaSet"):
        raise ValueError(
            "directConnection must be left out beside replicaSet: the next primary would not be found"
        )
