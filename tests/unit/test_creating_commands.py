"""Commands that create something: the answer of each says where it is found."""

from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from api.http import receipts
from api.http.commands import CREATED_IN
from bus.messages.message import Command
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import Rejection
from bus.messages.streams import id_of
from tests.support import messages
from tests.unit.strategies import COMMANDS
from write_side.domain.aggregates import TABLE

KINDS = {kind.__name__: kind for kind in COMMANDS}


def creates(command: Command) -> bool:
    """Return True if it makes events where there was nothing; whatever it rests on is there."""
    products = {id_of(stream): messages.product() for stream in command.fact_streams}
    came_to: Any = TABLE.by_command[type(command)].decide(None, command, messages.facts(products=products))
    return not isinstance(came_to, Rejection) and bool(came_to)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_command_that_creates_is_in_the_table(name: str, data: st.DataObject) -> None:
    command = data.draw(COMMANDS[KINDS[name]])
    assert name in CREATED_IN or not creates(command), f"{name} creates and has no row in CREATED_IN"


@pytest.mark.parametrize("name", CREATED_IN)
def test_a_command_of_the_table_creates_and_has_a_receipt(name: str) -> None:
    command = find(COMMANDS[KINDS[name]], creates)
    outcome = Outcome(
        status=CommandStatus.SUCCEEDED, stream=command.stream, partition=0, seq=1, version=1, total=1
    )
    assert receipts.created("k1", name, id_of(command.stream), outcome), f"{name} has no receipt"
