"""Two accounts, every operation, every place that an id has, in path, query and body: another's is not there.

The same holds within an account, for keys that are narrowed down to some of its sites.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from pipeline.core.roles import Role, includes
from pipeline.db.session import Database
from pipeline.models import Base
from pipeline.web.api import PREFIX, ROUTERS
from pipeline.web.operations import NEEDS, Needs
from tests.support.api import Api, Tenant, api_on, make_key, make_site, some_monday, the_app

#: What an operation is to be sent where its example would not do, by the end of its path.
BODIES: dict[str, dict[str, Any]] = {
    "move": {"to": f"{some_monday()} 14:00"},
    "{content_id}": {"title": "Another title"},
    # No keyword of the library, which is everybody's: that is refused, and a site that is there is found before.
    "from-library": {"seeds": []},
}
#: A name of an id in a body -> the id of a tenant that it means, where that has another name.
MEANS = {"other_id": "content_id"}
#: What no site has: whoever is narrowed down to some sites is not let in at all, or asks for the account's own.
OF_ACCOUNTS = {"user_id", "key_id", "notification_id", "webhook_id", "delivery_id", "author_profile_id"}
_ADMINISTRATORS: WeakKeyDictionary[Database, dict[str, str]] = WeakKeyDictionary()
#: No row has it.
NOBODYS = 2**63 - 1


class Place(NamedTuple):
    """One id of one operation."""

    method: str
    path: str
    within: str
    name: str

    @property
    def means(self) -> str:
        """The id of a tenant that belongs there."""
        return MEANS.get(self.name, self.name.removesuffix("s"))


def _in_body(operation: dict[str, Any]) -> Iterator[str]:
    """The ids that a body may hold, by their names, however deep."""
    waiting = list(operation.get("requestBody", {}).get("content", {}).values())
    seen: list[Any] = []
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.append(part)
        if isinstance(part, dict):
            if "$ref" in part:
                waiting.append(the_app().openapi()["components"]["schemas"][part["$ref"].rpartition("/")[2]])
            yield from (name for name in part.get("properties", ()) if name.endswith(("_id", "_ids")))
            waiting += [value for name, value in part.items() if name != "examples"]
        if isinstance(part, list):
            waiting += part


def _places() -> Iterator[Place]:
    for path, operations in the_app().openapi()["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["name"].endswith("_id"):
                    yield Place(method, path, parameter["in"], parameter["name"])
            for name in _in_body(operation):
                yield Place(method, path, "body", name)


PLACES = list(_places())
OF_SITES = [place for place in PLACES if place.means not in OF_ACCOUNTS]


@pytest.fixture(scope="module")
def one_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('tenants')}/igny8.db")
    Base.metadata.create_all(database.engine)
    with api_on(database) as found:
        yield found
    database.dispose()


@pytest.fixture
def refusing(one_api: Api) -> Api:
    """One API for all requests that change nothing, since each of them is refused."""
    _administrators(one_api)
    the_app().state.backend = one_api.backend
    return one_api


@pytest.fixture(scope="module")
def narrowed(one_api: Api) -> tuple[dict[str, str], Tenant]:
    return _narrowed(one_api)


def _id(place: Place) -> str:
    return f"{place.method} {place.path} {place.name}"


def test_every_path_with_an_id_is_tried() -> None:
    with_ids = {path for path in the_app().openapi()["paths"] if "_id}" in path}

    assert with_ids - {"/feeds/{token}.ics"} == {place.path for place in PLACES if place.within == "path"}
    assert {place.within for place in PLACES} == {"path", "query", "body"}
    assert {place.name for place in PLACES if place.within == "body"} >= {"other_id", "undo_id", "site_ids"}


def _body_of(api: Api, place: Place) -> dict[str, Any] | None:
    """A body that the operation takes, every id in it mine."""
    operation = the_app().openapi()["paths"][place.path][place.method]
    if place.path.endswith("unified-settings/preview") or (
        place.method == "put" and place.path.endswith("unified-settings/")
    ):
        found: dict[str, Any] = api.client.get(api.settings_path).json()
        return found | {"delays": {"within_stage": 1, "between_stage": 1}}
    if "application/json" not in operation.get("requestBody", {}).get("content", {}):
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    name = next(choice["$ref"] for choice in schema.get("anyOf", [schema]) if "$ref" in choice).rpartition("/")[2]
    body = deepcopy(the_app().openapi()["components"]["schemas"][name]["examples"][0])
    body |= BODIES.get(place.path.rpartition("/")[2], {})
    for key in set(body) & set(_in_body(operation)):
        mine = api.mine.ids[MEANS.get(key, key.removesuffix("s"))]
        body[key] = [mine] if key.endswith("s") else mine
    return body


def _ask(api: Api, place: Place, an_id: int, *, ids: dict[str, int] | None = None, **more: Any) -> Any:
    ids = api.mine.in_paths | (ids or {})
    body = _body_of(api, place)
    query = {}
    if place.within == "query":
        query = {place.name: an_id}
    elif place.within == "path":
        ids[place.name] = an_id
    else:
        assert body is not None
        body[place.name] = [an_id] if place.name.endswith("s") else an_id
    needs = _needs(place)
    if needs is not None and needs.role is Role.PLATFORM_ADMIN:
        more = {"headers": _administrators(api), **more}
    return api.client.request(place.method, place.path.format(**ids), params=query, json=body, **more)


def _administrators(api: Api) -> dict[str, str]:
    """Headers of a key of mine that runs the installation: made once, since rows are compared."""
    if api.database not in _ADMINISTRATORS:
        _ADMINISTRATORS[api.database] = api.key(Role.PLATFORM_ADMIN)
    return _ADMINISTRATORS[api.database]


def _rows_of(api: Api, account_id: int) -> dict[str, list[Any]]:
    """All that an account has, in every table that says whose its rows are; but not when a key was used last."""
    with api.database.reading() as session:
        return {
            table.name: session.execute(
                select(*(column for column in table.c if column.name != "last_used_at"))
                .where(table.c.account_id == account_id)
                .order_by(table.c.id)
            ).all()
            for table in Base.metadata.sorted_tables
            if "account_id" in table.c
        }


@pytest.mark.parametrize("place", PLACES, ids=_id)
def test_anothers_id_is_not_there(refusing: Api, place: Place) -> None:
    api = refusing
    theirs_id = api.other.ids[place.means]
    theirs = _rows_of(api, api.other.account_id)
    mine = _rows_of(api, api.mine.account_id)

    others = _ask(api, place, theirs_id)
    nobodys = _ask(api, place, NOBODYS)

    assert (others.status_code, nobodys.status_code) == (404, 404)
    assert others.text.replace(str(theirs_id), "N") == nobodys.text.replace(str(NOBODYS), "N").replace(
        str(theirs_id), "N"
    )
    assert _rows_of(api, api.other.account_id) == theirs
    assert _rows_of(api, api.mine.account_id) == mine
    assert api.backend.sent == []


@pytest.mark.parametrize("place", PLACES, ids=_id)
def test_my_own_id_is_there(sqlite_api: Api, place: Place) -> None:
    assert _ask(sqlite_api, place, sqlite_api.mine.ids[place.means]).status_code != 404


def _narrowed(api: Api) -> tuple[dict[str, str], Tenant]:
    """Headers of a key of mine that reaches my first site, and a second site of mine."""
    mine = api.mine
    second = make_site(api.database, mine.account_id, key=mine.key, user_id=mine.user_id, key_id=mine.key_id)
    made = make_key(api.database, mine.account_id, site_ids=[mine.site_id])
    return {"Authorization": f"Bearer {made.key}"}, second


@pytest.mark.parametrize("place", OF_SITES, ids=_id)
def test_another_site_is_not_there_for_a_key_that_is_narrowed_down(
    refusing: Api, narrowed: tuple[dict[str, str], Tenant], place: Place
) -> None:
    headers, second = narrowed
    before = _rows_of(refusing, second.account_id)

    seconds = _ask(refusing, place, second.ids[place.means], headers=headers)
    nobodys = _ask(refusing, place, NOBODYS, headers=headers)

    # What is the whole account's lets nobody in who is narrowed down, whatever is asked for.
    assert seconds.status_code == nobodys.status_code == (403 if _is_whole_accounts(place) else 404)
    assert _rows_of(refusing, second.account_id) == before


def _is_whole_accounts(place: Place) -> bool:
    """Whether the operation says that it is about the whole account, or takes an owner."""
    found = _needs(place)
    return found is not None and (bool(found.whole_account) or not includes(Role.EDITOR, found.role))


def _needs(place: Place) -> Needs | None:
    """What the operation says of its callers."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    needs = {
        (PREFIX + route.path, method.lower()): getattr(route.endpoint, NEEDS, None)
        for route in routes
        for method in route.methods
    }
    return needs[place.path, place.method]


