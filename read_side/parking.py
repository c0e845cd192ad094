"""Streams that a read model has set aside, because one of their events could not be folded.

Later events of a parked stream stay behind the one that failed; all other streams flow on.
"""

from collections.abc import Mapping

from pymongo.database import Database

from bus.connections import DURABLE, Documents


class Parking:
    """The parked streams in one read database. Read and changed only by the holder of the lease."""

    def __init__(self, database: Database[Documents]) -> None:
        self._parked = database.get_collection("parked", write_concern=DURABLE)

    def streams(self, name: str, generation: int, partition: int) -> dict[str, int]:
        """The streams that a generation has parked in a partition, and from which position on."""
        where = {"name": name, "generation": generation, "partition": partition}
        return {stored["stream"]: stored["seq"] for stored in self._parked.find(where)}

    def counts(self) -> Mapping[tuple[str, int], int]:
        """How many streams are set aside, by name and generation; none where there is no such key."""
        by = {"_id": {"name": "$name", "generation": "$generation"}, "streams": {"$sum": 1}}
        return {
            (found["_id"]["name"], found["_id"]["generation"]): found["streams"]
            for found in self._parked.aggregate([{"$group": by}])
        }

    def park(  # noqa: PLR0913 - what a report on it has to say
        self, name: str, generation: int, partition: int, *, stream: str, seq: int, error: str
    ) -> None:
        """Set a stream aside from a position on; of several the earliest stands."""
        self._parked.update_one(
            {"_id": f"{name}.g{generation}/{stream}"},
            {
                "$setOnInsert": {
                    "name": name,
                    "generation": generation,
                    "partition": partition,
                    "stream": stream,
                    "error": error,
                },
                "$min": {"seq": seq},
                "$currentDate": {"since": True},
            },
            upsert=True,
        )

    def delete(self, name: str, generation: int) -> None:
        """Forget what a generation had parked: it is being deleted."""
        self._parked.delete_many({"name": name, "generation": generation})
