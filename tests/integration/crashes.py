"""A process that dies at a chosen write to one database: before it, in the middle of it, or after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest import mock

from pymongo.collection import Collection
from pymongo.database import Database

Moment = Literal["before", "amid", "after"]
WRITES = (
    *(
        "bulk_write",
        "insert_one",
        "insert_many",
        "replace_one",
        "update_one",
        "update_many",
        "find_one_and_update",
    ),
    *("delete_one", "delete_many"),
)


class Crash(BaseException):
    """Not an ``Exception``: no handler of the code under test may survive it."""


@dataclass
class Death:
    """``at`` counts writes from 1. What is dead writes nothing more, not even on its way out."""

    at: int
    moment: Moment
    written: list[str] = field(default_factory=list)
    dead: bool = False


@contextmanager
def dying(database: Database[Any], at: int, moment: Moment) -> Iterator[Death]:
    """Within the block the ``at``-th write to the database, if there are so many, is the last."""
    death = Death(at, moment)
    with ExitStack() as stack:
        for name in WRITES:
            wrapped = _wrapped(database.name, name, getattr(Collection, name), death)
            stack.enter_context(mock.patch.object(Collection, name, wrapped))
        try:
            yield death
        except Crash:
            assert death.dead


def _wrapped(database: str, name: str, write: Callable[..., Any], death: Death) -> Callable[..., Any]:
    def wrapped(collection: Collection[Any], *args: Any, **options: Any) -> Any:
        if collection.database.name != database:
            return write(collection, *args, **options)
        if death.dead:
            raise Crash
        death.written.append(f"{collection.name}.{name}")
        if len(death.written) < death.at:
            return write(collection, *args, **options)
        death.dead = True
        if death.moment == "amid" and name == "bulk_write" and (some := args[0][: len(args[0]) // 2]):
            write(collection, some, **options)
        if death.moment == "after":
            write(collection, *args, **options)
        raise Crash

    return wrapped
