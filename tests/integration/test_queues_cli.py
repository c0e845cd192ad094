"""``python -m bus queues`` on real servers: every figure is what the servers and ``redis-cli`` say."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from pymongo.database import Database

from bus.__main__ import app
from bus.connections.clients import StoredDocument, read_database, redis_client, write_database
from bus.inspection.explanations import rows
from bus.inspection.snapshot import Inspection, Inspector
from bus.messages.outcome import CommandStatus, Outcome
from bus.notify.doorbells import Doorbells, bell
from bus.notify.subscriptions import Subscriptions
from bus.queue.broker import HEARTBEAT_TIMEOUT_MS, Broker
from bus.queue.keys import HEARTBEATS
from bus.settings import Settings
from read_side.projections.customers import CUSTOMERS
from tests.integration.commands_queue import command, consumer_of, taken
from tests.integration.graveyard import bury
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, partition
from tests.support import messages
from tests.support.command_line import COLUMNS, CommandLine
from tests.support.decided import come_to

HOUR_MS = 3_600_000


@dataclass
class Both:
    """Both sides, with one read model subscribed, and a Redis."""

    client: redis.Redis
    broker: Broker
    write: WriteSide
    read: ReadSide
    reads: Database[StoredDocument]

    def look(self, sweep_after_ms: int = HOUR_MS) -> Inspection:
        return Inspector(self.client, self.write.database, self.reads, PARTITIONS, sweep_after_ms)()


@pytest.fixture
def both(settings: Settings) -> Iterator[Both]:
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client, redis_client(settings) as client:
        write = WriteSide(writes)
        write.create()
        read = ReadSide(write.log, reads)
        read.create([CUSTOMERS])
        Subscriptions(writes).subscribe((CUSTOMERS.name,))
        yield Both(client, Broker(client), write, read, reads)


@pytest.fixture
def cli(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    cli = CommandLine(settings, monkeypatch, capsys)
    cli.set("log_partitions", str(PARTITIONS))
    return cli


def test_an_untouched_system_has_only_zeros(both: Both) -> None:
    found = both.look()
    assert list(found.queues) == ["commands", "customers"]
    for look in found.queues.values():
        assert (look.waiting, look.in_flight, look.delayed, look.dead, look.silent) == (0, 0, 0, 0, 0)
        assert (look.oldest_s, look.overdue, look.behind) == (None, frozenset(), frozenset())


def test_looking_leaves_no_trace(both: Both) -> None:
    both.broker.enqueue_once([command("k1")])
    before = both.client.keys("*")
    both.look()
    assert both.client.keys("*") == before


def test_messages_are_counted_where_they_are(both: Both) -> None:
    both.broker.enqueue_once([command(f"k{number}") for number in range(5)])
    consumer = consumer_of(both.broker, prefetch=2)
    taken(consumer)
    both.broker.enqueue(bell("customers", 0), delay=HOUR_MS)
    Doorbells(both.client).ring([("customers", 0), ("customers", 1)])
    bury(both.client, "x1")
    found = both.look().queues
    commands, customers = found["commands"], found["customers"]
    assert (commands.waiting, commands.in_flight, commands.delayed, commands.dead) == (3, 2, 0, 1)
    assert (customers.waiting, customers.in_flight, customers.delayed, customers.dead) == (2, 0, 1, 0)
    assert customers.oldest_s is not None
    assert 0 <= customers.oldest_s < HOUR_MS


def test_what_is_in_flight_with_a_silent_worker_is_stranded(both: Both) -> None:
    both.broker.enqueue_once([command("k1"), command("k2")])
    consumer = consumer_of(both.broker, prefetch=2)
    taken(consumer)
    assert both.look().queues["commands"].silent == 0
    both.client.zincrby(HEARTBEATS, -HEARTBEAT_TIMEOUT_MS, both.broker.broker_id)
    assert both.look().queues["commands"].silent == 2
    both.client.zrem(HEARTBEATS, both.broker.broker_id)
    assert both.look().queues["commands"].silent == 2, "owed by nobody who is known"


def test_an_overdue_command_that_is_not_on_the_queue_is_stranded(both: Both) -> None:
    for customer in ("c1", "c2"):
        new = messages.register_customer(customer_id=customer)
        both.write.accept(new, accepted_at=datetime.now(UTC))
    both.broker.enqueue_once([command("k1")])
    assert both.look(HOUR_MS).queues["commands"].overdue == frozenset()
    assert both.look(-2_000).queues["commands"].overdue == {"k2"}
    assert both.look().queues["commands"].oldest_s is not None
    come_to(
        both.write.inbox, "k2", Outcome(status=CommandStatus.SUCCEEDED, stream="customer-c2", partition=0)
    )
    assert both.look(-2_000).queues["commands"].overdue == frozenset()


def test_a_read_model_that_is_behind_without_a_bell_is_stranded(both: Both) -> None:
    home = partition("c1")
    both.write.do(messages.register_customer())
    assert both.look().queues["customers"].behind == {(home, 0)}
    Doorbells(both.client).ring([("customers", home)])
    assert both.look().queues["customers"].behind == frozenset(), "waiting"
    consumer = both.broker.consume("customers")
    assert next(consumer) is not None
    assert both.look().queues["customers"].behind == frozenset(), "in flight"
    both.client.flushall()
    both.broker.enqueue(bell("customers", home), delay=HOUR_MS)
    assert both.look().queues["customers"].behind == frozenset(), "delayed"
    both.client.flushall()
    both.read.drain([CUSTOMERS])
    assert both.look().queues["customers"].behind == frozenset(), "caught up"


def test_what_came_and_what_was_done_is_counted_where_the_work_is_done(both: Both) -> None:
    both.write.do(messages.register_customer())
    both.write.do(messages.register_customer())  # refused, and decided all the same
    both.write.accept(messages.register_customer(customer_id="c2"))
    found = both.look().queues
    assert (found["commands"].came, found["commands"].done) == (3, 2)
    assert (found["customers"].came, found["customers"].done) == (2, 0)
    both.read.drain([CUSTOMERS])
    assert both.look().queues["customers"].done == 2


def test_letters_that_were_collected_are_counted_until_they_are_ended(both: Both) -> None:
    from bus.dead_letters.store import DeadLetters  # noqa: PLC0415

    letters = DeadLetters(both.write.database)
    bury(both.client, "x1")
    bury(both.client, "x2", queue="customers")
    letters.collect(both.client, ["commands"])
    found = both.look()
    assert (found.queues["commands"].dead, found.queues["customers"].dead, found.failed) == (1, 1, 0)


def test_the_commands_that_are_shown_give_the_figures_that_are_shown(both: Both) -> None:
    both.broker.enqueue_once([command(f"k{number}") for number in range(5)])
    taken(consumer_of(both.broker, prefetch=2))
    both.broker.enqueue(command("later"), delay=HOUR_MS)
    bury(both.client, "x1")
    look = both.look().queues["commands"]
    shown: dict[str, Any] = {}
    for figure, _, (way, *_) in rows("commands"):
        program, *arguments = shlex.split(way)
        if program == "redis-cli" and "$" not in way:
            shown[figure] = both.client.execute_command(*arguments)
    assert shown["waiting"] == look.waiting == 3
    assert shown["in flight"] - shown["waiting"] == look.in_flight == 2
    assert shown["delayed"] == look.delayed == 1
    assert shown["dead"] == look.dead == 1


def test_it_is_a_table_for_people_and_json_for_scripts(both: Both, cli: CommandLine) -> None:
    both.write.do(messages.register_customer())
    both.broker.enqueue_once([command("k9")])
    bury(both.client, "x1")
    done = cli(app, "queues --interval 0.1 --explain")
    assert (done.status, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= COLUMNS
    for said in ("commands", "customers", "oldest", "redis-cli llen dramatiq:commands", "1 dead letter: "):
        assert said in done.out
    done = cli(app, "queues --interval 0.1 --json")
    assert done.status == 0
    [report] = done.lines
    assert report["failed_commands"] == 0
    commands, customers = report["queues"]
    assert (commands["queue"], commands["waiting"], commands["dead"]) == ("commands", 1, 1)
    assert customers["stranded"] == {"silent": 0, "overdue": 0, "unrung": 1, "total": 1}
    assert customers["in_per_s"] == 0.0


def test_watching_goes_on_until_it_is_interrupted_and_while_a_server_is_away(
    both: Both, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = Inspector.__call__

    def second_fails_and_sixth_is_the_end(self: Inspector) -> Inspection:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise redis.ConnectionError("gone, for now")
        if looks == 6:
            raise KeyboardInterrupt
        return look(self)

    monkeypatch.setattr(Inspector, "__call__", second_fails_and_sixth_is_the_end)
    done = cli(app, "queues --watch --interval 0.1")
    assert (done.status, done.err, looks) == (0, "", 6)
    assert "customers" in done.out
    looks = 2
    done = cli(app, "queues --watch --interval 0.1 --json")
    assert (done.status, len(done.lines)) == (0, 2)


def test_another_number_of_partitions_is_refused(both: Both, cli: CommandLine) -> None:
    cli.set("log_partitions", str(PARTITIONS + 1))
    done = cli(app, "queues")
    assert done.status == 1
    assert done.err.startswith("error: LOG_PARTITIONS is 3, but")
