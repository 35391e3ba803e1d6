"""What somebody tries who means harm: markup in every text, foreign pages, old cookies, frames, long addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from sqlalchemy import String, Table, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from pipeline.core.roles import Role
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import ApiKey, Base, Content, LogIn, Publication, Site
from pipeline.services import passwords, users
from pipeline.web.cookies import COOKIE
from pipeline.web.strangers import Strangers
from tests.support.api import Api, the_app
from tests.support.console import addresses, browser, stranger

MARK = "</title></script><img src=x onerror=alert(1)>'\"{{7*7}}"
LINK = "javascript:alert(1)//<img src=x>"
#: Texts that are looked up, compared or decide, and that nobody types.
_OF_PROGRAMS = re.compile(r"hash|secret|token|key$|prefix|provider$|mime|sha256|public_id|actor|timezone|language")
#: More ways to look at the same rows.
_MORE = (
    "/writer/approved?show=results",
    "/writer/content?status=deleted",
    "/publisher/content-calendar?kind=week",
    "/publisher/content-calendar?kind=list",
    "/account/usage?by=site",
    "/account/usage?by=model",
    "/planner/keywords?text=%3Cimg%20src%3Dx%3E",
    "/setup/wizard?step=site",
    "/setup/wizard?step=keywords",
    "/setup/wizard?step=plan",
    "/setup/wizard?new=true",
)


class _Markup(HTMLParser):
    """What a browser would run of a page, or be led to by it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (tag, name, value) == ("img", "src", "x"):
                self.found.append(f"{tag} {name}={value}")
            if name in {"href", "src", "action", "formaction"} and (value or "").strip().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value}")


def _is_text(name: str, kind: object) -> bool:
    length = getattr(kind, "length", 0)
    return (
        type(kind).__name__ in {"String", "Text", "Str"}
        and (length is None or length >= 60)
        and not _OF_PROGRAMS.search(name)
    )


def _plant(session: Session, tables: Sequence[Table]) -> set[str]:
    """Put markup into every text of every row, as far as the tables let it in; where it stands now."""
    planted = set()
    for table in tables:
        if "id" not in table.c:
            continue
        ids = session.scalars(select(table.c.id)).all()
        for column in table.c:
            if (
                not (isinstance(column.type, String) and _is_text(column.name, column.type))
                or column.name == "body_html"
            ):
                continue
            text = LINK if "url" in column.name else MARK
            for row_id in ids:
                try:
                    with session.begin_nested():
                        value = f"{text}{row_id}"[: column.type.length or 10_000]
                        session.execute(update(table).where(table.c.id == row_id).values({column.name: value}))
                        planted.add(f"{table.name}.{column.name}")
                except IntegrityError:
                    continue
    return planted


def test_whatever_stands_in_a_row_is_text_on_every_page(sqlite_api: Api) -> None:
    api = sqlite_api
    client = browser(api)
    with api.database.transaction() as session:
        planted = _plant(session, Base.metadata.sorted_tables)
        session.execute(update(Content).values(tags=[MARK]))
        session.execute(update(ApiKey).values(scopes=[MARK]))

    wanted = {"sites.name", "keywords.text", "clusters.name", "ideas.title", "contents.title", "image_prompts.prompt"}
    wanted |= {"notifications.message", "users.name", "author_profiles.text", "runs.reason", "webhooks.url"}
    assert wanted - planted == set()
    pages = [address for address in addresses(api.mine.ids) if address != "/switch"]
    pages += [*_MORE, f"/automation/runs/{api.mine.run_id}/events"]
    for address in pages:
        answer = client.get(address)
        assert answer.status_code < 400, (address, answer.text)
        assert _Markup(answer.text).found == [], address


def test_an_address_of_a_publication_that_runs_is_no_link(sqlite_api: Api) -> None:
    with sqlite_api.database.transaction() as session:
        session.execute(update(Publication).values(remote_url=LINK, status=PublicationStatus.PUBLISHED))
        session.execute(update(Content).values(status=ContentStatus.PUBLISHED))

    client = browser(sqlite_api)
    for address in ("/writer/approved?show=results", f"/writer/content/{sqlite_api.mine.content_id}"):
        assert _Markup(client.get(address).text).found == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_foreign_page_logs_nobody_in(sqlite_api: Api, headers: dict[str, str]) -> None:
    email, client = _person(sqlite_api), stranger(sqlite_api)

    refused = client.post("/api/v1/login", json={"email": email, "password": PASSWORD}, headers=headers)

    assert refused.status_code == 401
    assert "a page of another address" in refused.json()["detail"]
    assert COOKIE not in client.cookies


def test_a_cookie_that_somebody_else_chose_is_not_let_in_by_a_log_in(sqlite_api: Api) -> None:
    email, client = _person(sqlite_api), stranger(sqlite_api)
    client.cookies.set(COOKIE, "chosen-by-somebody-else")

    given = client.post("/api/v1/login", json={"email": email, "password": PASSWORD})

    assert given.status_code == 200
    assert given.cookies[COOKIE] != "chosen-by-somebody-else"
    fixed = stranger(sqlite_api)
    fixed.cookies.set(COOKIE, "chosen-by-somebody-else")
    assert fixed.get("/").status_code == 303


