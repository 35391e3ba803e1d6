"""Owns how commands are told of a site that is reached over the network: its address, its user, a password on stdin.

What is told is tried before it is saved. Never: shows a password, or takes one as an argument.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from pipeline.cli.output import note
from pipeline.config import config
from pipeline.core.errors import Fault, InvalidValueError, PipelineError
from pipeline.models import Site
from pipeline.secrets import decrypted
from pipeline.sites import SiteKind

#: What decides whether a site can be published to.
CONNECTION: Final = frozenset({"target", "url", "username", "credentials"})
_MOST_CHARACTERS: Final = 4_000

UsernameOption = Annotated[
    str | None, typer.Option("--username", help="The user that publishes there; its articles go there from then on.")
]
PasswordOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the user's application password from standard input, one line.")
]
CategoryOption = Annotated[
    str | None, typer.Option("--category", help="The category that its articles get there; empty: the site's own.")
]
UncheckedOption = Annotated[
    bool, typer.Option("--unchecked", help="Save it although the site cannot be asked whether it works.")
]


def told(*, url: str | None, username: str | None, with_password: bool, category: str | None) -> dict[str, str | None]:
    """What is to be changed of a site by these options; a user or a password makes it one over the network."""
    changes: dict[str, str | None] = {}
    if url is not None:
        changes["url"] = url or None
    if category is not None:
        changes["category"] = category or None
    if username is not None:
        changes["username"] = username
    if with_password:
        changes["credentials"] = _read_password()
    if username is not None or with_password:
        changes["target"] = SiteKind.SITE.value
    return changes


def leave_a_receiver(changes: dict[str, str | None], site: Site, *, target: str | None) -> None:
    """A new secret leaves a receiver what it is, unless another target is asked for."""
    if target is None and site.target == SiteKind.WEBHOOK:
        changes.pop("target", None)


def try_out(changes: dict[str, str | None], *, site: Site | None, timezone: str) -> None:
    """Ask the site whether it would take articles; errors as the site gives them, and nothing is saved then."""
    known = {name: changes.get(name) or getattr(site, name, None) for name in ("target", "url", "username")}
    password = changes.get("credentials") or _kept(site)
    if known["target"] != SiteKind.SITE or not (known["url"] and known["username"] and password):
        return  # What is missing is told where it is saved.
    from pipeline.engine.site_checks import Connection, preflight

    connection = Connection(known["url"], known["username"], password, timezone)
    try:
        found = preflight(connection)
    except InvalidValueError:
        raise
    except PipelineError as error:
        # There is no site yet whose user could be set.
        told = error.message if site is not None else error.message.replace("site set SITE", "site add …")
        raise PipelineError(f"{told} Nothing was saved; with --unchecked it is saved all the same.") from None
    for sentence in found:
        note(sentence)


def _kept(site: Site | None) -> str | None:
    return None if site is None or site.credentials is None else decrypted(site.credentials, home=config().home)


def _read_password() -> str:
    """The line on standard input; InvalidValueError where nothing stands there."""
    password = sys.stdin.readline(_MOST_CHARACTERS + 2).strip()
    if not password:
        raise InvalidValueError(
            [Fault("--password-stdin", "nothing came on standard input. Pipe the password into it.")]
        )
    return password
