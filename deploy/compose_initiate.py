"""Make the replica set of compose.yaml and its users; again, it changes nothing.

It runs on the first member's own host: while there is no user, MongoDB lets only such a connection
make the set and the first user (the "localhost exception"). ``MEMBERS`` names the members as they
reach each other.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

GIVE_UP_S = 120
PAUSE_S = 0.5
ALREADY_INITIALIZED = 23
UNAUTHORIZED = 13
RIGHTS = [
    {"role": "readWrite", "db": "twofold_write"},
    {"role": "readWrite", "db": "twofold_read"},
    {"role": "dbAdmin", "db": "twofold_read"},
]
"""As docs/connections.md names them."""

Client = MongoClient[dict[str, Any]]


def main() -> None:
    members = os.environ["MEMBERS"].split(",")
    admin, twofold = os.environ["MONGO_ADMIN_PASSWORD"], os.environ["MONGO_PASSWORD"]
    address = f"127.0.0.1:{members[0].rpartition(':')[2]}"
    with connected(address) as first:
        until("the member answers", lambda: first.admin.command("ping"))
        initiate(first, members)
        until("the member is primary", lambda: first.admin.command("hello")["isWritablePrimary"])
        add_user(first, "admin", admin, ["root"])
    with connected(address, username="admin", password=admin) as administrator:
        add_user(administrator, "twofold", twofold, RIGHTS)


def connected(address: str, **credentials: Any) -> Client:
    return MongoClient(
        address, directConnection=True, serverSelectionTimeoutMS=2_000, socketTimeoutMS=30_000, **credentials
    )


def initiate(first: Client, members: list[str]) -> None:
    config = {"_id": "rs0", "members": [{"_id": n, "host": host} for n, host in enumerate(members)]}

    def attempt() -> bool:
        try:
            first.admin.command("replSetInitiate", config)
        except OperationFailure as error:
            # It needs the other members, which may not be there yet.
            return error.code in {ALREADY_INITIALIZED, UNAUTHORIZED}
        return True

    until("the set is made", attempt)


def add_user(client: Client, name: str, password: str, roles: list[Any]) -> None:
    """Add one; that it is there already is a refusal of one kind or the other."""
    try:
        client.admin.command("createUser", name, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != UNAUTHORIZED and "already exists" not in str(error):
            raise


def until(what: str, condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            if condition():
                return
        except AutoReconnect:
            pass
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {GIVE_UP_S} s")
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
