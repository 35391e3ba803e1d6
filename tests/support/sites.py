"""Owns a site for tests: every new placement is a further post, and it fails where it is told to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from pipeline.sites.port import Article, Placed

AnswerT = TypeVar("AnswerT")


class Killed(BaseException):
    """The process is no more."""


class FakeSite:
    """Holds posts by remote id. Without an identity to overwrite, placing makes another one: duplicates show."""

    needs_lookup = True

    def __init__(self) -> None:
        self.posts: dict[str, Article] = {}
        #: What was asked, in order.
        self.asked: list[str] = []
        #: Contents in the order they became visible.
        self.appeared: list[int] = []
        #: Whether `read_back` shows what stands there.
        self.shows = True
        self._failures: defaultdict[str, list[tuple[BaseException, bool]]] = defaultdict(list)
        self._before: dict[str, Callable[[], None]] = {}
        self._numbers = count(1)

    def fail(self, request: str, error: BaseException, *, after: bool = False, times: int = 1) -> None:
        """The next `times` such requests raise; `after`: the site has done it all the same."""
        self._failures[request] += [(error, after)] * times

    def before(self, request: str, action: Callable[[], None]) -> None:
        """Have `action` done whenever such a request arrives."""
        self._before[request] = action

    def publish(self, article: Article, *, remote_id: str | None) -> Placed:
        def place() -> Placed:
            name = remote_id if remote_id in self.posts else f"post-{next(self._numbers)}"
            if name not in self.posts:
                self.appeared.append(article.content_id)
            self.posts[name] = article
            return self._placed(name)

        return self._answer("publish", place)

    def withdraw(self, remote_id: str) -> None:
        self._answer("withdraw", lambda: self.posts.pop(remote_id, None))

    def look_up(self, content_id: int) -> Placed | None:
        def find() -> Placed | None:
            found = [name for name, article in self.posts.items() if article.content_id == content_id]
            return self._placed(found[0]) if found else None

        return self._answer("look_up", find)

    def read_back(self, remote_id: str) -> Placed | None:
        return self._answer("read_back", lambda: self._placed(remote_id) if self._is_shown(remote_id) else None)

    def titles(self) -> list[str]:
        """What visitors see."""
        return [article.title for article in self.posts.values()]

    def _is_shown(self, remote_id: str) -> bool:
        return self.shows and remote_id in self.posts

    def _answer(self, request: str, act: Callable[[], AnswerT]) -> AnswerT:
        self.asked.append(request)
        if request in self._before:
            self._before[request]()
        error, after = self._failures[request].pop(0) if self._failures[request] else (None, False)
        if error is not None and not after:
            raise error
        answer = act()
        if error is not None:
            raise error
        return answer

    @staticmethod
    def _placed(name: str) -> Placed:
        return Placed(name, f"https://site.example/{name}")
