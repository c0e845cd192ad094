"""The projector on a real MongoDB: it drains the log, and stops where it must."""

from typing import Any
from unittest import mock

import pytest

from read_side.audit.audit import audit
from read_side.errors import BehindTheCheckpointError
from read_side.projections import READ_MODELS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import catch_up
from read_side.projector.catch_up import End
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages

HOME = partition("c1")
O1 = order_id("c1")


def _open(write: WriteSide) -> None:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=O1))


@pytest.mark.parametrize("size", [1, 2, 1_000])
def test_a_run_drains_the_log(write: WriteSide, read: ReadSide, size: int) -> None:
    _open(write)
    with mock.patch.object(catch_up, "BATCH", size):
        read.drain()
    assert read.documents(ORDER_SUMMARY)[O1]["total"] == 2 * 2500 + 3 * 450
    assert read.position(ORDER_SUMMARY, HOME) == write.log.head(HOME)
    assert ("order_summary", HOME) in read.announced
    assert audit(write.log, read.database) == []
    # Nothing is left to do: neither documents nor checkpoints move.
    before = [read.documents(model) for model in READ_MODELS], read.checkpoints.positions()
    read.drain()
    assert ([read.documents(model) for model in READ_MODELS], read.checkpoints.positions()) == before


def test_what_is_appended_while_the_lease_is_held_is_seen_by_its_holder(
    write: WriteSide, read: ReadSide
) -> None:
    _open(write)
    release = read.checkpoints.release

    def late(lease: Any) -> None:
        read.checkpoints.release = release  # type: ignore[method-assign]
        write.do(messages.change_order_status(order_id=O1))
        # Its bell finds the lease held, and so does nothing.
        assert read.run(ORDER_SUMMARY, HOME).end is End.HELD
        release(lease)

    with mock.patch.object(read.checkpoints, "release", late):
        assert read.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "confirmed"


def _gap(write: WriteSide) -> int:
    """A position that is claimed and not filled."""
    write.database.positions.update_one({"_id": "claimed"}, {"$inc": {str(HOME): 1}})
    return write.log.head(HOME) + 1


def test_a_hole_is_waited_for_and_then_closed(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    gap = _gap(write)
    write.do(messages.change_order_status(order_id=O1))
    patient = ReadSide(write.log, read.database, grace_ms=60_000)
    run = patient.run(ORDER_SUMMARY, HOME)
    assert run.end is End.GAP
    assert 0 < run.wait_s <= 60
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "pending"
    assert read.position(ORDER_SUMMARY, HOME) == gap - 1
    # Once the grace is over for it, the same runner closes it.
    with mock.patch.object(patient.context.gaps, "_grace", 0.0):
        assert patient.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "confirmed"
    tombstone = write.database.commits.find_one({"partition": HOME, "seq": gap}, {"_id": False})
    assert tombstone == {"partition": HOME, "seq": gap}


def test_a_hole_that_fills_in_time_is_not_closed(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    gap = _gap(write)
    write.do(messages.change_order_status(order_id=O1))
    patient = ReadSide(write.log, read.database, grace_ms=60_000)
    assert patient.run(ORDER_SUMMARY, HOME).end is End.GAP
    late = {"partition": HOME, "seq": gap, "command_id": "late", "outcome": {}}
    write.database.commits.insert_one(dict(late))
    assert patient.run(ORDER_SUMMARY, HOME).end is End.DRAINED
    assert write.database.commits.find_one({"partition": HOME, "seq": gap}, {"_id": False}) == late


def test_a_checkpoint_beyond_the_head_stops_the_projector(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    read.drain([ORDER_SUMMARY])
    write.database.commits.delete_many({"partition": HOME, "seq": {"$gte": 2}})
    with pytest.raises(BehindTheCheckpointError, match="order_summary"):
        read.run(ORDER_SUMMARY, HOME)
    with pytest.raises(BehindTheCheckpointError):
        audit(write.log, read.database, [ORDER_SUMMARY])
    assert read.checkpoints.take(ORDER_SUMMARY.name, 1, HOME, "next"), "the lease was not let go of"


def test_a_runner_that_is_to_stop_stops(write: WriteSide, read: ReadSide) -> None:
    _open(write)
    read.stopping.set()
    assert read.run(ORDER_SUMMARY, HOME).end is End.STOPPED
    assert read.position(ORDER_SUMMARY, HOME) == 0
