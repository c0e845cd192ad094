"""Finds the documents of the read models that a stream's events fold into, as they are now.

It asks the models themselves which documents these are, so a new model needs no line here. For
example, an order is in its summary and its detail, in the analytics of its day, in the sales of its
products and in its customer's sums.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bus.log.commit import Commit, RecordedEvent
from read_side.parked.parking import Parked, Parking
from read_side.projections import READ_MODELS
from read_side.projections.model import Document, ReadModel
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.folding import placed
from read_side.queries.store import ReadStore

MAX_DOCUMENTS = 20
"""The most documents of each model; an order of 200 products is in 200 documents of their sales."""


@dataclass(frozen=True, slots=True)
class StreamDocuments:
    """A stream in a model's live generation; ``more`` is True if it is in further documents."""

    name: str
    generation: int
    position: int
    """The position up to which the model has read the stream's partition."""
    parked: Parked | None
    others_parked: Sequence[str]
    """Other streams that it has parked; their events may be missing in the documents as well."""
    documents: Sequence[Document]
    more: bool


class DocumentLookup:
    """Looks into the live read models."""

    def __init__(
        self,
        store: ReadStore,
        checkpoints: Checkpoints,
        parking: Parking,
        models: Iterable[ReadModel] = READ_MODELS,
    ) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._parking = parking
        self._models = tuple(models)

    def of(self, stream: str, partition: int, commits: Sequence[Commit]) -> list[StreamDocuments]:
        """Return the models that these commits of a stream concern, and those that have parked it.

        It reads positions first, then what is parked, then the documents. So what a model is said
        to have read is in the documents, or the stream is said to be parked.
        """
        recorded = _readable(commits)
        positions = self._checkpoints.positions(partition)
        parked: defaultdict[tuple[str, int], dict[str, Parked]] = defaultdict(dict)
        for one in self._parking.within(partition):
            parked[one.name, one.generation][one.stream] = one
        found = []
        for model in self._models:
            live = self._store.live(model.name)
            ids = _documents(live.model or model, recorded)
            parked_since = parked[model.name, live.generation]
            if not ids and stream not in parked_since:
                continue
            wanted = ids[-MAX_DOCUMENTS:]
            documents = live.documents.find({"_id": {"$in": wanted}}) if wanted else []
            others = parked_since.keys() & _others(model, documents, parked_since) - {stream}
            found.append(
                StreamDocuments(
                    name=model.name,
                    generation=live.generation,
                    position=positions.get((model.name, live.generation, partition), 0),
                    parked=parked_since.get(stream),
                    others_parked=sorted(others),
                    documents=sorted(documents, key=lambda document: wanted.index(document["_id"])),
                    more=len(ids) > len(wanted),
                )
            )
        return found


def _others(model: ReadModel, documents: Iterable[Document], parked: Iterable[str]) -> set[str]:
    """Return the streams that have a part in documents: any parked one if the model cannot tell."""
    if model.sources is None:
        return set(parked)
    return set().union(*map(model.sources.feeding, documents))


def _readable(commits: Iterable[Commit]) -> list[RecordedEvent]:
    """Return the events that this build can read; commits that it cannot are parked, or will be."""
    found: list[RecordedEvent] = []
    for commit in commits:
        try:
            found += commit.recorded()
        except Exception:  # noqa: BLE001, S112 - whatever an event of another build makes it raise
            continue
    return found


def _documents(model: ReadModel, recorded: Iterable[RecordedEvent]) -> list[str]:
    """Return the ids of the documents, in the order in which they are first touched."""
    touched = (
        placed(model, blank, one.partition)["_id"] for one in recorded for blank in model.keys(one.event)
    )
    return list(dict.fromkeys(touched))
