"""Where transactions are opened, and what no chain of Celery is built of."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

from tests.support.sources import ROOT, modules, name_of, tree_of

#: These are handed a session: the edge that opened it commits it.
_HANDED_A_SESSION = ("pipeline/services/", "pipeline/models/", "pipeline/contract.py", "stages/")
_EDGE_ONLY = {"commit", "rollback", "transaction", "sessionmaker"}
_NOT_FOR_CONTROL = {"chord", "group", "AsyncResult", "apply_async", "countdown", "eta", "expires"}
#: Packages that are used by name of a module of theirs, or by Celery, SQLAlchemy and the standard library.
_IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "charset-normalizer": "charset_normalizer",
    "pillow": "PIL",
    "prometheus-client": "prometheus_client",
    "python-slugify": "slugify",
}


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id
            yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def test_nothing_that_is_handed_a_session_opens_or_ends_a_transaction() -> None:
    found = {
        f"{name_of(path)}: {name}"
        for path in modules()
        if name_of(path).startswith(_HANDED_A_SESSION)
        for name in _EDGE_ONLY & set(_names(tree_of(path)))
    }

    assert found == set()


def test_no_delay_and_no_result_is_kept_by_the_broker() -> None:
    found = {f"{name_of(path)}: {name}" for path in modules() for name in _NOT_FOR_CONTROL & set(_names(tree_of(path)))}

    assert found == set()


def test_every_package_that_is_asked_for_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [re.split(r"[\[<>=]", line)[0] for line in project["dependencies"]]
    texts = "\n".join(path.read_text("utf-8") for path in modules())

    unused = [name for name in asked if not re.search(rf"\b{_IMPORTED_AS.get(name, name)}\b", texts)]

    assert unused == []
