"""Owns access by site: who is narrowed down to which sites, and a session to which no other site is there.

Never: whether somebody may do something at a site; that is their role.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import and_, delete, event, false, insert, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from pipeline.core.errors import NotFoundError
from pipeline.models import ApiKey, Base, Notification, Run, Site, SiteAccess, User
from pipeline.models.base import table_of

_ACCESS = table_of(SiteAccess)
_RUNS = table_of(Run)


def narrow(session: Session, holder: User | ApiKey, site_ids: Collection[int] | None) -> None:
    """Let only these sites of its account be there for a user or a key; None: all of them. NotFoundError."""
    column = _column(holder)
    holder.is_narrowed = site_ids is not None
    session.flush()
    session.execute(delete(_ACCESS).where(_ACCESS.c[column] == holder.id))
    if not site_ids:
        return
    known = select(Site.id).where(Site.account_id == holder.account_id, Site.id.in_(site_ids))
    missing = set(site_ids) - set(session.scalars(known))
    if missing:
        raise NotFoundError(f"There is no site {min(missing)} in this account.")
    rows = [{"account_id": holder.account_id, column: holder.id, "site_id": site_id} for site_id in set(site_ids)]
    session.execute(insert(_ACCESS), rows)


def sites_of_key(session: Session, key_id: int) -> frozenset[int]:
    """The sites that a narrowed key reaches."""
    return frozenset(session.scalars(select(_ACCESS.c.site_id).where(_ACCESS.c.api_key_id == key_id)))


def sites_of_user(session: Session, user_id: int) -> frozenset[int]:
    """The sites that a narrowed user reaches."""
    return frozenset(session.scalars(select(_ACCESS.c.site_id).where(_ACCESS.c.user_id == user_id)))


def sites_of(session: Session, holder: User | ApiKey) -> Sequence[int] | None:
    """What to tell of a user's or a key's sites: their ids in order; None: all of the account."""
    if not holder.is_narrowed:
        return None
    found = sites_of_user(session, holder.id) if isinstance(holder, User) else sites_of_key(session, holder.id)
    return sorted(found)


def people_of(session: Session, *, account_id: int, about: tuple[str, int]) -> Sequence[int]:
    """Who may be told of a site, a run, an account (kind and id): whoever is let in and reaches it, by id."""
    kind, subject_id = about
    reached = {
        "site": _ACCESS.c.site_id == subject_id,
        "run": _ACCESS.c.site_id.in_(select(_RUNS.c.site_id).where(_RUNS.c.id == subject_id)),
    }
    narrow = select(_ACCESS.c.user_id).where(reached.get(kind, false()), _ACCESS.c.user_id.is_not(None))
    people = select(User.id).where(User.account_id == account_id, User.disabled_at.is_(None))
    # The first owner has a place-holder until a person gives an address.
    people = people.where(User.email.not_like("%@localhost"), or_(User.is_narrowed.is_(False), User.id.in_(narrow)))
    return session.scalars(people.order_by(User.id)).all()


def confine(session: Session, site_ids: Collection[int]) -> None:
    """From now on no query of the session finds another site, or what belongs to one.

    This holds for whatever is asked by models; a statement on plain tables has to look the site up first.
    """
    here = list(site_ids)
    runs = select(_RUNS.c.id).where(_RUNS.c.site_id.in_(here))
    told_of = or_(
        and_(Notification.subject_kind == "site", Notification.subject_id.in_(here)),
        and_(Notification.subject_kind == "run", Notification.subject_id.in_(runs)),
    )
    options = [
        with_loader_criteria(Notification, told_of, include_aliases=True),
        with_loader_criteria(Site, Site.id.in_(here), include_aliases=True),
        *(with_loader_criteria(model, model.site_id.in_(here), include_aliases=True) for model in _of_a_site()),
    ]

    def add(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load:
            state.statement = state.statement.options(*options)

    event.listen(session, "do_orm_execute", add)


@cache
def _of_a_site() -> tuple[Any, ...]:
    """Every model whose rows belong to one site."""
    return tuple(model for model in Base.__subclasses__() if model is not SiteAccess and "site_id" in table_of(model).c)


def _column(holder: User | ApiKey) -> str:
    return "user_id" if isinstance(holder, User) else "api_key_id"
