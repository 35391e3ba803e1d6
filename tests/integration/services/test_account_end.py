"""What an account takes along, and what is left of it: nothing that says who somebody was, everything that was paid."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import LargeBinary, select

import stages  # noqa: F401 - a run asks every stage what waits for it
from pipeline.config import config
from pipeline.core.roles import Role
from pipeline.core.states import LIVE_RUNS
from pipeline.db.session import Database
from pipeline.models import Account, AuditEvent, Base, CreditEntry, Run, SiteAutomationSettings, User
from pipeline.models.types import Encrypted
from pipeline.secrets import encrypted
from pipeline.services import (
    account_erasure,
    account_export,
    accounts,
    api_keys,
    audit,
    feeds,
    invariants,
    log_ins,
    runs,
    sites,
    users,
    webhooks,
)
from pipeline.services import (
    credits as ledger,
)
from tests.support.builders import make_content, make_keywords

KEPT = "$argon2id$planted"
#: What says who somebody is.
PERSONAL = ("ann@example.com", "Ann Example", "anns-desks", "ann-at-the-site", "Anns laptop", "for Ann", "Anns ACME")


def _account(database: Database) -> int:
    now = database.now()
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
        account = accounts.add_account(session, name="Anns ACME", now=now)
        site = sites.add_site(session, account_id=account.id, name="anns-desks", timezone="Europe/Berlin", now=now)
        site.url, site.username = "https://anns-desks.example", "ann-at-the-site"
        site.credentials = encrypted("open sesame", home=config().home)
        make_keywords(session, site=site, texts=["standing desk", "desk lamp"])
        make_content(session, site=site, title="How to stand")
        user = users.add(
            session, account_id=account.id, email="ann@example.com", name="Ann Example", role=Role.OWNER,
            password_hash=KEPT, now=now,
        )  # fmt: skip
        log_ins.begin(session, user, now=now)
        api_keys.make_key(session, account_id=account.id, role=Role.OWNER, name="Anns laptop", user_id=user.id, now=now)
        webhooks.add(
            session, account_id=account.id, url="https://anns-desks.example/hook", kinds=[], home=config().home, now=now
        )
        feeds.make_feed(session, site, now=now)
        ledger.grant(session, account_id=account.id, amount_ucr=5_000_000, key="k", note="for Ann", now=now)
        runs.start(session, site=site, now=now)
        audit.record(
            session, account_id=account.id, actor="key Anns laptop (igny8_x)", action="site.added",
            subject_kind="site", subject_id=site.id, now=now, details={"name": "anns-desks"},
        )  # fmt: skip
        return account.id


def _rows(database: Database, account_id: int) -> dict[str, list[dict[str, Any]]]:
    with database.reading() as session:
        return {
            table.name: list(account_export.rows_of(session, table, account_id=account_id))
            for table in account_export.tables()
        }


def test_all_that_is_an_accounts_is_exported_and_nothing_of_another(database: Database) -> None:
    account_id = _account(database)

    found = _rows(database, account_id)

    assert [row["name"] for row in found["accounts"]] == ["Anns ACME"]
    assert len(found["keywords"]) == 2
    assert len(found["stage_runs"]) == 7
    assert all(found[name] for name in ("sites", "contents", "runs", "users", "api_keys", "webhooks", "credit_entries"))
    assert "owner@localhost" not in json.dumps(found, default=str)


def test_portions_follow_each_other_without_a_gap(database: Database, monkeypatch: Any) -> None:
    account_id = _account(database)
    whole = _rows(database, account_id)

    monkeypatch.setattr(account_export, "_AT_ONCE", 1)

    assert _rows(database, account_id) == whole


def test_no_secret_is_exported(database: Database) -> None:
    account_id = _account(database)

    text = json.dumps(_rows(database, account_id), default=str)

    assert "argon2" not in text
    assert "open sesame" not in text
    for table in account_export.tables():
        for column in table.columns:
            if isinstance(column.type, LargeBinary | Encrypted) or column.name.endswith("_hash"):
                assert all(column.name not in row for row in _rows(database, account_id)[table.name]), column


def test_every_table_of_an_account_is_exported_or_left_out_for_a_reason() -> None:
    exported = {table.name for table in account_export.tables()}
    platforms = {
        "ai_models",
        "beat_claims",
        "credit_packages",
        "global_module_switches",
        "heartbeats",
        "housekeeping_positions",
        "industries",
        "integration_providers",
        "plans",
        "provider_breakers",
        "schema_floor",
        "sectors",
        "seed_keywords",
        "system_ai_settings",
    }

    assert {table.name for table in Base.metadata.sorted_tables} - exported - platforms == account_export._LEFT_OUT


def test_what_says_who_somebody_was_is_erased_everywhere(database: Database) -> None:
    account_id = _account(database)
    with database.reading() as session:
        before = {word for word in PERSONAL if word in _dump(session)}

    with database.transaction() as session:
        account_erasure.erase(session, session.get_one(Account, account_id), actor="cli", now=database.now())

    with database.reading() as session:
        left = _dump(session)
    assert before == set(PERSONAL)
    assert {word for word in PERSONAL if word in left} == set()


def test_what_was_paid_stays_and_nothing_goes_on(database: Database) -> None:
    account_id = _account(database)

    with database.transaction() as session:
        name = account_erasure.erase(session, session.get_one(Account, account_id), actor="cli", now=database.now())

    with database.reading() as session:
        account = session.get_one(Account, account_id)
        entries = session.scalars(select(CreditEntry.amount).where(CreditEntry.account_id == account_id)).all()
        user = session.scalars(select(User).where(User.account_id == account_id)).one()
        row = session.scalars(
            select(SiteAutomationSettings).where(SiteAutomationSettings.account_id == account_id)
        ).one()
        live = session.scalars(select(Run.id).where(Run.account_id == account_id, Run.status.in_(LIVE_RUNS))).all()
        last = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id.desc()).limit(1)).one()
        assert invariants.violations(session) == []
    assert (account.name, name) == (f"erased-{account_id}",) * 2
    assert (account.balance, list(entries)) == (5_000_000, [5_000_000])
    assert (user.password_hash, user.disabled_at is None) == (None, False)
    assert (row.automation_enabled, row.auto_publish_enabled, row.next_run_at, live) == (False, False, None, [])
    assert last == "account.erased"


def _dump(session: Any) -> str:
    rows = [row for table in Base.metadata.sorted_tables for row in session.execute(select(table)).all()]
    return json.dumps([list(map(str, row)) for row in rows])
