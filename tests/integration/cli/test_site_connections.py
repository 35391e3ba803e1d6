"""`site add|set` of a site over the network: tried before it is saved, the password on stdin and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import load_config, use_config
from pipeline.db.session import Database
from pipeline.models import AuditEvent, Site, SiteNote
from pipeline.secrets import decrypted
from tests.support.rest_site import PASSWORD, USER, Fault, RestSite, rest_site

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8


@pytest.fixture
def there(ready: Database, home: Path) -> Iterator[RestSite]:
    """A site, where addresses of this machine may be asked."""
    use_config(load_config({"IGNY8_HOME": str(home), "IGNY8_ALLOW_PRIVATE_SITES": "1"}))
    with rest_site() as site:
        yield site


def _told(*arguments: str, password: str = PASSWORD) -> tuple[int, str]:
    """What came of a command that was given a password on stdin."""
    done = CliRunner().invoke(app, [*arguments, "--password-stdin"], input=f"{password}\n")
    return done.exit_code, done.stdout + done.stderr


def _sites(ready: Database) -> dict[str, Site]:
    with ready.reading() as session:
        return {site.name: site for site in session.scalars(select(Site))}


def test_a_site_over_the_network_is_added_and_tested(
    igny8: Igny8, ready: Database, there: RestSite, home: Path
) -> None:
    where = ("--name", "Blog", "--timezone", "Europe/Berlin", "--url", there.url, "--username", USER)

    code, said = _told("site", "add", *where, "--category", "Rivers")

    assert (code, PASSWORD in said) == (0, False)
    site = _sites(ready)["Blog"]
    assert (site.target, site.url, site.username, site.category) == ("site", there.url, USER, "Rivers")
    assert site.credentials is not None
    assert decrypted(site.credentials, home=home) == PASSWORD
    assert igny8("site", "test", "Blog", "--json").json["status"] == "ok"


def test_a_site_that_does_not_let_us_in_is_not_added(ready: Database, there: RestSite) -> None:
    where = ("--name", "Blog", "--timezone", "Europe/Berlin", "--url", there.url, "--username", USER)

    code, said = _told("site", "add", *where, password="wrong")  # noqa: S106  # a wrong one.

    assert code == 1
    assert "does not accept the user name" in " ".join(said.split())
    assert "igny8 site add … --username NAME" in " ".join(said.split())  # There is no site that could be set.
    assert "Blog" not in _sites(ready)
    assert _told("site", "add", *where, "--unchecked", password="wrong")[0] == 0  # noqa: S106  # a wrong one.


def test_what_a_site_needs_is_told_all_at_once(igny8: Igny8, ready: Database) -> None:
    refused = igny8("site", "set", "Desks", "--target", "site")

    assert refused.code == 2
    assert all(what in refused.err for what in ("url:", "username:", "credentials:"))
    code, said = _told("site", "set", "Desks", "--username", USER, "--url", "http://93.184.216.34", "--unchecked")
    assert code == 2
    assert "everybody on the way reads the password" in " ".join(said.split())


def test_another_address_is_tried_with_the_password_that_is_kept(
    igny8: Igny8, ready: Database, there: RestSite
) -> None:
    assert _told("site", "set", "Desks", "--username", USER, "--url", there.url)[0] == 0
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        session.add(SiteNote(account_id=site.account_id, site_id=site.id, kind="tag", key="boats", value="1"))

    with rest_site(password="another") as other:  # noqa: S106  # that of another site.
        refused = igny8("site", "set", "Desks", "--url", other.url)
    with rest_site() as moved:
        done = igny8("site", "set", "Desks", "--url", moved.url)

    assert (refused.code, done.code) == (1, 0)
    with ready.reading() as session:
        assert session.scalars(select(Site.url)).one() == moved.url
        assert session.scalars(select(SiteNote)).all() == []
        edited = session.scalars(select(AuditEvent.details).where(AuditEvent.action == "site.edited")).all()
    assert edited[-1] == {"fields": ["url"]}


@pytest.mark.parametrize("address", ["ftp://127.0.0.1", "{url}/?page=1", "http://ann:secret@127.0.0.1"])
def test_an_address_that_no_site_has_is_not_asked(ready: Database, there: RestSite, address: str) -> None:
    where = ("--name", "Blog", "--timezone", "Europe/Berlin", "--url", address.format(url=there.url))

    code, said = _told("site", "add", *where, "--username", USER)

    assert (code, there.asked()) == (2, [])
    assert "--unchecked" not in said


def test_a_password_is_not_even_tried_in_the_open(ready: Database, there: RestSite, home: Path) -> None:
    use_config(load_config({"IGNY8_HOME": str(home)}))

    code, said = _told(
        "site", "add", "--name", "Blog", "--timezone", "Europe/Berlin", "--url", there.url, "--username", USER
    )

    assert (code, there.asked()) == (2, [])
    assert "everybody on the way reads the password" in " ".join(said.split())


def test_an_address_without_an_api_is_told_as_that(ready: Database, there: RestSite) -> None:
    there.faults = [Fault("GET /", "refuse", status=404, body=b'{"code": "rest_no_route", "message": "No route."}')]

    code, said = _told(
        "site", "add", "--name", "Blog", "--timezone", "Europe/Berlin", "--url", there.url, "--username", USER
    )

    assert code == 1
    assert "Check that it is the address of the site's front page" in " ".join(said.split())
