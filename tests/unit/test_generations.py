"""Which generation of a model is served and which are projected, by code of which version."""

import pytest

from read_side.cli.generations_report import named
from read_side.errors import GenerationError
from read_side.generations.registry import Generation, RegistryEntry, State


def entry(live: int, *generations: tuple[int, int, State]) -> RegistryEntry:
    found = {number: Generation(number, version, state) for number, version, state in generations}
    return RegistryEntry("orders", live, found)


def test_the_live_one_is_served_to_code_of_its_version_and_to_who_does_not_say() -> None:
    both = entry(1, (1, 1, State.READY), (2, 1, State.READY))
    assert (both.served(1), both.served(None)) == (1, 1)
    assert entry(2, (1, 1, State.RETIRING), (2, 1, State.READY)).served(1) == 2


@pytest.mark.parametrize(
    ("state", "served"),
    [
        (State.BUILDING, 1),
        (State.READY, 2),
        (State.RETIRING, 2),
        (State.LEAVING, 1),
        (State.GONE, 1),
    ],
)
def test_code_of_another_version_is_served_its_own_while_it_can_be_relied_on(
    state: State, served: int
) -> None:
    assert entry(1, (1, 1, State.READY), (2, 2, state)).served(2) == served


def test_of_several_the_newest() -> None:
    assert entry(1, (1, 1, State.READY), (2, 2, State.READY), (3, 2, State.READY)).served(2) == 3


def test_nothing_registered_is_the_first() -> None:
    assert RegistryEntry("orders", 1, {}).served(3) == 1
    assert RegistryEntry("orders", 1, {}).projected(1) == []


def test_each_version_projects_its_own() -> None:
    mixed = entry(
        2, (1, 1, State.RETIRING), (2, 2, State.READY), (3, 2, State.BUILDING), (4, 2, State.LEAVING)
    )
    assert mixed.projected(1) == [1]
    assert mixed.projected(2) == [2, 4]
    assert mixed.foreign(1) == [2, 4]
    assert mixed.foreign(2) == [1]


def test_how_one_is_named() -> None:
    assert named("order_summary.g12") == ("order_summary", 12)
    for wrong in ("order_summary", "order_summary.g0", "order_summary.2", "g2", "order_summary.g2 "):
        with pytest.raises(GenerationError, match="name it like"):
            named(wrong)
