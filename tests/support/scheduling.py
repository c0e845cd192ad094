"""Which tests one pytest process has to itself: those of a file, or of several that share running servers.

Each process starts the servers that its tests ask for and keeps them to its end. Were these files spread
over the processes, as others are, each would have a system and a replica set of its own, and few tests for
them.
"""

from xdist.scheduler.loadfile import LoadFileScheduling

SHARING = {
    **dict.fromkeys(
        (
            "tests/e2e/test_demo.py",
            "tests/e2e/test_idempotency.py",
            "tests/e2e/test_import_refusals.py",
            "tests/e2e/test_in_order.py",
            "tests/e2e/test_story.py",
        ),
        "the systems of tests/e2e/conftest.py",
    ),
    **dict.fromkeys(
        (
            "tests/failover/directed/test_lost_claims.py",
            "tests/failover/directed/test_stale_primaries.py",
            "tests/failover/directed/test_undurable_command.py",
        ),
        "the replica set of tests/failover/directed/conftest.py",
    ),
}


class BySharedServers(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """``--dist loadfile``, with some files as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return SHARING.get(file, file)
