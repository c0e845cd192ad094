"""Why a message is dead: what its worker noted, else what is wrong with it to this build's knowledge."""

from dramatiq import Message
from dramatiq.errors import DecodeError
from pydantic import ValidationError

from bus.inbox.gateway import COMMANDS_QUEUE, HANDLE_COMMAND
from bus.messages.envelope import CommandEnvelope


def decoded(payload: bytes | None) -> Message[None] | None:
    """The message that a payload is; ``None`` if a worker could not read it either."""
    try:
        message: Message[None] = Message.decode(payload or b"")
    except DecodeError:
        return None
    return message if isinstance(message.options, dict) and isinstance(message.kwargs, dict) else None


def reason_for(queue: str, payload: bytes | None) -> str:
    """The reason of the death of what lies in Redis as a payload; ``None`` is an id without one."""
    if payload is None:
        return "its message is gone from Redis"
    message = decoded(payload)
    if message is None:
        return f"undecodable: {_flaw(payload)}"
    return _noted(message) or _unknown(queue, message) or "its worker refused it and noted no reason"


def _flaw(payload: bytes) -> str:
    try:
        Message.decode(payload)
    except DecodeError as error:
        return f"{type(error.error).__name__}: {error.error}"
    return "its fields are not those of a message"


def _noted(message: Message[None]) -> str | None:
    """``error`` is from this system's broker; Dramatiq's own notes a traceback when it tries again."""
    if error := message.options.get("error"):
        return str(error)
    traceback = str(message.options.get("traceback") or "").strip()
    return traceback.splitlines()[-1] if traceback else None


def _unknown(queue: str, message: Message[None]) -> str | None:
    if message.actor_name != (HANDLE_COMMAND if queue == COMMANDS_QUEUE else queue):
        return f"unknown actor {message.actor_name!r}"
    if queue != COMMANDS_QUEUE:
        return None
    try:
        CommandEnvelope.from_stored(message.kwargs.get("envelope"))
    except ValidationError as error:
        return f"unknown command: {error}"
    return None
