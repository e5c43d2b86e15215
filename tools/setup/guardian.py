"""Holds the lock of a command, and ends what the command has started should the command itself be gone, however it ended.

It reads lines from its standard input, whose other end only the command holds:
  lock FILE     tries to take the lock; answers "locked", "held PID" or "impossible REASON"
  unlock FILE   gives it back
  start GROUP   this process group must not outlive the command
  end GROUP     this process group has ended
At the end of the input, which even `kill -9` of the command brings about, it ends the groups that are left and gives the
lock back. The lock is the kernel's (flock), so it cannot be left behind. Runs before anything is installed.
"""

import contextlib
import errno
import fcntl
import glob
import os
import signal
import sys
import time

GRACE_SECONDS = 8

held: dict[str, int] = {}


def lock(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            return f"held {owner or '?'}"
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getppid()).encode())
        held[path] = descriptor
    except OSError as error:
        return f"impossible {errno.errorcode.get(error.errno or 0, '')} {error.strerror}"
    return "locked"


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # A process that has ended but that nobody has asked about, as in containers without an init, counts as ended.
    states = [state for number, state in processes() if number == group]
    return not states or any(state not in "ZX" for state in states)


def processes() -> list[tuple[int, str]]:
    """Process group and state of every process; empty where there is no /proc."""
    found = []
    for file in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError), open(file, "rb") as opened:
            state, _, group = opened.read().rpartition(b")")[2].split()[:3]
            found.append((int(group), state.decode()))
    return found


def end(groups: set[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(map(is_alive, groups)) and time.monotonic() < deadline:
            time.sleep(0.05)
        groups = set(filter(is_alive, groups))


def main() -> None:
    # Signals are for the command: what it does about them, it says here.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        word, _, argument = line.rstrip("\n").partition(" ")
        if word == "start":
            groups.add(int(argument))
        elif word == "end":
            groups.discard(int(argument))
        elif word == "lock":
            print(lock(argument), flush=True)
        elif word == "unlock" and argument in held:
            os.close(held.pop(argument))
    end(groups)


main()
