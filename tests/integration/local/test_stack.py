from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.config import Config, load_config
from pipeline.core.errors import NotReadyError
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine.app import app, broker_answers, connect_to
from pipeline.local.child import ChildNotReadyError, ChildSpec
from pipeline.local.locks import StackRunningError, running_stack
from pipeline.local.ports import free_port, in_turn, is_free
from pipeline.local.stack import EmbeddedStack, hide_password, worker_node
from tests.support.ports import free_port as quiet_port
from tests.support.processes import all_gone, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load_config({"IGNY8_HOME": str(tmp_path / "home")})


@pytest.fixture(autouse=True)
def _broker_as_before() -> Iterator[None]:
    before = app.conf.broker_url
    yield
    connect_to(before)


def waiting(name: str = "stand-in", code: str = "import signal; signal.pause()") -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-I", "-c", code),
        environ=dict(os.environ),
        ready=lambda: True,
        ready_seconds=1,
    )


def pids_of(stack: EmbeddedStack) -> list[int]:
    def ask() -> list[int]:
        pids = [status.pid for status in stack.statuses() if status.pid]
        return pids if len(pids) == len(stack.statuses()) else []

    return wait_until(ask)


def test_broker_answers_inside_and_nothing_runs_after(settings: Config) -> None:
    with EmbeddedStack(settings, flower=False, services=[waiting()]) as stack:
        names = [status.name for status in stack.statuses()]
        pids = pids_of(stack)
        assert broker_answers()

    assert names == ["broker", "stand-in"]
    assert all_gone(pids)
    assert running_stack(settings.home) is None


def test_nothing_runs_after_an_error_inside(settings: Config) -> None:
    pids: list[int] = []

    def fail_inside() -> None:
        with EmbeddedStack(settings, flower=False, services=[waiting()]) as stack:
            pids.extend(pids_of(stack))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()

    assert pids
    assert all_gone(pids)


def test_message_reaches_its_queue_after_the_broker_lost_all_its_data(settings: Config) -> None:
    with EmbeddedStack(settings, flower=False, services=[]):
        app.send_task("stages.tasks_to_content.batch", [1, 1, 0])
        with app.connection_for_write() as connection:
            client = connection.default_channel.client
            client.flushall()

            app.send_task("stages.tasks_to_content.batch", [1, 1, 1])

            assert (client.llen("text"), client.llen("control")) == (1, 0)


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        ("stages.keywords_to_clusters.admit", "control"),
        ("stages.prompts_to_images.finish", "control"),
        ("stages.keywords_to_clusters.batch", "text"),
        ("stages.prompts_to_images.batch", "image"),
        ("stages.review_to_approved.batch", "local"),
        ("publications.publish", "publish"),
        ("pipeline.canary", "canary"),
    ],
)
def test_task_goes_to_its_queue(task: str, queue: str) -> None:
    assert app.amqp.router.route({}, task)["queue"].name == queue


def test_child_that_does_not_start_takes_the_others_down(settings: Config) -> None:
    broken = ChildSpec(
        name="worker",
        command=(sys.executable, "-c", "raise SystemExit('no module named stages')"),
        environ=dict(os.environ),
        ready=lambda: False,
    )

    with (
        pytest.raises(ChildNotReadyError, match="no module named stages"),
        EmbeddedStack(settings, flower=False, services=[broken]),
    ):
        pass

    assert not broker_answers(timeout_seconds=0.5)
    assert running_stack(settings.home) is None


def test_second_stack_of_a_home_is_refused(settings: Config) -> None:
    with (
        EmbeddedStack(settings, flower=False, services=[]),
        pytest.raises(StackRunningError, match=f"process {os.getpid()}"),
        EmbeddedStack(settings, flower=False, services=[]),
    ):
        pass


def test_given_broker_that_is_not_there_is_named_without_its_password(settings: Config) -> None:
    gone = settings.model_copy(update={"broker_url": f"redis://:geheim@127.0.0.1:{quiet_port()}/0"})

    with pytest.raises(NotReadyError) as caught, EmbeddedStack(gone, flower=False, services=[]):
        pass

    assert "does not answer" in caught.value.message
    assert "IGNY8_BROKER_URL" in caught.value.message
    assert "geheim" not in caught.value.message


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://user:geheim@host:1/0?a=b", "redis://host:1/0?a=b"),
        ("redis+socket:///a/b@c?virtual_host=0", "redis+socket:///a/b@c?virtual_host=0"),
        ("sqlite:////srv/igny8.db", "sqlite:////srv/igny8.db"),
    ],
)
def test_address_is_shown_without_user_and_password(address: str, shown: str) -> None:
    assert hide_password(address) == shown


def test_home_may_have_a_blank_and_other_letters() -> None:
    home = Path(tempfile.mkdtemp(prefix="igny8 ü ", dir="/tmp"))
    try:
        with EmbeddedStack(load_config({"IGNY8_HOME": str(home)}), flower=False, services=[]):
            assert broker_answers()
    finally:
        shutil.rmtree(home)


def test_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        found = free_port(port)

        assert not is_free(port)
        assert found != port
        assert is_free(found)


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ("http://127.0.0.1:4711", [4711, 8000, 0]),
        ("http://[::1]:4711", [4711, 8000, 0]),
        (None, [8000, 0]),
        ("http://127.0.0.1", [8000, 0]),
        ("http://127.0.0.1:no", [8000, 0]),
        ("nonsense", [8000, 0]),
    ],
)
def test_the_port_of_the_last_address_comes_first(tmp_path: Path, written: str | None, ports: list[int]) -> None:
    file = tmp_path / "web.url"
    if written is not None:
        file.write_text(f"{written}\n", encoding="utf-8")

    assert in_turn(8000, written=file) == ports


def test_worker_of_another_home_has_another_name(settings: Config, tmp_path: Path) -> None:
    other = load_config({"IGNY8_HOME": str(tmp_path / "other")})

    assert worker_node(settings) != worker_node(other)


@pytest.fixture
def up(settings: Config) -> Iterator[subprocess.Popen[bytes]]:
    """The whole stack in a process of its own: broker, worker, beat, Flower."""
    settings.home.mkdir()
    database = Database(settings.database_url)
    upgrade(database)
    database.dispose()
    environ = os.environ | {"IGNY8_HOME": str(settings.home)}
    code = (
        "from pipeline.config import config\n"
        "from pipeline.local.stack import EmbeddedStack\n"
        "with EmbeddedStack(config()) as stack: stack.wait()\n"
    )
    process = subprocess.Popen((sys.executable, "-c", code), cwd=ROOT, env=environ)
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def family(process: subprocess.Popen[bytes]) -> list[int]:
    return [each.pid for each in psutil.Process(process.pid).children(recursive=True)]


def whole(process: subprocess.Popen[bytes], home: Path) -> bool:
    info = running_stack(home)
    assert process.poll() is None
    return info is not None and info.flower_url is not None


def test_whole_stack_comes_up_and_leaves_no_orphan_after_a_kill(up: subprocess.Popen[bytes], settings: Config) -> None:
    wait_until(lambda: whole(up, settings.home), seconds=60)
    pids = family(up)

    up.kill()
    up.wait()

    assert len(pids) >= 8  # four children, each under its keeper.
    wait_until(lambda: all_gone(pids), seconds=10)


def test_whole_stack_stops_on_a_signal(up: subprocess.Popen[bytes], settings: Config) -> None:
    wait_until(lambda: whole(up, settings.home), seconds=60)
    pids = family(up)

    up.send_signal(signal.SIGTERM)

    assert up.wait(timeout=30) == 0
    assert all_gone(pids)
