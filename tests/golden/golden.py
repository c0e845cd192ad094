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
ALL: tuple[type[Message], ...] = (*EVENTS, *COMMANDS, *STATES, CommandEnvelope, Outcome)
KINDS = {kind.__name__: kind for kind in ALL}


@dataclass(frozen=True)
class Golden:
    """One file."""

    name: str
    version: int
    form: dict[str, Any]
    stored: dict[str, Any] | None


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
    stored = _stored_examples()
    for name, kind in KINDS.items():
        path = path_of(name, kind.schema_version)
        if not path.exists():
            golden = {"form": form_of(kind), "stored": stored.get(name)}
            path.write_text(json_util.dumps(golden, indent=1, ensure_ascii=False, json_options=AWARE) + "\n")
            yield path


def _stored_examples() -> dict[str, dict[str, Any]]:
    """By name, of every event and state. A command may be without one: it is not kept for long."""
    events = {type(event).__name__: to_stored(event) for event in reversed(messages.EXAMPLES)}
    others = (*COMMAND_EXAMPLES, *_states(), ENVELOPE, REFUSED)
    return events | {type(one).__name__: one.model_dump() for one in others}


def _states() -> Iterator[Message]:
    for aggregate in TABLE.by_name.values():
        history = [event for event in messages.EXAMPLES if isinstance(event, aggregate.events)]
        state = fold(aggregate, None, history[: 1 if aggregate.name == "order" else None])
        assert state is not None
        yield state


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
