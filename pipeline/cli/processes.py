"""Owns `up`, `worker`, `beat`, `flower`, `web`: the processes of an installation, all of one machine or one by one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from pipeline.cli.edge import prepared_database, ready_database
from pipeline.cli.first_log_in import make_first_log_in
from pipeline.cli.options import JsonOption
from pipeline.cli.output import document, say, table
from pipeline.config import child_environ, config
from pipeline.local.workers import CELERY, Pool, chosen_queues, own_node, worker_arguments
from pipeline.logs import configure_logs

FlowerOption = Annotated[bool, typer.Option("--flower/--no-flower", help="Watch the queue in a browser.")]
WebOption = Annotated[bool, typer.Option("--web/--no-web", help="Serve the console and the HTTP API.")]
PoolOption = Annotated[
    Pool, typer.Option("--pool", help="Threads for work that waits (AI, sites), prefork for work that computes.")
]
AtOnceOption = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        "--threads",
        min=1,
        max=256,
        help="Tasks at once. Without it: IGNY8_WORKER_THREADS threads, or a process a processor.",
        show_default=False,
    ),
]
QueuesOption = Annotated[str | None, typer.Option("--queues", help="Only these queues, separated by commas.")]
PortOption = Annotated[
    int | None, typer.Option("--port", min=1, max=65_535, help="Where Flower listens, on this machine only.")
]
WebPortOption = Annotated[
    int | None, typer.Option("--port", min=1, max=65_535, help="Where the API listens.", show_default=False)
]
HostOption = Annotated[str, typer.Option("--host", help="The address it listens on; by default only this machine's.")]


def up(*, with_flower: FlowerOption = True, with_web: WebOption = True, as_json: JsonOption = False) -> None:
    """Run everything on this machine: broker, worker, beat, Flower, the console and its HTTP API, until Ctrl-C.

    Nothing has to be installed or set up before; state is kept under IGNY8_HOME.
    """
    from pipeline.local.flower import USER
    from pipeline.local.stack import EmbeddedStack
    from pipeline.secrets import FILE_NAME

    settings = config()
    configure_logs(log_format=settings.log_format, log_level=settings.log_level)
    first = make_first_log_in(prepared_database())
    with EmbeddedStack(settings, flower=with_flower, web=with_web) as stack:
        children = [{"name": child.name, "pid": child.pid, "log": child.log} for child in stack.statuses()]
        flower_json = {"url": stack.flower_url, "user": USER} if stack.flower_url else None
        if as_json:
            web_json = {"url": stack.web_url} if stack.web_url else None
            told = {"home": settings.home, "flower": flower_json, "web": web_json, "processes": children}
            document(told | {"first_log_in": first and first.as_json()})
        else:
            table(["process", "pid", "log"], [tuple(child.values()) for child in children], right=["pid"])
            if stack.flower_url:
                say(f"Flower: {stack.flower_url} (user {USER}, password in {settings.home / FILE_NAME})")
            if stack.web_url:
                say(f"Console: {stack.web_url}/ (people log in; `igny8 users add EMAIL` lets somebody in)")
                say(f"API: {stack.web_url}/api/v1 (a key: igny8 api-keys create --role owner)")
            if first:
                say(first.sentence)
            say("Running. Ctrl-C stops everything.")
        stack.wait()


def worker(
    *,
    pool: PoolOption = Pool.THREADS,
    at_once: AtOnceOption = None,
    queues: QueuesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run one worker, for installations that start their processes one by one."""
    names = chosen_queues(queues)
    arguments = worker_arguments(config(), node=own_node(names), queues=names, pool=pool, at_once=at_once)
    _become("worker", arguments, as_json=as_json)


def beat(*, as_json: JsonOption = False) -> None:
    """Run one beat: it keeps delays, fills calendars, sends what is due on them. Several do no harm."""
    _become("beat", (*CELERY, "beat"), as_json=as_json)


def flower(*, port: PortOption = None, as_json: JsonOption = False) -> None:
    """Run Flower on this machine, behind a password."""
    chosen = str(port or config().flower_port)
    _become("flower", ("-m", "pipeline.local.flower", "--port", chosen), as_json=as_json)


def web(*, host: HostOption = "127.0.0.1", port: WebPortOption = None, as_json: JsonOption = False) -> None:
    """Serve the console and the HTTP API; the stack that runs, or the next one, works on the runs they start."""
    chosen = str(port or config().web_port)
    _become("web", ("-m", "pipeline.asgi", "--host", host, "--port", chosen), needs_broker=False, as_json=as_json)


def _become(name: str, arguments: Sequence[str], *, as_json: bool, needs_broker: bool = True) -> NoReturn:
    """Turn this process into another one, so that signals reach it and nothing stands above it."""
    from pipeline.local.stack import use_broker

    ready_database().dispose()
    if needs_broker:
        use_broker(config())
    if as_json:
        document({"process": name, "pid": os.getpid()})
    os.execve(sys.executable, [sys.executable, *arguments], child_environ(config()))  # noqa: S606 - no shell: that is the point
