"""Every command by which an operator changes something is in the audit trail, or it changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from pymongo.database import Database

from bus.audit_trail.actions import Action
from bus.audit_trail.callers import of_this_process, over_http
from bus.audit_trail.trail import AuditTrail
from bus.connections.clients import StoredDocument
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.principal import Principal, Role
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.products import PRODUCTS
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.integration.spoiling import spoil
from tests.support import messages
from tests.support.command_line import APPS, CHANGING, COLUMNS, CommandLine, Ended
from tests.support.decided import come_to
from tests.support.unwritable_trail import everything_else, refuse_entries

SPOILT = f"order-{order_id('c1')}"
RETRIED = [("order_detail.g1 " + SPOILT, "failed")]
LINES: Mapping[str, tuple[str, list[tuple[str, str]]]] = {
    "bus dead retry": ("k90 k99 --reason x", [("k90", "done"), ("k99", "refused")]),
    "bus dead discard": ("--all --reason x", [("k90", "done")]),
    "read_side parked retry": ("--model order_detail", RETRIED),
    "read_side rebuild": ("products --no-swap --processes 1", [("products", "done")]),
    "read_side use": ("products.g2", [("products.g2", "refused")]),
    "read_side drop": ("products.g1", [("products.g1", "refused")]),
    "write_side repair": ("--carry-out", [("4", "done")]),
    "api deny": ("c1", [("*:c1", "done")]),
}
"""What each is given, and its entries: on what, and how they ended."""


@dataclass
class System:
    """Both databases, and a shell."""

    write: Database[StoredDocument]
    read: Database[StoredDocument]
    shell: CommandLine

    def run(self, name: str, arguments: str) -> Ended:
        package, *words = name.split()
        return self.shell(APPS[package], " ".join([*words, arguments]))


@pytest.fixture
def system(
    settings: Settings,
    write: WriteSide,
    read: ReadSide,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> System:
    """A failed command, a parked stream, and two products that have changed places in the log."""
    write.accept(messages.register_customer(customer_id="c9"), command_id="k90")
    failed = {"stream": "customer-c9", "partition": partition("c9"), "error": "ValueError: no more"}
    come_to(write.inbox, "k90", Outcome(status=CommandStatus.FAILED, **failed))
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2"))
    write.do(messages.place_order(order_id=order_id("c1")))
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=order_id("c1")))
    spoil(write, SPOILT, 2)
    read.drain([ORDER_DETAIL, PRODUCTS])
    shell = CommandLine(settings, monkeypatch, capsys)
    shell.set("log_partitions", str(PARTITIONS))
    return System(write.database, read.database, shell)


def exchange(database: Database[StoredDocument]) -> None:
    """Let an order stand below its customer in the log."""
    customer, placed = (
        database["commits"].find_one({"stream": stream, "version": 1}) for stream in ("customer-c1", SPOILT)
    )
    assert customer is not None
    assert placed is not None
    for commit, seq in ((placed, 0), (customer, placed["seq"]), (placed, customer["seq"])):
        database["commits"].update_one({"_id": commit["_id"]}, {"$set": {"seq": seq}})


@pytest.mark.parametrize("name", CHANGING)
def test_a_command_that_changes_something_leaves_an_entry(name: str, system: System) -> None:
    arguments, expected = LINES[name]
    if name == "write_side repair":
        exchange(system.write)
    system.run(name, arguments)
    entries, _ = AuditTrail(system.write, 1).page(10)
    assert sorted((entry.target, entry.outcome) for entry in entries) == expected
    assert {(e.action, e.who, e.through) for e in entries} == {
        (CHANGING[name], of_this_process().name, "command line")
    }


@pytest.mark.parametrize("name", CHANGING)
def test_it_changes_nothing_if_it_cannot_be_recorded(name: str, system: System) -> None:
    if name == "write_side repair":
        exchange(system.write)
    refuse_entries(system.write)
    before = everything_else(system.write, system.read)
    done = system.run(name, LINES[name][0])
    assert done.status == 1, done
    assert "failed validation" in done.err
    assert everything_else(system.write, system.read) == before


def test_whatever_was_asked_for_is_shown_as_it_is(system: System) -> None:
    caller = over_http(Principal(role=Role.OPS, subject="[/red]"), "10.0.0.7")
    AuditTrail(system.write, 1).count(caller, Action.READ_STORY, {"story_id": "\x1b[2J[/]\nx"})
    shown = system.run("bus audit-trail", "")
    assert (shown.status, shown.err) == (0, "")
    assert "ops:[/red]" in shown.out
    assert r"\x1b[2J[/]\nx" in shown.out


def test_the_trail_is_a_table_for_people_and_json_for_scripts(system: System) -> None:
    assert system.run("bus audit-trail", "").out == "Nothing is recorded.\n"
    system.run("bus dead retry", "k90 k99 --reason x")
    shown = system.run("bus audit-trail", "")
    assert (shown.status, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines())) <= COLUMNS
    assert [word for word in ("retry_dead", "k90", "k99", "done", "refused") if word not in shown.out] == []
    [[newest, oldest]] = system.run("bus audit-trail", "--json").lines
    assert newest == {
        "at": newest["at"],
        "who": of_this_process().name,
        "address": None,
        "through": "command line",
        "action": "retry_dead",
        "target": "k99",
        "outcome": "refused",
        "count": 1,
    }
    assert "There is more than these 1: see --limit." in system.run("bus audit-trail", "--limit 1").out
    assert system.run("bus audit-trail", f"--since {oldest['at'][:10]} --json").lines == [[newest, oldest]]
    assert system.run("bus audit-trail", "--since 2099-01-01T00:00:00 --json").lines == [[]]
    assert system.run("bus audit-trail", "--since yesterday").status == 2
