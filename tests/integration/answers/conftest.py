"""The real stages, asked by the engine, answered by script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pipeline.db.session import Database
from tests.support.scripted import Script, scripted_world
from tests.support.seven_stages import the_seven_stages
from tests.support.worlds import World

Made = Callable[..., tuple[World, Script]]


@pytest.fixture
def world_of(database: Database) -> Iterator[Made]:
    """Makes the world of one stage, and puts the real stages in the place of the counting ones."""
    yield from _worlds(database)


@pytest.fixture
def sqlite_world_of(sqlite_database: Database) -> Iterator[Made]:
    """`world_of` where what is asked is decided before any database is."""
    yield from _worlds(sqlite_database)


def _worlds(database: Database) -> Iterator[Made]:
    with ExitStack() as stack:

        def made(number: int, **settings: str) -> tuple[World, Script]:
            found = scripted_world(database, number, **settings)
            stack.enter_context(the_seven_stages())
            return found

        yield made
