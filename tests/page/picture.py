"""``python -m tests.page.picture``: take the picture at the top of the README, with the shipped releases."""

from contextlib import ExitStack
from typing import Final

from playwright.sync_api import sync_playwright

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import Visit, find_chromium, launch
from tests.serving import serve

PICTURE: Final = ROOT / "docs" / "page.png"

_SIZE: Final = {"width": 1200, "height": 900}
_SCALE: Final = 1.2
_MARGIN_BELOW: Final = 20


def main() -> None:
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is not installed; install it with: apt install chromium fonts-inter")
    with ExitStack() as stack:
        client = stack.enter_context(serve(Settings(artifacts=ROOT / "artifacts")))
        browser = launch(stack.enter_context(sync_playwright()), path)
        page = browser.new_page(viewport=_SIZE, device_scale_factor=_SCALE, color_scheme="light")  # type: ignore[arg-type]
        Visit(page, str(client.base_url).rstrip("/")).open("?dataset=nino12")
        # Up to the end of the first card, plus the gap below it.
        box = page.locator("section.card").first.bounding_box()
        assert box is not None
        height = box["y"] + box["height"] + _MARGIN_BELOW
        page.screenshot(path=PICTURE, full_page=True, clip={"x": 0, "y": 0, "width": _SIZE["width"], "height": height})
        browser.close()


if __name__ == "__main__":
    main()
