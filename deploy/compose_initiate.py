"""Make the replica set of compose.yaml and its users; again, it changes nothing.

It runs on the first member's own host: while there is no user, MongoDB lets only such a connection
make the set and the first user (the "localhost exception"). So the first member begins alone, as
whoever is elected of three may be another one, and the administrator adds the others. ``MEMBERS``
names the members as they reach each other.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

SET = "rs0"
GIVE_UP_S = 120
PAUSE_S = 0.5
TIMEOUT_MS = 10_000
ALREADY_INITIALIZED = 23
UNAUTHORIZED = 13
USER_EXISTS = 51003
NOT_YET = {74, 103, 109, 308}
"""Refusals of a configuration: a member cannot be reached, or the last one is not in force."""
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
    with connected([address], directConnection=True) as first:
        until("the first member answers", lambda: first.admin.command("ping"))
        if initiate(first, members[0]):
            until("the first member is primary", lambda: first.admin.command("hello")["isWritablePrimary"])
            until("there is an administrator", lambda: add_user(first, "admin", admin, ["root"]))
    with connected(members, replicaSet=SET, username="admin", password=admin) as administrator:
        until("the application has a user", lambda: add_user(administrator, "twofold", twofold, RIGHTS))
        for member in members[1:]:
            until(f"{member} is a member", partial(add_member, administrator, member))
        until("all members vote", lambda: voters(administrator) == len(members))


def connected(addresses: list[str], **options: Any) -> Client:
    return MongoClient(
        addresses, serverSelectionTimeoutMS=TIMEOUT_MS, socketTimeoutMS=3 * TIMEOUT_MS, **options
    )


def initiate(first: Client, host: str) -> bool:
    """Make the set of one member; return False if there is an administrator already."""
    try:
        first.admin.command("replSetInitiate", {"_id": SET, "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        if error.code not in {ALREADY_INITIALIZED, UNAUTHORIZED}:
            raise
        return error.code == ALREADY_INITIALIZED
    return True


def add_user(client: Client, name: str, password: str, roles: list[Any]) -> bool:
    try:
        client.admin.command("createUser", name, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise
    return True


def add_member(administrator: Client, host: str) -> bool:
    config = administrator.admin.command("replSetGetConfig")["config"]
    members = config["members"]
    if host in [member["host"] for member in members]:
        return True
    new = {"_id": 1 + max(member["_id"] for member in members), "host": host}
    config |= {"version": config["version"] + 1, "members": [*members, new]}
    try:
        administrator.admin.command("replSetReconfig", config)
    except OperationFailure as error:
        if error.code not in NOT_YET:
            raise
        return False
    return True


def voters(administrator: Client) -> int:
    """Count the members that vote; a new one does so once it has everything."""
    return int(administrator.admin.command("replSetGetStatus")["votingMembersCount"])


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
