"""Owns how log lines look: structlog for ours and for everybody else's, on stderr, for people or as JSON.

Never: log content, credentials or a provider's answer; lines carry ids.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Final, Literal

import structlog
from structlog.types import Processor

#: Third parties that say too much at INFO: Flower shows each task, and our own lines what it did.
_QUIET: Final = (
    "alembic.runtime.migration",
    "amqp",
    "anthropic",
    "asyncio",
    "celery.app.trace",
    "celery.worker.strategy",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "kombu",
    "openai",
    "PIL",
    "sqlalchemy.engine",
    "tornado.access",
    "urllib3",
)

#: What happens to every line, whoever wrote it.
_SHARED: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)


def configure_logs(*, log_format: Literal["console", "json"] = "console", log_level: str = "INFO") -> None:
    """Send every line of this process through one formatter to stderr. May be called again; the last call counts."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(log_format))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(log_level)))


def _formatter(log_format: Literal["console", "json"]) -> logging.Formatter:
    """The last steps: what stdlib loggers lack is added, then the line is rendered."""
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True)]
    else:
        # The default would print the values of every frame's variables: content, and credentials.
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _drop_celery_noise], processors=last
    )


def _drop_celery_noise(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Celery hangs a task's arguments and its whole context on its lines: the ids are bound already."""
    for name in ("data", "context", "return_value", "args", "kwargs"):
        event.pop(name, None)
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Give a module its logger; an event is a name and values: `log.info("stage_admitted", items=3)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bind_task(*, task_id: str, task_name: str, **named: Any) -> None:
    """Start a Celery task's context: every line until `unbind` carries its id, its name, and what it works on."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task_name, **named)


def bound(**named: Any) -> AbstractContextManager[None]:
    """Let every line inside carry these too."""
    context: AbstractContextManager[None] = structlog.contextvars.bound_contextvars(**named)
    return context


def unbind() -> None:
    """Forget the context of the task that ended."""
    structlog.contextvars.clear_contextvars()
