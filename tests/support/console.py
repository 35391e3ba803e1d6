"""Owns what the tests of the pages share: where pages are, and a browser that logged in."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import Any

from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.core.roles import Role
from pipeline.services import log_ins, users
from pipeline.web.cookies import COOKIE
from pipeline.web.pages import ROUTERS
from tests.support.api import Api


def page_paths() -> set[str]:
    """The address of every page, as its route has it."""
    return {route.path for router in ROUTERS for route in router.routes if isinstance(route, Route)}


def addresses(ids: dict[str, Any]) -> list[str]:
    """Every page's address, the ids filled in."""
    return sorted(re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(ids[found[1]]), path) for path in page_paths())


def stranger(api: Api) -> TestClient:
    """A browser that nobody logged in with, which follows no redirect."""
    return TestClient(api.client.app, base_url="http://testserver", follow_redirects=False)


def browser(api: Api, role: Role = Role.PLATFORM_ADMIN, *, site_ids: list[int] | None = None) -> TestClient:
    """A browser that somebody of my account logged in with."""
    now = api.database.now()
    with api.database.transaction() as session:
        email = f"{role.value}-{token_hex(4)}@example.com"
        user = users.add(session, account_id=api.mine.account_id, email=email, role=role, now=now)
        if site_ids is not None:
            users.set_sites(session, user, site_ids)
        token = log_ins.begin(session, user, now=now).token
    client = stranger(api)
    client.cookies.set(COOKIE, token)
    return client
