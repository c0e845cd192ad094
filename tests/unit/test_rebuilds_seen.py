"""The latest rebuild of a read model: as its request tells, or the registry shows, whichever is later."""

from datetime import timedelta
from typing import Any

from read_side.generations.registry import Generation, RegistryEntry, State
from read_side.rebuild.rebuild_status import SILENT, Registered, seen
from tests.support import messages

NAME = "products"
AT = messages.PLACED_AT
BUILDER = "rebuild host:7"


def later(seconds: int) -> Any:
    return AT + timedelta(seconds=seconds)


def request(state: str, **fields: Any) -> dict[str, Any]:
    finished_at = None if state in {"requested", "running"} else later(10)
    return {
        "_id": NAME,
        "state": state,
        "requested_at": AT,
        "requested_by": "ops:olga",
        "finished_at": finished_at,
        **fields,
    }


def registered(*made: Generation, live: int = 1, builder: str | None = None) -> Registered:
    first = Generation(1, 1, State.READY)
    return Registered(RegistryEntry(NAME, live, {g.number: g for g in (first, *made)}), builder)


def generation(number: int, state: State, at: int, *, was_live: bool = False) -> Generation:
    return Generation(number, 1, state, was_live, later(at))


def test_what_has_never_been_rebuilt_has_no_row() -> None:
    assert seen(NAME, None, None) is None
    assert seen(NAME, None, registered()) is None


def test_an_open_request_is_told_whatever_is_registered() -> None:
    left = registered(generation(2, State.READY, 99), builder=BUILDER)
    row = seen(NAME, request("running", generation=3, phase="filling", done=5, total=9), left)
    assert row is not None
    assert (row.state, row.generation, row.phase, row.done, row.total) == ("running", 3, "filling", 5, 9)
    silent = seen(NAME, request("running", phase="filling", silent=True), left)
    assert silent is not None
    assert silent.phase == SILENT


def test_one_from_the_command_line_is_known_by_its_lease() -> None:
    row = seen(
        NAME,
        request("succeeded", generation=2),
        registered(generation(3, State.BUILDING, 20), builder=BUILDER),
    )
    assert row is not None
    assert (row.state, row.requested_by, row.generation, row.started_at) == ("running", BUILDER, 3, later(20))
    early = seen(NAME, None, registered(builder=BUILDER))
    assert early is not None
    assert (early.state, early.generation) == ("running", None)


def test_what_one_from_the_command_line_has_left() -> None:
    for left, state, finished_at in (
        (generation(2, State.BUILDING, 5), "stopped", None),
        (generation(2, State.READY, 5), "ready", later(5)),
        (generation(2, State.READY, 5, was_live=True), "succeeded", later(5)),
    ):
        row = seen(NAME, None, registered(left))
        assert row is not None
        assert (row.state, row.generation, row.finished_at) == (state, 2, finished_at)
    assert seen(NAME, None, registered(generation(2, State.GONE, 5))) is None


def test_the_later_one_of_request_and_registry_is_told() -> None:
    before, after = (registered(generation(2, State.READY, at, was_live=True)) for at in (5, 15))
    failed = request("failed", error="no")
    for known, state in ((before, "failed"), (after, "succeeded")):
        row = seen(NAME, failed, known)
        assert row is not None
        assert row.state == state


def test_a_success_keeps_its_numbers_when_its_generation_is_replaced_by_another_before_it() -> None:
    done = request("succeeded", generation=2, result={"commits": 9})
    row = seen(NAME, done, registered(generation(2, State.LEAVING, 15, was_live=True)))
    assert row is not None
    assert row.result == {"commits": 9}
