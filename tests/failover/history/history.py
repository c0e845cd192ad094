"""What happened in a round: what clients saw of each command, beside what the log says that it came to.

The versions in the log order all changes of a stream, as its unique index lets one change have each
version. So no order has to be searched for, as a checker must that knows calls and answers alone
(Porcupine, Knossos): the one order that counts is known, and it is enough to hold it against the clock. A
change that a client had been told of before another was asked for must come first in it; that is what
linearizable means for a known order (Herlihy and Wing 1990: the order extends the one of real time). Each
check takes linear time but for sorting.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.failover.history.exchange import Exchange, Look

Value = int | str


@dataclass(frozen=True, slots=True)
class Decided:
    """A document of the log, as far as it is looked at.

    ``version`` is the stream's after the command, also if it changed nothing; ``None`` for a refusal.
    ``value`` is what others may see of the stream after it: a product's price, a customer's name. ``facts``
    is by stream what the command took over from others. ``seq`` is its position in the partition.
    """

    command_id: str
    stream: str
    seq: int
    version: int | None
    effect: bool = True
    value: Value | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)
    partition: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """An accepted command: asked for at ``began``, known to be kept at ``accepted``, and done at ``told``."""

    key: str
    client: str
    command_id: str
    began: float
    accepted: float
    told: float | None
    decided: tuple[Decided, ...]

    @property
    def only(self) -> Decided | None:
        """Its decision, if there is exactly one."""
        return self.decided[0] if len(self.decided) == 1 else None


class History:
    """``exchanges`` and ``looks`` of all clients, and all of the log that commands have put there."""

    def __init__(
        self, exchanges: Iterable[Exchange], looks: Iterable[Look], decided: Iterable[Decided]
    ) -> None:
        self.exchanges = sorted(exchanges, key=lambda one: one.ended)
        self.looks = sorted(looks, key=lambda one: one.ended)
        self._decided: defaultdict[str, list[Decided]] = defaultdict(list)
        for one in decided:
            self._decided[one.command_id].append(one)

    @cached_property
    def by_key(self) -> Mapping[str, Sequence[Exchange]]:
        """Keys are unique to their client."""
        found: defaultdict[str, list[Exchange]] = defaultdict(list)
        for exchange in self.exchanges:
            found[exchange.key].append(exchange)
        return found

    @cached_property
    def writes(self) -> Sequence[Write]:
        """Every command that a client was told is kept."""
        found = []
        for key, exchanges in self.by_key.items():
            kept = [one for one in exchanges if one.command_id is not None]
            if not kept:
                continue
            command_id = kept[0].command_id or ""
            found.append(
                Write(
                    key=key,
                    client=kept[0].client,
                    command_id=command_id,
                    began=min(one.began for one in exchanges),
                    accepted=kept[0].ended,
                    told=next((one.ended for one in kept if one.tells_success), None),
                    decided=tuple(self._decided.get(command_id, ())),
                )
            )
        return found

    @cached_property
    def changes(self) -> Mapping[str, Sequence[tuple[int, Write]]]:
        """By stream, its versions in their order, each with the write that made it."""
        found: defaultdict[str, list[tuple[int, Write]]] = defaultdict(list)
        for write in self.writes:
            for decided in write.decided:
                if decided.effect and decided.version is not None:
                    found[decided.stream].append((decided.version, write))
        return {stream: sorted(changes, key=lambda one: one[0]) for stream, changes in found.items()}

    @cached_property
    def made(self) -> Mapping[str, Sequence[Decided]]:
        """By stream, the decisions that changed it, in the order of its versions."""
        found: defaultdict[str, list[Decided]] = defaultdict(list)
        for several in self._decided.values():
            for one in several:
                if one.effect and one.version is not None:
                    found[one.stream].append(one)
        return {stream: sorted(made, key=lambda one: one.version or 0) for stream, made in found.items()}

    @cached_property
    def versions(self) -> Mapping[str, int]:
        """By command, the version of its stream after it."""
        return {
            one.command_id: one.version
            for several in self._decided.values()
            for one in several
            if one.version is not None
        }

    @cached_property
    def _values(self) -> Mapping[tuple[str, Value], list[int]]:
        found: defaultdict[tuple[str, Value], list[int]] = defaultdict(list)
        for several in self._decided.values():
            for one in several:
                if one.effect and one.value is not None and one.version is not None:
                    found[one.stream, one.value].append(one.version)
        return found

    def versions_with(self, stream: str, shown: Value) -> Sequence[int]:
        """The versions at which a stream had a value."""
        return self._values.get((stream, shown), [])
