"""``python -m write_side log`` and ``show``: the log as an operator sees it."""

import json
import os
import subprocess
import sys
from itertools import chain, count
from signal import SIGINT

import pytest

from bus.messages.principal import Principal, Role
from bus.messages.values import OrderStatus
from bus.settings import Settings
from tests.integration.commands_queue import PATIENCE_S
from tests.integration.sides import PARTITIONS, WriteSide, order_id, partition
from tests.support import messages
from tests.support.command_line import CommandLine
from tests.support.waiting import until
from write_side import tail
from write_side.__main__ import app
from write_side.tail import Tail, Wanted

HOME = partition("c1")
ELSEWHERE = 1 - HOME
O1 = order_id("c1")
FAR = next(name for name in (f"p{number}" for number in count(2)) if partition(name) == ELSEWHERE)


@pytest.fixture
def cli(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    cli = CommandLine(settings, monkeypatch, capsys)
    cli.set("log_partitions", str(PARTITIONS))
    return cli


@pytest.fixture
def shop(write: WriteSide) -> WriteSide:
    """Commands k1 to k7; k5 is refused, k6 changes nothing."""
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id=FAR))
    write.do(messages.place_order(order_id=O1, items=(messages.TEAPOTS,)), correlation_id="r2")
    write.do(messages.change_order_status(OrderStatus.DELIVERED, order_id=O1))
    write.do(messages.change_customer(name="Ann Archer"))
    write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1), correlation_id="r2")
    return write


def found(cli: CommandLine, options: str = "") -> list[str]:
    """The ids of the commands whose commits are printed, in order."""
    done = cli(app, f"log --json {options}")
    assert (done.status, done.err) == (0, "")
    return [line["command_id"] for line in done.lines]


def test_the_newest_come_last_over_all_partitions(cli: CommandLine, shop: WriteSide) -> None:
    assert found(cli) == ["k1", "k2", "k3", "k4", "k5", "k6", "k7"]
    assert found(cli, "--limit 3") == ["k5", "k6", "k7"]
    assert found(cli, "-n 1") == ["k7"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (f"--stream order-{O1}", ["k4", "k5", "k7"]),
        (f"--stream order-{O1} --limit 2", ["k5", "k7"]),
        ("--stream customer-c1", ["k1", "k6"]),
        ("--type OrderConfirmed", ["k7"]),
        ("--type ProductAdded", ["k2", "k3"]),
        ("--command k5", ["k5"]),
        ("--correlation r2", ["k4", "k7"]),
        (f"--correlation r2 --type OrderPlaced --partition {HOME}", ["k4"]),
        (f"--partition {ELSEWHERE} --stream customer-c1", []),
        ("--stream order-none", []),
        ("--type Dance", []),
    ],
)
def test_it_can_be_narrowed(cli: CommandLine, shop: WriteSide, options: str, ids: list[str]) -> None:
    assert found(cli, options) == ids


def test_partitions_together_are_the_whole(cli: CommandLine, shop: WriteSide) -> None:
    parts = [found(cli, f"--partition {number}") for number in range(PARTITIONS)]
    assert sorted(chain.from_iterable(parts)) == found(cli)
    assert all(parts)


def test_positions_that_were_closed_unused_are_left_out(cli: CommandLine, shop: WriteSide) -> None:
    head = shop.log.head(HOME)
    shop.log.close([(HOME, head + 1)])
    assert found(cli, "--limit 2") == ["k6", "k7"]


def test_a_line_for_scripts_has_the_whole_commit_but_for_its_state(cli: CommandLine, shop: WriteSide) -> None:
    [placed] = cli(app, "log --json --command k4").lines
    assert placed["events"][0]["type"] == "OrderPlaced"
    assert placed["events"][0]["data"]["total"] == 5000
    assert placed["at"].endswith("Z")
    del placed["events"], placed["at"], placed["seq"]
    assert placed == {
        "partition": HOME,
        "by": "staff:sam",
        "command_id": "k4",
        "correlation_id": "r2",
        "stream": f"order-{O1}",
        "version": 1,
    }
    [refused] = cli(app, "log --json --command k5").lines
    assert refused["outcome"]["rejection"]["code"] == "status-not-allowed"


def test_a_line_for_people_says_what_and_who_and_where(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, "log")
    header, *lines = done.out.splitlines()
    assert len(lines) == 7
    assert header.split()[:2] == ["accepted", "(UTC)"]
    assert lines[3].split()[-4:] == ["1", "OrderPlaced", "staff:sam", f"order-{O1}"]
    assert "refused: status-not-allowed" in lines[4]
    assert "nothing changed" in lines[5]
    assert cli(app, "log --type Dance").out == ""


