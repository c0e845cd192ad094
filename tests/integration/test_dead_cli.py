"""``python -m bus dead``: what an operator sees and can do, and how it ends."""

import io
from collections.abc import Iterator

import pytest
import redis
from dramatiq import Message

from bus.__main__ import app
from bus.audit_trail.callers import of_this_process
from bus.connections.clients import write_database
from bus.dead_letters.store import DeadLetters
from bus.messages.outcome import CommandStatus, Outcome
from bus.settings import Settings
from tests.integration.commands_queue import redis_away, waiting
from tests.integration.graveyard import DIED_MS, bury, payload
from tests.integration.sides import WriteSide
from tests.support import messages
from tests.support.command_line import COLUMNS, CommandLine
from tests.support.decided import come_to

USER = of_this_process().name


@pytest.fixture
def cli(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(settings, monkeypatch, capsys)


@pytest.fixture
def shop(settings: Settings, client: redis.Redis) -> Iterator[WriteSide]:
    """Two failed commands, and three dead letters: a command, a bell, and one that cannot be read."""
    database = write_database(settings)
    shop = WriteSide(database)
    shop.create()
    for number in (1, 2):
        shop.accept(messages.register_customer(customer_id=f"c{number}"))
        outcome = Outcome(
            status=CommandStatus.FAILED,
            stream=f"customer-c{number}",
            partition=0,
            error="ValueError: [no] more",
        )
        come_to(shop.inbox, f"k{number}", outcome)
    earlier = [{"$set": {"finished_at": {"$subtract": ["$finished_at", 1_000]}}}]  # in another millisecond
    shop.database.commands.update_one({"_id": "k1"}, earlier)
    bury(client, "k2", DIED_MS, payload("k2", options={"error": "KeyError: 'k2'", "retries": 3}))
    bury(client, "b1", DIED_MS + 1, payload("b1", actor_name="customers", kwargs={}), queue="customers")
    bury(client, "u1", DIED_MS + 2, b"\xff[red]")
    letters = DeadLetters(database)
    letters.create()
    letters.collect(client, ["commands", "customers"])
    yield shop
    database.client.close()


def letter_ids(shop: WriteSide) -> dict[str, str]:
    """By what they were called in Redis."""
    return {stored["redis_id"]: stored["_id"] for stored in shop.database.dead_letters.find()}


def listed(cli: CommandLine, options: str = "") -> list[str]:
    """What is listed: commands by their ids, letters too."""
    done = cli(app, f"dead list --json {options}")
    assert (done.status, done.err) == (0, "")
    [found] = done.lines
    return [one["id"] for one in found]


def test_nothing_is_listed_when_there_is_nothing(cli: CommandLine) -> None:
    done = cli(app, "dead list")
    assert (done.status, done.out) == (0, "Nothing waits for an operator.\n")
    assert cli(app, "dead list --json").lines == [[]]
    assert cli(app, "dead retry --all --reason x").status == 0


def test_the_list_is_a_table_for_people(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, "dead list")
    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= COLUMNS
    for said in (
        *letter_ids(shop).values(),
        "k1",
        "ValueError: [no] more",
        "undecodable",
        "RegisterCustomer",
    ):
        assert said in done.out
    assert "There are more than these 2: see --limit." in cli(app, "dead list --limit 2").out


def test_the_list_can_be_narrowed(cli: CommandLine, shop: WriteSide) -> None:
    ids = letter_ids(shop)
    assert listed(cli) == ["k2", "k1", ids["u1"], ids["b1"], ids["k2"]]
    assert listed(cli, "--limit 3") == ["k2", "k1", ids["u1"]]
    assert listed(cli, "--failed") == ["k2", "k1"]
    assert listed(cli, "--letters") == [ids["u1"], ids["b1"], ids["k2"]]
    assert listed(cli, "--queue customers") == [ids["b1"]]
    assert listed(cli, "--queue commands") == ["k2", "k1", ids["u1"], ids["k2"]]


def test_the_list_for_scripts_says_all_that_the_table_says(cli: CommandLine, shop: WriteSide) -> None:
    [found] = cli(app, "dead list --json --queue commands --letters").lines
    assert found[1] == {
        "kind": "letter",
        "id": letter_ids(shop)["k2"],
        "queue": "commands",
        "what": "handle_command",
        "reason": "KeyError: 'k2'",
        "since": "2025-06-15T15:06:40Z",
        "state": "kept",
    }


def test_a_command_is_shown_with_the_letters_that_carried_it(cli: CommandLine, shop: WriteSide) -> None:
    [found] = cli(app, "dead show k2 --json").lines
    command, letter = found
    assert command["envelope"]["command"]["email"] == "ann@example.com"
    assert command["outcome"]["error"] == "ValueError: [no] more"
    assert letter["message"]["kwargs"]["envelope"]["command_id"] == "k2"
    done = cli(app, "dead show k2")
    assert done.status == 0
    assert "ann@example.com" in done.out


def test_a_letter_is_shown_as_it_is_if_it_cannot_be_read(cli: CommandLine, shop: WriteSide) -> None:
    [[letter]] = cli(app, f"dead show {letter_ids(shop)['u1']} --json").lines
    assert letter["message"] == "\\xff[red]"
    assert cli(app, f"dead show {letter_ids(shop)['u1']}").status == 0


def test_what_there_is_not_cannot_be_shown(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, "dead show k9")
    assert (done.status, done.out) == (1, "")
    assert done.err == "error: there is no dead letter and no failed command k9\n"


def test_a_retried_command_is_accepted_and_on_the_queue(
    cli: CommandLine, shop: WriteSide, client: redis.Redis
) -> None:
    done = cli(app, "dead retry k2 --reason 'the bug is mended'")
    assert (done.status, done.out) == (0, "k2: accepted again, at the end of the order\n")
    assert waiting(client) == ["k2"]
    entry = shop.inbox.find("k2")
    assert entry is not None
    assert entry.status is CommandStatus.ACCEPTED
    [[command, _]] = cli(app, "dead show k2 --json").lines
    assert command["resolutions"][0].items() >= {"by": USER, "reason": "the bug is mended"}.items()
    again = cli(app, "dead retry k2 --reason 'once more'")
    assert (again.status, again.out, again.err) == (1, "", "refused: k2 is accepted, not failed\n")
    assert shop.handling(entry.envelope) is not None


def test_while_redis_is_away_the_sweep_delivers_a_retried_command(cli: CommandLine, shop: WriteSide) -> None:
    with redis_away() as nobody:
        where = nobody.get_connection_kwargs()
        cli.set("redis_url", f"redis://{where['host']}:{where['port']}")
        done = cli(app, "dead retry k1 --reason x")
        assert (done.status, done.out) == (
            0,
            "k1: accepted again; Redis is away, so the sweep will deliver it\n",
        )
        letter = letter_ids(shop)["b1"]
        refused = cli(app, f"dead retry {letter} --reason x")
    assert refused.status == 1
    assert refused.err.startswith(
        "error: REDIS_URL: a server cannot be reached: Error 111 connecting to 127.0.0.1:"
    )
    assert letter in listed(cli)


def test_a_retried_letter_is_on_its_queue_under_a_new_id(
    cli: CommandLine, shop: WriteSide, client: redis.Redis
) -> None:
    letter = letter_ids(shop)["k2"]
    done = cli(app, f"dead retry {letter} --reason x")
    assert (done.status, done.out) == (0, f"{letter}: put on the queue commands again\n")
    [redis_id] = waiting(client)
    assert redis_id != "k2"
    stored = client.hget("dramatiq:commands.msgs", redis_id)
    assert isinstance(stored, bytes)
    message = Message.decode(stored)
    assert (message.message_id, message.options) == ("k2", {"redis_message_id": redis_id})
    assert letter not in listed(cli)
    assert letter in listed(cli, "--all")
    [[shown]] = cli(app, f"dead show {letter} --json").lines
    assert shown.items() >= {"state": "retried", "resolved_by": USER, "resolution": "x"}.items()
    again = cli(app, f"dead retry {letter} --reason y")
    assert (again.status, again.err) == (1, f"refused: {letter} was retried already, by {USER}: x\n")
    assert waiting(client) == [redis_id]


def test_what_cannot_be_read_cannot_be_retried_but_the_others_are(
    cli: CommandLine, shop: WriteSide, client: redis.Redis
) -> None:
    ids = letter_ids(shop)
    done = cli(app, f"dead retry {ids['u1']} k9 {ids['k2']} --reason x")
    assert done.status == 1
    assert done.out == f"{ids['k2']}: put on the queue commands again\n"
    assert done.err.startswith(f"refused: {ids['u1']} cannot be delivered again: undecodable: ")
    assert "refused: there is no command k9\n" in done.err
    assert ids["u1"] in listed(cli)


def test_all_can_be_retried_in_the_order_they_failed(
    cli: CommandLine, shop: WriteSide, client: redis.Redis
) -> None:
    done = cli(app, "dead retry --all --failed --reason x")
    assert done.status == 0
    assert waiting(client) == ["k1", "k2"]
    assert len(listed(cli)) == 3
    done = cli(app, "dead retry --all --queue customers --reason x")
    assert (done.status, len(done.out.splitlines())) == (0, 1)
    assert client.llen("dramatiq:customers") == 1


def test_the_discarded_are_kept_and_not_listed(cli: CommandLine, shop: WriteSide) -> None:
    letter = letter_ids(shop)["u1"]
    done = cli(app, f"dead discard k1 {letter} --reason 'a test of ours'")
    assert done.status == 0
    assert len(done.out.splitlines()) == 2
    assert {"k1", letter} & {*listed(cli)} == set()
    assert {"k1", letter} <= {*listed(cli, "--all")}
    assert "(discarded)" in cli(app, "dead list --all").out
    again = cli(app, f"dead discard k1 {letter} --reason x")
    assert again.status == 1
    assert len(again.err.splitlines()) == 2


def test_all_can_be_discarded(cli: CommandLine, shop: WriteSide) -> None:
    done = cli(app, "dead discard --all --queue customers --reason x")
    assert (done.status, len(done.out.splitlines())) == (0, 1)
    done = cli(app, "dead discard --all --failed --reason 'a test of ours'")
    assert (done.status, len(done.out.splitlines())) == (0, 2)
    assert len(listed(cli)) == 2
    [[command, *_]] = cli(app, "dead show k1 --json").lines
    assert command["resolutions"][0].items() >= {"by": USER, "reason": "a test of ours"}.items()
    assert cli(app, "dead discard --all --reason x").status == 0
    done = cli(app, "dead discard --all --reason x")
    assert (done.status, done.out) == (0, "Nothing waits for an operator.\n")


@pytest.mark.parametrize(("typed", "left"), [("n", 5), ("", 5), ("y", 0)])
def test_on_a_terminal_it_asks_before_it_discards_all(
    cli: CommandLine, shop: WriteSide, monkeypatch: pytest.MonkeyPatch, typed: str, left: int
) -> None:
    terminal = io.StringIO(f"{typed}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)  # at its end when it has been asked once
    done = cli(app, "dead discard --all --reason x")
    assert (done.status, len(listed(cli))) == (1 if left else 0, left)
    assert "Discard 5 that `list` shows? [y/N]" in done.err
    assert cli(app, "dead discard --all --yes --reason x").status == 0
    assert listed(cli) == []


@pytest.mark.parametrize(
    "line",
    [
        "dead retry k1",
        "dead retry k1 --reason ' '",
        "dead retry --reason x",
        "dead retry k1 --all --reason x",
        "dead retry k1 --failed --reason x",
        "dead discard --reason x",
        "dead discard k1",
        "dead discard k1 --all --reason x",
        "dead discard k1 --letters --reason x",
        "dead discard k1 --reason ''",
        "dead discard k1 --reason x --by ann",
        "dead show",
        "dead list --limit 0",
        "queues --interval 0",
    ],
)
def test_wrong_usage_is_status_2_and_changes_nothing(cli: CommandLine, shop: WriteSide, line: str) -> None:
    before = listed(cli)
    done = cli(app, line)
    assert (done.status, done.out) == (2, "")
    assert listed(cli) == before
