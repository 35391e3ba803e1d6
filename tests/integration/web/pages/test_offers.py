"""What pages offer somebody is what the API lets them do: no button leads to a refusal for their role."""

from __future__ import annotations

import html
import re

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from pipeline.core.roles import Role, includes
from pipeline.web.api import PREFIX, ROUTERS
from pipeline.web.operations import NEEDS, Needs
from tests.support.api import Api
from tests.support.console import addresses, browser

_OFFER = re.compile(r'data-(?:act|send|each|all|codes)="([^"]+)"')
_SENT = re.compile(r'data-(?:url|begin)="(/api/[^"]+)"')


def _needs(offer: str) -> Needs | None:
    """What the API asks of who does that; None: there is no such operation."""
    method, _, path = offer.partition(" ")
    path = re.sub(r"\{id\}", "1", path).partition("?")[0]
    scope = {"type": "http", "method": method, "path": path.removeprefix(PREFIX)}
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL:
            found: Needs | None = getattr(route.endpoint, NEEDS, None)
            return found
    return None


def _offered(page: str) -> set[str]:
    return {html.unescape(one) for one in _OFFER.findall(page) if " " in one}


@pytest.mark.parametrize("role", list(Role))
def test_no_button_leads_to_a_refusal(sqlite_api: Api, role: Role) -> None:
    client = browser(sqlite_api, role)
    offers = {
        (address, offer) for address in addresses(sqlite_api.mine.ids) for offer in _offered(client.get(address).text)
    }

    needs = {offer: _needs(offer) for _, offer in offers}
    assert [offer for offer, found in needs.items() if found is None] == []
    beyond = {(address, offer) for address, offer in offers if not includes(role, needs[offer].role)}  # type: ignore[union-attr]
    assert beyond == set()


def test_who_reaches_some_sites_is_offered_nothing_of_the_whole_account(sqlite_api: Api) -> None:
    client = browser(sqlite_api, Role.EDITOR, site_ids=[sqlite_api.mine.site_id])
    beyond = {
        (address, offer)
        for address in addresses(sqlite_api.mine.ids)
        for offer in _offered(client.get(address).text)
        if (found := _needs(offer)) is not None and found.whole_account
    }

    assert beyond == set()
