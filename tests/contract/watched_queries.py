"""Queries as they were sent to MongoDB, and how it went about each."""

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests.contract.test_query_plans import stages


class Asked(CommandListener):
    """Keeps every find and aggregation as it was sent."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in {"find", "aggregate"}:
            self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


class Watched:
    """A database, and how each query since the last look was carried out."""

    def __init__(self, database: Database[dict[str, Any]], asked: Asked) -> None:
        self.database = database
        self._asked = asked

    def forget(self) -> None:
        self._asked.commands.clear()

    def plans(self) -> list[tuple[set[str], Mapping[str, Any]]]:
        """Stages and figures of each query."""
        asked = [_without_session(command) for command in self._asked.commands]
        explained = [self.database.command("explain", c, verbosity="executionStats") for c in asked]
        self.forget()
        return [(set(stages(plan)), _figures(plan)) for plan in explained]


def _without_session(command: dict[str, Any]) -> dict[str, Any]:
    foreign = {"lsid", "$db", "$clusterTime", "txnNumber", "$readPreference", "maxTimeMS", "readConcern"}
    return {name: value for name, value in command.items() if name not in foreign}


def _figures(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plan.get("executionStats") or plan["stages"][0]["$cursor"]["executionStats"]
    return found


def assert_indexed(watched: Watched, queries: int, most: int, *, sorts: bool = False) -> None:
    """Each read at most ``most`` keys and documents, none the whole collection; nothing sorted in memory."""
    plans = watched.plans()
    assert len(plans) == queries
    for used, figures in plans:
        assert "COLLSCAN" not in used
        assert used & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "DISTINCT_SCAN"}
        assert sorts or "SORT" not in used
        assert figures["totalKeysExamined"] <= most
        assert figures["totalDocsExamined"] <= most
