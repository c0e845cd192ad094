"""The Lua scripts with which the bus asks Redis, one step each, over Dramatiq's own keys.

Every observer sees a script as one step, and it takes one trip for any number of messages. The keys
are those that Dramatiq's own ``dispatch.lua`` has: ``dramatiq:<queue>`` (list of ids), ``.msgs``
(hash of messages), ``__acks__.<worker>.<queue>`` (set of ids in flight), ``.XQ`` (dead letters by
time), ``.DQ`` (the delayed). Times are those of Redis, so that the clocks of workers' hosts do not
matter.
"""

_NOW = """
local time = redis.call("time")
local now = string.format("%.0f", time[1] * 1000 + math.floor(time[2] / 1000))
"""

ENQUEUE_ONCE = """
-- KEYS: list, msgs. ARGV: id, message, id, message, ...
local added = 0
for i = 1, #ARGV, 2 do
    if redis.call("hsetnx", KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        redis.call("rpush", KEYS[1], ARGV[i])
        added = added + 1
    end
end
return added
"""
"""Puts each message on the queue unless its id waits or is in flight; returns how many it put."""

ENQUEUE = """
-- KEYS: list, msgs. ARGV: id, message.
redis.call("hset", KEYS[2], ARGV[1], ARGV[2])
redis.call("rpush", KEYS[1], ARGV[1])
"""

FETCH = f"""
-- KEYS: list, msgs, acks, heartbeats. ARGV: worker, how many.
{_NOW}
redis.call("zadd", KEYS[4], now, ARGV[1])
local fetched = {{}}
for _ = 1, tonumber(ARGV[2]) do
    local id = redis.call("lpop", KEYS[1])
    if not id then break end
    local message = redis.call("hget", KEYS[2], id)
    if message then
        redis.call("sadd", KEYS[3], id)
        fetched[#fetched + 1] = id
        fetched[#fetched + 1] = message
    end
end
return fetched
"""
"""Takes messages off the queue, notes them as in flight, and returns id, message, id, ...

Unlike Dramatiq's script it returns the ids, so that a message that cannot be decoded can be put
aside.
"""

ACK = f"""
-- KEYS: msgs, acks, heartbeats. ARGV: worker, id, id, ...
{_NOW}
redis.call("zadd", KEYS[3], now, ARGV[1])
for i = 2, #ARGV do
    if redis.call("srem", KEYS[2], ARGV[i]) == 1 then
        redis.call("hdel", KEYS[1], ARGV[i])
    end
end
"""
"""Ends messages; leaves those no longer this worker's, because the worker was taken for dead."""

RETRY_LATER = """
-- KEYS: msgs, acks, delayed list, delayed msgs. ARGV: id, id when delayed, message.
if redis.call("srem", KEYS[2], ARGV[1]) == 1 then
    redis.call("hdel", KEYS[1], ARGV[1])
    if redis.call("hsetnx", KEYS[4], ARGV[2], ARGV[3]) == 1 then
        redis.call("rpush", KEYS[3], ARGV[2])
    end
end
"""
"""Moves a message from in flight to the delayed: there is no moment in which it is in neither.

If one with that id is delayed already, that one is enough.
"""

BECOME_DUE = """
-- KEYS: delayed msgs, delayed acks, list, msgs. ARGV: id when delayed, id, message.
if redis.call("srem", KEYS[2], ARGV[1]) == 1 then
    redis.call("hdel", KEYS[1], ARGV[1])
    redis.call("hset", KEYS[4], ARGV[2], ARGV[3])
    redis.call("rpush", KEYS[3], ARGV[2])
end
"""
"""Moves a delayed message to its queue: there is no moment in which it is in both, or in neither.

So a message that is found delayed is still to come. The script leaves one that is no longer this
worker's.
"""

REQUEUE = """
-- KEYS: list, msgs, acks. ARGV: id, id, ...
for i = 1, #ARGV do
    if redis.call("srem", KEYS[3], ARGV[i]) == 1 and redis.call("hexists", KEYS[2], ARGV[i]) == 1 then
        redis.call("rpush", KEYS[1], ARGV[i])
    end
end
"""
"""Gives messages back to their queue."""

MAINTAIN = f"""
-- KEYS: list, msgs, heartbeats. ARGV: worker, timeout in ms, what acks keys begin with, queue.
{_NOW}
redis.call("zadd", KEYS[3], now, ARGV[1])
local returned = 0
for _, dead in ipairs(redis.call("zrangebyscore", KEYS[3], 0, now - ARGV[2])) do
    local acks = ARGV[3] .. dead
    for _, id in ipairs(redis.call("smembers", acks .. "." .. ARGV[4])) do
        if redis.call("hexists", KEYS[2], id) == 1 then
            redis.call("rpush", KEYS[1], id)
            returned = returned + 1
        end
    end
    redis.call("del", acks .. "." .. ARGV[4])
    if not next(redis.call("keys", acks .. "*")) then redis.call("zrem", KEYS[3], dead) end
end
return returned
"""
"""Reports that a worker lives, and gives messages of silent ones back to a queue; returns how many.

A silent worker is forgotten once it owes nothing to any of its queues, as in Dramatiq.
"""

BURY = f"""
-- KEYS: msgs, acks, dead list, dead msgs. ARGV: id, message as it is to be kept (empty: as it is).
{_NOW}
if redis.call("srem", KEYS[2], ARGV[1]) == 1 then
    local message = redis.call("hget", KEYS[1], ARGV[1])
    if ARGV[2] ~= "" then message = ARGV[2] end
    if message then
        redis.call("zadd", KEYS[3], now, ARGV[1])
        redis.call("hset", KEYS[4], ARGV[1], message)
        redis.call("hdel", KEYS[1], ARGV[1])
    end
end
"""
"""Moves a message from in flight to the dead letters, where the clock collects it."""
