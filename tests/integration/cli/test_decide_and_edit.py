"""Commands on one article: approve, reject, edit, withdraw, delete; the site follows at once where no stack runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.db.session import Database
from pipeline.models import Content, Publication, Site
from tests.integration.cli.conftest import Igny8
from tests.support.builders import make_content, make_site


def _content(database: Database, status: ContentStatus = ContentStatus.APPROVED) -> str:
    with database.transaction() as session:
        site = session.scalars(select(Site)).one()
        return str(make_content(session, site=site, status=status, slug="choose-a-desk").id)


def _page(home: Path) -> Path:
    return home / "sites" / "1-desks" / "choose-a-desk" / "index.html"


def test_approving_says_when_it_publishes(igny8: Igny8, ready: Database) -> None:
    content_id = _content(ready, ContentStatus.REVIEW)

    told = igny8("content", "approve", content_id, "--note", "Good.")

    assert told.code == 0, told.err
    assert "It publishes on " in told.out
    assert "(Europe/Berlin)" in told.out
    assert igny8("content", "show", content_id, "--json").json["status"] == "approved"


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (PublicationStatus.DRAFTED, "Draft at https://a.example/7"),
        (PublicationStatus.PUBLISHED, "Published at https://a.example/7"),
    ],
)
def test_what_waits_for_its_slot_is_not_told_as_published(
    igny8: Igny8, ready: Database, status: PublicationStatus, told: str
) -> None:
    content_id = _content(ready, ContentStatus.SCHEDULED)
    with ready.transaction() as session:
        content = session.get_one(Content, int(content_id))
        own = {"account_id": content.account_id, "site_id": content.site_id, "content_id": content.id}
        session.add(Publication(**own, status=status, remote_url="https://a.example/7"))

    assert told in igny8("content", "show", content_id).out.splitlines()


def test_approving_twice_is_refused_with_a_sentence(igny8: Igny8, ready: Database) -> None:
    content_id = _content(ready, ContentStatus.REVIEW)
    assert igny8("content", "approve", content_id, "--json").json["publishes_at"]

    again = igny8("content", "approve", content_id)

    assert (again.code, again.err) == (
        1,
        f"Error: Content {content_id} is approved: only content in review can be approved.\n",
    )


@pytest.mark.parametrize(
    ("status", "what", "told"),
    [
        (ContentStatus.REJECTED, "reject", "Content 1 is rejected already: nothing was changed."),
        (ContentStatus.REJECTED, "withdraw", "Content 1 is rejected: nothing more becomes of it."),
        (ContentStatus.REVIEW, "withdraw", "Content 1 is in review. To approve it: igny8 content approve 1"),
        (ContentStatus.SCHEDULED, "withdraw", "To take it off the calendar: igny8 calendar unschedule 1"),
        (
            ContentStatus.PUBLISHING,
            "reject",
            "Content 1 is just being published. Wait until it is published or needs attention, then reject it.",
        ),
    ],
)
def test_what_cannot_be_decided_says_what_is_and_what_to_do(
    igny8: Igny8, ready: Database, status: ContentStatus, what: str, told: str
) -> None:
    content_id = _content(ready, status)
    with ready.transaction() as session:
        row = session.get_one(Content, int(content_id))
        owners = {"account_id": row.account_id, "site_id": row.site_id, "content_id": row.id}
        if status is ContentStatus.PUBLISHING:
            session.add(Publication(**owners, status=PublicationStatus.PUBLISHING))

    refused = igny8("content", what, content_id)

    nothing = "There is nothing to withdraw from its site. " if what == "withdraw" else ""
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"Error: {nothing}Content 1 is ")
    assert refused.err.endswith(f"{told}\n")


def test_what_is_just_being_taken_off_its_site_is_not_withdrawn_twice(igny8: Igny8, ready: Database) -> None:
    content_id = _content(ready, ContentStatus.APPROVED)
    with ready.transaction() as session:
        row = session.get_one(Content, int(content_id))
        owners = {"account_id": row.account_id, "site_id": row.site_id, "content_id": row.id}
        leaving = {"status": PublicationStatus.WITHDRAWN, "remote_id": "1", "due_at": ready.now()}
        session.add(Publication(**owners, **leaving))

    refused = igny8("content", "withdraw", content_id)

    assert refused.code == 1
    assert "is just being taken off its site: there is nothing to do." in refused.err


def test_an_edit_of_a_published_article_is_on_its_page(
    igny8: Igny8, ready: Database, home: Path, tmp_path: Path
) -> None:
    content_id, body = _content(ready), tmp_path / "body.html"
    igny8("publish", content_id, "--now")
    body.write_text("<h2>Height</h2><p>Measure your elbow first.</p>")

    told = igny8(
        "content", "edit", content_id, "--title", "A desk that fits", "--body-file", str(body), "--version", "1"
    )

    assert told.code == 0, told.err
    assert "Its site shows version 2" in told.out
    page = _page(home).read_text()
    assert "A desk that fits" in page
    assert "Measure your elbow first." in page


def test_a_stale_edit_is_refused(igny8: Igny8, ready: Database) -> None:
    content_id = _content(ready)
    igny8("content", "edit", content_id, "--title", "One")

    stale = igny8("content", "edit", content_id, "--title", "Two", "--version", "1")

    assert stale.code == 1
    assert "somebody else changed it" in stale.err
    assert igny8("content", "show", content_id, "--json").json["title"] == "One"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say what to change"),
        (("--title", " "), "title: it must not be empty."),
        (("--body-file", "nowhere.html"), "--body-file: nowhere.html cannot be read"),
    ],
)
def test_a_wrong_edit_is_wrong_usage(igny8: Igny8, ready: Database, arguments: tuple[str, ...], said: str) -> None:
    told = igny8("content", "edit", _content(ready), *arguments)

    assert (told.code, said in told.err) == (2, True)


def test_withdrawing_takes_the_page_away_at_once_where_no_stack_runs(igny8: Igny8, ready: Database, home: Path) -> None:
    content_id = _content(ready)
    igny8("publish", content_id, "--now")
    assert _page(home).is_file()

    told = igny8("content", "withdraw", content_id, "--json")

    assert told.code == 0, told.err
    assert (told.json["status"], told.json["site"]["status"], told.json["site"]["pending"]) == (
        "approved",
        "withdrawn",
        False,
    )
    assert not _page(home).exists()


def test_rejecting_and_deleting_take_the_page_away(igny8: Igny8, ready: Database, home: Path) -> None:
    content_id = _content(ready)
    igny8("publish", content_id, "--now")

    rejected = igny8("content", "reject", content_id, "--note", "No.")

    assert (rejected.code, _page(home).exists()) == (0, False)
    assert igny8("content", "delete", content_id).code == 0
    assert igny8("content", "show", content_id).code == 1
    assert igny8("content", "list", "Desks", "--json").json == []


@pytest.mark.parametrize("command", ["approve", "reject", "edit", "withdraw", "delete"])
def test_another_accounts_article_is_not_there(igny8: Igny8, ready: Database, command: str) -> None:
    with ready.transaction() as session:
        foreign = make_content(session, site=make_site(session), status=ContentStatus.REVIEW)

    told = igny8("content", command, str(foreign.id), *(("--title", "Mine") if command == "edit" else ()))

    assert told.code == 1
    assert f"There is no content {foreign.id} in this account." in told.err
    with ready.reading() as session:
        row = session.get_one(Content, foreign.id)
    assert (row.status, row.version, row.deleted_at) == (ContentStatus.REVIEW, 1, None)
