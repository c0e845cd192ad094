"""The shapes of the answers of ``/`` and ``/problems`` to programs."""

from typing import TypedDict


class AboutLinks(TypedDict):
    """The addresses to go to from here."""

    docs: str
    openapi: str
    ops: str
    ready: str
    problems: str


class About(TypedDict):
    """A description of this service."""

    name: str
    version: str
    description: str
    links: AboutLinks


class ProblemTypeShown(TypedDict):
    """A type of problem: the statuses that it comes with, what it means and what to do about it."""

    type: str
    title: str
    statuses: list[int]
    meaning: str
    advice: str


class ProblemTypeList(TypedDict):
    """Every type of problem, by its code."""

    problems: list[ProblemTypeShown]
