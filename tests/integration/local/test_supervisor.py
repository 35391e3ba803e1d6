from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from pipeline.local.child import Child, ChildNotReadyError, ChildSpec, rotate
from pipeline.local.locks import StackLock, StackRunningError, running_stack
from pipeline.local.supervisor import Backoff, Supervisor
from tests.support.processes import all_gone, is_alive, wait_until

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUICK = Backoff(base_seconds=0.01, max_seconds=0.1)

WAIT = "import signal; signal.pause()"
DEAF = (
    "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
)


def spec(name: str, code: str, *, grace_seconds: float = 10.0, ready_log: Path | None = None) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-I", "-c", code),
        environ=dict(os.environ),
        ready=(lambda: bool(ready_log.read_text())) if ready_log else (lambda: True),
        ready_seconds=5,
        grace_seconds=grace_seconds,
    )


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(logs=tmp_path / "logs", backoff=QUICK)
    yield made
    made.stop()


def pid_of(supervisor: Supervisor, number: int = 0) -> int:
    return wait_until(lambda: supervisor.statuses()[number].pid or 0)


def test_child_that_was_killed_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(spec("sleeper", WAIT))
    first = pid_of(supervisor)

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: supervisor.statuses()[0].restarts == 1)
    assert pid_of(supervisor) != first


def test_child_whose_keeper_was_killed_dies_and_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(spec("sleeper", WAIT))
    first = pid_of(supervisor)

    psutil.Process(first).parent().kill()

    wait_until(lambda: not is_alive(first))
    wait_until(lambda: supervisor.statuses()[0].restarts == 1)


def test_child_that_dies_again_and_again_is_started_ever_more_rarely() -> None:
    backoff = Backoff(base_seconds=0.5, max_seconds=30)

    delays = [backoff.delay_seconds(deaths) for deaths in (1, 2, 3, 6, 7, 1000)]

    assert delays == [0.5, 1, 2, 16, 30, 30]


def test_deaths_are_forgotten_once_a_child_lived_a_while(tmp_path: Path) -> None:
    patient = Backoff(base_seconds=0.01, max_seconds=3600, reset_seconds=0)
    supervisor = Supervisor(logs=tmp_path, backoff=patient)
    supervisor.start(spec("mayfly", "pass"))

    # Thirty deaths in a row without forgetting would be 0.01 * 2**29 s apart.
    restarted = wait_until(lambda: supervisor.statuses()[0].restarts >= 6)

    supervisor.stop()
    assert restarted


