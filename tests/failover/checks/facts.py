"""What a command takes over from another stream respects real time too.

An order has the price that was there when it was decided. Every price change that had been accepted before
the order was asked for comes before it, and every one that was asked for after the order had been accepted
comes after it. The same holds for its customer's name.
"""

from tests.failover.checks.order import accepted_moments, began_moments
from tests.failover.history.history import History


def check(history: History) -> list[str]:
    accepted, began = accepted_moments(history), began_moments(history)
    found = []
    for write in history.writes:
        for decided in write.decided:
            for stream, value in decided.facts.items():
                if stream not in accepted:
                    found.append(f"{write.key}: took {value} from {stream}, which nobody changed")
                    continue
                least = accepted[stream].highest_before(write.began)
                above = began[stream].lowest_after(write.accepted)
                fitting = (
                    least <= version and (above is None or version < above)
                    for version in history.versions_with(stream, value)
                )
                if not any(fitting):
                    found.append(
                        f"{write.key}: took {value} from {stream}, which had been changed to version {least} "
                        f"before it was asked for"
                    )
    return found
