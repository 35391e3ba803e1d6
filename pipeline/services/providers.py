"""Owns the providers that the platform is a customer of: their records, their keys, how one is reached.

A key is written and never shown again; the mask that stands in its place, sent back, changes nothing.
Never: asks a provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, NotReadyError
from pipeline.core.providers import AI_PROVIDERS, MASK, ProviderName
from pipeline.models import IntegrationProvider
from pipeline.net import askable_url, leads_elsewhere
from pipeline.secrets import decrypted, encrypted

MAX_KEY_CHARACTERS: Final = 4_000
#: The most that a pace may be; 0 takes it away.
MAX_REQUESTS_PER_MINUTE: Final = 1_000_000
MAX_TOKENS_PER_MINUTE: Final = 1_000_000_000
#: A wait for the pace that is longer is told, and is not waited for ever.
LONG_PACE_WAIT: Final = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class ProviderChange:
    """What is to change; None keeps. A key that is the mask keeps too, an empty text forgets key or address."""

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    is_sandbox: bool | None = None
    is_enabled: bool | None = None
    #: 0: any number.
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True)
class Record:
    """What is kept of how a provider is reached, its key as it is encrypted; equal while nobody changed it."""

    name: str
    #: Encrypted; None: none was given.
    api_key: bytes | None = field(repr=False)
    base_url: str | None
    is_sandbox: bool
    is_enabled: bool


@dataclass(frozen=True)
class Access:
    """How a provider is reached, for whoever asks it."""

    #: None: a server of our own (`base_url`) that wants none.
    api_key: str | None = field(repr=False)
    #: None: the provider's own.
    base_url: str | None
    is_sandbox: bool


def add_missing(session: Session, *, now: datetime) -> None:
    """Give every provider its record; what is there stays as it is."""
    there = set(session.scalars(select(IntegrationProvider.name)))
    session.add_all(_blank(name, now) for name in ProviderName if name.value not in there)
    session.flush()


def list_providers(session: Session, *, now: datetime) -> Sequence[IntegrationProvider]:
    """The record of every provider; one that has none yet is as it will be made."""
    rows = {row.name: row for row in session.scalars(select(IntegrationProvider))}
    return [rows.get(name.value) or _blank(name, now) for name in ProviderName]


def set_provider(
    session: Session,
    name: ProviderName,
    change: ProviderChange,
    *,
    home: Path,
    now: datetime,
    is_trusted: bool = False,
) -> IntegrationProvider:
    """Change a provider's record.

    A key that is kept is sent to no other host or port than it was given for, nor by http where it was by https,
    unless whoever asks `is_trusted`: may read it anyway. InvalidValueError names every fault; none repeats the key.
    """
    key, faults = _checked_key(change.api_key)
    base_url, more = _checked_base_url(change.base_url)
    faults += [*more, *_faults_of_sandbox(name, change), *_faults_of_pace(change)]
    if faults:
        raise InvalidValueError(faults)
    row = _locked(session, name, now)
    if key is None and base_url is not None and not is_trusted:
        _refuse_to_tell_a_stranger(row, base_url)
    if key is not None:
        row.api_key = encrypted(key, home=home) if key else None
    if base_url is not None:
        row.base_url = base_url or None
    row.is_sandbox = row.is_sandbox if change.is_sandbox is None else change.is_sandbox
    row.is_enabled = row.is_enabled if change.is_enabled is None else change.is_enabled
    for limit in ("requests_per_minute", "tokens_per_minute"):
        given = getattr(change, limit)
        if given is not None:
            setattr(row, limit, given or None)
            row.next_call_us = None  # What was taken before keeps nobody waiting, at the same pace neither.
    row.updated_at = now
    session.flush()
    return row


def access_of(session: Session, name: ProviderName, *, home: Path) -> Access:
    """How the provider is reached. NotReadyError where it is switched off, or has neither key nor address."""
    row = session.scalar(select(IntegrationProvider).where(IntegrationProvider.name == name.value))
    record = None if row is None else Record(row.name, row.api_key, row.base_url, row.is_sandbox, row.is_enabled)
    return opened(name, record, home=home)


def opened(name: ProviderName, record: Record | None, *, home: Path) -> Access:
    """How the provider with that record (None: it has none) is reached. NotReadyError as `access_of`."""
    why_not = refusal(name, record)
    if record is None or why_not is not None:
        raise NotReadyError(why_not)
    try:
        key = None if record.api_key is None else decrypted(record.api_key, home=home)
    except NotReadyError as error:
        told = f"The key of {name.value} cannot be read. {error.message}"
        raise NotReadyError(f"{told} That is: igny8 providers set {name.value} --api-key-stdin") from None
    return Access(key, record.base_url, record.is_sandbox)


def refusal(name: ProviderName, record: Record | None) -> str | None:
    """Why the provider cannot be asked, with the remedy; None: it can. A server of our own needs no key."""
    if record is None or (record.api_key is None and (record.base_url is None or name not in AI_PROVIDERS)):
        return f"There is no key for {name.value}. Give it one: igny8 providers set {name.value} --api-key-stdin"
    if not record.is_enabled:
        return f"{name.value} is switched off. Switch it on: igny8 providers set {name.value} --enable"
    return None


def shown_key(row: IntegrationProvider) -> str | None:
    """What is shown of a provider's key: the mask where it has one, None where it has none."""
    return None if row.api_key is None else MASK


