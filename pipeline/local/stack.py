"""Owns what `igny8 up` runs on one machine: broker (unless one is given), worker, beat, Flower and API, each a child.

`with EmbeddedStack(config): …` starts all, ready or with a clear error, and leaves nothing running at its end.
Never: prepare the database; the command that starts a stack has done that.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from pipeline.config import BEAT_MARK, Config, child_environ
from pipeline.core.errors import NotReadyError
from pipeline.local.broker import broker_child, forget_socket
from pipeline.local.child import ChildSpec
from pipeline.local.flower import flower_child, flower_url
from pipeline.local.locks import StackLock
from pipeline.local.supervisor import Backoff, ChildStatus, Supervisor, signals_interrupt
from pipeline.local.web import web_child, web_url
from pipeline.local.workers import CELERY, worker_arguments
from pipeline.secrets import ensure_secrets

if TYPE_CHECKING:
    from types import TracebackType

#: What a worker needs beyond its soft shutdown to close its connections.
_SHUTDOWN_MARGIN_SECONDS: Final = 10.0


class EmbeddedStack:
    """Everything on one machine, supervised, for the duration of a `with` block; one a home."""

    def __init__(
        self,
        config: Config,
        *,
        flower: bool = True,
        web: bool = False,
        services: Sequence[ChildSpec] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """`services` replaces worker and beat (the broker comes first, Flower and the API last)."""
        self._config = config
        self._wants_flower = flower
        self._wants_web = web
        self._services = services if services is not None else (worker_child(config), beat_child(config))
        self._lock = StackLock(config.home)
        self._backoff = backoff
        self._supervisor: Supervisor | None = None
        self._signals = ExitStack()
        #: Where Flower is; None without it. Its user is `flower.USER`, its password in `secrets.env`.
        self.flower_url: str | None = None
        #: Where the API is; None without it.
        self.web_url: str | None = None

    def __enter__(self) -> Self:
        """Start all. Raises StackRunningError, ChildNotReadyError or NotReadyError; nothing is left running then."""
        self._lock.acquire(now=datetime.now(UTC))
        try:
            self._signals.enter_context(signals_interrupt())
            ensure_secrets(self._config.home)
            self._supervisor = Supervisor(
                logs=self._config.home / "logs", held=(self._lock.descriptor,), backoff=self._backoff
            )
            self._start_all(self._supervisor)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self.stop()

    def _start_all(self, supervisor: Supervisor) -> None:
        if self._config.embedded:
            supervisor.start(broker_child(self._config))
        use_broker(self._config)
        watching = [flower_child(self._config)] if self._wants_flower else []
        serving = [web_child(self._config)] if self._wants_web else []
        supervisor.start(*self._services, *watching, *serving)
        self.web_url = web_url(self._config.home) if self._wants_web else None
        self.flower_url = flower_url(self._config.home) if self._wants_flower else None
        if self.flower_url:
            self._lock.announce(flower_url=self.flower_url)

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Every child, in the order of their start."""
        return self._supervisor.statuses() if self._supervisor else ()

    def wait(self) -> None:
        """Block until Ctrl-C, SIGTERM or SIGHUP."""
        if self._supervisor is not None:
            self._supervisor.wait()

    def stop(self) -> None:
        """Stop all, the last started first; harmless when nothing runs. A second Ctrl-C kills what still runs."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
            forget_socket(self._config.home)
        self._lock.release()
        self._signals.close()


def use_broker(config: Config) -> None:
    """Point this process's own Celery app at the broker and see that it answers.

    The app may have read its settings before the embedded broker had a place. Raises NotReadyError.
    """
    from pipeline.engine.app import broker_answers, connect_to

    connect_to(config.broker_address)
    try:
        answers = broker_answers()
    except (KeyError, ImportError):  # kombu's way to say so: no such transport, or its client is not installed.
        raise NotReadyError(
            f"IGNY8_BROKER_URL: {hide_password(config.broker_address)} names no kind of broker that is installed here. "
            "Give an address such as redis://<host>:6379/0, or remove it to use the embedded broker."
        ) from None
    if not answers:
        raise NotReadyError(
            f"The broker at {hide_password(config.broker_address)} does not answer. Start it, or correct "
            "IGNY8_BROKER_URL, or remove that variable to use the embedded broker."
        )


def hide_password(url: str) -> str:
    """The address without its user and password."""
    return re.sub(r"//[^/]*@", "//", url)


def worker_node(config: Config) -> str:
    """The worker's name on the broker: one a machine and home, so that two never answer for each other."""
    mark = hashlib.sha256(os.fsencode(config.home)).hexdigest()[:8]
    return f"worker-{mark}@{socket.gethostname()}"


def worker_child(config: Config) -> ChildSpec:
    """The worker: threads, since its work waits for providers; ready when it answers a ping through the broker."""
    node = worker_node(config)

    def ready() -> bool:
        from pipeline.engine.app import workers_answering

        return node in workers_answering(node=node)

    return ChildSpec(
        name="worker",
        command=(sys.executable, *worker_arguments(config, node=node)),
        environ=child_environ(config),
        ready=ready,
        ready_seconds=60,
        # SIGTERM is Celery's warm shutdown: it takes nothing new, each lane lets go at its next boundary, and it ends
        # as soon as the last has. Celery's soft shutdown would sleep its whole time first, and tell the lanes after it.
        grace_seconds=config.soft_shutdown_seconds + _SHUTDOWN_MARGIN_SECONDS,
    )


def beat_child(config: Config) -> ChildSpec:
    """Beat: ready when its process has loaded its scheduler."""
    mark = config.home / BEAT_MARK
    mark.unlink(missing_ok=True)
    return ChildSpec(
        name="beat",
        command=(sys.executable, *CELERY, "beat"),
        environ=child_environ(config),
        ready=mark.is_file,
        ready_seconds=60,
    )
