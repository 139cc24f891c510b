"""A real Chromium that looks at a real service, and everything it complained about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

PHONE: Final = 390
TABLET: Final = 820
DESKTOP: Final = 1440
HEIGHT: Final = 900

Scheme = Literal["light", "dark"]

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS: Final = (
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AA: Final = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
# Hundreds of rows that are made alike take axe-core as many times as long as the first of them.
_BUT_REPEATED_ROWS: Final = {"exclude": [["table.values tbody tr:nth-child(n + 4)"]]}
# What a click or a resize sets off has begun after a frame: then it says itself whether it is busy.
_BEGUN: Final = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
_SETTLED: Final = "() => !document.querySelector('[aria-busy], .loading')"


def find_chromium() -> str | None:
    """Where a Chromium is installed, if one is."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    # Chromium's sandbox does not work for root, as whom tests run in containers.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *sandbox])


@dataclass
class Visit:
    """Somebody looking at the page.

    Attributes:
        page: what they see.
        url: of the service.
        complaints: what the browser's console has said: errors and warnings.
        foreign: requests that left the service's host.
        dropped: whether the browser dropped requests because a network interface came or went.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dropped: bool = False

    def open(self, query: str = "") -> Page:
        """Load the page at this query, and wait until nothing is being loaded or drawn any more."""
        self.page.goto(f"{self.url}/{query}")
        self.settle()
        if self.dropped:
            # Chromium drops what it is loading when any network interface changes, as other programs' do.
            self.dropped = False
            self.complaints.clear()
            return self.open(query)
        return self.page

    def settle(self) -> None:
        """Wait until nothing is being loaded or drawn any more."""
        self.page.evaluate(_BEGUN)
        self.page.wait_for_function(_SETTLED)

    def look(self, width: int, scheme: Scheme) -> None:
        """See the same on a screen of this width, in light or dark."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.emulate_media(color_scheme=scheme)
        self.settle()

    def faults(self) -> list[str]:
        """What axe-core finds in what is shown now: WCAG AA and good practice."""
        results = Axe().run(self.page, context=_BUT_REPEATED_ROWS, options=_AA)
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in results.response["violations"]
        ]

    def width(self) -> int:
        """Of the content, scrolled sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def _hear(self, message: ConsoleMessage) -> None:
        # A release from before there were model cards answers 404, which Chromium notes.
        if message.type in ("error", "warning") and not message.location["url"].endswith("/card"):
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.foreign.append(request.url)

    def _fail(self, request: Request) -> None:
        self.dropped |= request.failure == "net::ERR_NETWORK_CHANGED"


@dataclass
class Profiles:
    """Browser profiles: those of a kind are shared, so that what is kept for good is loaded once.

    Attributes:
        browser: that they are of.
    """

    browser: Browser
    _shared: dict[bool, BrowserContext] = field(default_factory=dict)

    def of(self, width: int) -> BrowserContext:
        """The one for screens of this width: with a finger on a phone, with a mouse elsewhere."""
        touch = width == PHONE
        if touch not in self._shared:
            self._shared[touch] = self.new(touch=touch)
        return self._shared[touch]

    def new(self, *, touch: bool = False) -> BrowserContext:
        """One in which nothing was ever looked at."""
        return self.browser.new_context(has_touch=touch, reduced_motion="reduce")


@contextmanager
def visit(profile: BrowserContext, url: str, width: int, scheme: Scheme) -> Iterator[Visit]:
    """A visit with a page of its own."""
    page = profile.new_page()
    try:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        one = Visit(page, url)
        page.on("console", one._hear)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.on("request", one._see)
        page.on("requestfailed", one._fail)
        yield one
    finally:
        page.close()
