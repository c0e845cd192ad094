"""Explains each figure of a queue, with the ``redis-cli`` command that shows the same.

If Redis does not know a figure, there is a query to MongoDB instead.
"""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bus.inbox.gateway import COMMANDS_QUEUE
from bus.queue.keys import HEARTBEATS, QueueKeys

Row = tuple[str, str, tuple[str, ...]]
"""A figure, its meaning, and the commands that show it."""

EXAMPLE = COMMANDS_QUEUE


def rows(queue: str) -> tuple[Row, ...]:
    """Return the rows for one queue, in the order of the table."""
    keys = QueueKeys(queue)
    return (
        ("waiting", "on the queue, for any worker to take", (f"redis-cli llen {keys.waiting}",)),
        (
            "in flight",
            "taken by a worker and not ended: all messages, less those that wait",
            (f"redis-cli hlen {keys.messages}",),
        ),
        (
            "delayed",
            "to be tried again, or to be rung, a little later",
            (f"redis-cli hlen {keys.delayed.messages}",),
        ),
        (
            "dead",
            "no worker could do anything with it; the clock moves it from Redis to MongoDB",
            (
                f"redis-cli zcard {keys.dead}",
                f"db.dead_letters.countDocuments({{queue: '{queue}', state: 'kept'}})",
            ),
        ),
        (
            "oldest",
            "since the oldest unfinished command was accepted; since a read model's bell was rung",
            (
                "db.commands.find({status: 'accepted'}).sort({accepted_ts: 1}).limit(1)",
                f'redis-cli hget {keys.messages} "$(redis-cli lindex {keys.waiting} 0)"',
            ),
        ),
        (
            "in/s",
            "commands accepted a second; for a read model, commits appended to the log",
            ("db.commits.find({partition: 0}).sort({seq: -1}).limit(1)   (twice, each partition)",),
        ),
        (
            "out/s",
            "commands decided a second; for a read model, commits that it has applied",
            ("db.checkpoints.find({name: 'order_detail'})   (read database, twice)",),
        ),
        (
            "stranded",
            "nobody is about to do it: in flight with a worker that has been silent for 15 s,",
            (
                f"redis-cli zrangebyscore {HEARTBEATS} 0 $(($(date +%s%3N) - 15000))",
                f"redis-cli scard {keys.in_flight('WORKER')}",
            ),
        ),
        (
            "",
            "a command overdue and not on the queue, a partition behind that has no bell",
            (f"redis-cli hexists {keys.messages} COMMAND_ID",),
        ),
    )


def explained() -> RenderableType:
    """Return all explanations, for the queue of commands."""
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for figure, meaning, ways in rows(EXAMPLE):
        grid.add_row(figure, meaning)
        for way in ways:
            grid.add_row("", Text(way, style="cyan"))
    head = Text(
        f"\nFor another queue put its name in the place of {EXAMPLE}; redis-cli -u for another Redis.\n"
    )
    return Group(head, grid)
