"""A child that dies with its parent, even when the parent is killed with ``kill -9``.

Linux can send a process a signal when its parent goes (``prctl(2)``, ``PR_SET_PDEATHSIG``), but the
process has to ask for it itself. ``subprocess`` could do that in ``preexec_fn``, which can deadlock
in a program with threads, and MongoDB's driver has threads. So this file is also a script: it asks,
then becomes the command by ``exec``, which keeps the pid and the request. It costs some 20 ms at
the start of each child.

The "parent" is the thread that starts the child: start children from a thread that lives as long as
they should. On other systems the command gets no signal, and a killed runner leaves its servers
behind.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from signal import SIGKILL, Signals

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def dies_with_parent(command: Sequence[str], on_death: Signals = SIGKILL) -> list[str]:
    """Return the command line that runs ``command`` and sends it ``on_death``.

    The command gets that signal when its parent dies. Its first word is a path.
    """
    if sys.platform != "linux":
        return list(command)
    isolated = (sys.executable, "-I", "-S")
    return [*isolated, __file__, str(os.getpid()), str(int(on_death)), *command]


def _become(parent: int, on_death: int, command: list[str]) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, on_death, 0, 0, 0)
    if os.getppid() == parent:  # else the parent died before the request was in place
        os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    _become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
