from __future__ import annotations

import ast
import re

from tests.support.sources import ROOT, functions, modules, name_of, tree_of

MOST_LINES = 300
MOST_FUNCTION_LINES = 40


def test_every_module_says_what_it_owns() -> None:
    silent = [name_of(path) for path in modules() if not ast.get_docstring(tree_of(path))]

    assert silent == []


def test_every_module_is_short_enough_to_read_at_once() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in modules()}

    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_a_giant() -> None:
    lengths = {
        f"{name_of(path)}: {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in modules()
        for function in functions(path)
    }

    assert {name: lines for name, lines in lengths.items() if lines > MOST_FUNCTION_LINES} == {}


def test_the_stages_are_a_table_of_contents_of_seven_lines() -> None:
    body = tree_of(ROOT / "stages" / "__init__.py").body

    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(body) - 1 == 7


def test_nothing_but_the_configuration_reads_the_environment() -> None:
    readers = {name_of(path) for path in modules() if _reads_environment(tree_of(path))}

    assert readers == {"pipeline/config.py"}


def test_nothing_but_the_normal_forms_has_python_normalise() -> None:
    """It takes the square of the marks in a row, and lets no other thread run meanwhile."""
    asking = re.compile(r"unicodedata(\.normalize| import .*\bnormalize)")
    asked = {name_of(path) for path in modules() if asking.search(path.read_text("utf-8"))}

    assert asked == {"pipeline/core/normal_forms.py"}


def _reads_environment(tree: ast.Module) -> bool:
    names = {"environ", "environb", "getenv"}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    }
    return bool(names & (used | imported))
