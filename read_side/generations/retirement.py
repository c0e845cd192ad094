"""Retires and deletes replaced generations without being asked; the view shows the live one.

Every projections' worker takes a turn every few seconds. Two turns at once, or one that is killed
in the middle, do no harm. A generation is struck out of the registry last, so a later turn goes on
with what was begun.

A deletion takes the leases of all partitions of the generation first, so no holder is in the middle
of writing to it. A runner that was stalled for longer than its lease could still come back and, by
writing, make the collection again. Then the registry does not know the collection, and such
collections are deleted as well. A turn lists the collections before it reads the registry, and a
generation is registered before its collection is made. So a collection that is in the list and not
in the registry is nobody's.
"""

import re
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from bus.connections.clients import StoredDocument
from bus.observability.logs import logger
from read_side.generations.generations import Generations
from read_side.generations.registry import RegistryEntry, State, collection_name
from read_side.parked.parking import Parking
from read_side.projector.checkpoints import Checkpoints, Lease


class Retirement:
    """The retirement of the generations in one read database."""

    def __init__(
        self,
        database: Database[StoredDocument],
        generations: Generations,
        checkpoints: Checkpoints,
        owner: str,
    ) -> None:
        self._database = database
        self._generations = generations
        self._checkpoints = checkpoints
        self._parking = Parking(database)
        self._owner = owner

    def turn(self) -> None:
        """Do whatever is due."""
        listed = {found["name"]: found for found in self._database.list_collections()}
        for entry in self._generations.entries():
            self._show_live(entry, listed)
            self._sweep(entry, listed)
            for generation in entry.generations.values():
                if generation.until is not None:
                    self._generations.move_on(entry.name, generation.number)
                if generation.state is State.GONE:
                    self.delete(entry.name, generation.number)

    def delete(self, name: str, number: int) -> bool:
        """Delete a generation that is gone; return False if one of its leases is still held."""
        leases = self._leases(name, number)
        if leases is None:
            return False
        self._database.drop_collection(collection_name(name, number))
        self._parking.delete(name, number)
        self._checkpoints.delete(name, number)
        self._generations.strike(name, number)
        logger.info("deleted a generation", read_model=name, generation=number)
        return True

    def show_live(self, entry: RegistryEntry) -> None:
        """Let the view that is named after the model show the live generation."""
        self._show_live(entry, {f["name"]: f for f in self._database.list_collections()})

    def _leases(self, name: str, number: int) -> list[Lease] | None:
        """Take all of a generation's leases; if one is held, take none and return ``None``."""
        leases: list[Lease] = []
        for found in self._checkpoints.found({"name": name, "generation": number}):
            lease = self._checkpoints.take(name, number, found.partition, self._owner)
            if lease is None:
                for taken in leases:
                    self._checkpoints.release(taken)
                return None
            leases.append(lease)
        return leases

    def _show_live(self, entry: RegistryEntry, listed: Mapping[str, Mapping[str, Any]]) -> None:
        shown = listed.get(entry.name, {}).get("options", {}).get("viewOn")
        wanted = collection_name(entry.name, entry.live)
        if shown is not None and shown != wanted:
            try:
                self._database.command("collMod", entry.name, viewOn=wanted, pipeline=[])
            except OperationFailure as error:  # somebody dropped it; it only serves people who look in
                logger.warning("the view cannot be changed", view=entry.name, error=error)

    def _sweep(self, entry: RegistryEntry, listed: Mapping[str, Mapping[str, Any]]) -> None:
        pattern = re.compile(rf"{re.escape(entry.name)}\.g([0-9]+)")
        for match in filter(None, map(pattern.fullmatch, listed)):
            number = int(match[1])
            if entry.generations and number != entry.live and number not in entry.generations:
                logger.warning("deleted a collection that is nobody's", collection=match[0])
                self._database.drop_collection(match[0])
