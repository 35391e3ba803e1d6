from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.core.states import ContentStatus
from pipeline.models import AuditEvent, Publication, Run, Site, SiteAutomationSettings
from pipeline.services import settings
from tests.support.api import Api, statements_of

PLAN = {
    "automation": ("enabled", "frequency", "time"),
    "delays": ("within_stage", "between_stage"),
    "publishing": ("auto_approval_enabled", "auto_publish_enabled", "publish_days", "time_slots"),
}
PLAN_ROW = (
    "number", "name", "has_ai", "enabled", "batch_size", "per_run_limit", "use_testing", "budget_pct",
)  # fmt: skip


def _read(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.client.get(api.settings_path).json()
    return found


def _row(api: Api) -> SiteAutomationSettings:
    with api.database.reading() as session:
        return session.scalars(
            select(SiteAutomationSettings).where(SiteAutomationSettings.site_id == api.mine.site_id)
        ).one()


def _audited(api: Api) -> list[dict[str, Any]]:
    with api.database.reading() as session:
        return list(session.scalars(select(AuditEvent.details).where(AuditEvent.action == "settings.changed")))


def _faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return {fault["field"]: fault["message"] for fault in answer.json()["faults"]}


def test_one_get_has_all_settings_in_the_shape_of_the_plan(api: Api) -> None:
    found = _read(api)

    assert list(found) == ["automation", "stages", "delays", "publishing", "ai", "content", "available_models"]
    assert [row["number"] for row in found["stages"]] == [1, 2, 3, 4, 5, 6, 7]
    assert found["stages"][3] == {
        "number": 4, "name": "Tasks → Content", "has_ai": True, "enabled": True, "batch_size": 1, "per_run_limit": 5,
        "use_testing": False, "budget_pct": 40, "concurrency": 1,
    }  # fmt: skip
    assert found["stages"][6] | {"name": ""} == {
        "number": 7, "name": "", "has_ai": False, "enabled": True, "batch_size": None, "per_run_limit": 10,
        "use_testing": None, "budget_pct": None, "concurrency": None,
    }  # fmt: skip
    assert found["publishing"] == {
        "auto_approval_enabled": True, "auto_publish_enabled": True,
        "publish_days": ["mon", "tue", "wed", "thu", "fri"], "time_slots": ["09:00", "14:00", "18:00"],
        "skip_dates": [], "daily_capacity": 3, "weekly_capacity": 15, "monthly_capacity": 65,
        "timezone": "Europe/Berlin",
    }  # fmt: skip
    assert found["available_models"] == {
        "text": {"testing": "Offline writer (testing)", "live": "Offline writer"},
        "image": {"testing": "Offline painter (testing)", "live": "Offline painter"},
    }
    with api.database.reading() as session:
        assert found == settings.document(session, session.get_one(Site, api.mine.site_id))


def test_what_was_read_can_be_sent_back_and_changes_nothing(api: Api) -> None:
    read = api.client.get(api.settings_path)
    before = _row(api)

    saved = api.client.put(api.settings_path, content=read.content, headers={"Content-Type": "application/json"})

    assert (saved.status_code, saved.content, saved.headers["etag"]) == (200, read.content, read.headers["etag"])
    after = _row(api)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    assert _audited(api) == []


def test_what_is_sent_is_saved_whole(api: Api) -> None:
    sent = _read(api)
    sent["automation"] |= {"enabled": True, "frequency": "weekly", "time": "9:30", "weekday": "sun"}
    sent["stages"][3] |= {"enabled": False, "batch_size": 3, "per_run_limit": 0, "use_testing": True, "budget_pct": 35}
    sent["delays"] = {"within_stage": 0, "between_stage": 86_400}
    sent["publishing"] |= {"publish_days": ["sun", "mon"], "time_slots": ["9:00", "07:15", "09:00"]}
    sent["publishing"]["skip_dates"] = ["2026-12-25"]
    sent["ai"] |= {"temperature": 1, "image_style": "vivid"}
    sent["content"]["audience"] = "people who sit all day"

    saved = api.client.put(api.settings_path, json=sent).json()

    assert saved == _read(api)
    assert saved["automation"]["time"] == "09:30"
    assert saved["stages"][3]["per_run_limit"] == 0
    assert saved["publishing"]["publish_days"] == ["mon", "sun"]
    assert saved["publishing"]["time_slots"] == ["07:15", "09:00"]
    assert saved["publishing"]["weekly_capacity"] == 4
    assert saved["publishing"]["monthly_capacity"] == 17
    assert saved["content"]["audience"] == "people who sit all day"
    (changes,) = _audited(api)
    assert changes["stages.4.budget_pct"] == 35
    assert "stages.5.budget_pct" not in changes
    assert _row(api).next_run_at is not None


def test_the_plans_own_document_is_enough_and_all_else_keeps_its_value(api: Api) -> None:
    sent = _read(api)
    sent["automation"]["jitter_minutes"] = 30
    sent["ai"]["max_tokens"] = 4_000
    sent["content"]["language"] = "de"
    sent["publishing"]["skip_dates"] = ["2026-12-25"]
    sent["stages"][3]["concurrency"] = 4
    before = api.client.put(api.settings_path, json=sent).json()

    of_the_plan: dict[str, Any] = {
        group: {name: before[group][name] for name in names} for group, names in PLAN.items()
    }
    of_the_plan["stages"] = [{name: row[name] for name in PLAN_ROW} for row in before["stages"]]
    of_the_plan["delays"]["within_stage"] = 9
    after = api.client.put(api.settings_path, json=of_the_plan).json()

    assert after == before | {"delays": {"within_stage": 9, "between_stage": 5}}


def test_what_is_read_only_is_accepted_and_ignored(api: Api) -> None:
    before = _read(api)
    sent = json.loads(json.dumps(before))
    sent["publishing"] |= {"daily_capacity": 99, "timezone": "Asia/Tokyo"}
    sent["available_models"] = {"text": None}
    sent["stages"][0] |= {"name": "Mine", "has_ai": False}

    assert api.client.put(api.settings_path, json=sent).json() == before


def test_every_fault_is_told_at_once_by_its_field_and_nothing_is_saved(api: Api) -> None:
    before = _read(api)
    sent = json.loads(json.dumps(before))
    sent["colour"] = "blue"
    sent["automation"] |= {"time": "24:00", "frequenzy": "daily"}
    sent["stages"][1]["per_run_limit"] = -1
    sent["stages"][2]["use_testing"] = True
    sent["stages"][3]["budget_pct"] = 90
    sent["stages"][4]["budget_pct"] = None
    sent["stages"][5]["batch_size"] = "1"
    sent["stages"][0]["enabled"] = 1
    sent["delays"]["within_stage"] = 7
    sent["publishing"]["time_slots"] = ["09:00"] * 97
    del sent["publishing"]["publish_days"]
    sent["ai"]["temperature"] = "0.5"
    sent["content"] = []

    faults = _faults(api.client.put(api.settings_path, json=sent))

    assert set(faults) == {
        "colour", "automation.time", "automation.frequenzy", "stages.2.per_run_limit", "stages.3.use_testing",
        "stages.5.budget_pct", "stages.6.batch_size", "stages.1.enabled", "publishing.time_slots",
        "publishing.publish_days", "ai.temperature", "content", "stages.budget_pct",
    }  # fmt: skip
    assert faults["stages.2.per_run_limit"] == "-1 is not allowed. Use a whole number from 0 to 100,000."
    assert faults["automation.frequenzy"] == "there is no such setting. Did you mean automation.frequency?"
    assert faults["automation.time"] == "'24:00' is not a time of day. Use HH:MM, from 00:00 to 23:59."
    assert faults["stages.3.use_testing"] == "it does not apply to stage 3, Ideas → Tasks. Use null."
    assert "add up to" in faults["stages.budget_pct"]
    assert _read(api) == before


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda sent: sent.pop("delays"), "delays"),
        (lambda sent: sent.pop("stages"), "stages"),
        (lambda sent: sent.update(stages={}), "stages"),
        (lambda sent: sent["stages"].pop(3), "stages.4"),
        (lambda sent: sent["stages"].append(sent["stages"][3]), "stages.4"),
        (lambda sent: sent["stages"][3].pop("number"), "stages.number"),
        (lambda sent: sent["stages"][3].update(number=True), "stages.number"),
        (lambda sent: sent["stages"].append(7), "stages.number"),
        (lambda sent: sent["stages"].extend(sent["stages"] * 9), "stages"),
        (lambda sent: sent["stages"][3].pop("per_run_limit"), "stages.4.per_run_limit"),
        (lambda sent: sent["stages"][3].update(colour=1), "stages.4.colour"),
        (lambda sent: sent["automation"].update(enabled=None), "automation.enabled"),
        (lambda sent: sent["automation"].update(jitter_minutes=True), "automation.jitter_minutes"),
        (lambda sent: sent["automation"].update(jitter_minutes=10**40), "automation.jitter_minutes"),
        (lambda sent: sent["publishing"].update(publish_days="mon"), "publishing.publish_days"),
        (lambda sent: sent["publishing"].update(publish_days=["mon", 2]), "publishing.publish_days"),
        (lambda sent: sent["publishing"].update(skip_dates=["0"]), "publishing.skip_dates"),
        (lambda sent: sent["publishing"].update(skip_dates=["2026-02-30"]), "publishing.skip_dates"),
        (lambda sent: sent["ai"].update(max_tokens=0), "ai.max_tokens"),
        (lambda sent: sent["content"].update(audience="a\x00b"), "content.audience"),
        (lambda sent: sent["content"].update(language="e"), "content.language"),
        (lambda sent: sent.update({str(number): 1 for number in range(30)}), "body"),
    ],
)
def test_a_wrong_document_is_refused_where_it_is_wrong(sqlite_api: Api, spoil: Any, field: str) -> None:
    before = _read(sqlite_api)
    sent = json.loads(json.dumps(before))
    spoil(sent)

    assert field in _faults(sqlite_api.client.put(sqlite_api.settings_path, json=sent))
    assert _read(sqlite_api) == before


