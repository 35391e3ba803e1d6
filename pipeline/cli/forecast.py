"""Owns how a forecast looks: `run --dry-run`, what a run would do, cost and last, and the slots it would fill."""

from __future__ import annotations

from pipeline.cli.edge import account_of, reading
from pipeline.cli.eta import clock
from pipeline.cli.output import document, say, table
from pipeline.core.money import shown
from pipeline.core.words import counted
from pipeline.db.session import database
from pipeline.services import sites
from pipeline.services.forecasts import Forecast, forecast
from pipeline.services.forecasts.slots import SlotForecast
from pipeline.services.forecasts.stages import Cuts, StageForecast
from pipeline.services.models import UNKNOWN_COST

_COLUMNS = ("", "stage", "inputs", "calls", "credits", "if bad", "of", "time", "if bad", "")
#: Of calls and credits.
_NO_FIGURES = ("", "", "", "")


def tell_forecast(site: str, *, account: str, as_json: bool) -> None:
    """Say what a run of the site would do now. Nothing is spent and nothing written."""
    with reading() as session:
        row = sites.find_site(session, account_of(session, account).id, site)
        found = forecast(session, row, now=database().now())
    if as_json:
        document(found.as_json())
        return
    if found.reason is not None:
        say(f"There would be no run: {found.reason}.")
        return
    _show(found)


def _show(found: Forecast) -> None:
    table(_COLUMNS, [_cells(each) for each in found.stages], right=_COLUMNS[2:9])
    say()
    names = ("expected_ucr", "worst_ucr", "cap_ucr")
    expected, worst, most = (sum(getattr(each, name) for each in found.stages) for name in names)
    say(
        f"A run would cost about {shown(expected)} credits of {shown(found.available_ucr)} available, "
        f"{shown(worst)} if every answer were long and of no use, never more than its stages' budgets, which are "
        f"{shown(most)}. It would take about {clock(found.seconds)}, and {clock(found.seconds_worst)} if every call "
        "were slow, lost and repaired as often as may be. Nothing was spent."
    )
    for model in sorted({each.price.model for each in found.stages if each.price and not each.price.cost_known}):
        say(f"{model}: {UNKNOWN_COST}.")
    say(_slots(found.slots))


def _cells(stage: StageForecast) -> tuple[object, ...]:
    waits = stage.waiting + stage.coming
    inputs = f"{stage.taken:,}" if stage.taken == waits else f"{stage.taken:,} of {waits:,}"
    told = (str(stage.definition.number), stage.definition.name)
    if stage.reason is not None:
        return (*told, f"0 of {waits:,}" if waits else "0", *_NO_FIGURES, "", "", stage.reason)
    times = clock(stage.seconds), clock(stage.seconds_worst)
    if stage.price is None:
        return (*told, inputs, *_NO_FIGURES, *times, "")
    amounts = map(shown, (stage.expected_ucr, stage.worst_ucr, stage.cap_ucr))
    return (*told, inputs, f"{round(stage.calls):,}", *amounts, *times, _cut(stage))


def _cut(stage: StageForecast) -> str:
    if stage.cuts is Cuts.YES:
        return f"its budget ends it after {counted(stage.done, 'input')}"
    return "its budget may end it" if stage.cuts is Cuts.MAYBE else ""


def _slots(slots: SlotForecast) -> str:
    articles = counted(slots.articles, "article") if slots.articles else "no article"
    if slots.first is None or slots.last is None:
        return f"It would approve {articles}{'' if slots.reason is None else f': {slots.reason}'}."
    first, last = (f"{slot.local_date:%a %Y-%m-%d} {slot.local_time}" for slot in (slots.first, slots.last))
    span = first if slots.articles == 1 else f"{first} to {last}"
    return f"It would approve {articles} for {span} ({slots.timezone})."
