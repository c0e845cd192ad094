"""``python -m read_side parked``: what is parked and why, and retrying it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bus.connections.clients import redis_client
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.__main__ import app
from read_side.audit.audit import audit
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector.catch_up import End
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.spoiling import repair, spoil
from tests.support import messages
from tests.support.command_line import plain

HOME = partition("c1")
O1, O2 = order_id("c1", 1), order_id("c1", 2)
FIRST, SECOND = f"order-{O1}", f"order-{O2}"
MODELS = (ORDER_SUMMARY, ORDER_DETAIL, ORDER_ANALYTICS)


@pytest.fixture
def write(settings: Settings, write: WriteSide, monkeypatch: pytest.MonkeyPatch) -> WriteSide:
    """Two orders, both confirmed by an event that nobody can read and shipped by one that everybody can."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("LOG_PARTITIONS", str(PARTITIONS))
    for name in ("redis_url", "write_mongodb_uri", "write_database", "read_mongodb_uri", "read_database"):
        monkeypatch.setenv(name.upper(), plain(settings, name))
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    for placed in (O1, O2):
        write.do(messages.place_order(order_id=placed))
        for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED):
            write.do(messages.change_order_status(status, order_id=placed))
        spoil(write, f"order-{placed}", 2)
    return write


@pytest.fixture
def read(read: ReadSide) -> ReadSide:
    read.drain(MODELS)
    return read


def parked(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["parked", *arguments])


def told(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(parked(*arguments, "--json").stdout)
    return found


def test_it_lists_what_is_parked_and_why(write: WriteSide, read: ReadSide) -> None:
    result = parked()
    assert result.exit_code == 3
    for column in ("read model", "partition", "position", "waiting", "since", "error"):
        assert column in result.stdout
    assert "In all 6, as status counts" in result.stdout
    assert result.stdout.splitlines().count(FIRST) == result.stdout.splitlines().count(SECOND) == 1
    assert all(result.stdout.count(f"{model.name}.g1 ") == 2 for model in MODELS)
    rows = told()
    assert [(row["read_model"], row["stream"]) for row in rows] == [
        (name, stream)
        for name in ("order_analytics", "order_detail", "order_summary")
        for stream in (FIRST, SECOND)
    ]
    first = rows[0]
    assert (first["generation"], first["partition"], first["waiting"]) == (1, HOME, 1)
    assert first["position"] == write.log.history(HOME, FIRST)[1].seq
    assert "OrderConfirmed version 99" in first["error"]
    assert first["since"].endswith("+00:00")


def test_what_is_given_to_other_commands_is_never_cut(
    read: ReadSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = parked().stdout
    assert shown.splitlines().count(FIRST) == 1
    assert all(f"{model.name}.g1 " in shown for model in MODELS)
    assert "…" not in shown


def test_nothing_parked_is_nothing_to_report(read: ReadSide) -> None:
    read.database["parked"].delete_many({})
    result = parked()
    assert (result.exit_code, result.stdout) == (0, "Nothing is parked.\n")
    assert told() == []
    assert parked("retry", "--all").exit_code == 0


def test_a_retry_after_the_fix(write: WriteSide, read: ReadSide, settings: Settings) -> None:
    repair(write)
    result = parked("retry", FIRST, "--model", "order_summary")
    assert (result.exit_code, result.stdout) == (0, f"order_summary.g1: {FIRST}: mended\n")
    assert read.parking.streams("order_summary", 1, HOME).keys() == {SECOND}
    assert read.parking.streams("order_detail", 1, HOME).keys() == {FIRST, SECOND}
    assert read.documents(ORDER_SUMMARY)[O1]["status"] == "shipped"
    with redis_client(settings) as client:
        assert client.llen("dramatiq:order_summary") == 1, "whom the lease was taken from is called back"
    assert [row["result"] for row in told("retry", "--model", "order_summary")] == ["mended"]
    assert read.run(ORDER_SUMMARY, HOME).end is End.DRAINED, "the lease is free"
    assert audit(write.log, read.database, MODELS) == []


def test_what_needs_a_rebuild_is_refused_with_the_command_for_it(write: WriteSide, read: ReadSide) -> None:
    repair(write)
    result = parked("retry", "--all")
    assert result.exit_code == 3
    assert result.stdout.count(": mended\n") == 4
    assert result.stdout.count("`python -m read_side rebuild order_analytics`") == 2
    assert [row["result"] for row in told("retry", "--all")] == ["rebuild"] * 2
    assert read.parking.streams("order_analytics", 1, HOME).keys() == {FIRST, SECOND}
    assert audit(write.log, read.database, MODELS) == []


def test_what_is_not_fixed_stays_parked_and_says_why(write: WriteSide, read: ReadSide) -> None:
    repair(write, FIRST)
    result = parked("retry", "--model", "order_detail")
    assert result.exit_code == 3
    first, second = result.stdout.splitlines()
    assert first == f"order_detail.g1: {FIRST}: mended"
    assert second.startswith(f"order_detail.g1: {SECOND}: parked: still, from position ")
    assert "OrderConfirmed version 99" in second
    assert audit(write.log, read.database, MODELS) == []


def test_without_redis_it_works_as_well(
    write: WriteSide, read: ReadSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    repair(write)
    assert parked("retry", FIRST, "--model", "order_summary").exit_code == 0


def test_it_wants_to_be_told_what(read: ReadSide) -> None:
    for arguments in ([], ["--all", FIRST], ["--all", "--model", "order_detail"], ["--model", "orders"]):
        result = parked("retry", *arguments)
        assert result.exit_code == 2, arguments
    unknown = parked("retry", "order-x")
    assert (unknown.exit_code, unknown.stderr) == (1, "order-x is not parked\n")


def test_what_another_version_folds_is_left_to_it(write: WriteSide, read: ReadSide) -> None:
    repair(write)
    where, change = {"_id": "order_summary"}, {"$set": {"generations.1.version": 7}}
    assert read.database["read_models"].update_one(where, change).modified_count
    result = parked("retry", FIRST, "--model", "order_summary")
    refused = f"refused: order_summary.g1 is of version 7, this code of {ORDER_SUMMARY.version}"
    assert (result.exit_code, result.stdout) == (3, f"order_summary.g1: {FIRST}: {refused}\n")
    read.checkpoints.delete("order_detail", 1)
    assert "order_detail.g1 is gone" in parked("retry", FIRST, "--model", "order_detail").stdout
