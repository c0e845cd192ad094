"""Time zones by their IANA name, such as ``Europe/Berlin``.

Their rules are those of the package ``tzdata``, not those of the machine. So all processes of one
build agree on every day, whatever is installed beside them.
"""

from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo


@cache
def names() -> frozenset[str]:
    """Return every name of a time zone."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def time_zone(name: str) -> ZoneInfo:
    """Return the zone of a name; ``str`` of it is the name.

    Raises ``ValueError`` if there is none.
    """
    if name not in names():
        raise ValueError(f"no time zone is named {name!r}; a name is such as UTC or Europe/Berlin")
    file = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with file.open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)
