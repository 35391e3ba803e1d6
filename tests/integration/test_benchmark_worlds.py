"""What a measurement of the engine starts from still runs to its end, whatever a run's start has come to ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.asking_stages import PROVIDER, AtOnce
from benchmarks.counting import drive
from benchmarks.worlds import ASKING, ASKING_APART, LOCAL_BATCH_OF_ONE, LOCAL_SET, LOCAL_SINGLE, Variant, make_world
from pipeline.ai import ADAPTERS
from pipeline.core.states import ItemStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import Run, StageItem

VARIANTS = (LOCAL_SINGLE, LOCAL_BATCH_OF_ONE, LOCAL_SET, ASKING, ASKING_APART)


@pytest.mark.parametrize("measured", VARIANTS)
def test_world_of_a_measurement_runs_every_item(
    measured: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ADAPTERS, PROVIDER, lambda _connection: AtOnce())
    database = Database(f"sqlite:///{tmp_path}/igny8.db")
    (site,) = make_world(database, measured, site_count=1, items=2)

    drive(database, site)

    with database.reading() as session:
        assert session.scalars(select(Run.status)).all() == [RunStatus.COMPLETED]
        ended = session.scalars(select(StageItem.status)).all()
    database.dispose()
    assert ended == [ItemStatus.DONE] * 2 * measured.stage_count
