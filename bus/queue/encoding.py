"""How messages are written on the queues: JSON by orjson, which any Dramatiq worker reads."""

from typing import cast

import orjson
from dramatiq import Encoder
from dramatiq.encoder import MessageData


class OrjsonEncoder(Encoder):
    """Several times as fast as Dramatiq's default. What it raises, Dramatiq turns into a ``DecodeError``."""

    def encode(self, data: MessageData) -> bytes:
        return orjson.dumps(data)

    def decode(self, data: bytes) -> MessageData:
        return cast("MessageData", orjson.loads(data))
