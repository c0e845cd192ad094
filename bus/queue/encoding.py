"""Writes messages on the queues as JSON by orjson, which any Dramatiq worker reads."""

from typing import cast

import orjson
from dramatiq import Encoder
from dramatiq.encoder import MessageData


class OrjsonEncoder(Encoder):
    """Encodes several times as fast as Dramatiq's default.

    Dramatiq turns what it raises into a ``DecodeError``.
    """

    def encode(self, data: MessageData) -> bytes:
        return orjson.dumps(data)

    def decode(self, data: bytes) -> MessageData:
        return cast("MessageData", orjson.loads(data))
