from __future__ import annotations

import ast
import dis
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pipeline import failpoints
from pipeline.config import load_config
from pipeline.core.errors import InvalidValueError
from pipeline.core.failpoints import ACTIONS, POINTS, Failpoint, parse
from tests.support.documents import named_rows, sections
from tests.support.sources import ROOT, modules, tree_of


@pytest.fixture(autouse=True)
def _disarmed_again() -> Iterator[None]:
    yield
    failpoints.arm(None)
    structlog.contextvars.clear_contextvars()


def test_every_failpoint_is_where_it_is_said_to_be_and_nowhere_else() -> None:
    placed = [place for path in modules() for place in _placed(path)]

    assert sorted(placed) == sorted((name, where) for name, (where, _) in POINTS.items())


def test_unset_a_failpoint_is_a_function_without_a_body() -> None:
    code = [step.opname for step in dis.get_instructions(failpoints.hit)]

    assert code == ["RESUME", "LOAD_CONST", "RETURN_VALUE"]


def test_the_nth_time_counts_and_only_once() -> None:
    failpoints.arm("call.held:2:raise")

    failpoints.hit("call.held")
    failpoints.hit("call.sending")
    with pytest.raises(failpoints.FailpointError, match=r"call\.held"):
        failpoints.hit("call.held")
    failpoints.hit("call.held")


def test_only_the_named_task_comes_to_it() -> None:
    failpoints.arm("call.held@tasks_to_content:1:raise")

    failpoints.hit("call.held")
    structlog.contextvars.bind_contextvars(task="stages.clusters_to_ideas.batch")
    failpoints.hit("call.held")
    structlog.contextvars.bind_contextvars(task="stages.tasks_to_content.batch")
    with pytest.raises(failpoints.FailpointError):
        failpoints.hit("call.held")


@pytest.mark.parametrize(
    ("action", "code"), [("kill", -signal.SIGKILL), ("exit", 1), ("stop", -signal.SIGTERM), ("sleep=0.01", 7)]
)
def test_a_process_ends_as_it_was_told_to(action: str, code: int) -> None:
    program = f"import os\nfrom pipeline import failpoints\nfailpoints.arm('call.held:1:{action}')\n"
    program += "failpoints.hit('call.held')\nos._exit(7)"

    told = f"failpoint call.held: {action.partition('=')[0]}\n"
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False, env=os.environ)

    assert (ended.returncode, ended.stderr) == (code, told.encode())


def test_every_part_is_read() -> None:
    assert parse("rows.sent@publications:12:sleep=1.5") == Failpoint("rows.sent", 12, "sleep", "publications", 1.5)
    assert {parse(f"call.held:1:{action}{'=1' if action == 'sleep' else ''}").action for action in ACTIONS} == {
        *ACTIONS
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("call.held", "'call.held' is not allowed. Give <name>[@<part of a task's name>]:<nth>:<action>"),
        ("call.hold:1:kill", "There is no failpoint call.hold; take one of docs/reliability.md, such as call.held"),
        ("call.held:0:kill", "Give <name>"),
        ("call.held:1:die", "The action is one of kill, exit, stop, raise and sleep=<seconds>"),
        ("call.held:1:sleep", "The action is one of"),
        ("call.held:1:kill=3", "The action is one of"),
    ],
)
def test_a_bad_value_is_told_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        load_config({"IGNY8_FAILPOINT": text})

    assert raised.value.message.startswith("IGNY8_FAILPOINT: ")
    assert told in raised.value.message


def _placed(path: Path) -> Iterator[tuple[str, str]]:
    """Each failpoint of a module, with the dotted name of the function it is in."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    def walk(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside = (*inside, node.name)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.hit":
            yield ast.literal_eval(node.args[0]), ".".join((module, *inside))
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    yield from walk(tree_of(path), ())


def test_every_failpoint_and_action_stands_in_the_documentation() -> None:
    text = sections("reliability.md")["Failpoints"]

    assert set(named_rows(text)) == {*POINTS, *ACTIONS}