def test_nothing_of_another_site_is_read_by_a_key_that_is_narrowed_down(api: Api) -> None:
    headers, second = _narrowed(api)
    paths = [path for path, operations in the_app().openapi()["paths"].items() if "get" in operations]

    answers = {
        path: api.client.get(path.format(**api.mine.in_paths), headers=headers)
        for path in paths
        if "{token}" not in path
    }

    # A key that nobody made for themselves has no preferences: 409.
    assert {answer.status_code for answer in answers.values()} == {200, 403, 409}
    assert [
        path
        for path, answer in answers.items()
        if "json" in answer.headers["content-type"] and _says(answer.json(), second)
    ] == []


def _says(found: Any, site: Tenant) -> bool:
    """Whether an answer names a site or something of it."""
    names = {"site_id": site.site_id, "run_id": site.run_id, "content_id": site.content_id}
    if isinstance(found, dict):
        return any(found.get(name) == an_id for name, an_id in names.items()) or any(
            _says(value, site) for value in found.values()
        )
    return isinstance(found, list) and any(_says(value, site) for value in found)


def test_lists_hold_only_what_is_mine(api: Api) -> None:
    lists = {path: api.client.get(path).json()["items"] for path in ("/api/v1/sites", "/api/v1/runs")}

    assert [site["id"] for site in lists["/api/v1/sites"]] == [api.mine.site_id]
    assert [run["run_id"] for run in lists["/api/v1/runs"]] == [api.mine.run_id]


def test_a_narrowed_keys_lists_hold_only_its_sites(api: Api) -> None:
    headers, second = _narrowed(api)
    wide = api.client.get("/api/v1/sites").json()["items"]

    found = api.client.get("/api/v1/sites", headers=headers).json()["items"]
    runs = api.client.get("/api/v1/runs", headers=headers).json()["items"]

    assert [site["id"] for site in wide] == [api.mine.site_id, second.site_id]
    assert [site["id"] for site in found] == [api.mine.site_id]
    assert [run["run_id"] for run in runs] == [api.mine.run_id]


def test_a_key_whose_last_site_is_gone_reaches_none(api: Api) -> None:
    made = make_key(api.database, api.mine.account_id, site_ids=[])

    answer = api.client.get("/api/v1/sites", headers={"Authorization": f"Bearer {made.key}"})

    assert answer.json() == {"items": []}
