"""Something to write to a MongoDB and to find there again."""

from typing import Any

from pymongo import MongoClient, WriteConcern

SELECTION_MS = 10_000


def write(uri: str, text: str) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=SELECTION_MS)
    with client:
        notes = client.kept.get_collection("notes", write_concern=WriteConcern(w="majority", j=True))
        notes.insert_one({"text": text})


def read(uri: str) -> list[str]:
    client: MongoClient[dict[str, Any]] = MongoClient(uri, serverSelectionTimeoutMS=SELECTION_MS)
    with client:
        return [note["text"] for note in client.kept.notes.find()]
