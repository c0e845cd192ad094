"""Which process has opened a connection of this machine, told by ``/proc``.

``/proc/net/tcp`` names the inode of each socket beside its addresses, and the links in ``/proc/PID/fd``
name the inodes that a process holds (``proc(5)``). Both can be read without root for one's own processes.
The answer is exact, where what a connection says first would have to be guessed at. One look answers for
many connections.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from os import readlink, scandir
from pathlib import Path

TABLE = Path("/proc/net/tcp")
_LOOPBACK = b"0100007F"  # 127.0.0.1 in the byte order of the table
_INODE = 9
"""The column of the inode."""


def pid_in(lock: Path) -> int | None:
    """The process id in a ``mongod.lock``, which mongod writes before it opens a connection."""
    try:
        text = lock.read_text()
    except OSError:
        return None
    return int(text) if text.strip().isdigit() else None


def owners(local_ports: Iterable[int], remote_port: int, pids: Mapping[str, int]) -> dict[int, str]:
    """By local port, the name of the process that holds the connection to ``remote_port``.

    Both ends are on 127.0.0.1. A connection that none of ``pids`` holds is left out.
    """
    table = TABLE.read_bytes()
    inodes = {port: _inode(table, port, remote_port) for port in local_ports}
    held = {inode: name for name, pid in pids.items() for inode in _sockets(pid)}
    return {port: held[inode] for port, inode in inodes.items() if inode in held}


def _inode(table: bytes, local: int, remote: int) -> str:
    """The inode of a connection; empty if the table does not have it."""
    at = table.find(b"%s:%04X %s:%04X" % (_LOOPBACK, local, _LOOPBACK, remote))
    if at < 0:
        return ""
    begin = table.rfind(b"\n", 0, at) + 1
    return table[begin : table.find(b"\n", at)].split()[_INODE].decode()


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process holds; none if it is gone."""
    found = set()
    with suppress(OSError), scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(OSError):  # it was closed meanwhile
                target = readlink(entry.path)  # noqa: PTH115 - three times as fast as a Path's, for hundreds
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found
