"""An audit trail that takes no entry, while all else of its database goes on."""

from pymongo.database import Database

from bus.connections.clients import StoredDocument

TRAIL = "audit"


def refuse_entries(database: Database[StoredDocument]) -> None:
    """Let MongoDB refuse every write to the audit trail from now on."""
    impossible = {"_id": {"$exists": False}}
    if TRAIL in database.list_collection_names():
        database.command("collMod", TRAIL, validator=impossible)
    else:
        database.create_collection(TRAIL, validator=impossible)


def accept_entries(database: Database[StoredDocument]) -> None:
    """Undo that."""
    database.command("collMod", TRAIL, validator={})


def everything_else(*databases: Database[StoredDocument]) -> dict[str, list[StoredDocument]]:
    """All documents of some databases, but for the audit trail, by their collections."""
    return {
        f"{database.name}.{name}": list(database[name].find().sort("_id"))
        for database in databases
        for name in sorted(database.list_collection_names())
        if name != TRAIL
    }
