"""What the folds and the queries of several models do with a document."""

from typing import Any

from read_side.projections.model import Document


def replaced(document: Document, **fields: Any) -> Document:
    """The document with some of its fields changed.

    Raises ``KeyError`` for a field that is not there: a change to what was never created is a hole in the
    history, and a fold must not fill it by invention.
    """
    missing = fields.keys() - document.keys()
    if missing:
        raise KeyError(f"{document['_id']} has no {', '.join(sorted(missing))} to change")
    return {**document, **fields}


def answer(document: Document, shape: type) -> Document:
    """What the contract shows of a document: the fields of ``shape``, a TypedDict, in its order.

    The first of them is the id, which the document keeps as its ``_id`` alone. The projector's own
    fields (``_pos``, ``partition``) are left out.
    """
    identity, *fields = shape.__annotations__
    return {identity: document["_id"], **{field: document[field] for field in fields}}


def answer_with_position(document: Document, shape: type) -> Document:
    """``answer``, and ``_pos`` beside it: the position last applied, which belongs into an ETag."""
    return {**answer(document, shape), "_pos": document["_pos"]}
