"""What the dashboard's resources work with, built once by a main and passed in."""

from dataclasses import dataclass

from pymongo.database import Database

from api.ops.read_models import Standings
from bus.connections import Documents
from bus.log import Log


@dataclass(frozen=True, slots=True)
class Desk:
    """One field for each thing that is asked or told."""

    standings: Standings


def desk(read: Database[Documents], log: Log) -> Desk:
    """The desk of the real system; nothing is connected to before the first request."""
    return Desk(standings=Standings(log, read))
