"""Pictures of every view, for a person to look at: ``screenshots/``, which git ignores."""

import pytest

from tests.conftest import ROOT
from tests.page.browser import DESKTOP, PHONE, TABLET
from tests.page.conftest import Visitor
from tests.page.test_everywhere import VIEWS

FOLDER = ROOT / "screenshots"


@pytest.mark.parametrize("width", [DESKTOP, TABLET, PHONE])
@pytest.mark.parametrize("view", [*VIEWS, "data-read"])
def test_pictures_are_taken(visitor: Visitor, view: str, width: int) -> None:
    visit = visitor(width=width)
    page = visit.open(VIEWS.get(view, VIEWS["data"]))
    if view == "data-read":
        page.get_by_role("button", name="Try an example").click()
        page.get_by_role("heading", name="Errors on your series").wait_for()
        visit.settle()
    page.wait_for_function("() => [...document.querySelectorAll('.plot')].every(plot => plot.data)")
    for scheme in visit.schemes():
        path = FOLDER / f"{view}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > 10_000
