"""Both sides without their processes: a write side that is called, a read side that is told to run.

The doorbells are the test's own calls, Redis is not there, and MongoDB is real.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count

from pymongo.database import Database

from bus.connections.clients import UNSETTLED, StoredDocument, write_database
from bus.inbox.attempts import ALONE_MS, Attempts
from bus.inbox.command_records import CommandRecords
from bus.inbox.inbox import Inbox, InboxEntry
from bus.log.commit import Commit, Decision
from bus.log.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import Outcome
from bus.messages.registry import AnyCommand, to_stored
from bus.messages.streams import customer_stream, order_stream, partition_of
from bus.settings import Settings
from read_side.generations.registry import FIRST, Registry
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector.catch_up import End, Run
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import ProjectionContext, stretches
from read_side.projector.gaps import Gaps
from read_side.projector.projector import Projector
from tests.support import messages
from tests.support.waiting import until
from write_side.errors import BusyError
from write_side.handling.handler import CommandHandler

PARTITIONS = 2
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Announcer:
    """Remembers the partitions it was rung for, and the commands it was told of."""

    def __init__(self) -> None:
        self.rung: list[int] = []
        self.told: list[str] = []

    def ring(self, partitions: Iterable[int]) -> None:
        self.rung += partitions

    def tell(self, command_ids: Iterable[str]) -> None:
        self.told += command_ids


class WriteSide:
    """A log, an inbox and a handling; ``ids`` numbers the commands."""

    def __init__(self, database: Database[StoredDocument], max_attempts: int = 3) -> None:
        self.database = database
        self.log = Log(database, PARTITIONS)
        self.inbox = Inbox(database, PARTITIONS)
        self.records = CommandRecords(database, self.inbox, self.log)
        self.announcer = Announcer()
        self._max_attempts = max_attempts
        self.handling = self._handler(self.log)
        self._numbers = count(1)

    def another(self) -> CommandHandler:
        """The handler of another worker, on the same log and inbox; a handler is for one thread."""
        return self._handler(Log(self.database, PARTITIONS))

    def elsewhere(self, envelope: CommandEnvelope) -> Outcome | None:
        """Handle a command in another worker; while a third one handles it alone, later, as the queue does.

        With more workers at it than real ones, it is taken for one that kills them (``isolation``).
        """
        outcomes: list[Outcome | None] = []

        def is_handled() -> bool:
            with suppress(BusyError):
                outcomes.append(self.another()(envelope))
            return bool(outcomes)

        until(is_handled, 2 * ALONE_MS / 1000, f"{envelope.command_id} handled")
        return outcomes[0]

    def _handler(self, log: Log) -> CommandHandler:
        return CommandHandler(log, self.inbox, Attempts(self.database), self.announcer, self._max_attempts)

    def create(self) -> None:
        self.log.create()
        self.inbox.create()

    def accept(self, command: AnyCommand, **over: object) -> CommandEnvelope:
        """Accept a command, each a second after the one before."""
        number = next(self._numbers)
        at = messages.NOW + timedelta(seconds=number)
        given = {"command_id": f"k{number}", "accepted_at": at, "command": command} | over
        envelope = messages.envelope(**given)
        assert self.inbox.accept_all([(envelope, None)]) == [True]
        return envelope

    def do(self, command: AnyCommand, **over: object) -> Outcome:
        """Accept a command and handle it."""
        outcome = self.handling(self.accept(command, **over))
        assert outcome is not None
        return outcome

    def rename_out_of_turn(self, customer_id: str, name: str) -> None:
        """Append a customer's new name past the inbox and its order; nothing if there is nobody to rename."""
        stream = customer_stream(customer_id)
        newest = self.log.newest(partition(customer_id), stream)
        if newest is None or newest.state is None:
            return
        renamed = messages.customer_renamed(customer_id=customer_id, old_name=newest.state["name"], name=name)
        decision = Decision(
            partition=newest.partition,
            command_id=f"k{next(self._numbers)}",
            correlation_id="r1",
            at=messages.NOW,
            by="test",
            stream=stream,
            version=(newest.version or 0) + 1,
            events=(to_stored(renamed),),
            state={**newest.state, "name": name},
            state_v=newest.state_v,
        )
        assert isinstance(self.log.append([decision])[0], Commit)

    def entry(self, envelope: CommandEnvelope) -> InboxEntry:
        return self.entry_of(envelope.command_id)

    def entry_of(self, command_id: str) -> InboxEntry:
        """As it is at the moment: counting attempts does not wait for what it wrote to be settled."""
        unsettled = Inbox(self.database, PARTITIONS)
        unsettled._commands = unsettled._commands.with_options(read_concern=UNSETTLED)
        found = unsettled.find(command_id)
        assert found is not None
        return found

    def outcome(self, envelope: CommandEnvelope) -> Outcome:
        """What a command came to."""
        record = self.records.find(envelope.command_id)
        assert record is not None
        assert record.outcome is not None, f"{envelope.command_id} is unfinished"
        return record.outcome

    def is_finished(self, envelope: CommandEnvelope) -> bool:
        """Whether a command has come to something, and the inbox knows."""
        unsettled = self.database.commands.with_options(read_concern=UNSETTLED)
        return unsettled.find_one({"_id": envelope.command_id, "status": "accepted"}) is None


