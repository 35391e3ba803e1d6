"""Owns what is looked at on a page: what axe finds, what moves, what is cut off, what the browser complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

THEMES: Final = ("light", "dark")
#: Laptop, phone, and the narrowest that WCAG 2.2 wants read without scrolling sideways.
WIDTHS: Final = (1440, 390, 320)
HEIGHT: Final = 900
#: Most that may shift by itself while a page comes (the Cumulative Layout Shift that is called good).
MOST_SHIFT: Final = 0.1
MOST_FIRST_BYTES: Final = 150_000
MOST_LATER_BYTES: Final = 30_000
_RULES: Final[dict[str, Any]] = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Targets of 24 pixels are asked for by WCAG 2.2 AA; axe leaves it to whoever asks.
    "rules": {"target-size": {"enabled": True}},
}
_SERIOUS: Final = frozenset({"serious", "critical"})
_NOTED: Final = """
window.__shift = 0;
window.__refused = [];
new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  if (!one.hadRecentInput) window.__shift += one.value;
})).observe({ type: 'layout-shift', buffered: true });
document.addEventListener('securitypolicyviolation', (event) => {
  window.__refused.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
#: What reaches beyond the window, for whoever has to mend it.
_BEYOND: Final = """() => {
  const root = document.scrollingElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const cut = (one) => getComputedStyle(one).overflowX !== 'visible';
  const scrolls = (one) => one && one !== root && one !== document.body && (cut(one) || scrolls(one.parentElement));
  const reaches = (one) => one.getBoundingClientRect().right > root.clientWidth + 0.5 && !scrolls(one.parentElement);
  const found = [...document.querySelectorAll('main *, header *')].filter(reaches).slice(0, 5);
  return [...found.map((one) => one.outerHTML.slice(0, 120)), `${root.scrollWidth} of ${root.clientWidth} pixels`];
}"""


@dataclass
class Complaints:
    """What the browser said of a page, as it came."""

    seen: list[str] = field(default_factory=list)

    def listen_to(self, page: Page) -> None:
        """Note scripts that fail, and errors on the console."""
        page.on("pageerror", lambda error: self.seen.append(f"script: {error}"))
        page.on("console", lambda said: self.seen.append(f"console: {said.text}") if said.type == "error" else None)


def noted(context: BrowserContext) -> BrowserContext:
    """A context whose pages note what shifts and what their policy refuses."""
    context.add_init_script(_NOTED)
    return context


def open_at(page: Page, address: str, *, theme: str, width: int) -> None:
    """Open a page in a light and a width, and wait until nothing more comes."""
    host = urlsplit(page.url).hostname or ""
    page.context.add_cookies([{"name": "igny8_theme", "value": theme, "domain": host, "path": "/"}])
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto(address)
    settle(page)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)


def settle(page: Page) -> None:
    """Wait until what the page asked for is there and drawn."""
    page.wait_for_load_state("networkidle")
    page.evaluate("() => document.fonts.ready.then(() => true)")


def faults_of(page: Page, within: str | None = None) -> list[str]:
    """What is wrong with the page as it is, or with a part of it: what axe finds serious, and where."""
    found = Axe().run(page, within, _RULES).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in _SERIOUS
        for node in one["nodes"][:3]
    ]


def beyond_the_window(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    found: list[str] = page.evaluate(_BEYOND)
    return found


def shifted(page: Page) -> float:
    """How much of the page moved by itself."""
    found: float = page.evaluate("window.__shift")
    return found


def refused(page: Page) -> list[str]:
    """What the page's policy did not let in."""
    found: list[str] = page.evaluate("window.__refused")
    return found


@contextmanager
def weighed(page: Page) -> Iterator[dict[str, int]]:
    """Bytes that come over the wire in the block, by address; pictures of articles are not the page's."""
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    addresses: dict[str, str] = {}
    weights: dict[str, int] = {}

    def begun(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["response"]["url"]

    def ended(event: dict[str, Any]) -> None:
        address = addresses.get(event["requestId"], "")
        if "/api/v1/images/" not in address:
            weights[address] = weights.get(address, 0) + int(event["encodedDataLength"])

    client.on("Network.responseReceived", begun)
    client.on("Network.loadingFinished", ended)
    try:
        yield weights
    finally:
        client.detach()
