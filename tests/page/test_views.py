"""Every view is opened once: for a screenshot in ``screenshots/``, which git ignores, and to check what all need."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.conftest import ROOT
from tests.page.browser import DESKTOP, LOOKS, OTHER_LOOKS, TABLET, Profiles, Visit, visit
from tests.page.test_everywhere import VIEWS, open_view

pytestmark = pytest.mark.long

FOLDER = ROOT / "screenshots"
LOOKS_OF = dict(zip(VIEWS, cycle([LOOKS, OTHER_LOOKS]), strict=False))


@pytest.fixture(scope="module", params=VIEWS)
def view(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def opened(profiles: Profiles, url: str, view: str) -> Iterator[Visit]:
    """A view, which tests leave at another width, in other colours or with its details open."""
    with visit(profiles.for_width(DESKTOP), url, DESKTOP, "light") as opened:
        open_view(opened, view)
        yield opened
        assert opened.console_errors == []


def test_screenshots_are_taken(opened: Visit, view: str) -> None:
    for width, scheme in (*LOOKS_OF[view], (TABLET, "light")):
        opened.resize(width, scheme)
        path = FOLDER / f"{view}-{width}-{scheme}.jpg"
        opened.page.screenshot(path=path, full_page=True, quality=85)
        assert path.stat().st_size > 10_000


def test_every_view_is_accessible_and_fits_its_width_with_all_details_open(opened: Visit, view: str) -> None:
    opened.page.evaluate(
        "document.querySelectorAll('main details:not([open], .menu) > summary').forEach(summary => summary.click())"
    )
    opened.settle()
    for width, scheme in LOOKS_OF[view]:
        opened.resize(width, scheme)
        assert opened.accessibility_violations() == []
        assert opened.content_width() <= width
