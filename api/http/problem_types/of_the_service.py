"""The problems that are not the caller's doing."""

from collections.abc import Mapping

from api.http.problem_types.problem_type import ProblemType

_SAME_KEY = "send the same request with the same `Idempotency-Key` again: it is carried out once"

TYPES: Mapping[str, ProblemType] = {
    "internal-error": ProblemType(
        (500,),
        "There is a fault in the service.",
        f"Tell an operator the `X-Correlation-Id` of the answer. For a command, {_SAME_KEY}.",
    ),
    "not-implemented": ProblemType(
        (501,),
        "The request uses a part of HTTP that this service does not have.",
        "Send the body with `Content-Length`, or chunked, and without another transfer coding.",
    ),
    "unavailable": ProblemType(
        (503,),
        "A part that this request needs cannot be reached at the moment.",
        f"Try again after the seconds of `Retry-After`. For a command, {_SAME_KEY}.",
    ),
    "too-slow": ProblemType(
        (503,),
        "The database did not carry out this request in time. It answers others.",
        f"Ask for less, such as a shorter range; or try again later. For a command, {_SAME_KEY}.",
    ),
    "overloaded": ProblemType(
        (503,),
        "There is more to do than can be done at the moment, so this was refused at once.",
        "Try again after the seconds of `Retry-After`, and wait longer each time.",
    ),
    "read-model-behind": ProblemType(
        (503,),
        "The answer would be older than what the `Consistency-Token` stands for.",
        "Try again after the seconds of `Retry-After`, or wait for it with `Prefer: wait=10`. Without the"
        " token the answer is what is known now. If it stays so, tell an operator.",
    ),
    "not-ready": ProblemType(
        (503,),
        "A part without which nothing can be served is not there, or the process is about to stop.",
        "`parts` names it. A balancer sends requests to other processes meanwhile.",
    ),
}
