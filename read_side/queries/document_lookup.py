"""Where the read models show a stream: the documents that its events fold into, as they are now.

Which these are is asked of the models themselves, so that a new one needs no line here: an order is in its
summary and its detail, in the analytics of its day, in the sales of its products and in its customer's sums.
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
"""Of each model; an order of 200 products is in as many documents of their sales."""


@dataclass(frozen=True, slots=True)
class StreamDocuments:
    """A stream in the live generation of a read model; ``more`` if it is in further documents."""

    name: str
    generation: int
    position: int
    """How far the model has read in the stream's partition."""
    parked: Parked | None
    others_parked: Sequence[str]
    """Other streams that it has parked, so that their events may be missing in the documents as well."""
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
        """The models that these commits of a stream concern, and those that have set it parked_since.

        Positions are read first, then what is parked, then the documents: so what a model is said to have
        read is in the documents, or the stream is said to be parked.
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
    """The streams that have a part in documents; of a model that cannot tell, any that is parked may."""
    if model.sources is None:
        return set(parked)
    return set().union(*map(model.sources.feeding, documents))


def _readable(commits: Iterable[Commit]) -> list[RecordedEvent]:
    """The events, without those of commits that this build cannot read: those are parked, or will be."""
    found: list[RecordedEvent] = []
    for commit in commits:
        try:
            found += commit.recorded()
        except Exception:  # noqa: BLE001, S112 - whatever an event of another build makes it raise
            continue
    return found


def _documents(model: ReadModel, recorded: Iterable[RecordedEvent]) -> list[str]:
    """The ids of the documents, as first touched."""
    touched = (
        placed(model, blank, one.partition)["_id"] for one in recorded for blank in model.keys(one.event)
    )
    return list(dict.fromkeys(touched))
