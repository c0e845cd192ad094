"""The base of every event."""

from bus.messages.message import Message


class Event(Message):
    """Something that happened, named in the past tense, carrying all that any reader needs."""
