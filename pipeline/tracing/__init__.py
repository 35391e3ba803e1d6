"""Owns traces: what a run does, told to a collector where one is named, from the request that starts it to the call.

OpenTelemetry is imported only then; else every function here does nothing. The spans of a run and of its stages last
from one process to another: nobody holds them open. Their ids follow from the trace and the row, so that whoever works
on a row knows its parent, and whoever ends it tells the whole of it. Never: content, an address, a name of a customer.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

#: What a span may say of itself.
Attributes = Mapping[str, str | int | float | bool]
_SENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LOG: Final = logging.getLogger(__name__)
MISSING: Final = (
    "IGNY8_TRACES_URL is set, but OpenTelemetry is not installed. Run: pip install 'igny8-pipeline[tracing]'"
)


class _State:
    """What this process traces with; nothing until it is told to."""

    engine: Any = None
    #: Whether others whom it asks are told which span asks them.
    tells_others: bool = False


class Span:
    """A span under way; this one is that of a process which traces nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; an error marks it as failed, by its kind alone."""

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""

    def rename(self, name: str) -> None:
        """What it is about is known only now."""

    def fail(self, kind: str) -> None:
        """It did not do what it was for."""


_NONE: Final = Span()


def start(service: str, *, url: str | None, tells_others: bool = False) -> None:
    """Trace in this process from now on, where `url` names a collector (OTLP over HTTP). May be called again.

    `tells_others`: AI providers are sent the header. Without OpenTelemetry it is said, and nothing is traced.
    """
    if url is None or _State.engine is not None:
        return
    try:
        from pipeline.tracing.engine import Engine
    except ImportError:
        _LOG.error(MISSING)
        return
    _State.engine, _State.tells_others = Engine(service, url), tells_others


def stop() -> None:
    """Tell what was not told yet, and trace no more."""
    engine, _State.engine = _State.engine, None
    if engine is not None:
        engine.shutdown()


def is_on() -> bool:
    """Whether this process traces."""
    return _State.engine is not None


def span(name: str, *, parent: str | None = None, kind: str = "internal", attributes: Attributes | None = None) -> Span:
    """A span to be entered. `parent`: as `traceparent` gave it; without one the span under way is, or it is a root."""
    if _State.engine is None:
        return _NONE
    made: Span = _State.engine.span(name, parent=parent, kind=kind, attributes=attributes or {})
    return made


def traceparent() -> str | None:
    """The span under way, as a header or a row carries it; None: there is none."""
    found: str | None = None if _State.engine is None else _State.engine.current()
    return found


def header_for_others() -> dict[str, str]:
    """What an AI provider is sent besides the question: nothing, unless that is wanted."""
    found = traceparent() if _State.tells_others else None
    return {} if found is None else {"traceparent": found}


def of_run(parent: str | None, run_id: int) -> str | None:
    """The run's own span in the trace that `parent` (what the run's row carries) belongs to."""
    return _derived(parent, f"run {run_id}")


def of_stage_run(parent: str | None, stage_run_id: int) -> str | None:
    """The stage run's own span in that trace."""
    return _derived(parent, f"stage run {stage_run_id}")


def link(to: str | None, attributes: Attributes) -> None:
    """Let the span under way point at one of another trace, `to` as one of the two above gives it."""
    if _State.engine is not None and to is not None:
        _State.engine.link(to, attributes)


def tell(
    name: str, *, own: str | None, parent: str | None, begun: datetime, ended: datetime, attributes: Attributes
) -> None:
    """Tell a span that is over as a whole. `own`: its id, by one of the two above."""
    if _State.engine is not None and own is not None and parent is not None:
        _State.engine.tell(name, own=own, parent=parent, begun=begun, ended=ended, attributes=attributes)


def parts_of(parent: str) -> tuple[int, int, int] | None:
    """Trace, span and flags; None where it is no traceparent."""
    found = _SENT.fullmatch(parent)
    if found is None:
        return None
    trace, own, flags = (int(part, 16) for part in found.groups())
    return (trace, own, flags) if trace and own else None


def _derived(parent: str | None, row: str) -> str | None:
    found = _SENT.fullmatch(parent or "")
    if found is None:
        return None
    trace, _, flags = found.groups()
    own = hashlib.sha256(f"{trace} {row}".encode()).hexdigest()[:16]
    return f"00-{trace}-{own}-{flags}"
