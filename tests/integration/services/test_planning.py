from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from pipeline.db.session import Database
from pipeline.models import Keyword, Site
from pipeline.services import keywords
from pipeline.services.planning import keywords_in
from tests.support.builders import make_cluster


def test_a_cluster_holds_its_keywords_and_no_deleted_ones(database: Database, site: Site, now: datetime) -> None:
    with database.transaction() as session:
        full = make_cluster(session, site=site, name="desks", keywords=["standing desk", "desk lamp", "desk mat"])
        empty = make_cluster(session, site=site, name="chairs")
        other = make_cluster(session, site=site, name="arms", keywords=["monitor arm"])
        assert keywords_in(session, [full, empty]) == {full.id: 3}

        gone = session.scalars(select(Keyword).where(Keyword.text == "desk mat")).one()
        keywords.delete(session, gone, actor="user 1", now=now)

        assert keywords_in(session, [full, empty, other]) == {full.id: 2, other.id: 1}
