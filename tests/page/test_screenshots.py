"""Screenshots of every view for review, in ``screenshots/``, which git ignores."""

from typing import get_args

import pytest

from tests.conftest import ROOT
from tests.page.browser import DESKTOP, PHONE, TABLET, Scheme
from tests.page.conftest import Visitor
from tests.page.test_everywhere import VIEWS, open_view

FOLDER = ROOT / "screenshots"


@pytest.mark.parametrize("view", VIEWS)
def test_screenshots_are_taken(visitor: Visitor, view: str) -> None:
    visit = visitor()
    page = open_view(visit, view)
    for width in (DESKTOP, TABLET, PHONE):
        for scheme in get_args(Scheme):
            visit.resize(width, scheme)
            path = FOLDER / f"{view}-{width}-{scheme}.jpg"
            page.screenshot(path=path, full_page=True, quality=85)
            assert path.stat().st_size > 10_000