@contextmanager
def written(settings: Settings, history: Iterable[AnyCommand]) -> Iterator[WriteSide]:
    """A write side in the settings' database that has handled some commands."""
    database = write_database(settings)
    with database.client:
        write = WriteSide(database)
        write.create()
        for command in history:
            write.do(command)
        yield write


class _Hasty(threading.Event):
    """A process that never lingers: a test has no load that would be worth waiting for."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class NoRunners:
    """A process in which nothing takes part in a joint pass."""

    def hold(self, _name: str, _generation: int, _partition: int) -> bool:
        return False

    def poke(self, partition: int) -> None:
        pass


class ReadSide:
    """One process that projects; two of them on one database are two processes."""

    def __init__(
        self,
        log: Log,
        database: Database[StoredDocument],
        *,
        grace_ms: int = 0,
        lease_ms: int = 10_000,
        owner: str = "test",
    ) -> None:
        self.database = database
        self.registry = Registry(database)
        self.checkpoints = Checkpoints(database, lease_ms)
        self.parking = Parking(database)
        self.stopping = _Hasty()
        self.announced: list[tuple[str, int]] = []
        self.context = ProjectionContext(
            log=log,
            registry=self.registry,
            checkpoints=self.checkpoints,
            parking=self.parking,
            gaps=Gaps(log, grace_ms),
            owner=owner,
            announce=lambda moved: self.announced.extend((one.generation[0], one.partition) for one in moved),
            stopping=self.stopping,
            read=stretches(log),
        )
        self.projector = Projector(self.context)

    def create(self, models: Iterable[ReadModel] = READ_MODELS) -> None:
        self.registry.create(models)
        for model in models:
            self.checkpoints.create(model.name, FIRST, PARTITIONS)

    def run(self, model: ReadModel, partition: int) -> Run:
        return self.projector.run(model, FIRST, partition)

    def drain(self, models: Iterable[ReadModel] = READ_MODELS) -> None:
        """Every model catches up in every partition."""
        for model in models:
            for partition in range(PARTITIONS):
                assert self.run(model, partition).end is End.DRAINED

    def documents(self, model: ReadModel) -> dict[str, StoredDocument]:
        return {document["_id"]: document for document in self.registry.collection(model.name, FIRST).find()}

    def position(self, model: ReadModel, partition: int) -> int:
        return self.checkpoints.positions()[model.name, FIRST, partition]

    def expire_leases(self) -> None:
        """What their holders' death and enough time come to."""
        self.database.checkpoints.update_many({}, {"$set": {"expires_at": LONG_AGO}})


def order_id(customer_id: str, number: int = 1) -> str:
    """An id that falls into its customer's partition, the same every time."""
    home = partition_of(customer_stream(customer_id), PARTITIONS)
    ids = (f"{customer_id}.o{number}.{suffix}" for suffix in count())
    return next(drawn for drawn in ids if partition_of(order_stream(drawn), PARTITIONS) == home)


def partition(customer_id: str) -> int:
    """The partition of a customer and its orders."""
    return partition_of(customer_stream(customer_id), PARTITIONS)
