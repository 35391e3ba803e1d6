"""Owns who sends a request: an API key or a person who logged in, what they may, and which sites are there for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.core.errors import ForbiddenError
from pipeline.core.roles import Role


@dataclass(frozen=True)
class Caller:
    """Who calls, and what they may."""

    account_id: int
    #: Who it is in the audit trail.
    actor: str
    role: Role
    #: Parts of the API; empty: every one.
    scopes: tuple[str, ...]
    #: The sites that are there for them; None: every one of the account.
    site_ids: frozenset[int] | None
    #: Whether its use is to be written down again.
    is_unmarked: bool
    #: The key that was sent; None: a person logged in.
    key_id: int | None = None
    #: The log-in whose cookie was sent; None: a key was.
    log_in_id: int | None = None
    #: Who logged in, or whose key it is.
    user_id: int | None = None
    #: What pages of this log-in send beside the cookie; None: a key was sent.
    csrf_token: str | None = field(default=None, repr=False)
    #: From when on the key is refused; None: it stays, or a person logged in.
    expires_at: datetime | None = None

    @property
    def name(self) -> str:
        """What requests are counted by."""
        return f"key {self.key_id}" if self.key_id is not None else f"user {self.user_id}"


def require_key_within(caller: Caller, *, scopes: Collection[str], expires_at: datetime | None) -> None:
    """Whether a key of these scopes and this end may be handed to the caller. ForbiddenError where it reaches further.

    Its role and its sites are looked at where the caller is admitted.
    """
    if caller.scopes and not (scopes and set(scopes) <= set(caller.scopes)):
        told = f"This key is narrowed down to {', '.join(caller.scopes)}; a key of other scopes would reach further."
        raise ForbiddenError(f"{told} Keep to these scopes, or use a key that has none.")
    if caller.expires_at is not None and (expires_at is None or expires_at > caller.expires_at):
        ends = f"This key expires at {caller.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        told = f"{ends}; a key that stays longer would reach further."
        raise ForbiddenError(f"{told} Let it expire earlier, or use a key that does not expire.")


def require_whole(caller: Caller) -> None:
    """Refuse a key that is narrowed down or expires: people may all that their role may, and stay. ForbiddenError."""
    if caller.scopes or caller.site_ids is not None or caller.expires_at is not None:
        told = "This key is narrowed down, or expires; people are not, so it lets nobody do more."
        raise ForbiddenError(f"{told} Log in, or use a key that is neither.")
