"""Every accepted command is decided once, and every answer to its key tells of that one decision."""

from bus.messages.streams import id_of
from tests.failover.history.history import History


def check(history: History) -> list[str]:
    found = [
        f"{write.key}: {write.command_id} was decided {len(write.decided)} times"
        for write in history.writes
        if len(write.decided) != 1
    ]
    for write in history.writes:
        subjects = {one.subject for one in history.by_key[write.key]} - {None}
        if write.only is not None and subjects and id_of(write.only.stream) not in subjects:
            found.append(f"{write.key}: told of {subjects}, and {write.only.stream} is what it changed")
    for key, exchanges in history.by_key.items():
        kept = [one for one in exchanges if one.command_id is not None]
        commands = {one.command_id for one in kept}
        subjects = {one.subject for one in kept if one.subject is not None}
        if len(commands) > 1 or len(subjects) > 1:
            found.append(f"{key}: a repeat was told other ids, {sorted(map(str, commands | subjects))}")
        for exchange in kept:
            version = history.versions.get(exchange.command_id or "")
            if exchange.version is not None and exchange.version != version:
                found.append(f"{key}: told version {exchange.version}, the log has {version}")
    return found
