"""The bodies that operators send to have something mended, and the queries that they may ask."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from api.http.bodies import Body
from api.http.queries import Query, whole_number
from api.openapi.examples import CUSTOMER_ID
from bus.messages.values import ID_TEXT, MAX_ID_LENGTH
from read_side.projections import READ_MODELS, by_name


def _known(name: str) -> str:
    try:
        return by_name(name).name
    except LookupError as error:
        raise ValueError(str(error)) from None


_NAMES = [model.name for model in READ_MODELS]
ReadModelName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": _NAMES})]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
StreamName = Annotated[
    str, StringConstraints(max_length=21 + MAX_ID_LENGTH, pattern=f"^[a-z]{{1,20}}-{ID_TEXT}$")
]


class Resolution(Body):
    """The operator's reason; it is recorded together with the operator's name."""

    reason: Reason

    examples: ClassVar[Any] = {"fixed": {"reason": "The price is fixed."}}


class ParkedStream(Body):
    """A parked stream to retry; with ``read_model``, it is retried in that one alone."""

    read_model: ReadModelName | None = None
    stream: StreamName

    examples: ClassVar[Any] = {"customer": {"read_model": "customers", "stream": f"customer-{CUSTOMER_ID}"}}


class ModelToRebuild(Body):
    """The read model to rebuild from the log."""

    read_model: ReadModelName

    examples: ClassVar[Any] = {"products": {"read_model": "products"}}


Most = Annotated[
    int, Field(ge=1, le=1_000), BeforeValidator(whole_number), Field(description="How many at most.")
]


class DeadQuery(Query):
    everything: Annotated[
        Literal["true", "false"],
        Field(alias="all", description="Also discarded commands, and discarded and retried letters."),
    ] = "false"
    limit: Most = 100


class CommandsQuery(Query):
    status: Annotated[
        Literal["accepted", "succeeded", "rejected", "failed"] | None,
        Field(description="What they came to, or `accepted` for those without an outcome."),
    ] = None
    limit: Most = 50


class ParkedQuery(Query):
    limit: Most = 100
