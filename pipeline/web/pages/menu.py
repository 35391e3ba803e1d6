"""Owns the side bar: its sections (plan 4.3), and who sees which entry. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.core.modules import Module
from pipeline.core.roles import Role, includes


@dataclass(frozen=True)
class Entry:
    """A page, or a group of pages."""

    name: str
    icon: str
    path: str = ""
    leaves: tuple[tuple[str, str], ...] = ()
    module: Module | None = None
    #: Whether who reaches some sites only has no business there.
    whole_account: bool = False
    #: Who is shown it: that role, and those above.
    role: Role = Role.VIEWER
    #: Whether the plan keeps it for administrators, which is said beside it.
    admin: bool = False


@dataclass(frozen=True)
class Section:
    """Entries under a heading."""

    name: str
    entries: tuple[Entry, ...]


_SECTIONS: Final = (
    Section("", (Entry("Dashboard", "dashboard", "/"),)),
    Section(
        "Setup",
        (
            Entry("Setup Wizard", "wand", "/setup/wizard", role=Role.OWNER, whole_account=True),
            Entry("Sites", "world", "/sites"),
            Entry("Keyword Library", "book", "/setup/add-keywords"),
            Entry(
                "Thinker",
                "bulb",
                leaves=(("Prompts", "/thinker/prompts"), ("Author Profiles", "/thinker/author-profiles")),
                module=Module.THINKER,
                whole_account=True,
                role=Role.OWNER,
                admin=True,
            ),
        ),
    ),
    Section(
        "Workflow",
        (
            Entry(
                "Planner",
                "list",
                leaves=(
                    ("Keywords", "/planner/keywords"),
                    ("Clusters", "/planner/clusters"),
                    ("Ideas", "/planner/ideas"),
                ),
                module=Module.PLANNER,
            ),
            Entry(
                "Writer",
                "writer",
                leaves=(
                    ("Content Queue", "/writer/tasks"),
                    ("Content Drafts", "/writer/content"),
                    ("Content Images", "/writer/images"),
                ),
                module=Module.WRITER,
            ),
            Entry(
                "Publisher",
                "calendar",
                leaves=(
                    ("Content Review", "/writer/review"),
                    ("Publish / Schedule", "/writer/approved"),
                    ("Content Calendar", "/publisher/content-calendar"),
                ),
            ),
            Entry(
                "Automation",
                "bolt",
                leaves=(
                    ("Overview", "/automation/overview"),
                    ("Run Now", "/automation/run"),
                    ("Runs", "/automation/runs"),
                ),
                module=Module.AUTOMATION,
            ),
        ),
    ),
    Section(
        "Account",
        (
            Entry("Account Settings", "user", "/account/settings", role=Role.OWNER, whole_account=True),
            Entry("Plans & Billing", "card", "/account/plans", role=Role.OWNER, whole_account=True),
            Entry("Usage", "pie", "/account/usage", role=Role.OWNER, whole_account=True),
            Entry(
                "AI Configuration",
                "plug",
                "/settings/ai-models",
                role=Role.PLATFORM_ADMIN,
                whole_account=True,
                admin=True,
            ),
        ),
    ),
    Section(
        "Help",
        (
            Entry("Notifications", "bell", "/account/notifications", whole_account=True),
            Entry("Help & Docs", "help", "/help"),
        ),
    ),
)


def sections(*, modules: Mapping[str, bool], role: Role, is_whole: bool) -> list[Section]:
    """What somebody sees: nothing of a module that is off, nothing that their role may not."""
    found = []
    for section in _SECTIONS:
        entries = tuple(entry for entry in section.entries if _is_seen(entry, modules, role, is_whole=is_whole))
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


def _is_seen(entry: Entry, modules: Mapping[str, bool], role: Role, *, is_whole: bool) -> bool:
    if entry.whole_account and not is_whole:
        return False
    return includes(role, entry.role) and (entry.module is None or modules.get(entry.module.value, True))
