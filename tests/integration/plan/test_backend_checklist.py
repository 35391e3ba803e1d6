"""The plan's Part 7, "Backend Tests": each test is a box of that list, in its words.

Not here: migration scripts and the models before this one, which belong to the import of old installations.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from pipeline.engine import articles, site_checks
from pipeline.models import AiModel, AuditEvent, CalendarSlot, Publication, Site, SiteAutomationSettings, SyncEvent
from pipeline.models.base import Base, table_of
from pipeline.services import audit
from pipeline.services.settings import FIELDS
from pipeline.sites.port import SiteUnavailableError
from tests.support.api import Api


def _read(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.client.get(api.settings_path).json()
    return found


def _kept(api: Api) -> dict[str, Any]:
    """The site's row, whole."""
    with api.database.reading() as session:
        table = table_of(SiteAutomationSettings)
        row = session.execute(select(table).where(table.c.site_id == api.mine.site_id)).one()
        return dict(row._mapping)


def test_site_ai_automation_settings_crud_works_correctly(api: Api) -> None:
    new = api.client.post("/api/v1/sites", json={"name": "Lamps", "timezone": "UTC"}).json()["id"]
    path = f"/api/v1/sites/{new}/unified-settings/"

    created = api.client.get(path).json()
    sent = created | {"delays": {"within_stage": 11, "between_stage": 12}}
    updated = api.client.put(path, json=sent)
    read = api.client.get(path).json()
    deleted = api.client.delete(f"/api/v1/sites/{new}")
    while_deleted = [api.client.get(path).status_code, api.client.put(path, json=sent).status_code]
    api.client.post(f"/api/v1/sites/{new}/restore")
    restored = api.client.get(path).json()
    api.client.post(f"{path}reset")

    assert created["delays"] == {"within_stage": 3, "between_stage": 5}
    assert (updated.status_code, updated.json()) == (200, read)
    assert read == created | {"delays": {"within_stage": 11, "between_stage": 12}}
    assert (deleted.status_code, while_deleted) == (200, [404, 404])
    assert restored == read
    assert api.client.get(path).json() == created
    row = {key: value for key, value in _kept(api).items() if key != "id"}
    with pytest.raises(IntegrityError), api.database.transaction() as session:
        session.execute(insert(table_of(SiteAutomationSettings)).values(row))


def test_unified_api_returns_complete_settings(api: Api) -> None:
    found = _read(api)

    rows = {row["number"]: row for row in found.pop("stages")}
    told = {f"{group}.{name}" for group in found for name in found[group]}
    told |= {f"stages.{number}.{column}" for number, row in rows.items() for column in row}
    derived = {f"publishing.{period}_capacity" for period in ("daily", "weekly", "monthly")}
    assert set(FIELDS) - told == set()
    assert {*derived, "publishing.timezone", "available_models.text", "available_models.image"} <= told
    assert {key for row in rows.values() for key in row} >= {
        "number", "name", "has_ai", "enabled", "batch_size", "per_run_limit", "use_testing", "budget_pct",
    }  # fmt: skip
    assert [row["name"] for row in rows.values()] == [
        "Keywords → Clusters", "Clusters → Ideas", "Ideas → Tasks", "Tasks → Content", "Content → Prompts",
        "Prompts → Images", "Review → Approved",
    ]  # fmt: skip
    assert [row["has_ai"] for row in rows.values()] == [True, True, False, True, True, True, False]


def _changed_throughout(document: dict[str, Any]) -> dict[str, Any]:
    """The document with another value in every group, all of them allowed."""
    sent: dict[str, Any] = json.loads(json.dumps(document))
    sent["automation"] |= {"enabled": True, "frequency": "weekly", "time": "07:10"}
    sent["delays"] = {"within_stage": 1, "between_stage": 2}
    sent["publishing"] |= {"publish_days": ["sun"], "time_slots": ["06:45"], "auto_publish_enabled": False}
    sent["ai"] |= {"temperature": 0.1}
    sent["content"] |= {"audience": "people who sit all day"}
    for row in sent["stages"]:
        row["per_run_limit"] = 77
    return sent


