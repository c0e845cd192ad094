"""A direction of traffic: from clients or one member of the replica set to another member.

A link carries both ways of the connections that its source has opened. So two members that are to be cut from
each other need both of their links cut.
"""

from collections.abc import Iterable
from typing import NamedTuple

CLIENTS = "clients"
"""The source of every connection that no member has opened, whichever client has."""


class Link(NamedTuple):
    """``source`` is the name of a member or a client, or ``clients``; ``target`` is a member's name."""

    source: str
    target: str


def between(member: str, others: Iterable[str]) -> list[Link]:
    """The links of a member from and to some others."""
    return [link for other in others for link in (Link(member, other), Link(other, member))]
