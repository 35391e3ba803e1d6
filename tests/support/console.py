"""Owns what the tests of the pages share: where pages are, and a browser that logged in."""

from __future__ import annotations

import re
from typing import Any

from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.web.pages import ROUTERS
from tests.support.api import Api


def page_paths() -> set[str]:
    """The address of every page, as its route has it."""
    return {route.path for router in ROUTERS for route in router.routes if isinstance(route, Route)}


def addresses(ids: dict[str, Any]) -> list[str]:
    """Every page's address, the ids filled in."""
    return sorted(re.sub(r"\{(\w+)(?::int)?\}", lambda found: str(ids[found[1]]), path) for path in page_paths())


def reader(api: Api) -> TestClient:
    """A browser without a key, which follows no redirect."""
    client = TestClient(api.client.app, base_url="http://testserver", follow_redirects=False)
    client.headers.pop("Authorization", None)
    return client
