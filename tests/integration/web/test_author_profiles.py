"""Author profiles: an account's, for any of its sites; the settings document shows their words and knows no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import RunStatus
from pipeline.models import AuditEvent, Run
from pipeline.services import account_erasure, author_profiles, runs, settings, sites
from pipeline.services.accounts import find_account
from tests.support.api import Api

PROFILES = "/api/v1/author-profiles"
DRY = "Dry humour, short sentences."


def _sent(api: Api, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
    answer = api.client.request(method, path, json=body, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


def _add(api: Api, name: str = "Mara", text: str = DRY) -> int:
    found: int = _sent(api, "POST", PROFILES, {"name": name, "text": text}, status=201)["id"]
    return found


def _choose(api: Api, profile_id: int | None, **more: Any) -> Any:
    path = f"/api/v1/sites/{api.mine.site_id}/author-profile"
    return _sent(api, "PUT", path, {"author_profile_id": profile_id}, **more)


def _settings(api: Api) -> tuple[dict[str, Any], str]:
    answer = api.client.get(api.settings_path)
    return answer.json(), answer.headers["etag"]


def _chosen(api: Api) -> int | None:
    found: int | None = _sent(api, "GET", f"/api/v1/sites/{api.mine.site_id}/author-profile")["author_profile_id"]
    return found


def test_a_site_says_the_words_of_its_profile_and_follows_its_edits(api: Api) -> None:
    profile_id = _add(api)
    before, old_etag = _settings(api)

    _choose(api, profile_id)
    chosen, etag = _settings(api)
    edited = _sent(api, "PATCH", f"{PROFILES}/{profile_id}", {"text": " Long,\r\nwinding sentences. "})
    after, new_etag = _settings(api)

    assert (before["content"]["author_profile"], chosen["content"]["author_profile"]) == (None, DRY)
    assert after["content"]["author_profile"] == edited["text"] == "Long,\nwinding sentences."
    assert edited["sites"] == [{"id": api.mine.site_id, "name": "Desks"}]
    assert len({old_etag, etag, new_etag}) == 3
    assert api.client.put(api.settings_path, json=chosen, headers={"If-Match": etag}).status_code == 412


def test_settings_sent_back_unchanged_keep_the_profile_and_other_words_end_it(api: Api) -> None:
    profile_id = _add(api)
    _choose(api, profile_id)
    document, _ = _settings(api)

    _sent(api, "PUT", api.settings_path, document)
    kept = _chosen(api)
    _sent(api, "PUT", api.settings_path, document | {"content": {"author_profile": "My own."}})
    left = _chosen(api)
    _sent(api, "PATCH", f"{PROFILES}/{profile_id}", {"text": "Other words."})

    assert (kept, left) == (profile_id, None)
    assert _settings(api)[0]["content"]["author_profile"] == "My own."


def test_a_run_asks_with_the_words_it_started_with(api: Api) -> None:
    profile_id = _add(api)
    _choose(api, profile_id)
    _sent(api, "POST", f"/api/v1/runs/{api.mine.run_id}/cancel")
    with api.database.transaction() as session:
        session.get_one(Run, api.mine.run_id).status = RunStatus.CANCELLED
        site = sites.get_site(session, account_id=api.mine.account_id, site_id=api.mine.site_id)
        run_id = runs.start(session, site=site, now=api.database.now()).run_id
    _sent(api, "PATCH", f"{PROFILES}/{profile_id}", {"text": "Other words."})

    with api.database.reading() as session:
        frozen = session.get_one(Run, run_id).settings
    assert frozen["site"]["content"]["author_profile"] == DRY


def test_a_deleted_profile_tells_its_sites_which_keep_its_words(api: Api) -> None:
    profile_id = _add(api)
    _choose(api, profile_id)

    deleted = _sent(api, "DELETE", f"{PROFILES}/{profile_id}")

    assert [site["id"] for site in deleted["sites"]] == [api.mine.site_id]
    assert deleted["deleted_at"] is not None
    assert _settings(api)[0]["content"]["author_profile"] == DRY
    assert _chosen(api) is None
    _sent(api, "GET", f"{PROFILES}/{profile_id}", status=404)
    _choose(api, profile_id, status=404)
    listed = _sent(api, "GET", PROFILES, params={"deleted": True})["items"]
    assert [row["id"] for row in listed] == [profile_id]
    _sent(api, "POST", f"{PROFILES}/{profile_id}/restore")
    assert "already" not in _sent(api, "POST", f"{PROFILES}/{profile_id}/restore", status=409)["detail"]
    _choose(api, profile_id)


def test_a_deleted_profile_is_not_restored_over_one_of_its_name(sqlite_api: Api) -> None:
    profile_id = _add(sqlite_api)
    _sent(sqlite_api, "DELETE", f"{PROFILES}/{profile_id}")
    _add(sqlite_api)

    refused = _sent(sqlite_api, "POST", f"{PROFILES}/{profile_id}/restore", status=409)

    assert "Rename it, then restore this one." in refused["detail"]


def test_after_thirty_days_it_is_forgotten(api: Api) -> None:
    profile_id = _add(api)
    _sent(api, "DELETE", f"{PROFILES}/{profile_id}")
    soon, later = api.database.now() + timedelta(days=29), api.database.now() + timedelta(days=31)

    def forget(now: Any) -> list[int]:
        with api.database.transaction() as session:
            author_profiles.forget_deleted(session, now=now, size=10)
            return [row.id for row in author_profiles.list_deleted(session, account_id=api.mine.account_id)]

    assert (forget(soon), forget(later)) == ([profile_id], [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": " ", "text": " "}, ["name", "text"]),
        ({"name": "x" * 101, "text": "x" * 2_001}, ["name", "text"]),
        ({"name": "Author of Desks", "text": "x"}, ["name"]),
    ],
)
def test_what_is_no_profile_is_refused_with_every_fault(
    sqlite_api: Api, body: dict[str, str], fields: list[str]
) -> None:
    refused = _sent(sqlite_api, "POST", PROFILES, body, status=422)

    assert [fault["field"] for fault in refused["faults"]] == fields


def test_of_profiles_of_one_name_made_at_once_there_is_one(api: Api) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: api.client.post(PROFILES, json={"name": "Mara", "text": DRY}).status_code, range(4))
        )

    assert sorted(answers) == [201, 422, 422, 422]


def test_edits_and_saved_settings_at_once_do_not_wait_for_each_other_in_a_circle(api: Api) -> None:
    profile_id = _add(api)
    _choose(api, profile_id)
    document, _ = _settings(api)

    def act(number: int) -> int:
        if number % 2:
            return api.client.patch(f"{PROFILES}/{profile_id}", json={"text": f"Words {number}."}).status_code
        changed = document | {"content": {"tone": f"Tone {number}"}}
        return api.client.put(api.settings_path, json=changed).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(act, range(16)))

    assert set(answers) == {200}


def test_who_is_erased_leaves_no_profile(api: Api) -> None:
    _choose(api, _add(api))
    with api.database.transaction() as session:
        account = find_account(session, str(api.mine.account_id))
        account_erasure.erase(session, account, actor="cli", now=api.database.now())

    with api.database.reading() as session:
        site = sites.get_site(session, account_id=api.mine.account_id, site_id=api.mine.site_id)
        assert author_profiles.list_profiles(session, account_id=api.mine.account_id) == []
        assert settings.load(session, site).content.author_profile is None


def test_every_change_is_in_the_trail(sqlite_api: Api) -> None:
    profile_id = _add(sqlite_api)
    _choose(sqlite_api, profile_id)
    _sent(sqlite_api, "PATCH", f"{PROFILES}/{profile_id}", {"name": "Mara L."})
    _sent(sqlite_api, "PATCH", f"{PROFILES}/{profile_id}", {"name": "Mara L."})
    _choose(sqlite_api, None)
    _sent(sqlite_api, "DELETE", f"{PROFILES}/{profile_id}")

    with sqlite_api.database.reading() as session:
        of_mine = AuditEvent.account_id == sqlite_api.mine.account_id
        actions = session.scalars(select(AuditEvent.action).where(of_mine).order_by(AuditEvent.id)).all()
    assert [action for action in actions if "." in action][-6:] == [
        "author_profile.added",
        "settings.changed",
        "author_profile.chosen",
        "author_profile.edited",
        "author_profile.left",
        "author_profile.deleted",
    ]
