"""Owns what runs during a measurement: a broker of its own, and worker and beat or a plain worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from celery import Celery
from kombu import pools
from sqlalchemy.engine import make_url

from benchmarks import empty_chains, raw_celery
from benchmarks.processes import Processes, processes
from pipeline.config import Config, child_environ, use_config
from pipeline.local.broker import answers, prepare_socket, server_command
from pipeline.local.child import ChildSpec
from pipeline.local.stack import beat_child, use_broker, worker_child
from pipeline.local.workers import QUEUES

#: As many as `igny8 up` has, for both.
THREADS = 8


@contextmanager
def engine_stack(config: Config, *, others: Mapping[str, int]) -> Iterator[Processes]:
    """Broker, worker and beat of `igny8 up` for a database that is there; this process publishes to that broker."""
    use_config(config)
    try:
        with processes(config.home / "logs", others=others) as started:
            start_broker(started, config)
            use_broker(config)
            for child in (worker_child(config), beat_child(config)):
                _start(started, child)
            yield started
    finally:
        use_config(None)


@contextmanager
def raw_stack(home: Path, url: str, *, way: str, others: Mapping[str, int]) -> Iterator[Processes]:
    """The same broker and a worker of plain Celery with as many threads; `way` as in `raw_celery`."""
    config = Config(home=home)
    with processes(home / "logs", others=others) as started:
        address = start_broker(started, config)
        _connect_to(raw_celery.app, address)
        environ = {
            **os.environ,
            raw_celery.BROKER_VARIABLE: address,
            raw_celery.DATABASE_VARIABLE: libpq_address(url),
            raw_celery.WAY_VARIABLE: way,
        }
        _start_worker(started, raw_celery.app, "benchmarks.raw_celery", "--without-heartbeat", environ=environ)
        yield started


@contextmanager
def floor_stack(home: Path) -> Iterator[Processes]:
    """The same broker and a worker as the engine's, for `empty_chains`."""
    config = Config(home=home, log_level="WARNING", worker_threads=THREADS)
    with processes(home / "logs") as started:
        _connect_to(empty_chains.app, start_broker(started, config))
        environ = child_environ(config)
        _start_worker(started, empty_chains.app, "benchmarks.empty_chains", "-Q", ",".join(QUEUES), environ=environ)
        yield started


def start_broker(started: Processes, config: Config) -> str:
    """The embedded broker; its address."""
    path = prepare_socket(config.home)
    command = server_command(path.parent, path)
    started.start("broker", command, environ=child_environ(config), ready=lambda: answers(path))
    return config.broker_address


def libpq_address(url: str) -> str:
    """A SQLAlchemy address as the driver itself takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def connect(url: str) -> psycopg.Connection[tuple[int]]:
    """The driver's own connection."""
    return psycopg.connect(libpq_address(url), autocommit=True)


def _start_worker(started: Processes, app: Celery, module: str, *options: str, environ: Mapping[str, str]) -> None:
    options = ("-P", "threads", "-c", str(THREADS), "--without-mingle", "--without-gossip", *options)
    command = (sys.executable, "-m", "celery", "-A", module, "worker", *options)
    started.start("worker", command, environ=environ, ready=lambda: bool(app.control.ping(timeout=1)))


def _connect_to(app: Celery, address: str) -> None:
    """Publish to another round's broker: the pools of the last one go."""
    app.conf.broker_url = address
    pools.reset()
    app._pool = None  # noqa: SLF001 - Celery has no public way from one broker to another
    app.amqp._producer_pool = None  # noqa: SLF001 - the same


def _start(started: Processes, child: ChildSpec) -> None:
    started.start(child.name, child.command, environ=child.environ, ready=child.ready)
