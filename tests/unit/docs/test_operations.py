"""`docs/operations.md` names every command, task and finding; `docs/architecture.md` every stage and room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

from pipeline.cli.app import app as command_line
from pipeline.core.catalog import STAGES, Calls
from pipeline.db.session import Database
from pipeline.engine.app import app
from pipeline.local.doctor import PROBES
from pipeline.models import Heartbeat, ProviderBreaker
from pipeline.web.metrics import exposition
from tests.support.documents import document, named_rows, rows, sections, unticked
from tests.support.sources import ROOT

_CALLS = {
    Calls.LOCAL: "nothing",
    Calls.PER_BATCH: "one question a batch",
    Calls.PER_ITEM: "one question an item",
}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "commands"):
        yield " ".join(path)
        return
    for name, child in command.commands.items():
        yield from _commands(child, (*path, name))


def test_every_command_has_its_line() -> None:
    documented = named_rows(sections("operations.md")["Commands"])

    assert set(documented) == set(_commands(get_command(command_line)))
    assert all(line for (line,) in documented.values())


def test_every_task_stands_there_with_its_queue() -> None:
    app.loader.import_default_modules()
    own = [name for name, task in app.tasks.items() if task.__module__.startswith("pipeline.")]
    routed = {name: app.amqp.router.route({}, name)["queue"].name for name in own}

    tasks = named_rows(sections("operations.md")["Queues and tasks"])
    assert {name: unticked(queue) for name, (queue,) in tasks.items()} == routed


def test_every_finding_of_the_doctor_is_named() -> None:
    *names, last = [name for name, _ in PROBES]

    text = " ".join(sections("operations.md")["Doctor"].split())
    assert f"looks at {', '.join(names)} and {last}" in text


def test_every_metric_stands_there_with_its_label(sqlite_database: Database) -> None:
    documented = {
        name: unticked(label) for name, (label, _) in named_rows(sections("operations.md")["Metrics"]).items()
    }

    with sqlite_database.transaction() as session:
        session.add(Heartbeat(name="worker:host:1", at=sqlite_database.now()))
        session.add(ProviderBreaker(provider="openai", model="m", failures=1, openings=0))
    families = text_string_to_metric_families(exposition(sqlite_database).decode())
    assert documented == {family.name: ", ".join(family.samples[0].labels) for family in families}


def test_every_stage_stands_in_the_architecture() -> None:
    found = [
        (number, unticked(key), name, asks, unticked(queue))
        for number, key, name, _, asks, queue in rows(sections("architecture.md")["The seven stages"])
    ]

    assert found == [(str(stage.number), stage.key, stage.name, _CALLS[stage.calls], stage.queue) for stage in STAGES]


def test_every_room_stands_in_the_architecture() -> None:
    rooms = {
        path.stem for path in (ROOT / "pipeline").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }

    assert set(named_rows(sections("architecture.md")["Rooms"])) == rooms - {"__init__"}


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in readme] == []


def test_every_decision_is_numbered_and_has_its_four_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    parts = {"Context", "Decision", "Consequences", "Alternatives"}
    assert {page.name: parts - set(sections(f"decisions/{page.name}")) for page in pages} == {
        page.name: set() for page in pages
    }
    assert all(document(f"decisions/{page.name}").startswith(f"# {page.name[:4]}: ") for page in pages)
