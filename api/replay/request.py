"""One request to the API, prepared ahead of sending."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Request:
    """A command as it goes over HTTP.

    The service picks the ids of orders, so a path about one says ``{order_id}`` and ``order`` names the
    request that placed it.
    """

    kind: str
    """What it counts as in the report, in the plural."""
    method: Literal["POST", "PATCH"]
    path: str
    body: Mapping[str, Any]
    key: str
    """Its ``Idempotency-Key``, and its name for other requests."""
    order: str | None = None
