"""Owns what is true of all seven stages: the table of contents, the shapes of the answers, the prompts, the imports."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import stages
from pipeline.contract import stage
from pipeline.core.catalog import STAGES, ModelType
from stages.clusters_to_ideas import IdeasAnswer
from stages.content_to_prompts import ImagePromptsAnswer
from stages.keywords_to_clusters import ClustersAnswer
from stages.tasks_to_content import ArticleAnswer

FOLDER = Path(stages.__file__).parent
KEYS = [definition.key for definition in STAGES]
ANSWERS = [ClustersAnswer, IdeasAnswer, ArticleAnswer, ImagePromptsAnswer]
ALLOWED = {"pipeline.contract", "pipeline.models", "pipeline.core"}
#: The words of the engine; a stage that says one knows too much.
FOREIGN = re.compile(r"\b(celery|queue|credit|budget|retry|lane_id|ticket|lease|due_at|sleep)s?\b")


def test_the_folder_holds_the_seven_stages_and_nothing_else() -> None:
    names = {path.name for path in FOLDER.iterdir() if path.name != "__pycache__"}

    assert names == {"__init__.py", "prompts", *(f"{key}.py" for key in KEYS)}


def test_the_table_of_contents_is_seven_lines_in_the_stages_order() -> None:
    lines = [line for line in (FOLDER / "__init__.py").read_text("utf-8").splitlines() if line.startswith("from ")]

    assert [line.split()[1].removeprefix("stages.") for line in lines] == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_the_engine_finds_a_stage_by_its_key(key: str) -> None:
    assert stage(key).definition.key == key


@pytest.mark.parametrize("key", KEYS)
def test_a_stage_imports_only_the_contract_the_tables_and_the_rules(key: str) -> None:
    tree = ast.parse((FOLDER / f"{key}.py").read_text("utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]

    ours = {".".join(module.split(".")[:2]) for module in modules if module.split(".")[0] in {"pipeline", "stages"}}
    assert ours <= ALLOWED


@pytest.mark.parametrize("key", KEYS)
def test_a_stage_speaks_of_nothing_that_is_the_engines(key: str) -> None:
    names = {
        name
        for node in ast.walk(ast.parse((FOLDER / f"{key}.py").read_text("utf-8")))
        for name in (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "arg", "") or "")
    }

    assert not [name for name in names if FOREIGN.search(name)]


def test_every_text_stage_has_its_prompt_and_no_other_has() -> None:
    prompts = {path.name for path in (files("stages") / "prompts").iterdir()}

    assert prompts == {f"{stage.key}.md" for stage in STAGES if stage.model_type is ModelType.TEXT}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_schema_requires_every_field_and_allows_no_other_and_sets_no_limits(answer: type[BaseModel]) -> None:
    for part in _objects(answer.model_json_schema()):
        assert part["additionalProperties"] is False
        assert sorted(part["required"]) == sorted(part["properties"])
    assert not re.search(r'"(min|max)(Length|Items|imum)|"default"|"pattern"', str(answer.model_json_schema()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I'm sorry, I can't help with that.",
        '```json\n{"clusters": []}\n```',
        '{"clusters": [',
        "[]",
        "null",
        '{"clusters": null}',
        '{"clusters": {"name": "x"}}',
        '{"clusters": [{"name": "x", "description": "y"}]}',
        '{"clusters": [], "note": "x"}',
        '{"clusters": [{"name": NaN, "description": "", "keywords": []}]}',
        '{"clusters": ' + "[" * 100_000,
        '{"clusters": [{"name": "\\ud800", "description": "", "keywords": []}]}',
    ],
)
def test_an_answer_of_another_shape_is_no_answer(text: str) -> None:
    with pytest.raises(ValidationError):
        ClustersAnswer.model_validate_json(text)


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in [schema, *schema.get("$defs", {}).values()] if part.get("type") == "object"]
