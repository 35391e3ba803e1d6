"""A client is generated from the API's own description and uses a stack that runs, from log-in to ledger.

The generator lives in a virtual environment of its own: it wants an older command line library than the product.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.processes import environ_of_home, processes_of_home

HERE = Path(__file__).parent
GENERATOR = "openapi-python-client==0.29.1"
_PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """`igny8 up` in a home of its own: what it printed."""
    home = tmp_path_factory.mktemp("client") / "home"
    command = [sys.executable, "-m", "pipeline.cli", "up", "--no-flower", "--json"]
    with subprocess.Popen(
        command, env=environ_of_home(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as up:
        try:
            assert up.stdout is not None
            lines: list[str] = []
            while not lines or lines[-1].rstrip() != "}":
                lines.append(up.stdout.readline())
                assert lines[-1], "".join(lines)
            yield json.loads("".join(lines))
        finally:
            up.terminate()
            up.wait(timeout=_PATIENCE_SECONDS)
    assert processes_of_home(home) == []


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the generator, and what its clients need."""
    folder = tmp_path_factory.mktemp("generator") / "venv"
    _done([sys.executable, "-m", "venv", str(folder)])
    _done([str(folder / "bin" / "pip"), "install", "--quiet", GENERATOR])
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def generated(python: Path, stack: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the client that was generated from what the stack serves."""
    folder = tmp_path_factory.mktemp("generated")
    described = folder / "openapi.json"
    described.write_bytes(httpx2.get(f"{stack['web']['url']}/api/v1/openapi.json").content)
    generator = [str(python.with_name("openapi-python-client")), "generate", "--meta", "none", "--fail-on-warning"]
    paths = ["--path", str(described), "--config", str(HERE / "config.yaml"), "--output-path"]
    _done([*generator, *paths, str(folder / "generated")])
    return folder


def _done(command: list[str], **more: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False, **more)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout


def test_every_operation_is_generated(generated: Path, stack: dict[str, Any]) -> None:
    described = json.loads((generated / "openapi.json").read_text("utf-8"))
    wanted = {each["operationId"] for operations in described["paths"].values() for each in operations.values()}

    made = {path.stem for path in (generated / "generated" / "api").glob("*/*.py")}

    assert wanted - made == set()


def test_the_api_is_used_by_the_generated_client_alone(python: Path, generated: Path, stack: dict[str, Any]) -> None:
    first = stack["first_log_in"]
    command = [str(python), str(HERE / "exercise.py"), stack["web"]["url"], first["email"]]

    seen = json.loads(_done(command, input=first["password"], env={"PYTHONPATH": str(generated)}))

    assert seen["log_in"] == {"role": "owner", "user": True, "refused": "Unauthorized"}
    assert seen["settings"] == {
        "unchanged": [True, True],
        "weekly": 10,
        "stale": True,
        "faults": ["delays.within_stage"],
    }
    assert seen["keywords"] == {"added": 2, "imported": [1, 1], "listed": ["standing desk", "desk lamp", "desk mat"]}
    assert seen["run"] == {"same": True, "status": "completed", "stages": ["completed"] * 7, "decision": "started"}
    assert seen["content"]["statuses"] == ["scheduled"]
    assert seen["content"]["title"] == ["Another title", True]
    assert seen["content"]["on_calendar"] >= 1
    assert seen["content"]["lineage"] >= 1
    assert seen["content"]["picture"] == b"\xff\xd8\xff\xe0".hex()
    amounts = [Decimal(amount) for _, amount in seen["credit"]["entries"]]
    assert sum(amounts) == Decimal(seen["credit"]["balance"]) < 10_000
    assert seen["deleted"] == {"keywords": 3}