def test_what_comes_is_followed_and_a_hole_is_waited_for(shop: WriteSide) -> None:
    follow = Tail(shop.database, shop.log, Wanted())
    assert follow.news() == []
    shop.do(messages.change_customer(name="Bo"))
    assert [commit.command_id for commit in follow.news()] == ["k8"]
    assert follow.news() == []

    shop.database.positions.update_one(
        {"_id": "claimed"}, {"$inc": {str(HOME): 1}}
    )  # claimed by somebody slow
    shop.do(messages.change_customer(name="Cy"))
    late = Tail(shop.database, shop.log, Wanted())
    assert late.newest(1)[0].command_id == "k8"
    assert follow.news() == late.news() == []
    shop.log.close([(HOME, shop.log.head(HOME) - 1)])
    assert [commit.command_id for commit in follow.news()] == ["k9"]
    assert [commit.command_id for commit in late.news()] == ["k9"]


def test_following_starts_where_the_tail_ends_in_a_log_longer_than_its_window(
    shop: WriteSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "WINDOW", 2)
    monkeypatch.setattr(tail, "PAGE", 1)
    follow = Tail(shop.database, shop.log, Wanted())
    assert [commit.command_id for commit in follow.newest(2)] == ["k6", "k7"]
    for name in ("Bo", "Cy"):
        shop.do(messages.change_customer(name=name))
    assert [commit.command_id for _ in range(3) for commit in follow.news()] == ["k8", "k9"]


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(stream="customer-c1"),
        Wanted(event="OrderConfirmed"),
        Wanted(command="k5"),
        Wanted(correlation="r2"),
        Wanted(partition=HOME),
        Wanted(stream=f"order-{O1}", correlation="r1"),
    ],
    ids=str,
)
def test_the_query_and_what_is_followed_take_the_same(shop: WriteSide, wanted: Wanted) -> None:
    at_once = Tail(shop.database, shop.log, wanted).newest(100)
    followed = Tail(shop.database, shop.log, wanted)
    followed._ends = dict.fromkeys(followed._ends, 0)
    assert followed.news() == at_once
    assert at_once


def test_following_prints_each_at_once_and_ends_with_ctrl_c(shop: WriteSide, settings: Settings) -> None:
    environ = {
        **os.environ,
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "LOG_PARTITIONS": str(PARTITIONS),
    }
    line = [sys.executable, "-m", "write_side", "log", "--follow", "--json", "--limit", "1"]
    with subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as following:
        assert following.stdout is not None
        try:
            assert json.loads(following.stdout.readline())["command_id"] == "k7"
            shop.do(messages.change_customer(name="Bo"))
            assert json.loads(following.stdout.readline())["command_id"] == "k8"
            following.send_signal(SIGINT)
            until(lambda: following.poll() is not None, PATIENCE_S, "the end")
        finally:
            following.kill()
        assert following.stderr is not None
        assert (following.returncode, following.stderr.read()) == (0, b"")


def test_a_partition_that_there_is_not_is_refused(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, "log --partition 2")
    assert (done.status, done.out) == (1, "")
    assert done.err == "error: the log has the partitions 0 to 1\n"


def test_a_stream_is_shown_with_its_history_and_state(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, f"show order-{O1}")
    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 100
    for said in (f"order-{O1}", "OrderPlaced", "OrderConfirmed", "staff:sam", "State at version 2:"):
        assert said in done.out
    [report] = cli(app, f"show order-{O1} --json").lines
    assert (report["stream"], report["version"]) == (f"order-{O1}", 2)
    assert report["state"]["status"] == "confirmed"
    assert [commit["version"] for commit in report["history"]] == [1, 2]


@pytest.mark.parametrize("identity", ["auth0|5f7c8ec7", "ann+shop@example.com", "urn:key:1"])
def test_an_id_is_printed_as_it_is(cli: CommandLine, write: WriteSide, identity: str) -> None:
    """Also one that has the name of an emoji between two colons."""
    stream = f"customer-{identity}"
    own = Principal(role=Role.CUSTOMER, subject=identity)
    write.do(messages.register_customer(customer_id=identity), by=own)
    cli.set("columns", "160")  # in 80 it is folded
    shown = cli(app, f"show '{stream}'")
    assert (shown.status, shown.err) == (0, "")
    assert stream in shown.out
    assert f"customer:{identity}" in shown.out
    assert cli(app, f"log --stream '{stream}'").out.split()[-2:] == [f"customer:{identity}", stream]


def test_the_state_of_any_version_can_be_shown(cli: CommandLine, shop: WriteSide) -> None:
    [report] = cli(app, f"show order-{O1} --version 1 --json").lines
    assert (report["version"], report["state"]["status"]) == (1, "pending")
    assert len(report["history"]) == 2
    assert "State at version 1:" in cli(app, f"show order-{O1} --version 1").out


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("show order-none", "error: the log has no stream order-none: "),
        ("show customer-c1 --version 7", "error: customer-c1 has the versions 1 to 1, not 7"),
    ],
)
def test_what_there_is_not_is_refused(cli: CommandLine, shop: WriteSide, line: str, error: str) -> None:
    done = cli(app, line)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(error)


@pytest.mark.parametrize("line", ["show", "show order-1 --version 0", "log --limit 0", "log --partition -1"])
def test_wrong_usage_is_status_2(cli: CommandLine, line: str) -> None:
    done = cli(app, line)
    assert (done.status, done.out) == (2, "")
