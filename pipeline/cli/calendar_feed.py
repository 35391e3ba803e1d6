"""Owns `calendar feed`: the secret address under which calendar programs read a site."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from pipeline.cli.edge import ACTOR, account_of, ready_database
from pipeline.cli.options import DEFAULT_ACCOUNT, AccountOption, JsonOption, SiteArgument
from pipeline.cli.output import document, say
from pipeline.config import config
from pipeline.core.errors import InvalidValueError
from pipeline.models import Site
from pipeline.services import audit, feeds, sites

NewOption = Annotated[
    bool, typer.Option("--new", help="Make an address; who knows the one before reads nothing any more.")
]
RevokeOption = Annotated[bool, typer.Option("--revoke", help="Let nobody read it any more.")]


def feed(
    site: SiteArgument,
    *,
    new: NewOption = False,
    revoke: RevokeOption = False,
    account: AccountOption = DEFAULT_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Say whether a site's calendar can be subscribed to; make its secret address, shown once, or revoke it."""
    if new and revoke:
        raise InvalidValueError("--new and --revoke are two different wishes. Give one of them.")
    database = ready_database()
    now = database.now()
    token = None
    with database.transaction() if new or revoke else database.reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        if new:
            token = feeds.make_feed(session, row, now=now)
            _record(session, row, "calendar_feed.made", now=now)
        elif revoke and feeds.revoke(session, row):
            _record(session, row, "calendar_feed.revoked", now=now)
        found = feeds.feed_of(session, row)
    url = None if token is None else _address(token)
    if as_json:
        document({"site_id": row.id, "created_at": None if found is None else found.created_at, "url": url})
    elif url is not None:
        say(url)
    elif found is None:
        say(f'{row.name} has no feed. Make one: igny8 calendar feed "{row.name}" --new')
    else:
        made = f"{found.created_at:%Y-%m-%d %H:%M} UTC"
        say(f"{row.name} has a feed, made {made}. Its address was shown then; --new makes another, --revoke ends it.")


def _address(token: str) -> str:
    """Where it is; below the address of this machine's API, as far as that is known."""
    from pipeline.local.web import url_of, web_url

    settings = config()
    return (web_url(settings.home) or url_of("127.0.0.1", settings.web_port)) + feeds.path_of(token)


def _record(session: Session, site: Site, action: str, *, now: datetime) -> None:
    audit.record(
        session,
        account_id=site.account_id,
        actor=ACTOR,
        action=action,
        subject_kind="site",
        subject_id=site.id,
        now=now,
    )
