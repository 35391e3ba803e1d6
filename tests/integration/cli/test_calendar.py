"""`calendar …`, and the commands that change what a calendar follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from pipeline.core.calendar import slot_wall_time
from pipeline.core.states import ContentStatus
from pipeline.db.session import Database
from pipeline.models import AuditEvent, Content, Publication, Site
from pipeline.services import calendar, publications
from tests.support.builders import make_content, make_site

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Igny8


@pytest.fixture
def articles(ready: Database) -> list[int]:
    """Three scheduled articles of Desks, by their ids."""
    now = ready.now()
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        made = [
            make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=now - timedelta(minutes=9 - n))
            for n in range(3)
        ]
        calendar.fill(session, site.id, now=now, limit=3)
        return [content.id for content in made]


def _places(igny8: Igny8) -> dict[int, dict[str, Any]]:
    shown = igny8("calendar", "Desks", "--days", "40", "--json").json
    slots = [slot for day in shown["days"] for slot in day["slots"]]
    return {slot["content_id"]: slot for slot in slots if slot["content_id"] is not None}


def _free(igny8: Igny8, number: int) -> str:
    """The wall time of a free slot of the next days, as people type it."""
    shown = igny8("calendar", "Desks", "--days", "30", "--json").json
    free = [slot for day in shown["days"] for slot in day["slots"] if slot["content_id"] is None]
    day, clock_time = slot_wall_time(datetime.fromisoformat(free[number]["at"]), "Europe/Berlin")
    return f"{day} {clock_time}"


def _beside(days: int = 3) -> str:
    """A time that is no slot."""
    return f"{(datetime.now(UTC) + timedelta(days=days)).date()} 11:17"


def test_the_calendar_says_where_the_next_article_goes_and_how_far_the_queue_reaches(
    igny8: Igny8, articles: list[int]
) -> None:
    shown = igny8("calendar", "Desks", "--json").json
    told = igny8("calendar", "Desks").out

    free = [slot["at"] for day in shown["days"] for slot in day["slots"] if slot["content_id"] is None]
    assert shown["next_slot_at"] == free[0]
    assert shown["forecast"]["queued"] == 3
    assert (shown["forecast"]["approved_a_week"], shown["forecast"]["slots_a_week"]) == (3.0, 15)
    assert shown["forecast"]["backlog_growth_a_week"] == -12.0
    assert "What you approve now publishes on" in told
    assert "3 articles a week are approved, 15 slots a week: 12 slots a week find no new article." in told


def test_without_auto_publish_nobody_is_told_that_articles_publish_themselves(
    igny8: Igny8, ready: Database, articles: list[int]
) -> None:
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        article = make_content(session, site=site, status=ContentStatus.REVIEW).id
    before = igny8("calendar", "Desks", "--json").json["publishes_by_itself"]
    igny8("settings", "set", "Desks", "publishing.auto_publish_enabled=false")

    shown, told = igny8("calendar", "Desks", "--json").json, igny8("calendar", "Desks").out
    approved = igny8("content", "approve", str(article)).out

    assert (before, shown["publishes_by_itself"]) == (True, False)
    assert "What you approve now is ready for you on " in told
    assert "It is ready for you on " in approved
    assert "publishes on" not in told + approved


def test_the_calendar_lists_what_needs_a_person_with_what_to_do(
    igny8: Igny8, ready: Database, articles: list[int]
) -> None:
    with ready.transaction() as session:
        publication_id = session.scalars(select(Publication.id).where(Publication.content_id == articles[1])).one()
        publications.set_aside(session, publication_id, "The site refused it.", now=ready.now())

    (needy,) = igny8("calendar", "Desks", "--json").json["needs_you"]
    told = igny8("calendar", "Desks").err
    alert = igny8("notifications", "--json").json[0]

    assert (needy["content_id"], needy["status"], needy["why"]) == (
        articles[1],
        "needs_attention",
        "The site refused it.",
    )
    assert f"Needs you: {needy['title']} (content {articles[1]}). The site refused it. " in told
    assert f"igny8 publish {articles[1]} --now" in needy["what_to_do"]
    assert (alert["kind"], alert["subject"]) == ("publication_stuck", {"kind": "content", "id": articles[1]})


def test_articles_that_lose_their_slots_are_told_apart_from_those_that_move(igny8: Igny8, articles: list[int]) -> None:
    emptied = ("settings", "set", "Desks", "publishing.time_slots=")

    preview = igny8(*emptied, "--preview")
    saved = igny8(*emptied)
    told = igny8("calendar", "Desks").out

    assert "3 articles would stand on no slot" in preview.err
    assert saved.err.startswith(
        "3 scheduled articles lost their slots: the settings have no publishing day or no time."
    )
    assert "publishing.time_slots" in saved.err
    assert 'igny8 calendar undo "Desks"' in saved.err
    assert "moved" not in saved.err
    assert "3 articles wait and the site has no slots" in told


def test_a_preview_of_what_changes_no_slot_moves_nothing(igny8: Igny8, articles: list[int]) -> None:
    igny8("calendar", "move", str(articles[0]), "--to", _free(igny8, 2))
    igny8("settings", "set", "Desks", "publishing.auto_publish_enabled=false")

    preview = igny8("settings", "reset", "Desks", "--preview").out
    saved = igny8("settings", "reset", "Desks").err

    assert preview == "Nothing on the calendar would move. Nothing was changed.\n"
    assert saved == ""


def test_what_waits_without_a_stack_is_told_to_start_one(igny8: Igny8, ready: Database) -> None:
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=ready.now())

    assert "No stack is running: what waits gets its slots once one does (igny8 up)." in igny8("calendar", "Desks").err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("schedule",), "is scheduled. To have it elsewhere: igny8 calendar move {id} --to 'YYYY-MM-DD HH:MM'."),
        (
            ("unschedule", "unschedule"),
            "is approved and stands on no slot. To give it one: igny8 calendar schedule {id}",
        ),
    ],
)
def test_what_is_refused_says_what_it_is_and_what_to_do(
    igny8: Igny8, articles: list[int], arguments: tuple[str, ...], told: str
) -> None:
    *before, last = [igny8("calendar", action, str(articles[0])) for action in arguments]

    assert [outcome.code for outcome in before] == [0] * len(before)
    assert (last.code, f"Content {articles[0]} {told}".format(id=articles[0]) in last.err) == (1, True), last.err


def test_one_of_anything_is_told_in_the_singular(igny8: Igny8, ready: Database) -> None:
    now = ready.now()
    with ready.transaction() as session:
        site = session.scalars(select(Site)).one()
        make_content(session, site=site, status=ContentStatus.APPROVED, approved_at=now - timedelta(minutes=1))
    igny8("settings", "set", "Desks", "publishing.publish_days=mon", "publishing.time_slots=09:00")

    told = igny8("calendar", "Desks").out
    igny8("settings", "set", "Desks", "publishing.time_slots=")
    without = igny8("calendar", "Desks").out

    assert "1 article a week is approved, 1 slot a week: the backlog stays as it is." in told
    assert "1 article waits and the site has no slots; 1 article a week is approved, 0 slots a week" in without


@pytest.mark.parametrize("arguments", [("show", "Desks"), ("--days", "14", "Desks"), ("1",)])
def test_the_calendar_is_shown_by_every_way_of_asking(
    igny8: Igny8, articles: list[int], arguments: tuple[str, ...]
) -> None:
    assert igny8("calendar", *arguments).out == igny8("calendar", "Desks").out


def test_a_site_called_as_a_command_is_reached_by_its_id(igny8: Igny8, ready: Database) -> None:
    igny8("site", "add", "--name", "undo", "--timezone", "UTC")

    assert igny8("calendar", "2", "--json").json["timezone"] == "UTC"
    assert igny8("calendar", "show", "undo", "--json").json["timezone"] == "UTC"


def test_an_article_moves_to_a_free_slot_and_back(igny8: Igny8, articles: list[int]) -> None:
    before = _places(igny8)
    to = _free(igny8, 2)

    moved = igny8("calendar", "move", str(articles[0]), "--to", to, "--json").json
    after = _places(igny8)
    undone = igny8("calendar", "undo", "Desks", "--json").json

    assert moved["moves"][0]["now_at"] == after[articles[0]]["at"] != before[articles[0]]["at"]
    assert after[articles[0]]["pinned"] is False
    assert undone["undone"] | {"at": ""} == {"undo_id": moved["undo_id"], "action": "moved", "at": "", "moves": 1}
    assert _places(igny8) == before


def test_people_read_where_an_article_went(igny8: Igny8, articles: list[int]) -> None:
    at = _beside()

    said = igny8("calendar", "pin", str(articles[0]), "--at", at).out

    assert said.endswith(f"{at}, pinned\n")
    assert f"(content {articles[0]}): " in said


def test_a_taken_slot_is_refused_with_its_holder(igny8: Igny8, articles: list[int]) -> None:
    held = datetime.fromisoformat(_places(igny8)[articles[1]]["at"])
    day, clock_time = slot_wall_time(held, "Europe/Berlin")

    refused = igny8("calendar", "move", str(articles[0]), "--to", f"{day} {clock_time}")

    assert refused.code == 1
    assert f"is taken by content {articles[1]}," in refused.err


def test_the_past_is_refused(igny8: Igny8, articles: list[int]) -> None:
    refused = igny8("calendar", "move", str(articles[0]), "--to", "2026-01-05 09:00")

    assert (refused.code, refused.out) == (2, "")
    assert "Mon 2026-01-05 09:00 has passed at the site. Choose a later time." in refused.err


def test_pin_swap_unpin_unschedule_schedule_and_all_back(igny8: Igny8, articles: list[int]) -> None:
    first, second, third = map(str, articles)
    commands = [
        ("pin", first, "--at", _beside()),
        ("swap", first, second),
        ("unpin", first),
        ("unschedule", third),
        ("schedule", third),
    ]
    states = []
    for command in commands:
        states.append(_places(igny8))
        assert igny8("calendar", *command).code == 0, command

    for state in reversed(states):
        assert igny8("calendar", "undo", "Desks").out.startswith("Undone: ")
        assert _places(igny8) == state


def test_an_action_is_undone_by_its_number(igny8: Igny8, ready: Database, articles: list[int]) -> None:
    before = _places(igny8)
    first = igny8("calendar", "pin", str(articles[0]), "--json").json["undo_id"]
    igny8("calendar", "unschedule", str(articles[1]))
    with ready.transaction() as session:
        session.get_one(Content, articles[1]).status = ContentStatus.REJECTED

    refused = igny8("calendar", "undo", "Desks")
    undone = igny8("calendar", "undo", "Desks", "--id", str(first))

    assert refused.code == 1
    assert "was rejected or deleted since" in refused.err
    assert f'`igny8 calendar undo "Desks" --id {first}`' in refused.err
    assert undone.out.startswith("Undone: pinned on ")
    assert _places(igny8)[articles[0]] == before[articles[0]]


def test_what_a_person_unscheduled_is_told_as_held_back(igny8: Igny8, articles: list[int]) -> None:
    igny8("calendar", "unschedule", str(articles[0]))

    assert "Not scheduled (held back): " in igny8("calendar", "Desks").err
    assert articles[0] not in _places(igny8)


def test_what_people_did_is_in_the_audit_trail(igny8: Igny8, ready: Database, articles: list[int]) -> None:
    igny8("calendar", "unschedule", str(articles[0]))
    igny8("calendar", "undo", "Desks")

    with ready.reading() as session:
        rows = session.execute(select(AuditEvent.actor, AuditEvent.action).order_by(AuditEvent.id)).all()
    assert [tuple(row) for row in rows][-2:] == [("cli", "calendar.unscheduled"), ("cli", "calendar.undone")]


def test_another_accounts_article_is_not_there(igny8: Igny8, ready: Database, articles: list[int]) -> None:
    with ready.transaction() as session:
        foreign = make_content(session, site=make_site(session), status=ContentStatus.APPROVED)

    refused = igny8("calendar", "schedule", str(foreign.id))

    assert refused.code == 1
    assert f"There is no content {foreign.id} in this account." in refused.err


def test_settings_are_previewed_then_followed_then_taken_back(igny8: Igny8, articles: list[int]) -> None:
    before = _places(igny8)
    change = ("settings", "set", "Desks", "publishing.time_slots=12:34")

    shown = igny8(*change, "--preview", "--json").json
    told = igny8(*change, "--preview").out
    assert _places(igny8) == before
    done = igny8(*change)

    assert [move["content_id"] for move in shown["moves"]] == articles
    assert [move["now_at"] for move in shown["moves"]] == [_places(igny8)[number]["at"] for number in articles]
    assert told.startswith("3 articles would move (times of Europe/Berlin):\n")
    assert told.endswith("Nothing was changed.\n")
    assert '3 scheduled articles moved. `igny8 calendar undo "Desks"` takes it back' in done.err
    igny8("calendar", "undo", "Desks")
    assert _places(igny8) == before
    slots = igny8("settings", "show", "Desks", "--json").json["publishing"]["time_slots"]
    assert slots == ["09:00", "14:00", "18:00"]


def test_settings_are_followed_by_new_articles_only_where_people_say_keep(igny8: Igny8, articles: list[int]) -> None:
    before = _places(igny8)

    done = igny8("settings", "set", "Desks", "publishing.time_slots=12:34", "--calendar", "keep")

    assert (done.err, _places(igny8)) == ("", before)
    assert igny8("calendar", "Desks", "--json").json["next_slot_at"].endswith(":34:00Z")


def test_a_reset_is_previewed_then_followed_then_taken_back(igny8: Igny8, articles: list[int]) -> None:
    igny8("settings", "set", "Desks", "publishing.time_slots=06:15", "content.tone=dry")
    before = _places(igny8)

    shown = igny8("settings", "reset", "Desks", "--preview", "--json").json
    unchanged = _places(igny8)
    igny8("settings", "reset", "Desks")
    after = _places(igny8)
    igny8("calendar", "undo", "Desks")

    assert {move["content_id"] for move in shown["moves"]} == set(articles)
    assert unchanged == before != after
    assert _places(igny8) == before
    assert igny8("settings", "show", "Desks", "--json").json["publishing"]["time_slots"] == ["06:15"]


def test_a_zone_is_previewed_then_changed_then_taken_back(igny8: Igny8, articles: list[int]) -> None:
    before = _places(igny8)
    change = ("site", "set", "Desks", "--timezone", "America/New_York")

    shown = igny8(*change, "--preview", "--json").json
    assert _places(igny8) == before
    changed = igny8(*change, "--json").json
    after = _places(igny8)
    igny8("calendar", "undo", "Desks")

    assert (shown["timezone"], changed["timezone"]) == ("America/New_York", "America/New_York")
    assert [move["now_at"] for move in shown["moves"]] == [after[number]["at"] for number in articles]
    assert {slot["local_time"] for slot in after.values()} <= {"09:00", "14:00", "18:00"}
    assert _places(igny8) == before
    assert igny8("site", "show", "Desks", "--json").json["timezone"] == "Europe/Berlin"


def test_a_clock_change_is_noted(igny8: Igny8, articles: list[int]) -> None:
    # The last Sunday of March, in a year that is to come.
    year = datetime.now(UTC).year + 1
    sunday = max(day for day in range(25, 32) if datetime(year, 3, day, tzinfo=UTC).weekday() == 6)

    pinned = igny8("calendar", "pin", str(articles[0]), "--at", f"{year}-03-{sunday} 02:30")

    assert pinned.err == f"Clock change: {sunday} Mar: 02:30 will publish at 03:30.\n"
