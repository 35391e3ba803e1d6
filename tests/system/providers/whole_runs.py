"""Owns a whole run on the stand-ins, from an empty home to what it left behind on both sides of the wire."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from pipeline.ai import runware_adapter
from pipeline.db.session import Database
from pipeline.models import AiCall
from pipeline.services import invariants
from tests.support.processes import wait_until
from tests.system.providers import stand_ins
from tests.system.providers.director import Director, Route, directing
from tests.system.providers.faults import Deck
from tests.system.providers.installation import Installation
from tests.system.providers.servers import Aimock, Imposter, Mountebank, Served

_ADDRESSES: Final = {"openai": "/v1", "anthropic": "", "runware": "/v1"}


@dataclass(frozen=True)
class Outcome:
    """What a run left behind, on both sides of the wire."""

    report: Mapping[str, Any]
    director: Director
    calls: Sequence[AiCall]
    served: Sequence[Served]
    violations: list[str]
    doctor: Mapping[str, Any]
    costs: Mapping[str, Any]


@dataclass(frozen=True)
class StandIns:
    """The servers of this session."""

    aimock: Aimock
    mountebank: Mountebank
    usage: stand_ins.Told = stand_ins.honest

    @contextmanager
    def directed(self, deck: Deck | None) -> Iterator[tuple[Director, Imposter]]:
        """A director who sends each provider's requests to its stand-in, with nothing in any journal."""
        self.aimock.forget()
        with ExitStack() as stack:
            director = stack.enter_context(directing(deck))
            imposter = stack.enter_context(self.mountebank.imposter(stand_ins.runware_stubs()))
            director.routes = {
                "openai": Route(self.aimock.url, stand_ins.openai(self.aimock, self.usage)),
                "anthropic": Route(self.aimock.url, stand_ins.anthropic(self.aimock, self.usage)),
                "runware": Route(imposter.url, stand_ins.runware),
            }
            yield director, imposter

    def run(
        self,
        installation: Installation,
        *,
        texts: str,
        images: str,
        articles: int,
        deck: Deck | None,
        during: Callable[[Director], AbstractContextManager[object]] = nullcontext,
    ) -> Outcome:
        """Set everything up, run the site and look at both sides; `during` is entered while the run goes on."""
        with self.directed(deck) as (director, imposter):
            installation.igny8("init")
            for provider, kind in ((texts, "text"), (images, "image")):
                address = director.url(provider) + _ADDRESSES[provider]
                installation.use(provider, address, model=f"stand-in-{kind}", model_type=kind)
            installation.add_site(articles=articles, lanes=4)
            with during(director):
                report = installation.run()
            wait_until(lambda: director.under_way == 0, seconds=2 * stand_ins.LATE_SECONDS)
            served = [*self.aimock.journal(), *imposter.journal()]
            assert imposter.requests() == len(imposter.journal())
            return _looked_at(installation, report, director, served)


def installation_of(home: Path, url: str, **variables: str) -> Installation:
    """An installation that does not wait long for an answer."""
    patience = {"IGNY8_CALL_TIMEOUT_SECONDS": str(stand_ins.LATE_SECONDS - 3), "IGNY8_CALL_HARD_LIMIT_SECONDS": "60"}
    return Installation(home, {"IGNY8_DATABASE_URL": url, **patience, **variables})


def key_on_the_wire(call: AiCall) -> str:
    """The name under which a call's provider knows it."""
    return str(uuid.uuid5(runware_adapter._TASKS, call.key)) if call.price["provider"] == "runware" else call.key


def _looked_at(
    installation: Installation, report: Mapping[str, Any], director: Director, served: Sequence[Served]
) -> Outcome:
    database = Database(installation.variables["IGNY8_DATABASE_URL"])
    try:
        with database.reading() as session:
            calls = session.scalars(select(AiCall).order_by(AiCall.id)).all()
            session.expunge_all()
            violations = invariants.violations(session)
    finally:
        database.dispose()
    doctor, costs = installation.igny8("doctor"), installation.igny8("report", "model")
    return Outcome(report, director, calls, served, violations, doctor, costs)
