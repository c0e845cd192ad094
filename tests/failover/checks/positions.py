"""What a decision rests on stands below it in the log, or readers meet it too late.

A version stands above the one before it. An order stands above the version of its customer whose name it took
over, which is in the same partition; the order of its products' partitions is another one. What nobody can
see in this round, since the next primary was quick or readers slow, is found here all the same.
"""

from itertools import pairwise

from tests.failover.history.history import History


def check(history: History) -> list[str]:
    return [*_versions(history), *_facts(history)]


def _versions(history: History) -> list[str]:
    return [
        f"{stream}: version {after.version} is at {after.seq}, version {before.version} at {before.seq}"
        for stream, made in history.made.items()
        for before, after in pairwise(made)
        if after.seq < before.seq
    ]


def _facts(history: History) -> list[str]:
    found = []
    for decided in (one for made in history.made.values() for one in made):
        for stream, value in decided.facts.items():
            at = [
                one.seq
                for one in history.made.get(stream, ())
                if one.value == value and one.partition == decided.partition
            ]
            if at and min(at) > decided.seq:
                found.append(
                    f"{decided.stream} is at {decided.seq}, and {stream} had its {value} at {min(at)} only"
                )
    return found
