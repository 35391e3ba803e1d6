"""Owns the settings of one installation: the environment becomes one frozen object, once a process.

Never: anything else reads `os.environ`; nothing here opens a connection or makes a folder.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.shapes import refusal
from pipeline.core.values import Count, Days, Instant, Minutes, Port, Proxies, Seconds

PREFIX: Final = "IGNY8_"
#: Names that only the test suites read.
TEST_PREFIX: Final = "IGNY8_TEST_"
#: Where the address of the embedded broker's socket is written, below the home.
SOCKET_RECORD: Final = Path("broker", "socket")
#: The socket's own place, unless the home's path is too long for one.
SOCKET: Final = Path("broker", "broker.sock")
#: Beat makes this file when it has started.
BEAT_MARK: Final = Path("beat.started")

_OTHER_NAMES: Final = {"stages_module": "IGNY8_STAGES"}


class Config(BaseModel):
    """Every setting of an installation. The environment name of a field is `IGNY8_` and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: All state of this installation; absolute (IGNY8_HOME).
    home: Path = Field(default=Path(".igny8"), validate_default=True)
    #: SQLAlchemy address: `sqlite:///…` or `postgresql+psycopg://…`.
    database_url: str = Field(default_factory=lambda data: f"sqlite:///{data['home'] / 'igny8.db'}")
    #: Address of the broker; None means the embedded one.
    broker_url: str | None = None
    #: The module that registers the stages (IGNY8_STAGES).
    stages_module: str = "stages"
    #: How log lines look: for people or for machines.
    log_format: Literal["console", "json"] = "console"
    #: The least serious line that is written.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: Threads of the worker that `up` starts.
    worker_threads: Annotated[int, Field(ge=1, le=256)] = 8
    #: Where Flower is tried first.
    flower_port: Port = 5555
    #: Where the web process is tried first.
    web_port: Port = 8000
    #: Requests a minute that one key or person is answered by a web process; 0: any number.
    requests_a_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 1_200
    #: Requests a minute of unknown callers that one address is answered by a web process; 0: any number.
    strangers_a_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 300
    #: Proxies, by address or network, that are believed whom they pass a request on for; None: none is.
    trusted_proxies: Proxies | None = None

    #: How long a lane is its holder's without a renewal.
    lease_seconds: Seconds = 60
    #: Pause between two renewals.
    lease_renew_seconds: Seconds = 20
    #: First pause before a message is sent again.
    resend_seconds: Seconds = 30
    #: Longest pause between two sends of one message.
    resend_max_seconds: Seconds = 900
    #: How long one task goes on, batch after batch.
    slice_seconds: Seconds = 5
    #: Most subjects of a local stage in one transaction.
    local_slice: Count = 100
    #: Attempts of an item before it is given up.
    item_attempts: Count = 3
    #: When a provider's answer is late.
    call_timeout_seconds: Seconds = 120
    #: When a provider's call is cut, whatever it is doing.
    call_hard_limit_seconds: Seconds = 180
    #: Pause of a lane whose hold has to wait for other holds.
    held_wait_seconds: Seconds = 2
    #: Wire attempts of a question before its items are given back.
    call_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    #: Longest pause before a call that a worker waits out; for a longer one the items are given back.
    call_wait_seconds: Seconds = 5
    #: Failures in a row after which a model of a provider is left alone.
    breaker_failures: Count = 5
    #: For how long, the first time.
    breaker_seconds: Seconds = 30
    #: For how long at most.
    breaker_max_seconds: Seconds = 600
    #: How long a stage waits for a provider that is down.
    provider_wait_max_seconds: Seconds = 7200
    #: When the broker hands an unacknowledged message out again.
    visibility_timeout_seconds: Seconds = 900
    #: How long a worker that is asked to stop may finish what runs.
    soft_shutdown_seconds: Seconds = 25
    #: How late an hourly run may still start.
    catchup_hourly_seconds: Seconds = 1800
    #: How late a daily run may still start.
    catchup_daily_seconds: Seconds = 21_600
    #: How late a weekly run may still start.
    catchup_weekly_seconds: Seconds = 86_400
    #: How late a publication may still go out.
    overdue_grace_seconds: Seconds = 7200
    #: Least distance of two late publications of a site.
    overdue_spacing_seconds: Seconds = 900
    #: How long before its slot a draft is made at the site.
    draft_ahead_seconds: Seconds = 86_400
    #: Pauses before each further try of a publication.
    publish_retry_minutes: Minutes = (1, 5, 15, 60)
    #: How long an answer that never came is looked up.
    lookup_window_seconds: Seconds = 600
    #: How long a site may take to answer one request.
    site_timeout_seconds: Seconds = 30
    #: How long raw answers are kept.
    answers_days: Days = 30
    #: How long events are kept.
    events_days: Days = 90
    #: Least words of an article.
    min_words: Count = 800

    #: The folder of `pg_dump` and `pg_restore`; None: where programs are looked for.
    postgresql_programs: Path | None = None
    #: Whether addresses that customers set may lie in private networks: for a laboratory.
    allow_private_sites: bool = False
    #: Server that e-mail goes out by; None: none does.
    smtp_url: str | None = None
    #: Whom e-mail is from.
    mail_from: str = "igny8@localhost"
    #: Available credits at the end of a run below which an account is told; 0: never.
    credits_low: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500
    #: Where this process fails on purpose: for tests.
    failpoint: Instant | None = None

    @field_validator("home")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        absolute = value.expanduser().absolute()
        if set(str(absolute)) & set("?#%"):  # the addresses of database and broker are made of it.
            raise ValueError("give a folder whose path has no ?, # or %")
        return absolute

    @field_validator("log_level", mode="before")
    @classmethod
    def _raise_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("stages_module")
    @classmethod
    def _check_module(cls, value: str) -> str:
        if not all(part.isidentifier() for part in value.split(".")):
            raise ValueError("give the dotted name of a Python module")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("give sqlite:///<path> or postgresql+psycopg://<user>:<password>@<host>/<database>")
        return value

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"[a-z][a-z0-9+]*://", value):
            raise ValueError("give an address like redis://<host>:6379/0, or remove it to use the embedded broker")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"smtps?://([^@/\s]+@)?[^@/:\s]+(:\d{1,5})?/?", value):
            raise ValueError("give smtp://<user>:<password>@<host>:587 or smtps://…, or remove it to send no e-mail")
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
            raise ValueError("give an address like igny8@example.com")
        return value

    @model_validator(mode="after")
    def _check_pairs(self) -> Config:
        for smaller, larger in _ORDERED:
            if getattr(self, smaller) > getattr(self, larger):
                raise ValueError(f"{environment_name(smaller)} must not be greater than {environment_name(larger)}")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the broker is a child of this installation."""
        return self.broker_url is None

    @property
    def broker_address(self) -> str:
        """The broker's URL for Celery; the embedded one's is read from its record, which `broker.py` writes."""
        if self.broker_url is not None:
            return self.broker_url
        record = self.home / SOCKET_RECORD
        socket = record.read_text(encoding="utf-8").strip() if record.is_file() else str(self.home / SOCKET)
        return f"redis+socket://{socket}?virtual_host=0"


#: The left one of a pair is never greater than the right one.
_ORDERED: Final = (
    ("lease_renew_seconds", "lease_seconds"),
    ("resend_seconds", "resend_max_seconds"),
    ("call_timeout_seconds", "call_hard_limit_seconds"),
    ("breaker_seconds", "breaker_max_seconds"),
)


def environment_name(field: str) -> str:
    """The environment variable of a field of `Config`."""
    return _OTHER_NAMES.get(field, PREFIX + field.upper())


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """Read `environ` (default: the process's own); an empty variable counts as absent.

    Raises InvalidValueError naming every wrong variable and what it allows.
    """
    source = os.environ if environ is None else environ
    named = {field: source.get(environment_name(field), "").strip() for field in Config.model_fields}
    values: dict[str, Any] = {field: value for field, value in named.items() if value}
    try:
        return Config(**values)
    except ValidationError as error:
        # A default that is made of a wrong value is no fault of its own.
        details = [detail for detail in error.errors() if detail["type"] != "default_factory_not_called"]
        raise InvalidValueError([_fault(detail) for detail in details]) from None


def _fault(detail: Mapping[str, Any]) -> Fault:
    """One sentence for a person out of one of pydantic's errors."""
    own = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else None
    if own is not None and not detail["loc"]:
        name, _, sentence = own.partition(" ")
        return Fault(name, f"{sentence}.")
    field = str(detail["loc"][0])
    default = Config.model_fields[field].default
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
    hint = f" Remove it to use {shown}." if isinstance(shown, str | int | float) else ""
    remedy = refusal(detail["type"], detail.get("ctx") or {}).remedy if own is None else f"{own[:1].upper()}{own[1:]}."
    # The address may hold a password: say what is allowed, never what was given.
    given = "this address" if field.endswith("_url") else repr(detail["input"])
    return Fault(environment_name(field), f"{given} is not allowed. {remedy}{hint}")


def unknown_names(environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """`IGNY8_` variables that mean nothing, each with the name that was probably meant."""
    source = os.environ if environ is None else environ
    known = {environment_name(field) for field in Config.model_fields}
    strange = [name for name in sorted(source) if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)]
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1)), None) for name in strange if name not in known
    }


def child_environ(config: Config, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process: this process's, with exactly `config` in it, and `extra` on top."""
    known = {environment_name(field) for field in Config.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name not in known}
    own = {environment_name(field): _as_text(value) for field, value in config if value is not None}
    return inherited | own | dict(extra or {})


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


_chosen: list[Config] = []


def config() -> Config:
    """The one configuration of this process, read at the first call. Raises InvalidValueError as `load_config`."""
    return _chosen[0] if _chosen else _from_environment()


@cache
def _from_environment() -> Config:
    return load_config()


def use_config(chosen: Config | None) -> None:
    """Make `chosen` the process's configuration; None forgets it and reads the environment at the next call."""
    _from_environment.cache_clear()
    _chosen[:] = [] if chosen is None else [chosen]