def described(row: IntegrationProvider) -> dict[str, Any]:
    """A provider as commands and the API show it: a mask for its key."""
    names = ("base_url", "is_sandbox", "is_enabled", "requests_per_minute", "tokens_per_minute", "updated_at")
    return {"name": row.name, "api_key": shown_key(row), **{name: getattr(row, name) for name in names}}


def audited(row: IntegrationProvider, *, key_given: bool) -> dict[str, Any]:
    """What the audit trail keeps of a provider that was set: all but its key."""
    names = ("name", "base_url", "is_sandbox", "is_enabled", "requests_per_minute", "tokens_per_minute")
    return {**{name: getattr(row, name) for name in names}, "key_given": key_given, "has_key": row.api_key is not None}


def _blank(name: ProviderName, now: datetime) -> IntegrationProvider:
    return IntegrationProvider(name=name.value, is_sandbox=False, is_enabled=True, updated_at=now)


def _locked(session: Session, name: ProviderName, now: datetime) -> IntegrationProvider:
    query = select(IntegrationProvider).where(IntegrationProvider.name == name.value)
    row = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if row is None:
        row = _blank(name, now)
        session.add(row)
    return row


def _checked_key(key: str | None) -> tuple[str | None, list[Fault]]:
    """The key to keep: None for as it is, an empty text for none."""
    if key is None or key.strip() == MASK:
        return None, []
    key = key.strip()
    if len(key) > MAX_KEY_CHARACTERS:
        return None, [Fault("api_key", f"a key has at most {MAX_KEY_CHARACTERS:,} characters; this has {len(key):,}.")]
    if not key.isascii() or not key.isprintable() or " " in key or set(key) == {MASK[0]}:
        return None, [Fault("api_key", "this is no key: use the one line that the provider shows, without spaces.")]
    return key, []


def _checked_base_url(url: str | None) -> tuple[str | None, list[Fault]]:
    if url is None or not url.strip():
        return None if url is None else "", []
    try:
        url = askable_url(url)
    except InvalidValueError as error:
        return None, [Fault("base_url", error.message)]
    if "?" in url or "#" in url:
        told = "an address to which paths are added can hold neither '?' nor '#'. Leave out what begins with it."
        return None, [Fault("base_url", told)]
    return url, []


def _refuse_to_tell_a_stranger(row: IntegrationProvider, base_url: str) -> None:
    """Whoever may set an address and never reads the key must not have it sent to an address of theirs."""
    if row.api_key is not None and leads_elsewhere(row.base_url or "", base_url):
        told = (
            "the key that is kept was given for another address, and is not sent to this one. Give it together with "
            "the address."
        )
        raise InvalidValueError([Fault("api_key", told)])


def _faults_of_sandbox(name: ProviderName, change: ProviderChange) -> list[Fault]:
    """Makers of texts and images have none: every call to them would be real, and billed."""
    if not change.is_sandbox or name not in AI_PROVIDERS:
        return []
    told = f"{name.value} has no sandbox: every call to it is billed. To play, have offline models asked."
    return [Fault("is_sandbox", told)]


def _faults_of_pace(change: ProviderChange) -> list[Fault]:
    most = {"requests_per_minute": MAX_REQUESTS_PER_MINUTE, "tokens_per_minute": MAX_TOKENS_PER_MINUTE}
    given = {name: getattr(change, name) for name in most}
    return [
        Fault(name, f"{value:,} is not allowed: give a number from 1 to {most[name]:,}, or 0 for any number.")
        for name, value in given.items()
        if value is not None and not 0 <= value <= most[name]
    ]