def test_after_a_log_out_a_copy_of_the_cookie_opens_no_page(api: Api) -> None:
    client = browser(api)
    copy = stranger(api)
    copy.cookies.set(COOKIE, client.cookies[COOKIE])
    token = client.get("/api/v1/me").json()["csrf_token"]
    assert copy.get("/").status_code == 200

    assert client.post("/api/v1/logout", headers={"X-CSRF-Token": token}).status_code == 204

    for address in ("/", f"/automation/runs/{api.mine.run_id}/events"):
        assert copy.get(address).status_code == 303
    assert copy.get(f"/api/v1/images/{api.mine.image_id}").status_code == 401
    with api.database.reading() as session:
        assert session.scalars(select(LogIn)).all() == []


def test_every_answer_tells_browsers_to_guess_run_frame_and_keep_nothing(sqlite_api: Api) -> None:
    client = browser(sqlite_api)
    mine = sqlite_api.mine
    ours = ["/", "/nope", "/login", "/api/v1/me", "/api/v1/nope", f"/api/v1/content/{mine.content_id}", "/healthz"]
    ours += [f"/api/v1/sites/{mine.site_id}/calendar.ics", f"/api/v1/sites/{mine.site_id}/keywords.csv", "/feeds/x.ics"]

    for address in [*ours, "/static/console.js", f"/api/v1/images/{mine.image_id}"]:
        headers = client.get(address).headers
        assert (address, headers["x-content-type-options"]) == (address, "nosniff")
        assert "frame-ancestors 'none'" in headers["content-security-policy"], address
        assert headers["referrer-policy"] in {"same-origin", "no-referrer"}, address
    assert {client.get(address).headers["cache-control"] for address in ours} == {"no-store"}
    # What is ours and may be kept is asked for again, so that no page meets a script from before an update.
    there = client.get("/static/console.js")
    assert there.headers["cache-control"] == "no-cache"
    again = client.get("/static/console.js", headers={"If-None-Match": there.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_long_address_is_no_reason_to_let_nobody_in(sqlite_api: Api) -> None:
    client = stranger(sqlite_api)

    led = client.get(f"/planner/keywords?utm={'x' * 3_000}").headers["location"]

    assert led == "/login?next=%2Fplanner%2Fkeywords"
    assert client.get(led).status_code == 200
    assert client.get(f"/writer/{'x' * 3_000}").status_code == 404


def test_who_is_a_person_is_refused_by_a_page(sqlite_api: Api) -> None:
    client = browser(sqlite_api)
    posted = client.post("/planner/keywords", data={"text": "x" * 100_000})
    assert posted.status_code == 405
    assert "This page is only looked at" in posted.text
    assert posted.headers["content-type"].startswith("text/html")

    app = the_app()
    app.state.strangers = Strangers(1)
    try:
        asked = TestClient(app, base_url="http://testserver", client=("192.0.2.77", 1))
        asked.get("/login")
        refused = asked.get("/login")
    finally:
        app.state.strangers = Strangers(0)
    assert refused.status_code == 429
    assert refused.headers["content-type"].startswith("text/html")
    assert "Wait " in refused.text
    assert 1 <= int(refused.headers["retry-after"]) <= 61


def test_what_nobody_expected_is_a_page_for_people(sqlite_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = TestClient(the_app(), base_url="http://testserver", raise_server_exceptions=False)
    client.cookies.set(COOKIE, browser(sqlite_api).cookies[COOKIE])
    monkeypatch.setattr("pipeline.web.pages.help.STAGES", None)

    broken = client.get("/help")

    assert broken.status_code == 500
    assert broken.headers["content-type"].startswith("text/html")
    assert "nothing was changed" in broken.text
    assert "NoneType" not in broken.text


def test_what_nobody_expected_is_guarded_and_can_be_asked_about(
    sqlite_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(the_app(), base_url="http://testserver", raise_server_exceptions=False)
    client.cookies.set(COOKIE, browser(sqlite_api).cookies[COOKIE])
    monkeypatch.setattr("pipeline.services.credits.balance", None)

    for address in ("/api/v1/credits", "/"):
        broken = client.get(address)
        assert (broken.status_code, broken.headers["x-content-type-options"]) == (500, "nosniff"), address
        assert broken.headers["cache-control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{32}", broken.headers["x-request-id"])


PASSWORD = "correct horse battery"  # noqa: S105 - a test's
_HASH = passwords.hashed(PASSWORD)


def _person(api: Api) -> str:
    email = "eva@example.com"
    with api.database.transaction() as session:
        now = api.database.now() - timedelta(minutes=1)
        users.add(session, account_id=api.mine.account_id, email=email, role=Role.EDITOR, password_hash=_HASH, now=now)
    return email


def test_a_line_break_in_a_name_adds_nothing_to_a_calendar_file(sqlite_api: Api) -> None:
    line = "Desks\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nATTENDEE:mailto:eve@example.com"
    path = f"/api/v1/sites/{sqlite_api.mine.site_id}/calendar.ics"
    before = sqlite_api.client.get(path).text
    with sqlite_api.database.transaction() as session:
        session.execute(update(Content).values(title=line, excerpt=line))
        session.execute(update(Site).values(name=line[:100]))

    lines = sqlite_api.client.get(path).text.split("\r\n")

    assert lines.count("BEGIN:VEVENT") == before.count("BEGIN:VEVENT") > 0
    assert not [one for one in lines if one.startswith("ATTENDEE")]
