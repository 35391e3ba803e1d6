"""A backup is all that cannot be made again: an installation made of it goes on where the first one was."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from pipeline.config import Config, load_config
from pipeline.core.errors import ConflictError, InvalidValueError, NotReadyError
from pipeline.db.session import Database
from pipeline.local import backup, backup_file, postgresql_dump
from pipeline.models import Content, Site
from pipeline.secrets import decrypted, encrypted
from pipeline.services import accounts, invariants, sites
from tests.support.builders import make_content
from tests.support.postgres import PostgresServer, programs
from tests.support.small_disks import no_file_larger_than


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


def files_of(file: Path) -> dict[str, bytes]:
    """What is in a backup, without its list."""
    with tarfile.open(file) as archive:
        found = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        return {name: data.read() for name, data in found.items() if data is not None and name != backup_file.CONTENTS}


def write_backup(file: Path, files: dict[str, bytes], *, others: tuple[tarfile.TarInfo, ...] = ()) -> None:
    """A backup of these files with a list that is right, and of what no list has."""
    listed = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    with tarfile.open(file, "w:gz") as archive:
        for name, data in files.items():
            archive.addfile(member(name, len(data)), io.BytesIO(data))
        for other in others:
            archive.addfile(other)
        contents = json.dumps(listed).encode()
        archive.addfile(member(backup_file.CONTENTS, len(contents)), io.BytesIO(contents))


def member(name: str, size: int = 0, *, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
    return made


def require_refused(file: Path, second: Config, tmp_path: Path) -> None:
    """Nothing is left where it was to be restored, nor beside it."""
    with pytest.raises(InvalidValueError) as refused:
        backup.restore(file, second)
    assert len(refused.value.message.splitlines()) == 1
    assert not second.home.exists()
    assert list(tmp_path.glob("**/.igny8-*")) == []
    if second.database_url.startswith("postgresql"):
        with postgresql_dump.claimed_empty(second):
            pass


def test_a_file_that_is_not_whole_leaves_nothing(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    whole = file.read_bytes()
    half, tar = len(whole) // 2, gzip.decompress(whole)
    header = tar.index(b"media/ab/picture.png")
    damaged = {
        "empty": b"",
        "no archive": b"no archive",
        "half": whole[:half],
        "a bit": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "zeros": whole[:half] + bytes(64) + whole[half + 64 :],
        "cut trailer": whole[:-4],
        "other trailer": whole[:-8] + bytes(8),
        "unreadable header": gzip.compress(tar[:header] + b"\xff" * 512 + tar[header + 512 :]),
        "other picture": gzip.compress(tar.replace(b"bytes of a picture", b"bytes of a pigment")),
    }
    for name, data in damaged.items():
        assert data != whole, name
        file.write_bytes(data)
        require_refused(file, second, tmp_path)


def test_a_backup_without_all_of_an_installation_leaves_nothing(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    files = files_of(file)
    copy, other = ("igny8.db", "postgresql.dump") if database.is_sqlite else ("postgresql.dump", "igny8.db")

    def without(*names: str) -> dict[str, bytes]:
        return {name: data for name, data in files.items() if name not in names}

    for left in (without(*files), without(*set(files) - {"manifest.json"}), without(copy), without("secrets.env")):
        write_backup(file, left)
        require_refused(file, second, tmp_path)
    write_backup(file, {**files, other: b"x"})
    require_refused(file, second, tmp_path)
    for wrong in (
        member(copy, kind=tarfile.DIRTYPE),
        member("../escaped"),
        member("media/../../escaped"),
        member("media/not listed"),
        member("broker/dump.rdb"),
        member("media/link", kind=tarfile.SYMTYPE),
    ):
        write_backup(file, without(copy) if wrong.name == copy else files, others=(wrong,))
        require_refused(file, second, tmp_path)
    assert not (tmp_path / "escaped").exists()
    if database.is_sqlite:
        for data in (b"not a database", b"", files[copy][:-4096]):
            write_backup(file, {**files, copy: data})
            require_refused(file, second, tmp_path)
    write_backup(file, files)
    backup.restore(file, second)  # What was refused above was refused for its fault alone.


def test_an_installation_without_secrets_is_restored_without(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    (first.home / "secrets.env").unlink()
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())

    assert not backup.restore(file, second).secrets
    assert not (second.home / "secrets.env").exists()


def test_of_two_restores_at_once_one_is_refused(
    database: Database, first: Config, second: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    unpack = backup_file.unpack

    def unpack_meanwhile(*given: Any, **named: Any) -> set[str]:
        homes = [second.home] if database.is_sqlite else [second.home, tmp_path / "elsewhere/third"]
        for home in homes:  # The last one meets it in the database alone.
            with pytest.raises(ConflictError, match="Another restore"):
                backup.restore(file, settings_of(home, second.database_url))
            assert not home.exists()
        return unpack(*given, **named)

    monkeypatch.setattr(backup_file, "unpack", unpack_meanwhile)
    backup.restore(file, second)

    assert (second.home / "media/ab/picture.png").exists()
    with pytest.raises(ConflictError):
        backup.restore(file, second)


def test_what_changes_meanwhile_breaks_no_backup(
    database: Database, first: Config, second: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, site = first.home / "media", first.home / "sites/desks"
    (site / ".igny8/drafts").mkdir(parents=True)
    (site / ".well-known").mkdir()
    for path in (media / ".part-x", site / ".igny8/drafts/0a", site / ".igny8/article", site / ".well-known/x"):
        path.write_bytes(b"as it was")
    grows, shrinks, goes = media / "grows", media / "shrinks", media / "goes"
    for path in (grows, shrinks, goes):
        path.write_bytes(b"as it was")
    inodes, fstat = {path.stat().st_ino: path for path in (grows, shrinks)}, os.fstat

    def fstat_meanwhile(descriptor: int) -> os.stat_result:
        seen = fstat(descriptor)
        path = inodes.get(seen.st_ino)
        if path is not None:
            path.write_bytes(b"as it was not" if path == grows else b"as")
        return seen

    lstat = Path.lstat

    def lstat_and_gone(path: Path) -> os.stat_result:
        seen = lstat(path)
        if path == goes:
            path.unlink()
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", fstat_meanwhile)
        patched.setattr(Path, "lstat", lstat_and_gone)
        backup.back_up(database, first, to=tmp_path / "igny8.tar.gz", now=database.now())
    backup.restore(tmp_path / "igny8.tar.gz", second)

    files = {path.relative_to(second.home).as_posix(): path for path in second.home.rglob("*") if path.is_file()}
    assert set(files) - {"igny8.db", "secrets.env", "media/ab/picture.png"} == {
        "media/grows",
        "media/shrinks",
        "sites/desks/.igny8/article",
        "sites/desks/.well-known/x",
    }
    assert (files["media/grows"].read_bytes(), files["media/shrinks"].read_bytes()) == (b"as it was", b"as")


def test_without_room_for_the_copy_it_is_said_and_nothing_is_left(sqlite_database: Database, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sqlite_database.engine.url.render_as_string())
    with sqlite_database.transaction() as session:
        accounts.init_installation(session, now=sqlite_database.now())
    folder = tmp_path / "backups"

    with (
        no_file_larger_than(100_000),
        pytest.raises(NotReadyError, match=r"cannot be copied to .*/backups: .*Make room there, or name a file"),
    ):
        backup.back_up(sqlite_database, settings, to=folder / "x.tar.gz", now=sqlite_database.now())

    assert list(folder.iterdir()) == []


def test_a_damaged_database_is_not_backed_up(sqlite_database: Database, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sqlite_database.engine.url.render_as_string())
    with sqlite_database.transaction() as session:
        accounts.init_installation(session, now=sqlite_database.now())
        session.execute(text("PRAGMA writable_schema = ON"))
        session.execute(text("UPDATE sqlite_master SET sql = 'CREATE' WHERE name = 'accounts'"))

    with pytest.raises(ConflictError, match="damaged"):
        backup.back_up(sqlite_database, settings, to=tmp_path / "x.tar.gz", now=sqlite_database.now())
    assert not (tmp_path / "x.tar.gz").exists()


def test_a_database_that_is_not_empty_is_left_alone(
    database: Database, first: Config, second: Config, tmp_path: Path
) -> None:
    if database.is_sqlite:
        return
    file = tmp_path / "igny8.tar.gz"
    backup.back_up(database, first, to=file, now=database.now())
    other = Database(second.database_url)
    with other.transaction() as session:
        session.execute(text("CREATE TABLE of_somebody (id integer)"))
    other.dispose()

    with pytest.raises(ConflictError, match="igny8_restored is not empty"):
        backup.restore(file, second)
    assert not second.home.exists()


def test_postgresql_is_backed_up_by_programs_of_its_servers_version(
    database: Database, first: Config, second: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_sqlite:
        return
    newer, file = tmp_path / "newer", tmp_path / "igny8.tar.gz"
    newer.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (newer / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 99.1'\n")
        (newer / name).chmod(0o755)
    chosen = first.model_copy(update={"postgresql_programs": newer})
    with pytest.raises(NotReadyError, match=r"pg_dump here is of PostgreSQL 99, .* postgresql-client-\d+"):
        backup.back_up(database, chosen, to=file, now=database.now())
    assert not file.exists()

    with database.reading() as session:
        major = int(session.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    (tmp_path / f"installed/{major}").mkdir(parents=True)
    (tmp_path / f"installed/{major}/bin").symlink_to(programs())
    monkeypatch.setattr(postgresql_dump, "INSTALLED", tmp_path / "installed")
    monkeypatch.setenv("PATH", str(newer), prepend=os.pathsep)
    backup.back_up(database, first.model_copy(update={"postgresql_programs": None}), to=file, now=database.now())
    backup.restore(file, second.model_copy(update={"postgresql_programs": None}))
    assert (second.home / "secrets.env").exists()


def test_without_its_programs_postgresql_is_not_backed_up(database: Database, first: Config, tmp_path: Path) -> None:
    if database.is_sqlite:
        return
    nothing_there = first.model_copy(update={"postgresql_programs": tmp_path})
    with pytest.raises(NotReadyError, match="postgresql-client"):
        backup.back_up(database, nothing_there, to=tmp_path / "x.tar.gz", now=database.now())
    assert not (tmp_path / "x.tar.gz").exists()
