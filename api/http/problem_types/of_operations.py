"""The problems that operators meet."""

from collections.abc import Mapping

from api.http.problem_types.problem_type import ProblemType

TYPES: Mapping[str, ProblemType] = {
    "unknown-dead": ProblemType(
        (404,),
        "There is no failed command and no dead letter of this id.",
        "`/ops/dead` lists those there are; with `all=true` also those that were dealt with.",
    ),
    "unknown-story": ProblemType(
        (404,),
        "No order, customer, product or command is known by this id.",
        "Check the id. Without `kind`, every kind is looked for.",
    ),
    "unknown-parked-stream": ProblemType(
        (404,), "The read model has not parked this stream.", "`/ops/parked` lists those that are."
    ),
    "unknown-read-model": ProblemType(
        (404,), "There is no read model of this name.", "`/ops/read-models` lists them."
    ),
    "rebuild-under-way": ProblemType(
        (409,),
        "A rebuild of the read model is requested or running already.",
        "Wait for it; `/ops/rebuilds` shows how far it is. Or stop it first.",
    ),
    "no-rebuild": ProblemType(
        (409,),
        "No rebuild of the read model is running that was asked for here.",
        "`/ops/rebuilds` shows what is running. One that was started from a command line is stopped there.",
    ),
    "refused": ProblemType(
        (409,),
        "It is not in a state in which that can be done; somebody may have dealt with it already.",
        "`detail` says why. Look at it again.",
    ),
}
