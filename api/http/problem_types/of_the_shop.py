"""The problems of requests about customers, products and orders."""

from collections.abc import Mapping

from api.http.problem_types.problem_type import ProblemType

TYPES: Mapping[str, ProblemType] = {
    "unknown-customer": ProblemType(
        (404, 422),
        "There is no such customer, or it is somebody else's record.",
        "Check the id. Register the customer before the first order, without waiting in between if you like:"
        " commands are carried out in the order accepted.",
    ),
    "unknown-product": ProblemType(
        (404, 422),
        "There is no such product.",
        "Check the id. Put the product on sale before it is ordered, without waiting in between if you like:"
        " commands are carried out in the order accepted.",
    ),
    "unknown-order": ProblemType(
        (404,),
        "There is no such order, or it is somebody else's.",
        "Check the id. An order that was accepted a moment ago may not be visible yet: send its"
        " `Consistency-Token`, or place it with `Prefer: wait=5, visible`.",
    ),
    "unknown-command": ProblemType(
        (404,),
        "There is no such command, or somebody else sent it.",
        "Take the id from the `Link` of the answer that accepted it.",
    ),
    "id-taken": ProblemType(
        (409,),
        "There already is something under this id.",
        "Choose another id; or change what is there with PATCH. If it was your own request, sent twice, send"
        " both with one `Idempotency-Key` next time.",
    ),
    "status-not-allowed": ProblemType(
        (409,),
        "An order goes from pending to confirmed, shipped and delivered. Pending and confirmed orders can be"
        " cancelled. From where it stands it cannot go where it was sent.",
        "Read the order. If another status comes before, set that one first; a delivered or a cancelled"
        " order stays so.",
    ),
    "version-mismatch": ProblemType(
        (412,),
        "It was changed since the version that `If-Match` names. Nothing was changed now.",
        "Read it again, see whether your change is still meant, and send it with the new `ETag`.",
    ),
    "product-discontinued": ProblemType(
        (422,),
        "A product of the order is no longer sold.",
        "`errors` names the lines. Leave them out, or have the product reinstated.",
    ),
    "mixed-currencies": ProblemType(
        (422,),
        "The products of one order are sold in different currencies.",
        "Place one order for each currency.",
    ),
    "discount-too-large": ProblemType(
        (422,),
        "The discount of a line is more than its unit price times its quantity.",
        "`errors` names the lines. A discount is in minor units and off the whole line: at most what the line"
        " costs without it.",
    ),
    "total-too-large": ProblemType(
        (422,),
        "The total of the order is beyond 10^12 minor units.",
        "Check quantities and prices: amounts are in minor units, so 2500 is 25 euros. Else place several"
        " orders.",
    ),
    "occurred-at-in-future": ProblemType(
        (422,),
        "`occurred_at` is later than now, by the clock of the service.",
        "`occurred_at` is for importing history. Leave it out for what happens now.",
    ),
    "occurred-at-too-early": ProblemType(
        (422,),
        "`occurred_at` is before the last entry of the order's history.",
        "Send the changes of an order in the order in which they happened.",
    ),
    "command-failed": ProblemType(
        (500,),
        "The command was accepted, and carrying it out failed again and again. It is kept.",
        "Tell an operator, with the id in `instance`: once the cause is mended it is tried again. Do not send"
        " it anew under another key.",
    ),
}
