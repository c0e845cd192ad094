"""A log whose order is wrong: the audit finds it, and the repair puts it right."""

from typing import Any

import pytest
from pymongo import ASCENDING
from typer.testing import CliRunner

from bus.connections.clients import read_database
from bus.errors import LogMismatchError, RefusedError
from bus.messages.values import OrderStatus
from bus.observability.heartbeats import Heartbeat
from bus.settings import Settings
from read_side.__main__ import app as read_side_app
from read_side.audit.audit import audit as audit_read_models
from tests.integration.crashes import Crash, dying
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.support import messages
from write_side.__main__ import app as write_side_app
from write_side.audit import audit
from write_side.repair import Move, Repair

HOME = partition("c1")
ORDER = order_id("c1")
STREAM = f"order-{ORDER}"


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    """Two versions of an order have changed places in the log, and so have the order and its customer."""
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=ORDER))
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=ORDER))
    write.do(messages.change_order_status(OrderStatus.SHIPPED, order_id=ORDER))
    _exchange(write, (STREAM, 2), (STREAM, 3))
    _exchange(write, ("customer-c1", 1), (STREAM, 1))
    return write


def _exchange(write: WriteSide, one: tuple[str, int], other: tuple[str, int]) -> None:
    commits = write.database.commits
    first, second = (
        {"partition": HOME, "stream": stream, "version": version} for stream, version in (one, other)
    )
    positions = [commits.find_one(where)["seq"] for where in (first, second)]  # type: ignore[index]
    commits.update_one(first, {"$set": {"seq": 0}})
    commits.update_one(second, {"$set": {"seq": positions[0]}})
    commits.update_one(first, {"$set": {"seq": positions[1]}})


def _by_position(write: WriteSide) -> list[tuple[str, int]]:
    found = write.database.commits.find({"partition": HOME, "stream": {"$in": [STREAM, "customer-c1"]}})
    return [(stored["stream"], stored["version"]) for stored in found.sort("seq", ASCENDING)]


IN_ORDER = [("customer-c1", 1), (STREAM, 1), (STREAM, 2), (STREAM, 3)]


def test_the_audit_finds_what_stands_below_what_it_rests_on(write: WriteSide) -> None:
    found = [(one.stream, one.version, one.field) for one in audit(write.database, PARTITIONS)]
    assert set(found) == {(STREAM, 3, "seq"), (STREAM, 1, "seq")}
    sampled = audit(write.database, PARTITIONS, sample=1_000)
    assert [(one.stream, one.version, one.field) for one in sampled] == found


def test_the_repair_exchanges_the_positions_and_nothing_else(write: WriteSide) -> None:
    before = {stored["_id"]: stored for stored in write.database.commits.find()}
    repair = Repair(write.database, PARTITIONS)
    repair.carry_out(repair.moves())
    after = {stored["_id"]: stored for stored in write.database.commits.find()}
    assert (audit(write.database, PARTITIONS), _by_position(write)) == ([], IN_ORDER)
    assert sorted(s["seq"] for s in before.values()) == sorted(s["seq"] for s in after.values())
    assert [{**s, "seq": 0} for s in before.values()] == [{**after[key], "seq": 0} for key in before]
    assert Repair(write.database, PARTITIONS).moves() == []


@pytest.mark.parametrize("at", range(1, 16))
def test_a_repair_that_is_killed_before_any_write_is_finished_by_the_next(write: WriteSide, at: int) -> None:
    repair = Repair(write.database, PARTITIONS)
    moves = repair.moves()
    with dying(write.database, at, "before") as death:
        repair.carry_out(moves)
    another = Repair(write.database, PARTITIONS)
    if another.begun():
        with pytest.raises(LogMismatchError, match="repair"):  # no process starts on it
            write.log.create()
    another.carry_out(another.moves())
    write.log.create()
    assert (audit(write.database, PARTITIONS), _by_position(write)) == ([], IN_ORDER), death.written


def test_a_tombstone_that_took_a_position_meanwhile_gives_way(write: WriteSide) -> None:
    repair = Repair(write.database, PARTITIONS)
    moves = repair.moves()
    with dying(write.database, 2 + len(moves), "before"):  # the plan is kept, everything is below zero
        repair.carry_out(moves)
    assert write.log.close([(move.partition, move.to) for move in moves]) == len(moves)
    another = Repair(write.database, PARTITIONS)
    another.carry_out(another.moves())
    assert (audit(write.database, PARTITIONS), _by_position(write)) == ([], IN_ORDER)


def test_nothing_is_moved_while_somebody_decides_or_projects(write: WriteSide) -> None:
    Heartbeat(write.database, "projections").beat()
    repair = Repair(write.database, PARTITIONS)
    with pytest.raises(RefusedError, match="projections"):
        repair.carry_out([Move(HOME, STREAM, 1, 1, 2)])


def _run(app: Any, settings: Settings, *arguments: str) -> tuple[int, str]:
    environment = {
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "READ_DATABASE": settings.read_database,
        "LOG_PARTITIONS": str(PARTITIONS),
    }
    done = CliRunner(env=environment).invoke(app, arguments)
    assert not isinstance(done.exception, Crash)
    return done.exit_code, done.output


def test_the_commands_of_the_operators_page(write: WriteSide, settings: Settings) -> None:
    database = read_database(settings)
    with database.client:
        read = ReadSide(write.log, database)
        read.create()
        read.drain()
        assert [parked.stream for parked in read.parking.every()] != []
        assert audit_read_models(write.log, database) == []  # each equals the fold of a log that is wrong
    status, told = _run(read_side_app, settings, "audit")
    assert status == 1
    wrong = len(audit(write.database, PARTITIONS))
    assert f"in all: {wrong} differences: 0 between the read models and the log, {wrong} in the log" in told
    assert _run(write_side_app, settings, "audit")[0] == 1
    status, told = _run(write_side_app, settings, "repair")
    assert (status, "Nothing was moved" in told, _by_position(write) == IN_ORDER) == (1, True, False)
    assert _run(write_side_app, settings, "repair", "--carry-out")[0] == 0
    assert _by_position(write) == IN_ORDER
    assert _run(write_side_app, settings, "audit")[0] == 0
    assert _run(write_side_app, settings, "repair")[0] == 0
