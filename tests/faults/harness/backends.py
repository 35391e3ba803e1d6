"""Owns what a site under fault stands on: a database and a broker of three kinds, each started as children of the test.

`embedded`: SQLite and the embedded broker. `redis`: PostgreSQL and Redis. `rabbitmq`: PostgreSQL and RabbitMQ.
Never: a server that was there before, or that listens beyond loopback.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import redis
from amqp.exceptions import NotFound
from kombu import Connection

from pipeline.config import SOCKET, Config
from pipeline.engine import generation
from pipeline.local.broker import broker_child, prepare_socket
from pipeline.local.child import ChildSpec
from pipeline.local.workers import QUEUES
from tests.support import postgres
from tests.support.ports import free_port
from tests.support.rabbitmq import RabbitServer
from tests.support.redis_server import redis_answers, redis_command, redis_environment

#: The backends, the quick one first.
BACKENDS: Final = ("embedded", "redis", "rabbitmq")
_READY_SECONDS: Final = 60.0


class Backend(ABC):
    """A database and a broker in one home."""

    #: One of BACKENDS.
    name: str
    #: Its children, in the order they are started in.
    servers: tuple[str, ...] = ("broker",)

    def __init__(self, home: Path) -> None:
        """Start nothing yet."""
        self.home = home

    @property
    @abstractmethod
    def database_url(self) -> str:
        """The address of the database."""

    @property
    def broker_url(self) -> str | None:
        """The address of the broker; None: the embedded one."""
        return None

    @abstractmethod
    def spec(self, name: str, config: Config) -> ChildSpec:
        """How one of its servers is started."""

    @property
    @abstractmethod
    def broker_place(self) -> Path | int:
        """The socket or the port on loopback that the broker listens at."""

    @abstractmethod
    def empty_broker(self) -> None:
        """Have the broker, which is not running, lose all that it keeps on disk."""

    @abstractmethod
    def flush(self) -> None:
        """Have the broker lose everything while it lives."""

    @abstractmethod
    def queued(self, queue: str) -> int:
        """How many messages of a queue nobody took yet."""


class _RedisProtocol(Backend):
    """What the embedded broker and a Redis share."""

    @abstractmethod
    def client(self, **options: Any) -> redis.Redis:
        """A connection of its own; `options` are the client's."""

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    def queued(self, queue: str) -> int:
        with self.client() as client:
            return int(client.llen(queue))


class EmbeddedBackend(_RedisProtocol):
    """SQLite in a file, and the broker from a wheel on its socket."""

    name = "embedded"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.home}/igny8.db"

    def spec(self, name: str, config: Config) -> ChildSpec:  # noqa: ARG002 - it has one server only
        return broker_child(config)

    @property
    def broker_place(self) -> Path:
        return self.home / SOCKET

    def empty_broker(self) -> None:
        shutil.rmtree(self.home / "broker" / "appendonlydir")

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(prepare_socket(self.home)), **options)


class _OnPostgres(Backend):
    """A PostgreSQL of its own on a socket below the home; it takes commits for done that are not on disk."""

    servers = ("database", "broker")

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._folder = home / "postgresql"

    @property
    def database_url(self) -> str:
        return f"postgresql+psycopg://igny8@/postgres?host={self._folder}"

    def spec(self, name: str, config: Config) -> ChildSpec:
        return self._database_spec() if name == "database" else self._broker_spec(config)

    @abstractmethod
    def _broker_spec(self, config: Config) -> ChildSpec: ...

    def _database_spec(self) -> ChildSpec:
        folder = self._folder
        if not folder.exists():
            self._make_cluster()
        return ChildSpec(
            name="database",
            command=postgres.server_command(folder),
            environ={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)},
            ready=lambda: postgres.answers(self.database_url),
            ready_seconds=_READY_SECONDS,
        )

    def _make_cluster(self) -> None:
        self.home.chmod(0o711)  # another user, who is nobody in particular, finds its folder in there.
        self._folder.mkdir()
        postgres.make_cluster(self._folder)


class RedisBackend(_OnPostgres, _RedisProtocol):
    """PostgreSQL and Redis."""

    name = "redis"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._port = free_port()

    @property
    def broker_url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def _broker_spec(self, config: Config) -> ChildSpec:  # noqa: ARG002 - it listens where it chose to
        folder = self.home / "redis"
        folder.mkdir(exist_ok=True)
        return ChildSpec(
            name="broker",
            command=redis_command(folder, self._port),
            environ=redis_environment(),
            ready=lambda: redis_answers(self._port),
            ready_seconds=_READY_SECONDS,
        )

    @property
    def broker_place(self) -> int:
        return self._port

    def empty_broker(self) -> None:
        for kept in (self.home / "redis").iterdir():
            shutil.rmtree(kept) if kept.is_dir() else kept.unlink()

    def client(self, **options: Any) -> redis.Redis:
        return redis.Redis(port=self._port, **options)


class RabbitBackend(_OnPostgres):
    """PostgreSQL and RabbitMQ, whose queues are quorum queues."""

    name = "rabbitmq"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._server = RabbitServer(home / "rabbitmq")

    @property
    def broker_url(self) -> str:
        return self._server.url

    def _broker_spec(self, config: Config) -> ChildSpec:  # noqa: ARG002 - it listens where it chose to
        return ChildSpec(
            name="broker",
            command=self._server.command,
            environ=self._server.environment,
            ready=self._server.answers,
            ready_seconds=_READY_SECONDS,
        )

    @property
    def broker_place(self) -> int:
        return self._server.port

    def empty_broker(self) -> None:
        shutil.rmtree(self.home / "rabbitmq" / "mnesia")

    def flush(self) -> None:
        """Every queue is emptied, that of the mark too."""
        with self._channel() as channel:
            for queue in self._queues():
                channel.queue_purge(queue)

    def delete_queues(self) -> None:
        """Every queue goes with all that is in it, handed out or not, and whoever waits for its messages is told so.

        Not again and again within seconds: a quorum queue that is declared while one of its name still goes is refused.
        """
        with self._channel() as channel:
            for queue in self._queues():
                channel.queue_delete(queue)

    def _queues(self) -> list[str]:
        """Those that were declared."""
        there = []
        for queue in (*QUEUES, generation.QUEUE):
            with suppress(NotFound), self._channel() as channel:
                channel.queue_declare(queue, passive=True)
                there.append(queue)
        return there

    def queued(self, queue: str) -> int:
        with self._channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with Connection(self._server.url) as connection, connection.channel() as channel:
            yield channel


_KINDS: Final = {"embedded": EmbeddedBackend, "redis": RedisBackend, "rabbitmq": RabbitBackend}


def backend(name: str, home: Path) -> Backend:
    """One of BACKENDS in this home."""
    return _KINDS[name](home)
