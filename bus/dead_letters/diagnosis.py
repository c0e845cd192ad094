"""Tells why a message is dead: its worker's note, or else what this build finds wrong with it."""

from dramatiq import Message
from dramatiq.errors import DecodeError
from pydantic import ValidationError

from bus.inbox.gateway import COMMANDS_QUEUE, HANDLE_COMMAND
from bus.messages.envelope import CommandEnvelope


def decoded(payload: bytes | None) -> Message[None] | None:
    """Return the message that a payload holds; ``None`` if a worker could not read it either."""
    try:
        message: Message[None] = Message.decode(payload or b"")
    except DecodeError:
        return None
    return message if isinstance(message.options, dict) and isinstance(message.kwargs, dict) else None


def reason_for(queue: str, payload: bytes | None) -> str:
    """Return why a payload in Redis is dead; a payload of ``None`` means an id without one."""
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
    """Return what the worker noted, if anything.

    This system's broker notes an ``error``. Dramatiq's own notes a traceback when it tries again.
    """
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
