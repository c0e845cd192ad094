"""The log has no gaps, and each stream's versions are 1, 2, 3 at ever later positions."""

from collections import defaultdict
from typing import Any

from pymongo.database import Database

from tests.chaos.findings import Findings


def check(database: Database[dict[str, Any]], findings: Findings) -> None:
    """Read the positions of the whole log, in their order."""
    heads: defaultdict[int, int] = defaultdict(int)
    versions: defaultdict[str, int] = defaultdict(int)
    fields = {"partition": 1, "seq": 1, "stream": 1, "version": 1}
    for commit in database.commits.find({}, fields).sort([("partition", 1), ("seq", 1)]):
        partition = commit["partition"]
        heads[partition] += 1
        if commit["seq"] != heads[partition]:
            findings.compare(f"partition {partition}: the next position", heads[partition], commit["seq"])
            heads[partition] = commit["seq"]
        if (stream := commit.get("stream")) is not None:
            versions[stream] += 1
            findings.compare(
                f"{stream} at {partition}-{commit['seq']}: version", versions[stream], commit["version"]
            )
