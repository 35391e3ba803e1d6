"""Owns the tree of errors a person may read: what was wrong, what is allowed, what to do.

The docstring of a class is its default message. HTTP and exit codes are mapped at the edges, never here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PipelineError(Exception):
    """Something went wrong in the pipeline."""

    def __init__(self, message: str | None = None) -> None:
        """Keep `message`, or the class's docstring where none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The sentence to show."""
        return str(self.args[0])


@dataclass(frozen=True)
class Fault:
    """One wrong value: the dotted name of the field and the sentence about it."""

    field: str
    message: str


class InvalidValueError(PipelineError):
    """A value is not allowed."""

    def __init__(self, faults: Sequence[Fault] | str) -> None:
        """Take every fault at once, or one sentence that belongs to no field."""
        self.faults: tuple[Fault, ...] = () if isinstance(faults, str) else tuple(faults)
        super().__init__(faults if isinstance(faults, str) else "\n".join(f"{f.field}: {f.message}" for f in faults))


class NotFoundError(PipelineError):
    """There is no such thing here."""


class ConflictError(PipelineError):
    """Something else is already happening."""


class UnknownCallerError(PipelineError):
    """Say who you are: log in, or send a valid API key as `Authorization: Bearer KEY` (`igny8 api-keys create`)."""


class CodeWantedError(UnknownCallerError):
    """Enter the code that your app shows, or a recovery code."""

    @property
    def faults(self) -> list[Fault]:
        """That the code is missing, or wrong: the password was right."""
        return [Fault("code", self.message)]


class ForbiddenError(PipelineError):
    """You may not do that."""


class TooManyRequestsError(PipelineError):
    """That was too often. Wait, then try again."""

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        """Take what came too often, and for how long to wait."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class LiveRunError(ConflictError):
    """The site already has a live run."""

    def __init__(self, run_id: int) -> None:
        """Name the live run, so that a person can look at it."""
        self.run_id = run_id
        super().__init__(
            f"The site already has a live run ({run_id}). A running stack (igny8 up) takes it "
            "to its end: wait for that, or cancel it, then start again."
        )


class StaleError(ConflictError):
    """It was changed by somebody else meanwhile: read it again, then save."""

    def __init__(self, message: str | None = None, *, etag: str | None = None) -> None:
        """Take the mark of what there is now, where there is one."""
        self.etag = etag
        super().__init__(message)


class RefusedFileError(PipelineError):
    """The file cannot be used; nothing was imported."""


class NotReadyError(PipelineError):
    """The installation is not ready."""


class PreflightError(NotReadyError):
    """A run could not ask all that it would have to; nothing was spent."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        """Take everything that is missing at once; each sentence says of which stage it is."""
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(fault.message for fault in faults))


class TransitionError(PipelineError):
    """A status may not change like that."""
