"""Doorbells: "partition 3 has something new", one queue per read model.

At most one bell per partition waits. A doorbell carries no data, so losing one only costs time and
one too many costs nothing. One step in Redis sets the mark "a bell is waiting" and enqueues the
bell. The worker that answers it clears the mark *before* it reads the log. So a writer that appends
after that read rings again, and no commit can fall between.

A mark whose message is gone (its worker was killed between fetching and answering) would silence
the bell. So a mark holds the id of its bell. Once the mark is ``MARK_TTL_MS`` old, the next ring
looks whether the bell still waits in its queue. If it does, it will be answered, and a second one
is not needed: while no worker runs, bells do not pile up. If not, the bell is rung anew.

While a runner keeps the leases of a partition (``read_side.projector.runner``), it hears of every
append by a word on a channel, and keeps the bells of its read models silent: it sets their marks
itself. It sets a mark only where no bell waits. When it ends the silence, it clears only the marks
of a silence. So the mark of a bell that waits stays until a worker answers that bell. An append
under load is one script that publishes and finds all marks set, and no bell is made at all
(``tell``). A caller that must be heard even during silence rings with ``insist``.
"""

from collections.abc import Collection, Iterable
from uuid import uuid4

import redis
from dramatiq import Message

from bus.connections.clients import PROBE_KEY
from bus.notify.notifier import APPENDS, announce, appended, freed
from bus.queue.keys import NAMESPACE

MARK_TTL_MS = 5_000
"""The ms a bell or a silence is believed; past them, at worst one bell too many is rung."""
MARK_KEPT_MS = 86_400_000
"""The ms that the mark of a bell is kept if nobody rings again: a day."""
_SILENCE = "1"

# KEYS: the mark, the queue, its messages. ARGV: id, message, how long it is believed, and kept, and
# "1" to ring where it is silent. In groups of one bell each.
_RING = f"""
local rung = 0
for i = 1, #KEYS, 3 do
    local a = (i - 1) / 3 * 5 + 1
    local mark = redis.call("get", KEYS[i])
    local rings = not mark or (mark == "{_SILENCE}" and ARGV[a + 4] == "1")
    local age = ARGV[a + 3] - redis.call("pttl", KEYS[i])
    if mark and mark ~= "{_SILENCE}" and age >= tonumber(ARGV[a + 2]) then
        if redis.call("lpos", KEYS[i + 1], mark) then
            redis.call("pexpire", KEYS[i], ARGV[a + 3])
        else
            rings = true
        end
    end
    if rings then
        redis.call("set", KEYS[i], ARGV[a], "PX", ARGV[a + 3])
        redis.call("hset", KEYS[i + 2], ARGV[a], ARGV[a + 1])
        redis.call("rpush", KEYS[i + 1], ARGV[a])
        rung = rung + 1
    end
end
return rung
"""
# KEYS: one that is never there, marks. ARGV: channel, word. Returns what each mark says. It writes
# nothing, and would not notice that the server was demoted, whose channels nobody listens to: hence
# the deletion.
_TELL = """
redis.call("unlink", KEYS[1])
redis.call("publish", ARGV[1], ARGV[2])
local marks = {}
for i = 2, #KEYS do marks[i - 1] = redis.call("get", KEYS[i]) end
return marks
"""
# KEYS: marks. ARGV: for how long.
_KEEP_SILENT = f"""
for i = 1, #KEYS do
    local mark = redis.call("get", KEYS[i])
    if not mark or mark == "{_SILENCE}" then redis.call("set", KEYS[i], "{_SILENCE}", "PX", ARGV[1]) end
end
"""
_END_SILENCE = f"""
for i = 1, #KEYS do
    if redis.call("get", KEYS[i]) == "{_SILENCE}" then redis.call("del", KEYS[i]) end
end
"""


class Doorbells:
    """Rings and answers; every method raises ``redis.RedisError`` when Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._ring = client.register_script(_RING)
        self._tell = client.register_script(_TELL)
        self._keep_silent = client.register_script(_KEEP_SILENT)
        self._end_silence = client.register_script(_END_SILENCE)

    def ring(self, bells: Iterable[tuple[str, int]], *, insist: bool = False) -> int:
        """Ring ``(read model, partition)`` bells in one step; return how many were rung.

        A bell that waits already is not rung. With ``insist``, bells that a runner keeps silent are
        rung too.
        """
        keys: list[str] = []
        arguments: list[str | bytes | int] = []
        for read_model, partition in bells:
            message = bell(read_model, partition)
            queue = f"{NAMESPACE}:{read_model}"
            keys += [_mark(read_model, partition), queue, f"{queue}.msgs"]
            arguments += [message.message_id, message.encode(), MARK_TTL_MS, MARK_KEPT_MS, int(insist)]
        return int(self._ring(keys=keys, args=arguments)) if keys else 0

    def tell(self, names: Iterable[str], partitions: Collection[int]) -> int:
        """Tell the runners that partitions have something new, and ring bells that are not silent.

        Returns how many bells were rung. The word comes first. If this process dies after it, the
        bells are missing where nobody holds the partition, as if the process had died before.
        """
        bells = [(name, partition) for name in names for partition in partitions]
        word = "\n".join(map(appended, partitions))
        marks = self._tell(keys=[PROBE_KEY, *(_mark(*one) for one in bells)], args=[APPENDS, word])
        heard = [one for one, mark in zip(bells, marks, strict=True) if mark != _SILENCE.encode()]
        return self.ring(heard)

    def say_freed(self, partition: int) -> None:
        """Say that the leases of a partition have been given up."""
        announce(self._client, [freed(partition)], APPENDS)

    def answer(self, read_model: str, partition: int) -> None:
        """Clear the mark; call this before the log is read."""
        self._client.delete(_mark(read_model, partition))

    def silence(self, read_models: Iterable[str], partition: int) -> None:
        """Set the marks of read models without a bell, unless one waits.

        The marks run out after ``MARK_TTL_MS``. The caller listens for appends, and reads the log
        after this.
        """
        if keys := [_mark(name, partition) for name in read_models]:
            self._keep_silent(keys=keys, args=[MARK_TTL_MS])

    def end_silence(self, read_models: Iterable[str], partition: int) -> None:
        """Clear the marks that ``silence`` has set; the mark of a bell stays."""
        if keys := [_mark(name, partition) for name in read_models]:
            self._end_silence(keys=keys)


def bell(read_model: str, partition: int) -> Message[None]:
    """Return the message of a bell.

    Its id is new each time: the same id could be in flight, and one ack would end both.
    """
    message_id = str(uuid4())
    return Message(
        queue_name=read_model,
        actor_name=read_model,
        args=(),
        kwargs={"partition": partition},
        options={"redis_message_id": message_id},
        message_id=message_id,
    )


def _mark(read_model: str, partition: int) -> str:
    return f"twofold:bell:{read_model}:{partition}"
