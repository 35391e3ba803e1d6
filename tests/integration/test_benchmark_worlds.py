"""What a measurement of the engine starts from still runs to its end, whatever a run's start has come to ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.ai import ADAPTERS
from pipeline.core.states import ItemStatus, RunStatus
from pipeline.db.session import Database
from pipeline.models import Run, StageItem


@pytest.mark.parametrize("name", ["LOCAL_SINGLE", "LOCAL_BATCH_OF_ONE", "LOCAL_SET", "ASKING", "ASKING_APART"])
def test_world_of_a_measurement_runs_every_item(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported here: they put stages of their own in the place of the seven, which are back after the test.
    from benchmarks import worlds
    from benchmarks.asking_stages import PROVIDER, AtOnce
    from benchmarks.counting import drive

    monkeypatch.setitem(ADAPTERS, PROVIDER, lambda _connection: AtOnce())
    variant = getattr(worlds, name)
    database = Database(f"sqlite:///{tmp_path}/igny8.db")
    (site,) = worlds.make_world(database, variant, site_count=1, items=2)

    drive(database, site)

    with database.reading() as session:
        assert session.scalars(select(Run.status)).all() == [RunStatus.COMPLETED]
        ended = session.scalars(select(StageItem.status)).all()
    database.dispose()
    assert ended == [ItemStatus.DONE] * 2 * variant.stage_count
