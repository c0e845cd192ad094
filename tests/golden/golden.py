"""The golden files: of every message and version that was ever released its form, and one as it is stored.

Once its version is released a file is never changed. ``python -m tests.golden`` writes what is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from bson import json_util

from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Command, Event, Message
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import AnyCommand, AnyEvent, to_stored
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.schema.forms import described, form
from tests.support import messages
from write_side.domain.aggregates import TABLE, fold

FOLDER = Path(__file__).parent
AWARE = json_util.JSONOptions(tz_aware=True, json_mode=json_util.JSONMode.RELAXED)

EVENTS: tuple[type[Event], ...] = get_args(get_args(AnyEvent)[0])
COMMANDS: tuple[type[Command], ...] = get_args(get_args(AnyCommand)[0])
STATES: tuple[type[Message], ...] = tuple(aggregate.state for aggregate in TABLE.by_name.values())
KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (*EVENTS, *COMMANDS, *STATES, CommandEnvelope, Outcome)
}


@dataclass(frozen=True)
class Golden:
    """One file."""

    name: str
    version: int
    form: dict[str, Any]
    stored: dict[str, Any]


def path_of(name: str, version: int) -> Path:
    return FOLDER / f"{name}.v{version}.json"


def all_golden() -> list[Golden]:
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        name, _, version = path.stem.rpartition(".v")
        read = json_util.loads(path.read_text(), json_options=AWARE)
        found.append(Golden(name, int(version), read["form"], read["stored"]))
    return found


def form_of(kind: type[Message]) -> dict[str, Any]:
    """The form that a message has now."""
    return form(described(kind, "").schema)


def write_missing() -> Iterator[Path]:
    """Write the file of each message at its present version, unless it is there."""
    for example, stored in _examples():
        path = path_of(type(example).__name__, example.schema_version)
        if not path.exists():
            golden = {"form": form_of(type(example)), "stored": stored}
            path.write_text(json_util.dumps(golden, indent=1, ensure_ascii=False, json_options=AWARE) + "\n")
            yield path


def _examples() -> Iterator[tuple[Message, dict[str, Any]]]:
    for event in messages.EXAMPLES:
        yield event, to_stored(event)
    for command in COMMAND_EXAMPLES:
        yield command, command.model_dump()
    for aggregate in TABLE.by_name.values():
        history = [event for event in messages.EXAMPLES if isinstance(event, aggregate.events)]
        state = fold(aggregate, None, history[: 1 if aggregate.name == "order" else None])
        assert state is not None
        yield state, state.model_dump()
    yield ENVELOPE, ENVELOPE.to_stored()
    yield REFUSED, REFUSED.model_dump()


COMMAND_EXAMPLES: tuple[Command, ...] = (
    messages.register_customer(),
    messages.change_customer(name="Ann Baker"),
    messages.add_product(),
    messages.change_product(unit_price=2700),
    messages.place_order(reference="PO 4711", occurred_at=messages.PLACED_AT),
    messages.change_order_status(note="on its way"),
)
ENVELOPE = messages.envelope(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
REFUSED = Outcome(
    status=CommandStatus.REJECTED,
    stream="order-o1",
    partition=0,
    seq=7,
    rejection=Rejection(
        kind=RejectionKind.INVALID,
        code="unknown-product",
        detail="items.0.product_id: there is no product p9",
        errors=(FieldError(field="items.0.product_id", message="there is no product p9"),),
    ),
)
