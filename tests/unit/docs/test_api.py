"""`docs/api.md` names every operation, with its scope, and every status; `docs/settings.md` the presets."""

from __future__ import annotations

from pipeline.core.presets import LIMITS
from pipeline.core.roles import Role
from pipeline.web.answers import problems
from pipeline.web.api import PREFIX
from pipeline.web.app import create_app
from tests.support.documents import named_rows, rows, sections, unticked


def test_every_operation_has_its_line_with_its_scope() -> None:
    paths = create_app().openapi()["paths"]
    operations = {
        f"{method.upper()} {path.removeprefix(PREFIX)}": operation["tags"][0]
        for path, of_path in paths.items()
        for method, operation in of_path.items()
        if path.startswith(PREFIX)
    }

    documented = named_rows(sections("api.md")["Operations"])
    assert {name: unticked(scope) for name, (scope, _) in documented.items()} == operations


def test_every_problem_stands_there_with_its_meaning() -> None:
    documented = {int(status) for status, _, _ in rows(sections("api.md")["Problems"])}

    answered = {
        int(status)
        for of_path in create_app().openapi()["paths"].values()
        for operation in of_path.values()
        for status in operation["responses"]
        if int(status) >= 400
    }
    assert documented == answered - {503}
    assert set(problems(*documented)) == documented


def test_every_role_is_explained() -> None:
    assert set(named_rows(sections("api.md")["Keys"])) == {role.value for role in Role}


def test_every_preset_stands_there_with_its_limits() -> None:
    documented = {
        name: tuple(map(int, limits)) for name, limits in named_rows(sections("settings.md")["Presets"]).items()
    }

    assert documented == {preset.value: tuple(limits.values()) for preset, limits in LIMITS.items()}
