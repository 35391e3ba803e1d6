"""Owns who sends a request: an API key or a person who logged in, what they may, and which sites are there for them."""

from __future__ import annotations

from dataclasses import dataclass, field

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

    @property
    def name(self) -> str:
        """What requests are counted by."""
        return f"key {self.key_id}" if self.key_id is not None else f"user {self.user_id}"
