"""The kinds of operations: all operations of a kind answer in the same way."""

from collections.abc import Mapping
from http import HTTPStatus

from api.http.bodies import Body
from api.http.queries import NoQuery, Query
from api.openapi.operation import DescribedAnswer, Link, Operation, Tag
from api.site.files import SECURITY

_SENT = ("Prefer", "Idempotency-Key")
_READ = ("Consistency-Token", "Prefer")
_TOKEN = {"header.Consistency-Token": "$response.header.Consistency-Token"}
_REFUSALS = (
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


def creating(  # noqa: PLR0913, PLR0917 - a row of the table
    tag: Tag,
    noun: str,
    id_: str,
    summary: str,
    text: str,
    body: type[Body],
    receipts: tuple[type, type],
    *,
    change: str | None = None,
) -> Operation:
    """Return the description of a command that makes a new resource."""
    field = f"{noun.lower()}_id"
    identity = {f"path.{field}": f"$response.body#/{field}"}
    command = Link("readCommand", {"path.command_id": "$response.body#/command_id"})
    changed = Link(change or f"change{noun}", identity)
    accepted, created = receipts
    return Operation(
        id=id_,
        tag=tag,
        summary=summary,
        text=text,
        body=body,
        headers=_SENT,
        answers={
            HTTPStatus.CREATED: DescribedAnswer(
                "Done, as was waited for.",
                created,
                headers=("Location", "Link", "Consistency-Token"),
                perhaps=("Preference-Applied",),
                links={
                    "read": Link(f"read{noun}", {**identity, **_TOKEN}),
                    "change": changed,
                    "command": command,
                },
            ),
            HTTPStatus.ACCEPTED: DescribedAnswer(
                "Kept, and it will be carried out.",
                accepted,
                headers=("Location", "Link"),
                links={"read": Link(f"read{noun}", identity), "change": changed, "command": command},
            ),
        },
        problems=_REFUSALS,
    )


def changing(  # noqa: PLR0913, PLR0917 - a row of the table
    tag: Tag,
    noun: str,
    summary: str,
    text: str,
    body: type[Body],
    accepted: type,
    *,
    id_: str | None = None,
) -> Operation:
    """Return the description of a command that changes a resource."""
    field = f"path.{noun.lower()}_id"
    identity = {field: f"$request.{field}"}
    return Operation(
        id=id_ or f"change{noun}",
        tag=tag,
        summary=summary,
        text=text,
        body=body,
        headers=(*_SENT, "If-Match"),
        answers={
            HTTPStatus.NO_CONTENT: DescribedAnswer(
                "Done, as was waited for.",
                headers=("Link", "Consistency-Token"),
                perhaps=("Preference-Applied",),
                links={"read": Link(f"read{noun}", {**identity, **_TOKEN})},
            ),
            HTTPStatus.ACCEPTED: DescribedAnswer(
                "Kept, and it will be carried out.",
                accepted,
                headers=("Location", "Link"),
                links={
                    "read": Link(f"read{noun}", identity),
                    "command": Link("readCommand", {"path.command_id": "$response.body#/command_id"}),
                },
            ),
        },
        problems=(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED, *_REFUSALS),
    )


def single(  # noqa: PLR0913 - a row of the table
    tag: Tag,
    noun: str,
    summary: str,
    shape: type,
    *,
    text: str = "",
    query: type[Query] = NoQuery,
    change: str | None = None,
) -> Operation:
    """Return the description of a read of one resource; a caller that has it already gets a 304."""
    field = f"path.{noun.lower()}_id"
    identity = {field: f"$request.{field}"}
    links = {
        "again": Link(f"read{noun}", {**identity, "header.If-None-Match": "$response.header.ETag"}),
    }
    if tag is not Tag.COMMANDS:
        meant = {**identity, "header.If-Match": "$response.header.ETag"}
        links["change"] = Link(change or f"change{noun}", meant)
    return Operation(
        id=f"read{noun}",
        tag=tag,
        summary=summary,
        text=text,
        query=query,
        headers=(*_READ, "If-None-Match"),
        answers={
            HTTPStatus.OK: DescribedAnswer("As it is now.", shape, headers=("ETag",), links=links),
            HTTPStatus.NOT_MODIFIED: DescribedAnswer("As the caller has it.", headers=("ETag",)),
        },
        problems=(HTTPStatus.NOT_FOUND,),
    )


def listing(  # noqa: PLR0913 - a row of the table
    tag: Tag,
    id_: str,
    summary: str,
    query: type[Query],
    shape: type,
    *,
    text: str = "",
    links: Mapping[str, Link] | None = None,
    problems: tuple[int, ...] = (),
) -> Operation:
    """Return the description of a read of many things at a time."""
    found = DescribedAnswer("What was found.", shape, links=links or {})
    return Operation(
        id=id_,
        tag=tag,
        summary=summary,
        text=text,
        query=query,
        headers=_READ,
        answers={HTTPStatus.OK: found},
        problems=problems,
    )


def about_service(id_: str, summary: str, shape: type, *, ill: type | None = None) -> Operation:
    """Return the description of a read of the service's health."""
    well = DescribedAnswer("It is well." if ill is None else "It can.", shape)
    return Operation(id=id_, tag=Tag.SERVICE, summary=summary, answers={HTTPStatus.OK: well}, ill=ill)


def exposition(id_: str, summary: str, text: str) -> Operation:
    """Return the description of a read of the service's figures, for a monitoring system."""
    figures = DescribedAnswer("The figures.", media_types=("text/plain",))
    return Operation(id=id_, tag=Tag.SERVICE, summary=summary, text=text, answers={HTTPStatus.OK: figures})


def site(id_: str, summary: str, *media_types: str, missing: bool = False) -> Operation:
    """Return the description of a file of the service, or of its files of some media types."""
    return Operation(
        id=id_,
        tag=Tag.SERVICE,
        summary=summary,
        headers=("If-None-Match",),
        answers={
            HTTPStatus.OK: DescribedAnswer("The file.", media_types=media_types, headers=("ETag", *SECURITY)),
            HTTPStatus.NOT_MODIFIED: DescribedAnswer("As the caller has it.", headers=("ETag", *SECURITY)),
        },
        problems=(HTTPStatus.NOT_FOUND,) if missing else (),
    )


def negotiated(
    id_: str,
    summary: str,
    shape: type,
    *,
    text: str = "",
    missing: bool = False,
) -> Operation:
    """Return the description of an address that answers a program in JSON, a person with a page."""
    headers = ("ETag", "Vary", *SECURITY)
    found = DescribedAnswer("JSON, or a page if `Accept` prefers HTML.", shape, ("text/html",), headers)
    return Operation(
        id=id_,
        tag=Tag.SERVICE,
        summary=summary,
        text=text,
        headers=("If-None-Match",),
        answers={
            HTTPStatus.OK: found,
            HTTPStatus.NOT_MODIFIED: DescribedAnswer("As the caller has it.", headers=headers),
        },
        problems=(HTTPStatus.NOT_FOUND,) if missing else (),
    )
