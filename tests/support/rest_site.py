"""Owns a small site with a REST API for tests: real sockets on loopback, a journal, faults as they are told.

It does what matters of a real one: nothing is ever created once only, a taken slug gets a number when it is published,
unknown terms and images are dropped in silence, whoever is not let in is told that there is no such status.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, count
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "ann", "abcd efgh ijkl"
_RIGHTS = ("edit_posts", "publish_posts", "edit_published_posts", "delete_posts", "upload_files")


@dataclass
class Fault:
    """What happens to the next requests that match."""

    #: `POST /posts`, or the beginning of it.
    request: str
    #: `drop`: it is done, but a proxy says 502. `cut`: it is done, the answer breaks off. `refuse`: `status` at once.
    kind: str
    times: int = 1
    status: int = 503
    body: bytes = b"<html>away</html>"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class RestSite:
    """What the site has, and what it was asked."""

    url: str = ""
    posts: dict[int, dict[str, Any]] = field(default_factory=dict)
    media: dict[int, dict[str, Any]] = field(default_factory=dict)
    terms: dict[str, dict[int, str]] = field(default_factory=lambda: {"tags": {}, "categories": {1: "Other"}})
    #: Method and path of each request, without the prefix of the API.
    journal: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rights: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(_RIGHTS, True))
    password: str = PASSWORD
    #: Whether the user may make categories.
    makes_categories: bool = True
    has_pretty_addresses: bool = True
    zone: tuple[str, float] = ("Europe/Berlin", 1)
    #: The site's clock, seconds since 1970; None: the right one.
    clock: float | None = None
    #: Names of meta values that it keeps.
    meta: tuple[str, ...] = ()
    #: The status with which it says no to meta values, after it has written the post; 0: it takes them.
    refuses_meta: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: count(10))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def asked(self) -> list[str]:
        """The journal since the last look."""
        found, self.journal[:] = list(self.journal), []
        return found

    def shown(self) -> list[dict[str, Any]]:
        """What visitors see."""
        return [post for post in self.posts.values() if post["status"] == "publish"]

    def write(self, post_id: int | None, values: dict[str, Any], *, now: str) -> dict[str, Any]:
        """A post as a site keeps it."""
        number = post_id or next(self.numbers)
        kept = self.posts.setdefault(number, self._fresh(number, now))
        kept["modified"] = values.get("modified", now)
        kept |= {name: value for name, value in values.items() if name in kept and name not in {"id", "meta"}}
        kept["meta"] |= {name: value for name, value in values.get("meta", {}).items() if name in kept["meta"]}
        kept["tags"] = [term for term in kept["tags"] if term in self.terms["tags"]]
        kept["categories"] = [term for term in kept["categories"] if term in self.terms["categories"]] or [1]
        kept["featured_media"] = kept["featured_media"] if kept["featured_media"] in self.media else 0
        if kept["status"] == "publish":
            if kept["date_gmt"] > now:
                kept["status"] = "future"
            taken = {post["slug"] for post in self.posts.values() if post is not kept and post["status"] == "publish"}
            slug = re.sub(r"-\d+$", "", kept["slug"]) if kept["slug"] in taken else kept["slug"]
            kept["slug"] = next(
                name for name in chain((kept["slug"],), (f"{slug}-{n}" for n in count(2))) if name not in taken
            )
        return kept

    def _fresh(self, number: int, now: str) -> dict[str, Any]:
        texts = dict.fromkeys(("slug", "title", "content", "excerpt"), "")
        terms: dict[str, Any] = {"tags": [], "categories": [1], "meta": dict.fromkeys(self.meta, "")}
        return {
            "id": number,
            "status": "draft",
            "featured_media": 0,
            "date_gmt": now,
            "modified": now,
            **texts,
            **terms,
        }


@contextmanager
def rest_site(**values: Any) -> Iterator[RestSite]:
    """The site, for the length of the block."""
    site = RestSite(**values)
    handler = type("Handler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers for one site."""

    site: RestSite

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.site.clock or timestamp, usegmt=True)

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route = self.query.pop("rest_route", None)
        if route is None and (not parts.path.startswith("/wp-json") or not self.site.has_pretty_addresses):
            return self._send(404, b"<html>no such page</html>")
        route = (route or parts.path.removeprefix("/wp-json")).removeprefix("/wp/v2")
        with self.site.lock:
            asked = f"{self.command} {route}"
            self.site.journal.append(asked)
            fault = next((one for one in self.site.faults if asked.startswith(one.request) and one.times), None)
            if fault is not None:
                fault.times -= 1
            if fault is not None and fault.kind == "refuse":
                return self._send(fault.status, fault.body, fault.headers)
            status, answer = self._answer(route, body)
        if fault is not None and fault.kind == "drop":
            return self._send(502, b"<html>bad gateway</html>")
        data = json.dumps(answer).encode()
        return self._send(status, data, cut=fault is not None)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) + (5_000 if cut else 0)))
        self.end_headers()
        self.wfile.write(data[:5] if cut else data)

    def _answer(self, route: str, body: bytes) -> tuple[int, Any]:
        kind, _, number = route.strip("/").partition("/")
        if not kind:
            name, offset = self.site.zone
            namespaces = {"namespaces": ["wp/v2"], "timezone_string": name, "gmt_offset": offset}
            return 200, {**namespaces, "authentication": {"application-passwords": {}}}
        wanted = base64.b64encode(f"{USER}:{self.site.password}".encode()).decode()
        is_in = self.headers.get("Authorization") == f"Basic {wanted}"
        if kind == "users":
            user = {"roles": ["author"], "capabilities": self.site.rights}
            return (200, user) if is_in else _error(401, "rest_not_logged_in", "You are not currently logged in.")
        if not is_in:
            params = {"params": {"status": "Status is forbidden."}}
            if self.command == "GET" and not number:
                return _error(400, "rest_invalid_param", "Invalid parameter(s): status", **params)
            return _error(401, "rest_cannot_create", "Sorry, you are not allowed to create posts as this user.")
        return getattr(self, f"_{kind}")(int(number) if number else None, body)

    def _posts(self, number: int | None, body: bytes) -> tuple[int, Any]:
        if number is not None and number not in self.site.posts:
            return _error(404, "rest_post_invalid_id", "Invalid post ID.")
        if self.command == "DELETE":
            self._take_away(number)
            return 200, {"deleted": True}
        if self.command == "POST":
            now = self._now()
            if self.site.refuses_meta and "meta" in (values := json.loads(body)):
                self.site.write(number, {**values, "meta": {}}, now=now)
                code = {400: "rest_invalid_type", 403: "rest_cannot_update"}[self.site.refuses_meta]
                return _error(self.site.refuses_meta, code, "Sorry, no such custom field.")
            return (201 if number is None else 200), self._post(self.site.write(number, json.loads(body), now=now))
        if number is not None:
            return 200, self._post(self.site.posts[number])
        return 200, [self._post(post) for post in self._found()]

    def _found(self) -> list[dict[str, Any]]:
        posts = self.site.posts.values()
        if self.query.get("orderby") == "modified":
            shown = [post for post in self.site.shown() if post["modified"] > self.query.get("modified_after", "")]
            return sorted(shown, key=lambda post: str(post["modified"]))[:100]
        if "include" in self.query:
            wanted = set(map(int, self.query["include"].split(",")))
            return [post for post in posts if post["id"] in wanted]
        slugs, term = self.query.get("slug", "").split(","), self.query.get("search")
        if term is not None:
            return [post for post in posts if term in post["content"]]
        return [post for post in posts if post["slug"] in slugs]

    def _take_away(self, number: int | None) -> None:
        post = self.site.posts[number or 0]
        if self.query.get("force") == "true":
            del self.site.posts[post["id"]]
        else:
            post |= {"status": "trash", "slug": f"{post['slug']}__trashed"}

    def _now(self) -> str:
        from datetime import UTC, datetime

        at = datetime.now(UTC) if self.site.clock is None else datetime.fromtimestamp(self.site.clock, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S")

    def _post(self, post: dict[str, Any]) -> dict[str, Any]:
        raw = {name: {"raw": post[name]} for name in ("title", "content", "excerpt")}
        return {**post, **raw, "link": f"{self.site.url}/{post['slug']}/"}

    def _media(self, number: int | None, body: bytes) -> tuple[int, Any]:
        if self.command == "DELETE":
            del self.site.media[number or 0]
            return 200, {"deleted": True}
        if self.command == "GET":
            return 200, [entry for entry in self.site.media.values() if self._is_wanted(entry)]
        name = re.search(r'filename="(.+?)\.\w+"', self.headers["Content-Disposition"] or "")
        made = next(self.site.numbers)
        entry = {
            "id": made,
            "slug": name[1] if name else "",
            "post": 0,
            "source_url": f"{self.site.url}/files/{made}.png",
            "alt_text": self.query.get("alt_text", ""),
            "bytes": len(body),
        }
        self.site.media[made] = entry
        return 201, entry

    def _is_wanted(self, entry: dict[str, Any]) -> bool:
        if "search" in self.query:
            return self.query["search"] in entry["slug"]
        if "include" in self.query:
            return str(entry["id"]) in self.query["include"].split(",")
        return bool(entry["slug"] == self.query.get("slug"))

    def _tags(self, _: int | None, body: bytes) -> tuple[int, Any]:
        return self._term("tags", body)

    def _categories(self, _: int | None, body: bytes) -> tuple[int, Any]:
        return self._term("categories", body)

    def _term(self, kind: str, body: bytes) -> tuple[int, Any]:
        terms = self.site.terms[kind]
        if self.command == "GET":
            term = self.query.get("search", "").lower()
            return 200, [{"id": key, "name": name} for key, name in terms.items() if term in name.lower()]
        name = json.loads(body)["name"]
        there = next((key for key, known in terms.items() if known.lower() == name.lower()), None)
        if there is not None:
            return _error(400, "term_exists", "A term with the name provided already exists.", term_id=there)
        if kind == "categories" and not self.site.makes_categories:
            return _error(403, "rest_cannot_create", "Sorry, you are not allowed to create terms in this taxonomy.")
        made = next(self.site.numbers)
        terms[made] = name
        return 201, {"id": made, "name": name}


def _error(status: int, code: str, message: str, **data: Any) -> tuple[int, Any]:
    return status, {"code": code, "message": message, "data": {"status": status, **data}}
