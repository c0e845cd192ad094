"""Streams that a read model has set aside, because one of their events could not be folded.

Later events of a parked stream stay behind the one that failed; all other streams flow on.
"""

from pymongo.database import Database

from bus.connections import DURABLE, Documents


class Parking:
    """The parked streams in one read database. Read and changed only by the holder of the lease."""

    def __init__(self, database: Database[Documents]) -> None:
        self._parked = database.get_collection("parked", write_concern=DURABLE)

    def streams(self, name: str, generation: int, partition: int) -> set[str]:
        """The streams that a generation has parked in a partition."""
        where = {"name": name, "generation": generation, "partition": partition}
        return {stored["stream"] for stored in self._parked.find(where, {"stream": True})}

    def park(  # noqa: PLR0913 - what a report on it has to say
        self, name: str, generation: int, partition: int, *, stream: str, seq: int, error: str
    ) -> None:
        """Set a stream aside from a position on; the first to say so stands."""
        self._parked.update_one(
            {"_id": f"{name}.g{generation}/{stream}"},
            {
                "$setOnInsert": {
                    "name": name,
                    "generation": generation,
                    "partition": partition,
                    "stream": stream,
                    "seq": seq,
                    "error": error,
                },
                "$currentDate": {"since": True},
            },
            upsert=True,
        )
