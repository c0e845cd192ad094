"""The types of problems, by their codes. A new problem needs a row in a table beside this.

A problem's ``type`` is the address of its page here (RFC 9457, section 4.1), ``/problems/<code>``.
Programs compare it, so a code never changes. A test looks through the code for problems without a
row.
"""

from collections.abc import Mapping

from api.http.problem_types import of_operations, of_requests, of_the_service, of_the_shop
from api.http.problem_types.problem_type import ProblemType

FOLDER = "/problems"

PROBLEM_TYPES: Mapping[str, ProblemType] = dict(
    sorted({**of_requests.TYPES, **of_the_shop.TYPES, **of_operations.TYPES, **of_the_service.TYPES}.items())
)


def address(code: str) -> str:
    """Return the address of a type's page, which also identifies the type."""
    return f"{FOLDER}/{code}"


def title(code: str) -> str:
    return code.replace("-", " ").capitalize()
