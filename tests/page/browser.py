"""A real Chromium on a real service, and the errors that it reports."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FloatRect, Locator, Page, Playwright

PHONE: Final = 390
TABLET: Final = 820
DESKTOP: Final = 1440
HEIGHT: Final = 900

Scheme = Literal["light", "dark"]

# No colour depends on the width, so a check sees each width and each scheme once, and another check the other pairs.
LOOKS: Final[tuple[tuple[int, Scheme], ...]] = ((DESKTOP, "light"), (PHONE, "dark"))
OTHER_LOOKS: Final[tuple[tuple[int, Scheme], ...]] = ((DESKTOP, "dark"), (PHONE, "light"))

_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS: Final = (
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A request to another host fails, and the browser reports it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
AA: Final = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
# Hundreds of similar rows multiply the time that axe-core takes and add nothing.
_SKIP_REPEATED_ROWS: Final = {"exclude": [["table.values tbody tr:nth-child(n + 4)"]]}
# Work that a click or a resize triggers has started after two frames, and then shows as busy.
_WORK_STARTED: Final = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
)
_IDLE: Final = "() => !document.querySelector('[aria-busy], .loading')"


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    # Chromium's sandbox does not work for root, the user of tests in containers.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *sandbox])


def box_of(element: Locator) -> FloatRect:
    """Return where an element is drawn."""
    box = element.bounding_box()
    assert box is not None
    return box


@dataclass
class Visit:
    """A user with the page open."""

    page: Page
    url: str
    console_errors: list[str] = field(default_factory=list)
    network_changed: bool = False

    def open(self, address: str = "") -> Page:
        """Open an address of the page, such as ``place/sea/nino12``, and wait until loading and drawing are done."""
        self.page.goto(f"{self.url}/{address.removeprefix(f'{self.url}/')}")
        self.settle()
        if self.network_changed:
            # Chromium drops requests when any network interface changes, including those of other programs.
            self.network_changed = False
            self.console_errors.clear()
            return self.open(address)
        return self.page

    def settle(self) -> None:
        """Wait until loading and drawing are done."""
        self.page.evaluate(_WORK_STARTED)
        self.page.wait_for_function(_IDLE)

    def resize(self, width: int, scheme: Scheme) -> None:
        """Show the same view at this width, in light or dark colours."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.emulate_media(color_scheme=scheme)
        self.settle()

    def accessibility_violations(self) -> list[str]:
        """Check the current view with axe-core against WCAG AA and best practices."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        violations = self.page.evaluate(
            "async ([context, options]) => (await axe.run(context, options)).violations", [_SKIP_REPEATED_ROWS, AA]
        )
        return [
            f"{violation['id']}: {violation['help']}: {[node['html'][:200] for node in violation['nodes'][:3]]}"
            for violation in violations
        ]

    def content_width(self) -> int:
        """Return the width of the content, including what overflows."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def _on_console(self, message: ConsoleMessage) -> None:
        # Releases that predate model cards return 404, which Chromium logs.
        if message.type in ("error", "warning") and not message.location["url"].endswith("/card"):
            self.console_errors.append(message.text)
            self.network_changed |= "net::ERR_NETWORK_CHANGED" in message.text


@dataclass
class Profiles:
    """Browser profiles, shared by kind so that cached files are loaded once."""

    browser: Browser
    _shared: dict[bool, BrowserContext] = field(default_factory=dict)

    def for_width(self, width: int) -> BrowserContext:
        """Return the profile for this width: touch on a phone, mouse elsewhere."""
        touch = width == PHONE
        if touch not in self._shared:
            self._shared[touch] = self.new(touch=touch)
        return self._shared[touch]

    def new(self, *, touch: bool = False) -> BrowserContext:
        """Create an empty profile."""
        profile = self.browser.new_context(has_touch=touch, reduced_motion="reduce")
        profile.set_default_timeout(90_000)
        return profile


@contextmanager
def visit(profile: BrowserContext, url: str, width: int, scheme: Scheme) -> Iterator[Visit]:
    """Open a new page in a profile."""
    page = profile.new_page()
    try:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)
        new_visit = Visit(page, url)
        page.on("console", new_visit._on_console)
        page.on("pageerror", lambda error: new_visit.console_errors.append(str(error)))
        yield new_visit
    finally:
        page.close()
