"""A real Chromium that looks at a real service, and everything it complained about."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

PHONE: Final = 390
TABLET: Final = 768
DESKTOP: Final = 1440

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
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
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
        """Load the page at this query, and wait until nothing is being loaded any more."""
        self.page.goto(f"{self.url}/{query}")
        self.settle()
        if self.dropped:
            # Chromium drops what it is loading when any network interface changes, as other programs' do.
            self.dropped = False
            self.complaints.clear()
            return self.open(query)
        return self.page

    def settle(self) -> None:
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_function(_SETTLED)

    def schemes(self) -> Iterator[Literal["light", "dark"]]:
        """The page as it is shown now in each colour scheme of the system, one after the other."""
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            self.page.emulate_media(color_scheme=scheme)
            self.settle()
            yield scheme

    def faults(self) -> list[str]:
        """What axe-core finds, WCAG AA and good practice, as it is shown now."""
        results = Axe().run(self.page, options=_AA)
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


@contextmanager
def visit(browser: Browser, url: str, *, width: int = DESKTOP, **context: Any) -> Iterator[Visit]:
    """A visit with a clean browser profile of this width; ``context`` goes to playwright."""
    opened = browser.new_context(
        viewport={"width": width, "height": 900}, has_touch=width == PHONE, reduced_motion="reduce", **context
    )
    try:
        one = Visit(opened.new_page(), url)
        one.page.on("console", one._hear)
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("request", one._see)
        one.page.on("requestfailed", one._fail)
        yield one
    finally:
        opened.close()
