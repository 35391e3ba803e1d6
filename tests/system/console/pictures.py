"""Owns the pictures of the console: `python -m tests.system.console.pictures` takes them of an installation of its own.

Every page goes into `.pictures/`, whole, at phone, laptop and wide, in the light and in the dark, to be looked at. Some
go into `docs/pictures`, as far as the window shows them, with few colours, for the README.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.support.sources import ROOT
from tests.system.console.browser import running_browser
from tests.system.console.conftest import ADMIN, EMAIL, Installation, log_in, running_installation
from tests.system.console.looking import THEMES, settle

ALL: Final = ROOT / ".pictures"
KEPT: Final = ROOT / "docs" / "pictures"
MOST_BYTES: Final = 150_000
#: Colours that stay as they are: the most frequent.
_EXACT: Final = 160
#: The narrowest is what WCAG 2.2 wants read without scrolling sideways.
_SIZES: Final = {"narrow": (320, 640), "phone": (390, 844), "laptop": (1440, 900), "wide": (1920, 1080)}
#: What is shown of it, and where that is; ids are those of the first site.
_PAGES: Final = {
    "dashboard": "/",
    "wizard-site": "/setup/wizard?new=true",
    "wizard-keywords": "/setup/wizard?site=1&step=keywords",
    "wizard-plan": "/setup/wizard?site=1&step=plan",
    "wizard-article": "/setup/wizard?site=1",
    "sites": "/sites",
    "site": "/sites/1",
    "library": "/setup/add-keywords",
    "settings": "/sites/1/settings/ai-automation",
    "overview": "/automation/overview",
    "run-now": "/automation/run",
    "run": "/automation/runs/1",
    "runs": "/automation/runs",
    "keywords": "/planner/keywords",
    "clusters": "/planner/clusters",
    "ideas": "/planner/ideas",
    "queue": "/writer/tasks",
    "content": "/writer/content",
    "article": "/writer/content/1",
    "editor": "/writer/content/1/edit",
    "images": "/writer/images",
    "review": "/writer/review",
    "to-publish": "/writer/approved",
    "published": "/writer/approved?show=results",
    "calendar": "/publisher/content-calendar",
    "week": "/publisher/content-calendar?kind=week",
    "list": "/publisher/content-calendar?kind=list",
    "prompts": "/thinker/prompts",
    "authors": "/thinker/author-profiles",
    "account": "/account/settings",
    "plans": "/account/plans",
    "usage": "/account/usage",
    "security": "/account/security",
    "notifications": "/account/notifications",
    "models": "/settings/ai-models",
    "help": "/help",
    "nowhere": "/nowhere",
}
#: Those that nobody sees but who runs the installation.
_ADMINS: Final = frozenset({"models"})
#: Those that are kept: page, size, light.
_README: Final = (
    ("settings", "laptop", "light"),
    ("run", "laptop", "light"),
    ("calendar", "laptop", "dark"),
    ("wizard-article", "laptop", "light"),
    ("wizard-plan", "phone", "dark"),
)


def main() -> None:
    """Take every picture; keep those of the README."""
    wanted = sys.argv[1:] or list(_PAGES)
    ALL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _filled(Path(folder)) as found, running_browser() as browser:
        for email in (EMAIL, ADMIN):
            names = [name for name in wanted if (name in _ADMINS) == (email == ADMIN)]
            for size, theme, page in _opened(found, browser, email):
                for name in names:
                    _take(page, name, size, theme)
                if email == EMAIL:
                    _palette(page, size, theme)


def small(picture: bytes) -> bytes:
    """The picture with 256 colours, those of its surfaces and words unchanged; AssertionError where it is too large."""
    whole = Image.open(BytesIO(picture)).convert("RGB")
    common = sorted(whole.getcolors(whole.width * whole.height) or [], reverse=True)[:_EXACT]
    rare = whole.quantize(256 - len(common), Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in common for part in colour] + (rare.getpalette() or []))
    made = BytesIO()
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    assert len(made.getvalue()) <= MOST_BYTES, f"{len(made.getvalue()):,} bytes"
    return made.getvalue()


def _kept_name(name: str, size: str) -> str:
    return name if size == "laptop" else f"{name}-{size}"


@contextmanager
def _filled(home: Path) -> Iterator[Installation]:
    """An installation whose site has run once."""
    with running_installation(home) as found:
        found.igny8("run", "1", "--wait")
        yield found


def _opened(found: Installation, browser: Browser, email: str) -> Iterator[tuple[str, str, Page]]:
    """A page of somebody who logged in, in every size and light; and what they logged in at."""
    for size, (width, height) in _SIZES.items():
        for theme in THEMES:
            context = browser.new_context(viewport={"width": width, "height": height}, base_url=found.address)
            host = re.sub(r"^https?://|:\d+$", "", found.address)
            context.add_cookies([{"name": "igny8_theme", "value": theme, "domain": host, "path": "/"}])
            page = context.new_page()
            page.goto("/login")
            settle(page)
            (ALL / f"log-in-{size}-{theme}.png").write_bytes(page.screenshot(animations="disabled"))
            yield size, theme, log_in(page, email)
            context.close()


def _take(page: Page, name: str, size: str, theme: str) -> None:
    page.goto(_PAGES[name])
    settle(page)
    (ALL / f"{name}-{size}-{theme}.png").write_bytes(page.screenshot(animations="disabled", full_page=True))
    if (name, size, theme) in _README:
        (KEPT / f"{_kept_name(name, size)}.png").write_bytes(small(page.screenshot(animations="disabled")))


def _palette(page: Page, size: str, theme: str) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("desk")
    settle(page)
    page.locator("#palette [role=group]").last.wait_for()
    (ALL / f"palette-{size}-{theme}.png").write_bytes(page.screenshot(animations="disabled"))


if __name__ == "__main__":
    main()
