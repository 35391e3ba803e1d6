"""Owns the side bar: its sections (plan 4.3), and who sees which entry. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.modules import Module


@dataclass(frozen=True)
class Entry:
    """A page, or a group of pages."""

    name: str
    icon: str
    path: str = ""
    leaves: tuple[tuple[str, str], ...] = ()
    module: Module | None = None
    #: Whether only administrators of the platform are shown it.
    admin: bool = False


@dataclass(frozen=True)
class Section:
    """Entries under a heading."""

    name: str
    entries: tuple[Entry, ...]


_SECTIONS: Final = (
    Section("", (Entry("Dashboard", "dashboard", "/"),)),
    Section("Setup", (Entry("Sites", "world", "/sites"),)),
    Section(
        "Workflow",
        (
            Entry("Planner", "list", leaves=(("Keywords", "/planner/keywords"),), module=Module.PLANNER),
            Entry("Writer", "writer", leaves=(("Content", "/writer/content"),), module=Module.WRITER),
            Entry(
                "Publisher",
                "calendar",
                leaves=(
                    ("Content Review", "/writer/review"),
                    ("Content Calendar", "/publisher/content-calendar"),
                ),
            ),
            Entry(
                "Automation",
                "bolt",
                leaves=(("Overview", "/automation/overview"), ("Runs", "/automation/runs")),
                module=Module.AUTOMATION,
            ),
        ),
    ),
    Section("Account", (Entry("Notifications", "bell", "/account/notifications"),)),
)


def sections(*, modules: Mapping[str, bool], is_admin: bool) -> list[Section]:
    """What somebody sees: nothing of a module that is off, nothing of an administrator's."""
    found = []
    for section in _SECTIONS:
        entries = tuple(entry for entry in section.entries if _is_seen(entry, modules, is_admin=is_admin))
        if entries:
            found.append(Section(section.name, entries))
    return found


def is_open(entry: Entry, path: str) -> bool:
    """Whether the page that is shown is one of the group's, or below one (plan 4.4)."""
    return any(is_here(leaf, path) for _, leaf in entry.leaves)


def is_here(leaf: str, path: str) -> bool:
    """Whether the page that is shown is this one, or below it."""
    return path == leaf or (leaf != "/" and path.startswith(f"{leaf}/"))


def paths() -> Collection[str]:
    """Every page that the side bar leads to."""
    entries = [entry for section in _SECTIONS for entry in section.entries]
    return [path for entry in entries for path in (entry.path, *(leaf for _, leaf in entry.leaves)) if path]


def _is_seen(entry: Entry, modules: Mapping[str, bool], *, is_admin: bool) -> bool:
    return (is_admin or not entry.admin) and (entry.module is None or modules.get(entry.module.value, True))
