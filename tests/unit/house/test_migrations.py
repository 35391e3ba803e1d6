"""A migration that says that older programs live with it only adds what they do not miss."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.support.sources import ROOT

_VERSIONS = ROOT / "pipeline" / "db" / "migrations" / "versions"
_ADDS = {"create_table", "add_column", "create_index", "f"}


def _complaints(source: str) -> list[str]:
    """What in `upgrade` an older program may not live with; nothing where the script says that it breaks them."""
    tree = ast.parse(source)
    if not _says_that_it_breaks_nobody(tree):
        return []
    (body,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    calls = [node for node in ast.walk(body) if isinstance(node, ast.Call)]
    made = {_text(call.args[0]) for call in calls if _name(call) == "op.create_table"}
    return [complaint for call in calls for complaint in _of(call, made)]


def _says_that_it_breaks_nobody(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "breaks_older" for target in node.targets)
        and isinstance(node.value, ast.Constant)
        and node.value.value is False
        for node in tree.body
    )


def _of(call: ast.Call, made: set[str]) -> Iterator[str]:
    name = _name(call)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name.startswith("op.") and name.removeprefix("op.") not in _ADDS:
        yield f"{name} takes something away, or changes it"
    if name == "op.add_column" and _text(call.args[0]) not in made:
        column = call.args[1]
        assert isinstance(column, ast.Call)
        of = {keyword.arg: keyword.value for keyword in column.keywords}
        nullable = of.get("nullable")
        if not (isinstance(nullable, ast.Constant) and nullable.value) and "server_default" not in of:
            yield f"{_text(call.args[0])}.{_text(column.args[0])}: an older program writes no value"
    if name == "op.create_index" and "unique" in given and _text(call.args[1]) not in made:
        yield f"{_text(call.args[0])}: an older program may write what is there"


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _text(node: ast.expr) -> str:
    return str(ast.literal_eval(node))


def test_what_older_programs_are_said_to_live_with_only_adds() -> None:
    sources = {path.name: path.read_text("utf-8") for path in sorted(_VERSIONS.glob("0*.py"))}

    assert len(sources) >= 20
    assert [complaint for source in sources.values() for complaint in _complaints(source)] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('op.drop_column("sites", "url")', "op.drop_column"),
        ('op.execute("UPDATE sites SET url = NULL")', "op.execute"),
        ('op.alter_column("sites", "url", nullable=False)', "op.alter_column"),
        ('op.batch_alter_table("sites")', "op.batch_alter_table"),
        ('op.add_column("sites", sa.Column("of", sa.String(9), nullable=False))', "sites.of"),
        ('op.create_index("ix", "sites", ["of"], unique=True)', "ix:"),
    ],
)
def test_what_takes_away_or_asks_for_more_is_found(line: str, fault: str) -> None:
    (complaint,) = _complaints(f"breaks_older = False\ndef upgrade():\n    {line}\n")

    assert complaint.startswith(fault)
    assert _complaints(f"breaks_older = True\ndef upgrade():\n    {line}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        'op.create_table("t", sa.Column("id", sa.Integer(), nullable=False))',
        'op.add_column("sites", sa.Column("of", sa.String(9), nullable=True))',
        'op.add_column("sites", sa.Column("of", sa.String(9), nullable=False, server_default="x"))',
        'op.create_index("ix", "sites", ["of"])',
    ],
)
def test_what_only_adds_is_no_fault(line: str) -> None:
    assert _complaints(f"breaks_older = False\ndef upgrade():\n    {line}\n") == []
