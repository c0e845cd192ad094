"""The strong read: one order as the write side has it now, in the shape of ``order_detail``.

An order's document depends on two short streams alone, its own and its customer's. So the strong
read folds it from them, with the code that projects it. The result is the document that the
projector is about to write, whatever is waiting, parked or behind.
"""

from bus.log.log import Log
from bus.messages.orders import OrderPlaced
from bus.messages.streams import customer_stream, order_stream, partition_of
from read_side.projections.documents import answer_with_position
from read_side.projections.model import Document
from read_side.projections.order_detail import ORDER_DETAIL, OrderDetail
from read_side.projector.folding import Plan, fold, fold_spread, plan


def order_now(log: Log, order_id: str) -> Document | None:
    """Return the order with its ``_pos``, or ``None`` if there is none.

    The order contains all that was acknowledged before the call, whichever server answers
    (``Log.now``).

    Raises:
        pymongo.errors.PyMongoError: no server can say how the write side is now.
        Exception: whatever an event that cannot be folded raises; there is no answer then.

    """
    stream = order_stream(order_id)
    partition = partition_of(stream, log.partitions)
    with log.now() as now:
        own = [plan(ORDER_DETAIL, commit) for commit in now.history(partition, stream)]
        if not own:
            return None
        customer_id = _customer_of(own)
        names = now.history(partition, customer_stream(customer_id)) if customer_id is not None else ()
        others = [plan(ORDER_DETAIL, commit) for commit in names]
    documents: dict[str, Document] = {}
    for planned in sorted((*own, *others), key=lambda p: p.commit.seq):
        documents |= fold(ORDER_DETAIL, planned, documents)
        if planned.spreads and order_id in documents:
            for document in fold_spread(ORDER_DETAIL, planned.recorded, [documents[order_id]]):
                documents[order_id] = document
    return answer_with_position(documents[order_id], OrderDetail)


def _customer_of(plans: list[Plan]) -> str | None:
    placed = plans[0].recorded[0].event
    if not isinstance(placed, OrderPlaced):
        raise TypeError(f"{plans[0].commit.stream} does not begin with an order")
    return placed.customer_id
