"""Owns the first log-in of an installation: made once, shown once on stdout, in no log."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.cli.edge import ACTOR
from pipeline.db.session import Database
from pipeline.services import audit, passwords, users
from pipeline.services.accounts import OWNER_EMAIL


@dataclass(frozen=True)
class FirstLogIn:
    """Who logs in first, and the password that was made just now."""

    email: str
    password: str = field(repr=False)

    @property
    def sentence(self) -> str:
        """What to tell, this once."""
        again = f"`igny8 users password {self.email}` makes another"
        return f"First log-in: {self.email}, password {self.password} (shown this once; {again})."

    def as_json(self) -> dict[str, str]:
        """The same for a program."""
        return {"email": self.email, "password": self.password}


def make_first_log_in(database: Database) -> FirstLogIn | None:
    """Give the first owner a password, unless they had one; of two commands at once, one makes it."""
    with database.reading() as session:
        known = users.known(session, OWNER_EMAIL)
    if known is None or known.password_hash is not None:
        return None
    password = passwords.make()
    password_hash = passwords.hashed(password)
    with database.transaction() as session:
        user = users.without_password(session, OWNER_EMAIL)
        if user is None:
            return None
        users.set_password(session, user, password_hash)
        audit.record(
            session,
            account_id=user.account_id,
            actor=ACTOR,
            action="user.first_password",
            subject_kind="user",
            subject_id=user.id,
            now=database.now(),
        )
    return FirstLogIn(OWNER_EMAIL, password)
