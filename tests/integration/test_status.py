"""``status``, ``generations``, ``use``, ``drop`` and ``audit --generation``, as an operator meets them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from bus.connections.clients import read_database
from bus.errors import TwofoldError
from bus.observability import logs
from bus.settings import Settings
from read_side.__main__ import app
from read_side.cli.status_report import age
from read_side.projections import READ_MODELS
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.queries.status import MAX_LAG_S, GenerationStatus, Progress, StatusReader, attention
from tests.integration.rebuilding import Rebuilding, Worker, changed, quick
from tests.integration.sides import PARTITIONS, WriteSide, order_id, partition
from tests.integration.spoiling import set_aside
from tests.support import messages

HOME = partition("c1")


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=order_id("c1")))
    return write


@pytest.fixture
def worker(settings: Settings, write: WriteSide) -> Iterator[Worker]:
    database = read_database(settings)
    worker = Worker(write.log, database)
    worker.start()
    worker.ring_for_all()
    yield worker
    database.client.close()


@pytest.fixture
def run(settings: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logs, "configure", lambda *_: None)  # it would hold for all tests that follow
    environment = {
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
        "READ_DATABASE": settings.read_database,
        "LOG_PARTITIONS": str(PARTITIONS),
    }

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(arguments), env=environment, terminal_width=80)
        if done.exception is not None and not isinstance(done.exception, SystemExit | TwofoldError):
            raise done.exception
        error = str(done.exception) if isinstance(done.exception, TwofoldError) else ""
        return done.exit_code, done.stdout + error

    return run


def _status(run: Any, *options: str) -> tuple[int, dict[str, Any]]:
    code, shown = run("status", "--json", "--interval", "0.1", *options)
    told: dict[str, Any] = json.loads(shown)
    return code, told


def _of(told: dict[str, Any], name: str, generation: int = 1) -> dict[str, Any]:
    [standing] = [s for s in told["read_models"] if (s["read_model"], s["generation"]) == (name, generation)]
    found: dict[str, Any] = standing
    return found


def test_when_all_is_well(run: Any, write: WriteSide) -> None:
    code, told = _status(run)
    assert (code, told["attention"]) == (0, [])
    assert {s["read_model"] for s in told["read_models"]} == {model.name for model in READ_MODELS}
    one = _of(told, "order_summary")["partitions"][HOME]
    assert one == {
        "partition": HOME,
        "position": write.log.head(HOME),
        "head": write.log.head(HOME),
        "lag": 0,
        "lag_s": 0.0,
        "rate": 0.0,
        "parked": 0,
        "holder": None,
        "error": None,
        "error_at": None,
    }
    code, shown = run("status", "--interval", "0.1")
    assert code == 0
    assert "order_summary.g1" in shown


def test_what_needs_attention_is_said_and_is_the_exit_status(
    run: Any, write: WriteSide, worker: Worker
) -> None:
    name = "order_summary"
    set_aside(worker.parking, name, HOME, "order-x", 2)
    worker.checkpoints.note_error("products", 1, HOME, "$broken: ValueError()")
    write.do(messages.change_customer(name="Ann Baker"))  # accepted in 2024
    held = worker.checkpoints.take("customers", 1, HOME, "somebody:7")
    assert held is not None
    code, told = _status(run)
    assert code == 3
    assert _of(told, name)["partitions"][HOME]["parked"] == 1
    assert _of(told, "customers")["partitions"][HOME]["holder"] == "somebody:7"
    assert _of(told, "products")["partitions"][HOME]["error"] == "$broken: ValueError()"
    said = "\n".join(told["attention"])
    assert "order_summary.g1 has 1 parked stream:" in said
    assert f"products.g1/{HOME} failed: $broken" in said
    assert f"customers.g1/{HOME} is 1 commits and" in said
    # What has moved on since is no longer wrong.
    worker.checkpoints.release(held)
    worker.database.parked.delete_many({})
    worker.ring_for_all()
    assert _status(run)[0] == 0


def test_status_and_parked_count_the_same(run: Any, write: WriteSide, worker: Worker) -> None:
    name, others = "order_summary", [partition for partition in range(PARTITIONS) if partition != HOME]
    for stream in ("order-x", "order-y"):
        set_aside(worker.parking, name, HOME, stream, 2)
        set_aside(worker.parking, "products", HOME, stream, 2)
    set_aside(worker.parking, name, others[0], "order-z", 2)

    def counted() -> tuple[int, int, Counter[str], Counter[str]]:
        """How both end, and what they count by generation."""
        well, told = _status(run)
        code, listed = run("parked", "--json")
        assert f"In all {len(json.loads(listed)):,}, as status counts" in run("parked")[1]
        return (
            well,
            code,
            +Counter(
                {
                    f"{one['read_model']}.g{one['generation']}": sum(p["parked"] for p in one["partitions"])
                    for one in told["read_models"]
                }
            ),
            Counter(f"{one['read_model']}.g{one['generation']}" for one in json.loads(listed)),
        )

    by_generation = Counter({"order_summary.g1": 3, "products.g1": 2})
    assert counted() == (3, 3, by_generation, by_generation)
    for state in ("retiring", "leaving", "building"):
        worker.database.read_models.update_many(
            {"_id": {"$in": [name, "products"]}}, {"$set": {"live": 9, "generations.1.state": state}}
        )
        assert counted() == (0, 0, by_generation, by_generation), state
        assert "order_summary.g1 " + state in run("parked")[1]
        assert "5 of them need nobody" in run("parked")[1]


def test_how_far_is_too_far_can_be_said(run: Any, write: WriteSide) -> None:
    write.do(messages.change_customer(name="Ann Baker"))
    lag_s = _of(_status(run)[1], "customers")["partitions"][HOME]["lag_s"]
    assert lag_s > MAX_LAG_S
    assert _status(run, "--max-lag", str(10 * lag_s))[0] == 0


def test_other_versions_and_models_that_are_not_in_the_table(write: WriteSide, worker: Worker) -> None:
    others = [changed(ORDER_SUMMARY), *READ_MODELS[2:]]  # order_detail was taken out
    said = attention(StatusReader(write.log, worker.database, others).look())
    assert len(said) == 2
    assert said[0].startswith("order_detail.g1 is not in the table of read models")
    assert said[1].endswith("python -m read_side rebuild order_summary")


def test_what_hides_behind_a_hole_has_no_age(write: WriteSide, worker: Worker) -> None:
    write.database.positions.update_one({"_id": "claimed"}, {"$inc": {str(HOME): 1}})
    write.do(messages.change_customer(name="Ann Baker"))
    statuses = StatusReader(write.log, worker.database, READ_MODELS).look()
    one = statuses[0].partitions[HOME]
    assert (one.lag, one.lag_s, one.rate) == (2, None, None)
    assert "an unknown time" in statuses[0].attention(MAX_LAG_S)[0]


def test_a_log_that_is_older_than_the_read_models(write: WriteSide, worker: Worker) -> None:
    """Also while nothing new comes, with which the projector would meet it."""
    newest = write.database.commits.find_one_and_delete({"partition": HOME}, sort=[("seq", -1)])
    assert newest is not None
    said = attention(StatusReader(write.log, worker.database, READ_MODELS).look())
    assert len(said) == len(READ_MODELS)
    for model, line in zip(sorted(model.name for model in READ_MODELS), said, strict=True):
        assert line.startswith(f"{model}.g1/{HOME} has read up to {newest['seq']}, the log ends at ")


def test_what_retires_need_not_be_mended() -> None:
    progress = Progress(0, 9, 9, 0, 0.0, None, 1, None, None, None)
    assert GenerationStatus("products", 1, "retiring", 1, 1, (progress,)).attention(MAX_LAG_S) == []
    assert GenerationStatus("products", 1, "ready", 1, 1, (progress,)).attention(MAX_LAG_S) != []


def test_one_that_is_being_built_is_not_behind() -> None:
    progress = Progress(0, 5, 900, 895, 1e6, None, 0, None, None, None)
    assert GenerationStatus("products", 2, "building", 1, 1, (progress,)).attention(MAX_LAG_S) == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "?"),
        (0.0, ""),
        (0.04, "0.0 s"),
        (59.0, "59.0 s"),
        (61, "1 min 1 s"),
        (7_260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_ages_are_readable(seconds: float | None, shown: str) -> None:
    assert age(seconds) == shown


def test_generations_from_the_command_line(run: Any, write: WriteSide, worker: Worker) -> None:
    Rebuilding(write.log, worker.database, [worker]).run(ORDER_SUMMARY, keep_old=True)
    code, shown = run("generations", "--json")
    assert code == 0
    told = [one for one in json.loads(shown) if one["read_model"] == "order_summary"]
    assert [(one["number"], one["live"], one["state"]) for one in told] == [
        (1, False, "ready"),
        (2, True, "ready"),
    ]
    code, shown = run("generations")
    assert "order_summary.g2" in shown
    code, shown = run("audit", "order_summary", "--generation", "1")
    assert code == 0, shown
    worker.registry.collection("order_summary", 1).delete_one({"_id": order_id("c1")})
    assert run("audit", "order_summary", "--generation", "1")[0] == 1
    assert run("audit", "order_summary")[0] == 0
    code, shown = run("drop", "order_summary.g2")
    assert code == 1
    assert "is live" in shown
    assert run("drop", "order_summary.g1")[0] == 0
    assert Rebuilding(write.log, worker.database).registered("order_summary") == {1: "leaving", 2: "live"}


def test_what_cannot_be_done_says_why(run: Any, write: WriteSide, worker: Worker) -> None:
    for arguments, why in (
        (["use", "order_summary"], "name it like"),
        (["use", "order_summary.g7"], "there is no order_summary.g7"),
        (["use", "nothing.g1"], "no read model is registered as nothing"),
        (["drop", "order_summary.g7"], "there is no order_summary.g7"),
        (["rebuild"], "name the read models"),
        (["rebuild", "orders"], "no read model is named orders; there are"),
        (["audit", "orders"], "no read model is named orders"),
        (["audit", "--generation", "1"], "of the one read model"),
        (["audit", "products", "--generation", "4"], "there is no products.g4"),
    ):
        code, shown = run(*arguments)
        assert code == 1, arguments
        assert why in shown
    Rebuilding(write.log, worker.database, [worker]).run(ORDER_SUMMARY)
    worker.database.read_models.update_one({"_id": "order_summary"}, {"$set": {"generations.1.version": 7}})
    code, shown = run("use", "order_summary.g1")
    assert (code, f"version 7 of its code, and this is {ORDER_SUMMARY.version}" in shown) == (1, True)


def test_an_unfinished_one_is_dropped_at_once(run: Any, write: WriteSide, worker: Worker) -> None:
    rebuilding = Rebuilding(write.log, worker.database, [worker])
    rebuilding.stopping.set()
    with pytest.raises(TwofoldError):
        rebuilding.run(ORDER_SUMMARY)
    lease = rebuilding.generations.take("order_summary", "rebuild somewhere:9")
    assert lease is not None
    code, shown = run("drop", "order_summary.g2")
    assert code == 1
    assert "is being rebuilt" in shown
    rebuilding.generations.release(lease)
    code, shown = run("drop", "order_summary.g2")
    assert code == 0
    assert shown.endswith("order_summary.g2 is deleted\n")
    assert rebuilding.registered("order_summary") == {1: "live"}
    assert "order_summary.g2" not in worker.database.list_collection_names()
