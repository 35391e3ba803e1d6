"""A backup is all that cannot be made again: an installation made of it goes on where the first one was."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import select, text

from pipeline.config import Config, load_config
from pipeline.core.errors import ConflictError, InvalidValueError, NotReadyError
from pipeline.db.session import Database
from pipeline.local import backup
from pipeline.models import Content, Site
from pipeline.secrets import decrypted, encrypted
from pipeline.services import accounts, invariants, sites
from tests.support.builders import make_content
from tests.support.postgres import PostgresServer, programs


def settings_of(home: Path, url: str) -> Config:
    """The settings of an installation there."""
    return load_config(
        {"IGNY8_HOME": str(home), "IGNY8_DATABASE_URL": url, "IGNY8_POSTGRESQL_PROGRAMS": str(programs())}
    )


@pytest.fixture
def first(database: Database, tmp_path: Path) -> Config:
    """An installation with a site that has a secret, an article and a picture."""
    home = tmp_path / "first"
    with database.transaction() as session:
        account = accounts.init_installation(session, now=database.now())
        site = sites.add_site(
            session, account_id=account.id, name="Desks", timezone="Europe/Berlin", now=database.now()
        )
        site.credentials = encrypted("a password", home=home)
        make_content(session, site=site, title="How to stand")
    (home / "media/ab").mkdir(parents=True)
    (home / "media/ab/picture.png").write_bytes(b"bytes of a picture")
    return settings_of(home, database.engine.url.render_as_string(hide_password=False))


@pytest.fixture
def second(database: Database, tmp_path: Path, postgres: PostgresServer) -> Config:
    """Where it is restored: empty, of the same kind."""
    home = tmp_path / "second"
    url = f"sqlite:///{home / 'igny8.db'}" if database.is_sqlite else postgres.create_database("igny8_restored")
    return settings_of(home, url)


def test_what_was_restored_is_what_there_was(database: Database, first: Config, second: Config, tmp_path: Path) -> None:
    file = tmp_path / "backups/igny8.tar.gz"
    made = backup.back_up(database, first, to=file, now=database.now())
    with database.transaction() as session:
        session.execute(text("UPDATE contents SET title = 'Changed afterwards'"))
    found = backup.restore(file, second)

    assert found == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((second.home / "secrets.env").stat().st_mode) == 0o600
    assert (second.home / "media/ab/picture.png").read_bytes() == b"bytes of a picture"
    restored = Database(second.database_url)
    with restored.reading() as session:
        assert session.scalars(select(Content.title)).all() == ["How to stand"]
        site = session.scalars(select(Site)).one()
        assert decrypted(site.credentials or b"", home=second.home) == "a password"
        assert list(invariants.violations(session)) == []
    restored.dispose()
    assert list(tmp_path.glob("**/.igny8-*")) == []


def test_nothing_is_written_over(database: Database, first: Config, second: Config, tmp_path: Path) -> None:
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    before = file.read_bytes()

    with pytest.raises(ConflictError, match="already"):
        backup.back_up(database, first, to=file, now=database.now())
    with pytest.raises(ConflictError, match="installation already"):
        backup.restore(file, settings_of(first.home, second.database_url))
    other = "postgresql+psycopg://nobody@localhost/x" if database.is_sqlite else f"sqlite:///{second.home}/x.db"
    with pytest.raises(ConflictError, match="IGNY8_DATABASE_URL"):
        backup.restore(file, settings_of(second.home, other))
    assert file.read_bytes() == before
    assert not second.home.exists()


def test_a_damaged_or_foreign_file_leaves_nothing(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    whole = file.read_bytes()
    foreign = io.BytesIO()
    with tarfile.open(fileobj=foreign, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("igny8.db"))
    for data in (b"", b"no archive", foreign.getvalue(), whole[: len(whole) // 2]):
        file.write_bytes(data)
        with pytest.raises(InvalidValueError):
            backup.restore(file, second)
        assert not second.home.exists()


def test_what_a_backup_does_not_have_is_not_unpacked(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    file, evil = tmp_path / "igny8.tar.gz", tmp_path / "evil.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    with tarfile.open(file) as archive, tarfile.open(evil, "w:gz") as other:
        for member in archive.getmembers():
            other.addfile(member, archive.extractfile(member))
        for name in ("../escaped", "media/../../escaped", "broker/dump.rdb", "logs/x"):
            other.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("media/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        other.addfile(link)

    try:
        backup.restore(evil, second)
    except InvalidValueError:
        assert not second.home.exists()
    assert not (tmp_path / "escaped").exists()
    assert not (second.home / "media/link").exists()
    assert not (second.home / "broker").exists()


def test_without_its_programs_postgresql_is_not_backed_up(database: Database, first: Config, tmp_path: Path) -> None:
    if database.is_sqlite:
        return
    nothing_there = first.model_copy(update={"postgresql_programs": tmp_path})
    with pytest.raises(NotReadyError, match="postgresql-client"):
        backup.back_up(database, nothing_there, to=tmp_path / "x.tar.gz", now=database.now())
    assert not (tmp_path / "x.tar.gz").exists()
