"""What a report needs of a call is frozen with its run: model, whether for testing, what a credit was worth."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

from sqlalchemy import update

from pipeline.db.session import Database
from pipeline.models import AiModel, SystemAiSettings
from pipeline.services import credits as ledger
from pipeline.services.cost_reports import Period, ReportBy, cost_report
from tests.support.worlds import make_world

ALWAYS = Period(date(2020, 1, 1), date(2029, 1, 1))


def test_a_run_reports_what_its_stages_spent_at_the_worth_it_began_with(database: Database) -> None:
    world = make_world(database, settings={"stages.1.use_testing": "true"})
    with database.transaction() as session:
        session.add(
            AiModel(
                name="cheap", display_name="cheap", provider="fake", model_type="text", is_testing=True,
                tokens_per_credit=10_000,
            )
        )  # fmt: skip
        session.execute(update(SystemAiSettings).values(credit_value_usd=Decimal("0.02")))
    world.keywords(["desk", "lamp"])
    before = world.balance()
    run_id = world.start()
    with database.transaction() as session:
        session.execute(update(SystemAiSettings).values(credit_value_usd=Decimal("0.5")))
        session.execute(update(AiModel).where(AiModel.name == "cheap").values(is_testing=False))

    world.driver.run_to_end(run_id)

    calls = Counter((call.model, call.is_testing, call.credit_value_microdollars) for call in world.calls())
    assert set(calls) == {("cheap", True, 20_000), ("fake-text", False, 20_000), ("fake-image", False, 20_000)}
    with database.reading() as session:
        report = cost_report(session, ReportBy.STAGE, account_id=world.account_id, period=ALWAYS)
        after = ledger.balance(session, world.account_id)
    spent = {str(number): row.spent for number, row in world.stages(run_id).items() if row.spent}
    assert {row.key: row.figures.charged_ucr for row in report.rows} == spent
    assert [row.testing for row in report.rows] == [True, False, False, False, False]
    charged = report.live.charged_ucr + report.testing.charged_ucr
    assert charged == before.balance_ucr - after.balance_ucr
    assert report.live.revenue_picodollars == report.live.charged_ucr * 20_000
