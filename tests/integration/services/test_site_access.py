"""Who is narrowed down to sites is told of nothing else, and a session that is confined finds nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import func, select

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.config import load_config, use_config
from pipeline.core.alerts import NotificationKind
from pipeline.core.errors import NotFoundError
from pipeline.core.roles import Role
from pipeline.db.session import Database
from pipeline.models import Base, Delivery, Notification, Site, SiteAccess
from pipeline.services import accounts, notifications, runs, site_access, sites, users
from tests.support.builders import make_keywords


class World(NamedTuple):
    database: Database
    account_id: int
    #: The site that Ann reaches, and the other one.
    site_id: int
    other_id: int
    run_id: int
    #: Owner, Ann who is narrowed down, Bob who is disabled.
    owner_id: int
    ann_id: int


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    use_config(load_config({"IGNY8_HOME": str(tmp_path), "IGNY8_SMTP_URL": "smtp://mail.example"}))
    now = database.now()
    with database.transaction() as session:
        account = accounts.init_installation(session, now=now)
        own, other = (
            sites.add_site(session, account_id=account.id, name=name, timezone="UTC", now=now) for name in "ab"
        )
        make_keywords(session, site=own, texts=["standing desk"])
        run = runs.start(session, site=own, now=now)
        made = [
            users.add(session, account_id=account.id, email=f"{name}@example.com", role=role, site_ids=only, now=now)
            for name, role, only in (
                ("o", Role.OWNER, None),
                ("ann", Role.EDITOR, [own.id]),
                ("bob", Role.EDITOR, None),
            )
        ]
        users.disable(session, made[2], now=now)
    yield World(database, account.id, own.id, other.id, run.run_id or 0, made[0].id, made[1].id)
    use_config(None)


def _told(world: World, kind: str, subject_id: int) -> list[int]:
    with world.database.transaction() as session:
        told = notifications.tell(
            session,
            NotificationKind.RUN_FAILED,
            account_id=world.account_id,
            state_id=subject_id + len(kind) * 1_000,
            about=(kind, subject_id),
            message="Look.",
            now=world.database.now(),
        )
        mail = select(Delivery.user_id).where(Delivery.notification_id == told, Delivery.channel == "email")
        return [user_id for user_id in session.scalars(mail.order_by(Delivery.user_id)) if user_id is not None]


def test_mail_goes_to_who_is_let_in_and_reaches_the_site(world: World) -> None:
    told = {
        "own": _told(world, "site", world.site_id),
        "own run": _told(world, "run", world.run_id),
        "other": _told(world, "site", world.other_id),
        "account": _told(world, "account", world.account_id),
    }

    everybody, wide = [world.owner_id, world.ann_id], [world.owner_id]
    assert told == {"own": everybody, "own run": everybody, "other": wide, "account": wide}


def test_a_confined_session_finds_what_is_told_of_its_sites_alone(world: World) -> None:
    for kind, subject_id in (("site", world.site_id), ("run", world.run_id), ("site", world.other_id), ("account", 1)):
        _told(world, kind, subject_id)

    with world.database.reading() as session:
        site_access.confine(session, [world.site_id])
        found = session.scalars(select(Notification).order_by(Notification.id)).all()

    assert [(row.subject_kind, row.subject_id) for row in found] == [("site", world.site_id), ("run", world.run_id)]


def test_a_confined_session_finds_no_row_of_another_site_in_any_table(world: World) -> None:
    models = [
        model for model in Base.__subclasses__() if "site_id" in model.__table__.columns and model is not SiteAccess
    ]

    with world.database.reading() as session:
        site_access.confine(session, [world.other_id])
        counts = {
            model.__name__: session.scalar(select(func.count()).where(model.site_id == world.site_id))  # type: ignore[attr-defined]
            for model in models
        }
        got = session.get(Site, world.site_id)

    assert (set(counts.values()), got) == ({0}, None)
    assert len(models) > 10


def test_nobody_is_narrowed_down_to_a_site_of_another_account(world: World) -> None:
    now = world.database.now()
    with world.database.transaction() as session:
        other = accounts.add_account(session, name="Another", now=now)
        user = users.add(session, account_id=other.id, email="e@example.com", role=Role.EDITOR, now=now)

        with pytest.raises(NotFoundError, match=f"no site {world.site_id}"):
            users.set_sites(session, user, [world.site_id])
