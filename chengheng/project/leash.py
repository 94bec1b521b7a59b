"""Start a program on a leash: it gets a signal when its parent dies, however the parent dies (Linux prctl(2)).

    python -I -S leash.py PARENT_PID SIGNAL USER PROGRAM ARGUMENT…

Runs before the program, in its place: sets the user, the leash, and then becomes the program. USER "-" keeps the
user. A script of the standard library alone, because it must start in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def leash(user: str | None, number: int) -> list[str]:
    """The words to put before a command line, so that the program starts as `user` and on a leash to this process."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), str(int(number)), user or "-"]


def hold(number: int) -> None:
    """Let this process get signal `number` when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def become(parent: int, number: int, user: str, command: list[str]) -> None:
    """Never returns. The leash comes after the change of user, which would clear it."""
    if user != "-":
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        os.environ["HOME"] = entry.pw_dir
    hold(number)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, which the program would inherit
    if os.getppid() != parent:
        sys.exit(f"{command[0]}: not started, the supervisor is gone")
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