@pytest.mark.parametrize(("place", "field"), [("audience", "content.audience"), ("\ud800", "content.\ud800")])
def test_half_a_sign_is_refused_and_named(sqlite_api: Api, place: str, field: str) -> None:
    sent = _read(sqlite_api)
    sent["content"][place] = "\ud800"

    answer = sqlite_api.client.put(
        sqlite_api.settings_path, content=json.dumps(sent), headers={"Content-Type": "application/json"}
    )

    assert field in _faults(answer)


@pytest.mark.parametrize("body", ["", "[]", "7", "null", "{", '{"a": 1', "[" * 100_000, '{"a": ' + "1" * 5_000 + "}"])
def test_a_body_that_is_no_document_is_refused(sqlite_api: Api, body: str) -> None:
    answer = sqlite_api.client.put(sqlite_api.settings_path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["status"] == 422


def test_a_body_over_a_megabyte_is_refused(sqlite_api: Api) -> None:
    sent = json.dumps({"a": "x" * 1_000_000})

    answers = [
        sqlite_api.client.put(sqlite_api.settings_path, content=content, headers={"Content-Type": "application/json"})
        for content in (sent, iter([sent.encode()]))
    ]

    assert [answer.status_code for answer in answers] == [413, 413]
    assert answers[0].json()["detail"] == "The body is larger than 1 MB. Send less at once."


def test_a_stale_mark_saves_nothing_and_says_the_present_one(api: Api) -> None:
    read = api.client.get(api.settings_path)
    sent = read.json() | {"delays": {"within_stage": 1, "between_stage": 1}}
    first = api.client.put(api.settings_path, json=sent, headers={"If-Match": read.headers["etag"]})
    sent["delays"]["within_stage"] = 2

    second = api.client.put(api.settings_path, json=sent, headers={"If-Match": read.headers["etag"]})

    assert first.status_code == 200
    assert second.status_code == 412
    assert second.json()["etag"] == second.headers["etag"] == first.headers["etag"]
    assert _read(api)["delays"]["within_stage"] == 1


@pytest.mark.parametrize(
    ("mark", "status"), [("*", 200), ('"other", {etag}', 200), ("W/{etag}", 412), ("nonsense", 412)]
)
def test_marks_are_compared_as_strong_ones(sqlite_api: Api, mark: str, status: int) -> None:
    read = sqlite_api.client.get(sqlite_api.settings_path)

    headers = {"If-Match": mark.replace("{etag}", read.headers["etag"])}
    answer = sqlite_api.client.put(sqlite_api.settings_path, json=read.json(), headers=headers)

    assert answer.status_code == status


def test_unchanged_settings_are_not_sent_again(sqlite_api: Api) -> None:
    etag = sqlite_api.client.get(sqlite_api.settings_path).headers["etag"]

    answer = sqlite_api.client.get(sqlite_api.settings_path, headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


def test_of_saves_at_once_with_one_mark_exactly_one_is_done(api: Api) -> None:
    read = api.client.get(api.settings_path)

    def save(number: int) -> int:
        sent = read.json() | {"delays": {"within_stage": number, "between_stage": number}}
        headers = {"If-Match": read.headers["etag"]}
        return int(api.client.put(api.settings_path, json=sent, headers=headers).status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(save, range(100, 116)))

    assert sorted(statuses) == [200] + [412] * 15
    assert _row(api).version == 2


def test_of_saves_at_once_without_a_mark_each_is_whole(api: Api) -> None:
    read = _read(api)

    def save(number: int) -> int:
        sent = read | {"delays": {"within_stage": number, "between_stage": number}}
        return int(api.client.put(api.settings_path, json=sent).status_code)

    # More than the pool of threads has: none may wait for a thread while it holds the database.
    with ThreadPoolExecutor(60) as pool:
        statuses = set(pool.map(save, range(100, 220)))

    delays = _read(api)["delays"]
    assert statuses == {200}
    assert delays["within_stage"] == delays["between_stage"] >= 100
    assert _row(api).version == 121


def _slot(api: Api) -> tuple[Any, str]:
    with api.database.reading() as session:
        query = select(Publication).where(Publication.content_id == api.mine.content_id)
        at = session.scalars(query).one().slot_at
    return at, api.client.get(f"/api/v1/content/{api.mine.content_id}").json()["status"]


@pytest.mark.parametrize(("how", "moves"), [(None, True), ("reflow", True), ("keep", False)])
def test_the_calendar_follows_its_slots_or_is_kept(api: Api, how: str | None, moves: bool) -> None:  # noqa: FBT001 - a case
    sent = _read(api)
    before, _ = _slot(api)
    sent["publishing"]["time_slots"] = ["09:07", "14:07", "18:07"]

    answer = api.client.put(api.settings_path, json=sent, params={"schedule_change": how} if how else {})

    after, status = _slot(api)
    assert answer.headers["x-moved-items"] == str(int(moves))
    assert (after != before, status) == (moves, ContentStatus.SCHEDULED.value)
    assert after.minute == (7 if moves else 0)


def test_a_preview_tells_what_a_save_moves_and_changes_nothing(api: Api) -> None:
    sent = _read(api)
    before, _ = _slot(api)
    sent["publishing"]["time_slots"] = ["09:07", "14:07", "18:07"]

    kept = api.client.post(f"{api.settings_path}preview", json=sent, params={"schedule_change": "keep"}).json()
    told = api.client.post(f"{api.settings_path}preview", json=sent).json()
    unchanged = (_slot(api)[0], _row(api).version)
    api.client.put(api.settings_path, json=sent)

    (move,) = told["moves"]
    assert kept == {"timezone": "Europe/Berlin", "moves": []}
    assert unchanged == (before, 1)
    assert (move["content_id"], told["timezone"]) == (api.mine.content_id, "Europe/Berlin")
    assert (datetime.fromisoformat(move["was_at"]), datetime.fromisoformat(move["now_at"])) == (before, _slot(api)[0])


def test_a_preview_of_a_wrong_document_tells_every_fault(sqlite_api: Api) -> None:
    sent = _read(sqlite_api)
    sent["publishing"]["time_slots"] = ["24:00"]
    sent["colour"] = "blue"

    answer = sqlite_api.client.post(f"{sqlite_api.settings_path}preview", json=sent)

    assert set(_faults(answer)) == {"publishing.time_slots", "colour"}


@pytest.mark.parametrize("how", ["reflow", "keep"])
def test_a_save_that_changed_slots_is_undone_as_a_whole(api: Api, how: str) -> None:
    before, slot = _read(api), _slot(api)
    sent = json.loads(json.dumps(before))
    sent["publishing"]["time_slots"] = ["09:07", "14:07", "18:07"]
    api.client.put(api.settings_path, json=sent, params={"schedule_change": how})

    undone = api.client.post(f"/api/v1/sites/{api.mine.site_id}/calendar/undo")

    assert (undone.status_code, undone.json()["action"]) == (200, "changed")
    assert (_read(api), _slot(api)) == (before, slot)


def test_saves_and_undos_at_once_wait_for_each_other(api: Api) -> None:
    read = _read(api)

    def act(number: int) -> int:
        if number % 2:
            return api.client.post(f"/api/v1/sites/{api.mine.site_id}/calendar/undo").status_code
        publishing = {**read["publishing"], "time_slots": [f"09:{number:02}"]}
        return api.client.put(api.settings_path, json={**read, "publishing": publishing}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(act, range(16)))

    assert set(statuses[::2]) == {200}
    assert set(statuses[1::2]) <= {200, 409}


def test_auto_publish_switched_on_again_leaves_what_became_due_to_people(api: Api) -> None:
    sent = _read(api)
    sent["publishing"]["auto_publish_enabled"] = False
    api.client.put(api.settings_path, json=sent)
    with api.database.transaction() as session:
        passed = api.database.now() - timedelta(minutes=1)
        session.scalars(select(Publication).where(Publication.content_id == api.mine.content_id)).one().slot_at = passed

    sent["publishing"]["auto_publish_enabled"] = True
    answer = api.client.put(api.settings_path, json=sent)

    assert answer.status_code == 200
    assert api.client.get(f"/api/v1/content/{api.mine.content_id}").json()["status"] == "ready"


def test_a_word_that_says_nothing_of_the_schedule_is_refused(sqlite_api: Api) -> None:
    answer = sqlite_api.client.put(
        sqlite_api.settings_path, json=_read(sqlite_api), params={"schedule_change": "perhaps"}
    )

    assert set(_faults(answer)) == {"schedule_change"}


def test_a_preset_sets_the_limits_alone(api: Api) -> None:
    before = _read(api)

    after = api.client.post(f"{api.settings_path}preset", json={"preset": "conservative"}).json()

    assert [row["per_run_limit"] for row in after["stages"]] == [0, 10, 0, 5, 5, 3, 10]
    after["stages"][5]["per_run_limit"] = 20
    assert after == before


def test_a_preset_that_is_none_is_refused(sqlite_api: Api) -> None:
    answer = sqlite_api.client.post(f"{sqlite_api.settings_path}preset", json={"preset": "bold", "and": 1})

    assert set(_faults(answer)) == {"preset", "and"}


def test_reset_gives_every_setting_its_default(api: Api) -> None:
    before = _read(api)
    sent = json.loads(json.dumps(before))
    sent["content"]["tone"] = "dry"
    sent["publishing"]["time_slots"] = []
    sent["automation"]["enabled"] = True
    api.client.put(api.settings_path, json=sent)

    after = api.client.post(f"{api.settings_path}reset")

    assert after.json() == before == _read(api)
    assert _slot(api)[1] == ContentStatus.APPROVED.value


@pytest.mark.parametrize("action", ["preset", "reset"])
def test_presets_and_defaults_heed_a_stale_mark(sqlite_api: Api, action: str) -> None:
    answer = sqlite_api.client.post(
        f"{sqlite_api.settings_path}{action}", json={"preset": "balanced"}, headers={"If-Match": '"old"'}
    )

    assert answer.status_code == 412


def test_reading_takes_three_statements(api: Api) -> None:
    api.database.now()

    with statements_of(api.database) as seen:
        answer = api.client.get(api.settings_path)

    assert answer.status_code == 200
    assert len(seen) <= 3, seen


def test_saving_takes_six_statements_where_no_schedule_changed(api: Api) -> None:
    read = api.client.get(api.settings_path)
    sent = read.json() | {"delays": {"within_stage": 1, "between_stage": 1}}

    with statements_of(api.database) as seen:
        answer = api.client.put(api.settings_path, json=sent, headers={"If-Match": read.headers["etag"]})

    assert answer.status_code == 200
    assert _read(api)["delays"]["within_stage"] == 1
    assert len(seen) <= 6, seen


def test_a_key_not_marked_for_a_minute_costs_one_statement_more(api: Api) -> None:
    headers = api.key(is_used=False)

    with statements_of(api.database) as seen:
        first = api.client.get(api.settings_path, headers=headers)
        of_the_first = len(seen)
        second = api.client.get(api.settings_path, headers=headers)

    assert first.status_code == second.status_code == 200
    assert (of_the_first, len(seen)) == (4, 7)


def test_a_run_that_is_live_keeps_its_settings(api: Api) -> None:
    sent = _read(api)
    sent["stages"][3]["per_run_limit"] = 99
    api.client.put(api.settings_path, json=sent)

    with api.database.reading() as session:
        frozen = session.get_one(Run, api.mine.run_id).site_settings

    assert frozen.stages[4].per_run_limit == 5
    assert api.database.now() - _row(api).updated_at < timedelta(minutes=5)
