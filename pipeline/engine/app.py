"""Owns the Celery app: its settings by name, its log lines through `pipeline.logs`, and who answers on the broker.

Never: work; tasks live in `pipeline.engine.tasks` and in the stages.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any, Final

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_ready
from kombu import pools
from kombu.exceptions import OperationalError

from pipeline import failpoints, logs
from pipeline.config import BEAT_MARK, config
from pipeline.engine import brokers
from pipeline.engine.transport import use_transport

use_transport()
app: Final = Celery("igny8", events="pipeline.engine.events:GuardedEvents")
app.config_from_object("celeryconfig")


def _log_our_way(**_: Any) -> None:
    """A receiver of this signal keeps Celery from setting up logging of its own."""
    settings = config()
    failpoints.arm(settings.failpoint)
    logs.configure_logs(log_format=settings.log_format, log_level=settings.log_level)


def _mark_beat(**_: Any) -> None:
    """Tell whoever started beat that it has loaded; nobody may be waiting, and the home may not be writable here."""
    with suppress(OSError):
        (config().home / BEAT_MARK).touch()


def _decided(**_: Any) -> None:
    """What Celery warns of at each lost connection is decided in `celeryconfig.py`. It sets its own filter at start."""
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


def _bind(task_id: str, task: Any, **_: Any) -> None:
    logs.bind_task(task_id=task_id, task_name=task.name)


def _unbind(**_: Any) -> None:
    logs.unbind()


setup_logging.connect(_log_our_way)
beat_init.connect(_mark_beat)
worker_ready.connect(_decided)
task_prerun.connect(_bind)
task_postrun.connect(_unbind)


def connect_to(address: str) -> None:
    """Use the broker at this address from now on; connections to another one are closed."""
    if app.conf.broker_url == address:
        return
    app.conf.broker_url = address
    timeout = config().visibility_timeout_seconds
    app.conf.update(brokers.settings_of(address, visibility_timeout_seconds=timeout))
    pools.reset()  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
    # Celery has no public way from the pool of one address to that of another.
    app._pool = None  # noqa: SLF001  # the connections.
    vars(app).pop("amqp", None)  # what publishes, and how its queues are.


def broker_answers(*, timeout_seconds: float = 5.0) -> bool:
    """Whether a connection to the broker can be made now, within about `timeout_seconds`."""
    with app.connection_for_write(connect_timeout=timeout_seconds) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout_seconds)
        except (OSError, OperationalError, *connection.connection_errors):
            return False
    return True


def workers_answering(*, timeout_seconds: float = 1.0, node: str | None = None) -> tuple[str, ...]:
    """Names of the workers that answer a ping; with `node`, only that one is asked, and its answer is not waited past.

    Raises nothing: a broker that is away has no workers.
    """
    asked, limit = ([node], 1) if node else (None, None)
    with app.connection_for_write() as connection:
        try:
            replies = app.control.ping(asked, timeout=timeout_seconds, connection=connection, limit=limit)
        except (OSError, OperationalError, *connection.connection_errors):
            return ()
    return tuple(sorted(name for reply in replies or () for name in reply))
