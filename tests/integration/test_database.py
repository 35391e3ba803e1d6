from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

from pipeline.db.session import Database, after_commit
from pipeline.models import Account


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    at = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))

    with database.transaction() as session:
        session.add(Account(name="one", created_at=at))
    with database.reading() as session:
        read = session.scalars(select(Account.created_at)).one()

    assert read == at
    assert read.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="no time zone"), database.transaction() as session:
        session.add(Account(name="one", created_at=datetime(2026, 3, 29)))  # noqa: DTZ001 - the point of the test


def test_what_waits_for_the_commit_runs_after_it(database: Database) -> None:
    seen: list[int] = []

    with database.transaction() as session:
        session.add(Account(name="one"))
        after_commit(session, lambda: seen.append(_count(database)))
        assert seen == []

    assert seen == [1]


def test_what_waits_for_the_commit_is_dropped_with_the_transaction(database: Database) -> None:
    seen: list[str] = []

    def leave_and_fail() -> None:
        with database.transaction() as session:
            after_commit(session, lambda: seen.append("ran"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave_and_fail()

    assert seen == []


def test_a_balance_below_nothing_is_refused_by_the_database(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(Account(name="one", balance=-1))


def _count(database: Database) -> int:
    with database.reading() as session:
        return len(session.scalars(select(Account.id)).all())
