"""Uses the API by the client that was generated from its description, and by nothing else; prints what it saw as JSON.

Run with the folder of the generated client in PYTHONPATH: `exercise.py URL EMAIL`, the password on stdin.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from generated import AuthenticatedClient, Client, models
from generated.types import File, Response

_PATIENCE_SECONDS = 120


def ask(operation: str, client: Any, *path: Any, status: int = 200, **more: Any) -> Response[Any]:
    """Call an operation by its generated function; what comes back is of the generated kind."""
    answer: Response[Any] = import_module(f"generated.api.{operation}").sync_detailed(*path, client=client, **more)
    if answer.status_code != status:
        raise AssertionError(f"{operation}: {answer.status_code} {answer.content.decode()}")
    return answer


def until(is_so: Callable[[Any], bool], operation: str, client: Any, *path: Any) -> Any:
    """Ask until it is so."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so(found := ask(operation, client, *path).parsed):
        if time.monotonic() > deadline:
            raise AssertionError(f"{operation}: still {found}")
        time.sleep(0.2)
    return found


def log_in(url: str, email: str, password: str) -> tuple[AuthenticatedClient, dict[str, Any]]:
    """As a person, make a key of theirs; from then on the key asks."""
    person = Client(base_url=url, raise_on_unexpected_status=True)
    me = ask("access.log_in", person, body=models.Credentials(email=email, password=password)).parsed
    person.get_httpx_client().headers["X-CSRF-Token"] = me.csrf_token
    made = ask("access.make_api_key", person, status=201, body=models.NewKey(role=models.Role.OWNER)).parsed
    client = AuthenticatedClient(base_url=url, token=made.key, raise_on_unexpected_status=True)
    known = ask("access.get_me", client).parsed
    unknown = AuthenticatedClient(base_url=url, token="igny8_none")  # noqa: S106 - it is nobody's
    refused = ask("access.get_me", unknown, status=401).parsed
    return client, {"role": str(known.role), "user": known.user_id == me.user_id, "refused": refused.title}


def settings(client: AuthenticatedClient, site_id: int) -> dict[str, Any]:
    """What was read goes back unchanged; then something is changed; then something wrong is refused."""
    read = ask("settings.get_unified_settings", client, site_id)
    document = read.parsed.to_dict()

    def save(**more: Any) -> Response[Any]:
        body = models.UnifiedSettingsToSave.from_dict(document)
        return ask("settings.put_unified_settings", client, site_id, body=body, **more)

    same = save()
    document["delays"] = {"within_stage": 0, "between_stage": 0}
    document["publishing"]["time_slots"] = ["08:00", "20:00"]
    changed = save(if_match=read.headers["etag"])
    stale = save(if_match=read.headers["etag"], status=412).parsed
    document["delays"]["within_stage"] = -1
    wrong = save(status=422).parsed
    return {
        "unchanged": (same.content == read.content, same.headers["etag"] == read.headers["etag"]),
        "weekly": changed.parsed.publishing.weekly_capacity,
        "stale": stale.etag == changed.headers["etag"],
        "faults": [fault.field for fault in wrong.faults],
    }


def keywords(client: AuthenticatedClient, site_id: int) -> dict[str, Any]:
    """A few by hand, a few by file; page by page."""
    added = ask(
        "keywords.add_keywords", client, site_id, body=models.NewKeywords(keywords=["standing desk", "desk lamp"])
    )
    file = File(payload=b"Keyword,Volume\ndesk mat,40\nstanding desk,9\n")  # type: ignore[arg-type]
    report = ask("keywords.import_keywords", client, site_id, body=file).parsed
    first = ask("keywords.list_keywords", client, site_id, limit=2).parsed
    rest = ask("keywords.list_keywords", client, site_id, limit=2, after=first.next_).parsed
    return {
        "added": added.parsed.imported,
        "imported": (report.imported, report.duplicates),
        "listed": [row.text for row in (*first.items, *rest.items)],
    }


def run(client: AuthenticatedClient, site_id: int) -> dict[str, Any]:
    """To its end, by the stack that serves the API."""
    started = ask("runs.start_run", client, site_id, status=201, idempotency_key=f"run-of-{site_id}").parsed
    again = ask("runs.start_run", client, site_id, status=201, idempotency_key=f"run-of-{site_id}").parsed
    live = {models.RunStatus.QUEUED, models.RunStatus.RUNNING}
    shown = until(lambda found: found.status not in live, "runs.get_run", client, started.run_id)
    return {
        "same": again.run_id == started.run_id,
        "status": str(shown.status),
        "stages": [str(stage.status) for stage in shown.stages],
        "decision": ask("decisions.list_decisions", client, site_id).parsed.items[0].kind,
    }


def content(client: AuthenticatedClient, site_id: int) -> dict[str, Any]:
    """Read, edit, restore, look at its pictures, move it on the calendar, take that back."""
    scheduled = {models.ContentStatus.SCHEDULED}
    # Beat deals them onto the slots.
    dealt = until(
        lambda page: {each.status for each in page.items} == scheduled, "content.list_content", client, site_id
    )
    listed = dealt.items
    article = ask("content.get_content", client, listed[0].id)
    edits = models.Edits(title="Another title")
    edited = ask("content.edit_content", client, listed[0].id, body=edits, if_match=article.headers["etag"]).parsed
    ask("content.restore_content_version", client, listed[0].id, article.parsed.version)
    picture = ask("content.list_images", client, listed[0].id).parsed.items[0]
    drawn = ask("content.get_image", client, picture.image_id)
    wanted = "2030-01-07 08:00"
    moved = ask("calendar.move_content", client, listed[0].id, body=models.Destination(to=wanted)).parsed
    ask("calendar.undo_calendar_action", client, site_id, body=models.WhatToUndo(undo_id=moved.undo_id))
    shown = ask("calendar.get_calendar", client, site_id).parsed
    return {
        "statuses": sorted({str(each.status) for each in listed}),
        "title": (edited.title, ask("content.get_content", client, listed[0].id).parsed.title == article.parsed.title),
        "lineage": len(ask("content.get_lineage", client, listed[0].id).parsed.keywords),
        "picture": drawn.content[:4].hex(),
        "on_calendar": sum(slot.content_id is not None for day in shown.days for slot in day.slots),
    }


def credit(client: AuthenticatedClient) -> dict[str, Any]:
    """Balance and ledger agree."""
    entries = ask("credits_.list_entries", client).parsed.items
    balance = ask("credits_.get_credits", client).parsed
    return {"balance": balance.balance, "entries": [(entry.kind.value, entry.amount) for entry in entries]}


def main() -> None:
    """All of it, in order."""
    url, email, password = sys.argv[1], sys.argv[2], sys.stdin.read().strip()
    client, seen = log_in(url, email, password)
    site = ask("sites.add_site", client, status=201, body=models.NewSite(name="Desks", timezone="Europe/Berlin")).parsed
    told = {"log_in": seen}
    told |= {each.__name__: each(client, site.id) for each in (settings, keywords, run, content)}
    told["credit"] = credit(client)
    deleted = ask("sites.delete_site", client, site.id, drafts=models.Drafts.DELETE).parsed
    told["deleted"] = {"keywords": deleted.had.keywords}
    ask("sites.get_site", client, site.id, status=404)
    print(json.dumps(told))  # noqa: T201 - it is what the test reads


if __name__ == "__main__":
    main()
