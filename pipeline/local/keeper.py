"""Owns one child of the supervisor: runs it, passes signals on, and leaves nothing of it behind.

Started by path with the bare interpreter, so it imports the standard library only. It holds the reading end of a pipe
whose writing end only the supervisor has: when that end closes, because the supervisor asks or because it was killed,
everything below is killed. On Linux even descendants that left the session are found: orphans come to the keeper.

Never: restart anything, read settings, log.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_NOT_STARTED = 127
_IS_LINUX = sys.platform == "linux"


def main(arguments: list[str]) -> int:
    """Run `keeper.py <lifeline>[,<descriptor>…] -- <command…>`; the exit code is the command's, 128 + n for signal n.

    Descriptors after the lifeline are only held open while anything of the child may live.
    """
    descriptors = [int(part) for part in arguments[1].split(",")]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # the standard library's own signature.
    if _IS_LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wakeup = _catch_signals()
    child = _start(arguments[3:])
    status = _watch(child, lifeline=descriptors[0], wakeup=wakeup)
    if _IS_LINUX:  # elsewhere the supervisor kills the group that the keeper leads.
        _kill_descendants()
    return status


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _catch_signals() -> int:
    """Every signal becomes a byte on a pipe, so that one `select` sees signals and the lifeline."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def _start(command: list[str]) -> int:
    """Fork and exec; on Linux the child dies with the keeper, even if the keeper was killed.

    A signal that is forwarded between the two would meet the keeper's own handler and be lost at exec: it waits until
    the child has its default one.
    """
    keeper = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        return child
    try:
        signal.set_wakeup_fd(-1)
        for number in _FORWARDED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        if _IS_LINUX:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:  # else the keeper died before the line above, and no signal will come.
            os.execvp(command[0], command)  # noqa: S606  # no shell: that is the point.
    except OSError as error:
        os.write(2, f"{command[0]} could not be started: {error.strerror}\n".encode())
    os._exit(_NOT_STARTED)


def _watch(child: int, *, lifeline: int, wakeup: int) -> int:
    """Wait for the child's end or the lifeline's; return the exit code."""
    while True:
        readable, _, _ = select.select([lifeline, wakeup], [], [])
        if lifeline in readable:
            if not _IS_LINUX:
                os.killpg(0, signal.SIGKILL)  # the keeper leads the group, and goes with it.
            return 128 + signal.SIGKILL
        for number in _read_all(wakeup):
            if number in _FORWARDED:
                with suppress(ProcessLookupError):
                    os.kill(child, number)
        status = _reap(child)
        if status is not None:
            return status


def _read_all(descriptor: int) -> bytes:
    with suppress(BlockingIOError):
        return os.read(descriptor, 4096)
    return b""


def _reap(child: int) -> int | None:
    """Collect whatever ended; the exit code if the child did."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return None
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
    return None


def _kill_descendants() -> None:
    """Kill all that is below. Each death hands its own children up, so the loop ends when there are none."""
    while True:
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Process ids whose parent is this process; empty where there is no /proc."""
    own = os.getpid()
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The command name stands in parentheses and may hold anything: the parent is the second word after it.
            if int(entry.read_text(errors="replace").rpartition(")")[2].split()[1]) == own:
                found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv))
