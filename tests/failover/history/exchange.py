"""What clients asked and were answered, with the moments on the monotonic clock of the one test process."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

SERVED = frozenset({201, 202, 204})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request for a command, and its answer. ``status`` is ``None`` when there was none.

    ``command_id`` is there when the command was kept, by this request or by an earlier one of its key.
    ``subject`` is the id of the order, customer or product in the answer, ``version`` its version.
    """

    client: str
    key: str
    began: float
    ended: float
    status: int | None
    command_id: str | None = None
    subject: str | None = None
    version: int | None = None

    @property
    def served(self) -> bool:
        return self.status in SERVED

    @property
    def tells_success(self) -> bool:
        """The answer says that the command is done, not only that it is kept."""
        return self.status in {201, 204}


@dataclass(frozen=True, slots=True)
class Look:
    """One read of ``stream``. ``shown`` is by stream what the answer shows of it.

    That is a version, or a value that has a version: a customer's name in its order. ``carried`` are the
    commands whose tokens the request carried. ``strong`` reads claim to show what is there now.
    """

    client: str
    stream: str
    began: float
    ended: float
    status: int | None
    shown: Mapping[str, int | str] = field(default_factory=dict)
    strong: bool = False
    carried: tuple[str, ...] = ()


class Diary:
    """Where all clients of a round write down what they did."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.looks: list[Look] = []
        self._lock = threading.Lock()

    def asked(self, exchange: Exchange) -> None:
        with self._lock:
            self.exchanges.append(exchange)

    def looked(self, look: Look) -> None:
        with self._lock:
            self.looks.append(look)
