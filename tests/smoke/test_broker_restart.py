"""The fault that decides which Celery release may be used: see docs/decisions."""

from __future__ import annotations

from pathlib import Path

from pytest_celery import CeleryTestSetup

from tests.support.processes import wait_until


def send(setup: CeleryTestSetup, name: str, *paths: Path, countdown: int | None = None) -> None:
    """Publish a task of `smoke_app` by name, as the product does: to a plain queue, with no result."""
    setup.app.send_task(name, [str(path) for path in paths], queue="control", ignore_result=True, countdown=countdown)


def test_worker_survives_the_brokers_kill_and_restart_while_it_holds_unacked_work(
    celery_setup: CeleryTestSetup, tmp_path: Path
) -> None:
    begun, release, done, queued, later = (tmp_path / name for name in ("begun", "release", "done", "queued", "later"))
    worker, broker = celery_setup.worker, celery_setup.broker
    pid = worker.container.pid
    send(celery_setup, "smoke.hold", begun, release, done)
    send(celery_setup, "smoke.write", later, countdown=3600)
    wait_until(begun.exists)

    broker.kill()
    broker.restart()
    send(celery_setup, "smoke.write", queued)

    wait_until(lambda: queued.exists() or worker.container.status == "exited")
    release.touch()
    wait_until(lambda: done.exists() or worker.container.status == "exited")
    assert (worker.container.status, worker.container.pid) == ("running", pid), worker.logs()
    assert queued.exists()
    assert done.exists()
    assert not later.exists()


def test_work_that_was_queued_when_the_broker_died_is_done_after_its_restart(
    celery_setup: CeleryTestSetup, tmp_path: Path
) -> None:
    worker, broker = celery_setup.worker, celery_setup.broker
    release, files = tmp_path / "release", [tmp_path / f"file-{number}" for number in range(20)]
    holders = [tmp_path / f"begun-{number}" for number in range(4)]
    for number, begun in enumerate(holders):
        send(celery_setup, "smoke.hold", begun, release, tmp_path / f"done-{number}")
    wait_until(lambda: all(begun.exists() for begun in holders))
    for file in files:
        send(celery_setup, "smoke.write", file)

    broker.kill()
    broker.restart()
    release.touch()

    wait_until(lambda: all(file.exists() for file in files))
    assert worker.container.status == "running", worker.logs()
