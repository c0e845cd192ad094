"""A process that appends to the log until it is killed, and prints what has been acknowledged to it.

``python -m tests.integration.appender URI DATABASE NAME``; a line is a commit as BSON in hexadecimal.
"""

import random
import sys
from itertools import count

import bson

from bus.connections.clients import write_database
from bus.log.commit import Commit
from bus.log.log import Log
from bus.settings import Settings
from tests.contract.decisions import decision, refusal

STREAMS = ("a", "b", "c", "d")


class Appender:
    """Appends to a few streams that it shares with others."""

    def __init__(self, log: Log, name: str) -> None:
        self._log = log
        self._random = random.Random(name)
        self._command_ids = (f"{name}-{number}" for number in count())

    def __call__(self) -> list[Commit]:
        """Append one batch; return what was acknowledged of it."""
        batch = [refusal(command_id=next(self._command_ids))]
        for stream in self._random.sample(STREAMS, self._random.randint(1, len(STREAMS))):
            newest = self._log.newest(0, stream)
            version = (newest.version or 0) + 1 if newest else 1
            batch.append(decision(stream, version, command_id=next(self._command_ids)))
        return [appended for appended in self._log.append(batch) if isinstance(appended, Commit)]


def main(uri: str, database: str, name: str) -> None:
    settings = Settings(write_mongodb_uri=uri, write_database=database)
    append = Appender(Log(write_database(settings), 1), name)
    while True:
        for commit in append():
            sys.stdout.write(bson.encode(commit.to_stored()).hex() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
