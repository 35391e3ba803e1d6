from __future__ import annotations

import pytest

from pipeline.cli.run_table import news


@pytest.mark.parametrize(("inputs", "told"), [(1, "1 input"), (40, "40 inputs")])
def test_a_stage_under_way_tells_how_many_inputs_it_has(inputs: int, told: str) -> None:
    stage = {"number": 2, "name": "Clusters → Ideas", "status": "running", "reason": None, "inputs": inputs}

    assert news(stage) == f"2. Clusters → Ideas: running ({told})"
