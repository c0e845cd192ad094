"""What must be true of a log once everybody is done, however it came about."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bus.log.commit import Commit
from bus.log.log import Log

EVERYTHING = 100_000


def assert_sound(
    log: Log, partition: int, seen: Iterable[Sequence[Commit]], acknowledged: Iterable[Commit]
) -> None:
    """Compare what each reader saw, and what writers were told, with what the log holds now."""
    stretch = log.read(partition, 0, EVERYTHING)
    held = list(stretch.commits)
    assert stretch.missing == ()
    assert [commit.seq for commit in held] == list(range(1, log.head(partition) + 1))

    for commits in seen:
        assert list(commits) == held

    for commit in acknowledged:
        assert held[commit.seq - 1] == commit

    versions: defaultdict[str, list[int | None]] = defaultdict(list)
    for commit in held:
        if commit.stream is not None:
            versions[commit.stream].append(commit.version)
    for stream, ascending in versions.items():
        assert ascending == list(range(1, len(ascending) + 1)), stream

    commands = [commit.command_id for commit in held if commit.command_id is not None]
    assert len(commands) == len(set(commands))