def test_children_stop_in_the_opposite_order(supervisor: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    code = (
        "import signal, sys, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open({ends!r}, 'a').write({name!r}), sys.exit(0)))\n"
        "pathlib.Path({ready!r}).write_text('1')\n"
        "signal.pause()"
    )
    for name in ("a", "b", "c"):
        ready = tmp_path / f"{name}.ready"
        made = spec(name, code.format(ends=str(ends), name=name, ready=str(ready)))
        supervisor.start(ChildSpec(name=name, command=made.command, environ=made.environ, ready=ready.is_file))

    supervisor.stop()

    assert ends.read_text() == "cba"


def test_child_that_ignores_the_signal_is_killed_after_its_grace(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(spec("deaf", DEAF, grace_seconds=0.2, ready_log=tmp_path / "logs" / "deaf.log"))
    pid = pid_of(supervisor)

    supervisor.stop()

    assert not is_alive(pid)


def test_child_that_does_not_start_is_shown_with_the_end_of_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "broken.log").write_text("ready. (of the run before)\n")
    broken = ChildSpec(
        name="broken",
        command=(sys.executable, "-c", "raise SystemExit('the disk is full')"),
        environ=dict(os.environ),
        ready=lambda: False,
    )

    with pytest.raises(ChildNotReadyError) as caught:
        supervisor.start(broken)

    assert "broken ended at once (exit code 1)" in caught.value.message
    assert caught.value.tail == "the disk is full"


def test_child_that_is_never_ready_is_given_up_and_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"import os, pathlib, signal; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); signal.pause()"
    slow = ChildSpec(
        name="slow",
        command=(sys.executable, "-I", "-c", code),
        environ=dict(os.environ),
        ready=lambda: False,
        ready_seconds=1,
    )

    with pytest.raises(ChildNotReadyError, match="slow was not ready within 1 s"):
        supervisor.start(slow)

    assert not is_alive(int(mark.read_text()))


def test_program_that_is_not_there_is_named(supervisor: Supervisor) -> None:
    missing = ChildSpec(name="missing", command=("/nowhere/program",), environ={}, ready=lambda: False)

    with pytest.raises(ChildNotReadyError, match="/nowhere/program could not be started"):
        supervisor.start(missing)


def test_log_that_grew_too_large_keeps_one_older_file(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("old lines\n")

    with log.open("a") as writer:
        rotate(log, bytes_max=5)
        writer.write("new line\n")

    assert (tmp_path / "worker.log.1").read_text() == "old lines\n"
    assert log.read_text() == "new line\n"


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    process = subprocess.Popen((sys.executable, "-m", "tests.support.supervised", str(tmp_path)), cwd=ROOT)
    family = tmp_path / "family"
    wait_until(family.is_file)
    pids = [int(line) for line in family.read_text().split()]
    keeper = psutil.Process(pids[0]).ppid()
    yield process, [keeper, *pids]
    if process.poll() is None:
        process.kill()
        process.wait()


def test_no_orphan_stays_after_the_supervisor_was_killed(killable: tuple[subprocess.Popen[bytes], list[int]]) -> None:
    process, pids = killable
    assert all(is_alive(pid) for pid in pids)

    process.kill()
    process.wait()

    # The keeper, the child, its child, and one that had left for a session of its own.
    wait_until(lambda: all_gone(pids), seconds=5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_supervisor_stops_all(
    killable: tuple[subprocess.Popen[bytes], list[int]], number: signal.Signals
) -> None:
    process, pids = killable

    process.send_signal(number)

    assert process.wait(timeout=15) == 0
    assert all_gone(pids)


def test_second_stack_of_a_home_is_refused_and_told_where_the_first_is(
    killable: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
) -> None:
    process, _ = killable

    with pytest.raises(StackRunningError) as caught:
        StackLock(tmp_path).acquire(now=NOW)

    assert f"process {process.pid}" in caught.value.message
    assert f"kill {process.pid}" in caught.value.message


def test_home_of_a_killed_stack_is_free_once_its_children_are_gone(
    killable: tuple[subprocess.Popen[bytes], list[int]], tmp_path: Path
) -> None:
    process, pids = killable
    process.kill()
    process.wait()
    lock = StackLock(tmp_path)

    lock.acquire(now=NOW)

    assert all_gone(pids)
    lock.release()
    assert running_stack(tmp_path) is None


def test_lock_says_who_holds_it_and_where_flower_is(tmp_path: Path) -> None:
    lock = StackLock(tmp_path)
    lock.acquire(now=NOW)

    lock.announce(flower_url="http://127.0.0.1:5555")

    info = running_stack(tmp_path)
    lock.release()
    assert info is not None
    assert (info.pid, info.flower_url) == (os.getpid(), "http://127.0.0.1:5555")
    assert info.started_at == "2026-11-22T00:00:00+00:00"


def test_a_child_that_is_stopped_while_it_starts_obeys_at_once(tmp_path: Path) -> None:
    endless = 10_000.0
    children = [Child(spec(str(number), WAIT, grace_seconds=endless), logs=tmp_path) for number in range(12)]

    for child in children:
        child.stop()

    assert [child.exit_code() for child in children] == [128 + signal.SIGTERM] * len(children)


def test_logs_are_the_owners_alone(tmp_path: Path) -> None:
    log, older = tmp_path / "logs" / "web.log", tmp_path / "logs" / "web.log.1"
    before = os.umask(0o022)
    try:
        child = Child(spec("web", "print('hello')"), logs=log.parent)
        wait_until(lambda: child.exit_code() is not None)
        made = stat.S_IMODE(log.stat().st_mode)
        log.chmod(0o644)
        again = Child(spec("web", "print('hello')"), logs=log.parent)
        wait_until(lambda: again.exit_code() is not None)
        rotate(log, bytes_max=1)
    finally:
        os.umask(before)

    assert [made, *(stat.S_IMODE(each.stat().st_mode) for each in (log, older))] == [0o600] * 3
