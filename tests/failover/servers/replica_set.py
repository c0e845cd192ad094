"""Three mongods as one replica set, with a network between them that can be cut.

The election timeout is 2 s and members look at each other twice a second: a fifth of MongoDB's defaults, so
that a round has many elections.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from api.local import ports
from api.local.mongod import REPLICA_SET
from tests.failover.network.link import CLIENTS, Link, between
from tests.failover.network.network import Network
from tests.failover.servers.member import Member
from tests.support.waiting import until

TITLES = ("m1", "m2", "m3")
ELECTION_MS = 2_000
HEARTBEAT_MS = 500
PRIMARY_S = 60.0
NEVER_MS = 120_000
"""An election timeout that no test lives to see."""


class ReplicaSet:
    """Running and healthy from entering to leaving."""

    def __init__(self, folder: Path, election_ms: int = ELECTION_MS, *, chaining: bool = True) -> None:
        """Without ``chaining`` each secondary takes the log from the primary and from nobody else."""
        self._folder = folder
        self._settings = {
            "electionTimeoutMillis": election_ms,
            "heartbeatIntervalMillis": HEARTBEAT_MS,
            "chainingAllowed": chaining,
        }
        self.members = [Member(folder, title) for title in TITLES]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            for member in self.members:
                starting.callback(member.kill)
                member.start()
            self.network = starting.enter_context(Network(self._folder, self.members))
            self._initiate()
            self.step_up(self.members[0])
            until(self.healthy, PRIMARY_S, "a primary and two secondaries", poll=0.1)
            self._open = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def uri(self) -> str:
        """Where drivers find it: all of its addresses, through the network."""
        addresses = ",".join(self.network.address(member.title) for member in self.members)
        return f"mongodb://{addresses}/?replicaSet={REPLICA_SET}"

    def uri_of(self, member: Member) -> str:
        """One member alone, through the network, as a client beside it would have it."""
        return f"mongodb://{self.network.address(member.title)}/?directConnection=true"

    def primary(self) -> Member | None:
        """The primary of the newest term; a former one may still take itself for it."""
        found = [(hello["electionId"], member) for member, hello in self._hellos() if _is_primary(hello)]
        return max(found, key=lambda one: bytes(one[0].binary))[1] if found else None

    def until_primary(self, *, other_than: Member | None = None) -> Member:
        def found() -> Member | None:
            primary = self.primary()
            return None if primary is other_than else primary

        primary = until(found, PRIMARY_S, "a new primary" if other_than else "a primary", poll=0.05)
        assert primary is not None
        return primary

    def step_up(self, *members: Member) -> None:
        """Elect one of these members now, with a peer's vote, whatever the primary does.

        A peer that has more of the log than a member does not vote for it: then another one is to be elected.
        """
        until(lambda: any(map(_is_elected, members)), PRIMARY_S, "an election", poll=0.1)

    def replace(self, primary: Member) -> None:
        """Kill the primary for good, and elect another at once.

        Its links are made whole, so that the others learn that it is gone.
        """
        primary.kill()
        self.network.mend()
        self.step_up(*self.others(primary))

    def restore(self) -> None:
        """Every member runs, every link is whole, and all are well."""
        self.network.mend()
        for member in self.members:
            member.resume()
            member.start()
        until(self.healthy, PRIMARY_S, "a primary and two secondaries", poll=0.1)

    def healthy(self) -> bool:
        """Whether there is one primary and the two others are its secondaries."""
        parts = [
            "primary" if _is_primary(hello) else "secondary" if hello.get("secondary") else "none"
            for _, hello in self._hellos()
        ]
        return sorted(parts) == ["primary", "secondary", "secondary"]

    def until_follows(self, member: Member, primary: Member) -> None:
        """Wait until a member takes the log from the primary: it looks for a source now and then only."""
        source = self.network.address(primary.title)

        def follows() -> bool:
            with suppress(PyMongoError):  # it does not answer just now
                return bool(member.direct.admin.command("replSetGetStatus").get("syncSourceHost") == source)
            return False

        until(follows, PRIMARY_S, f"{member.title} following {primary.title}", poll=0.1)

    def others(self, *members: Member) -> list[Member]:
        return [member for member in self.members if member not in members]

    def cut_from_peers(self, member: Member) -> None:
        """Clients still reach it, and so they do the others."""
        self.network.cut(between(member.title, [other.title for other in self.others(member)]))

    def cut_from_all(self, member: Member) -> None:
        links = between(member.title, [other.title for other in self.others(member)])
        self.network.cut([*links, Link(CLIENTS, member.title)])

    def refuse_peers(self, member: Member) -> None:
        """As ``cut_from_peers``, and everybody knows at once."""
        self.network.refuse(between(member.title, [other.title for other in self.others(member)]))

    def slow_peers(self, member: Member, seconds: float) -> None:
        """What it and its peers tell each other arrives so much later; clients notice nothing."""
        self.network.slow(between(member.title, [other.title for other in self.others(member)]), seconds)

    def _hellos(self) -> Sequence[tuple[Member, Mapping[str, Any]]]:
        told = [(member, member.hello()) for member in self.members]
        return [(member, hello) for member, hello in told if hello is not None]

    def _initiate(self) -> None:
        members = [
            {"_id": number, "host": self.network.address(member.title)}
            for number, member in enumerate(self.members)
        ]
        config = {"_id": REPLICA_SET, "members": members, "settings": self._settings}
        # It asks all members, and makes an oplog: that may take longer than looking at a member does.
        client: MongoClient[dict[str, Any]] = MongoClient(
            ports.HOST, self.members[0].port, directConnection=True
        )
        with client:
            client.admin.command("replSetInitiate", config)


def when_told(folder: Path) -> ReplicaSet:
    """A set that elects only when it is told to, for tests that have to be quicker than an election.

    A primary without peers goes on taking itself for the primary, as real ones do for one election timeout.
    """
    return ReplicaSet(folder, NEVER_MS, chaining=False)


def _is_elected(member: Member) -> bool:
    """Whether a member is primary, after another try if it is not."""
    with suppress(PyMongoError):  # it may be too early for an election, or lost
        member.direct.admin.command("replSetStepUp")
    return _is_primary(member.hello() or {})


def _is_primary(hello: Mapping[str, Any]) -> bool:
    return bool(hello.get("isWritablePrimary")) and "electionId" in hello