@pytest.mark.parametrize(
    ("group", "name", "wrong"),
    [
        ("automation", "time", "24:00"),
        ("delays", "between_stage", -1),
        ("publishing", "publish_days", ["someday"]),
        ("ai", "temperature", 3),
        ("content", "language", ""),
        ("stages", 6, {"budget_pct": 71}),
        ("available", "colour", "blue"),
    ],
)
def test_unified_api_saves_all_settings_atomically_one_bad_field_saves_nothing(
    api: Api, group: str, name: Any, wrong: Any
) -> None:
    before, kept = _read(api), _kept(api)
    sent = _changed_throughout(before)
    if group == "stages":
        sent["stages"][name - 1] |= wrong
    else:
        sent.setdefault(group, {})[name] = wrong

    refused = api.client.put(api.settings_path, json=sent)

    assert refused.status_code == 422
    assert len(refused.json()["faults"]) == 1
    assert (_read(api), _kept(api)) == (before, kept)


def test_unified_api_saves_all_settings_atomically_or_not_at_all_where_it_breaks(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, kept = _read(api), _kept(api)
    sent = _changed_throughout(before)

    def slots() -> list[Any]:
        with api.database.reading() as session:
            return [session.scalars(select(column)).all() for column in (CalendarSlot.slot_at, Publication.due_at)]

    planned = slots()
    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", lambda *_, **__: 1 / 0)
        lost = api.client.put(api.settings_path, json=sent)
    after = (_read(api), _kept(api), slots())
    saved = api.client.put(api.settings_path, json=sent)

    assert lost.status_code == 500
    assert after == (before, kept, planned)
    assert saved.status_code == 200
    for group in ("automation", "delays", "publishing", "ai", "content", "stages"):
        assert saved.json()[group] == _read(api)[group] != before[group]
    with api.database.reading() as session:
        saves = session.scalars(select(AuditEvent).where(AuditEvent.action == "settings.changed")).all()
    assert len(saves) == 1


def test_is_testing_flag_works_on_ai_model_config(api: Api, admin: dict[str, str]) -> None:
    def offered() -> Any:
        return _read(api)["available_models"]["text"]

    def put(name: str, **more: Any) -> int:
        new = {"name": name, "provider": "openai", "type": "text", "tokens_per_credit": 100, **more}
        return int(api.client.put("/api/v1/models", json=new, headers=admin).status_code)

    before = offered()
    assert put("gpt-cheap", is_testing=True, display_name="Cheap") == 200
    first = offered()
    assert put("gpt-cheaper", is_testing=True, display_name="Cheaper") == 200

    with api.database.reading() as session:
        query = select(AiModel.name).where(AiModel.model_type == "text", AiModel.is_testing, AiModel.is_active)
        testing = session.scalars(query).all()
    assert (before["testing"], first["testing"]) == ("Offline writer (testing)", "Cheap")
    assert offered() == {"testing": "Cheaper", "live": before["live"]}
    assert testing == ["gpt-cheaper"]
    # "Only ONE model can be is_testing=True per model_type": the database itself says so.
    second = {"name": "other", "display_name": "Other", "provider": "openai", "model_type": "text", "is_testing": True}
    with pytest.raises(IntegrityError), api.database.transaction() as session:
        session.execute(insert(table_of(AiModel)).values(**second, is_active=True, is_default=False, is_free=True))


def test_site_integration_removal_does_not_break_sync_event(api: Api) -> None:
    class Closed:
        def check(self) -> None:
            raise SiteUnavailableError("Desks is closed.")

    with api.database.transaction() as session:
        site = session.get_one(Site, api.mine.site_id)
        site.url, site.username = "https://desks.example", "ann"

    site_checks.check(api.database, api.mine.site_id, open_target=lambda _: Closed())  # type: ignore[arg-type,return-value]
    failing = api.client.get(f"/api/v1/sites/{api.mine.site_id}").json()
    site_checks.check(api.database, api.mine.site_id, open_target=articles.Destination.open)
    well = api.client.get(f"/api/v1/sites/{api.mine.site_id}").json()

    with api.database.reading() as session:
        events = session.scalars(select(SyncEvent).order_by(SyncEvent.id)).all()
    # What the plan moves to the site is the site's: its address, its credentials, how its sync stands and since when.
    assert (failing["sync_status"], failing["url"], failing["username"]) == ("failing", "https://desks.example", "ann")
    assert (well["sync_status"], well["last_sync_at"] is not None) == ("ok", True)
    assert [(event.site_id, event.kind) for event in events] == [
        (api.mine.site_id, "failing"),
        (api.mine.site_id, "recovered"),
    ]
    assert {key.target_fullname for key in table_of(SyncEvent).foreign_keys} == {
        "accounts.id", "sites.id", "contents.id",
    }  # fmt: skip
    assert not [name for name in Base.metadata.tables if "site_integration" in name]
