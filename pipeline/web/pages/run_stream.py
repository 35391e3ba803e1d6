"""Owns `/automation/runs/{run_id}/events`: what a run's page shows, sent whenever the run is further.

It is made once for all who look at the run and may do the same there, however many they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from sqlalchemy.orm import Session

from pipeline.core.roles import Scope
from pipeline.models import Run, Site
from pipeline.services import runs
from pipeline.services.forecasts import Rest
from pipeline.services.run_progress import Progress, Watched, progress_of
from pipeline.web.pages.flower import in_flower
from pipeline.web.pages.look import render
from pipeline.web.pages.parameters import RunId
from pipeline.web.pages.run_parts import parts_of
from pipeline.web.pages.views import Page, View, page
from pipeline.web.watch import Stream, Watch, event_of

router = APIRouter()
#: What is expected of a run is found out anew after this long: all that waits is looked at, and it hardly changes.
_EXPECTED_FOR: Final = timedelta(seconds=20)
#: Of so many runs at once: other pages wait for the process meanwhile.
_ESTIMATES_A_LOOK: Final = 1
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)]


@dataclass(frozen=True)
class Seen:
    """A run as somebody sees it: who may not change it is shown no buttons."""

    watched: Watched
    may_edit: bool
    #: Where the run's tasks are in Flower, for whoever runs the installation.
    in_flower: str | None = None


@dataclass(frozen=True)
class Parts:
    """What the page shows of a run that is so far."""

    progress: Progress
    html: str
    #: What was expected of it then; None: nothing is.
    rest: Rest | None

    @property
    def id(self) -> str:
        """That of how far the run is."""
        return self.progress.id

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self.progress.is_over


class PageWatch(Watch[Seen, Parts]):
    """The runs whose pages somebody looks at."""

    #: What the app's state calls it.
    name: Final = "page_watch"

    def look(
        self, session: Session, asked: Collection[Seen], *, known: Mapping[Seen, Parts], now: datetime
    ) -> dict[Seen, Parts]:
        """The parts of each; those of a run that is no further than before are not made again."""
        progress = progress_of(session, {seen.watched for seen in asked})
        found, estimates = {}, 0
        for seen in asked:
            so_far, before = progress.get(seen.watched), known.get(seen)
            if so_far is None:
                continue
            if before is not None and before.id == so_far.id:
                found[seen] = before
            else:
                rest = before.rest if before else None
                if rest is not None and now - rest.at >= _EXPECTED_FOR and estimates < _ESTIMATES_A_LOOK:
                    rest, estimates = None, estimates + 1
                found[seen] = _parts(session, seen, so_far, rest=rest, now=now)
        return found

    def event(self, found: Parts) -> bytes:
        """The parts as HTML; the last of a run says that it is."""
        return event_of(found, "ended" if found.is_over else "parts", found.html)


@router.get("/automation/runs/{run_id}/events", include_in_schema=False)
@page(Scope.RUNS)
def events(view: View, run_id: RunId, last_event_id: LastEventId = None) -> Page | Response:
    """Send the parts of a run's page, the first at once. A stream lives ten minutes; then come again."""
    run = runs.get_run(view.session, account_id=view.account_id, run_id=run_id)
    seen = Seen(Watched(view.account_id, run.id), view.shell.may_edit, in_flower(view, run))
    so_far = progress_of(view.session, [seen.watched])[seen.watched]
    if so_far.is_over and so_far.id == last_event_id:
        return Response(status_code=204)
    return Stream(PageWatch.name, seen, _parts(view.session, seen, so_far, now=view.now), last_id=last_event_id)


def _parts(session: Session, seen: Seen, so_far: Progress, *, now: datetime, rest: Rest | None = None) -> Parts:
    run = session.get_one(Run, seen.watched.run_id)
    site = session.get_one(Site, run.site_id)
    shown = parts_of(session, run, site, now=now, rest=rest)
    values = {"run": run, "site": site, "now": now, "in_flower": seen.in_flower}
    return Parts(so_far, render("run_parts.html", shell=seen, **values, **shown), shown["rest"])
