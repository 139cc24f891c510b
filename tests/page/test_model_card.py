from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.settings import Settings
from tests.page.conftest import Visitor
from tests.serving import serve


@pytest.fixture
def fresh(artifacts: Path) -> Iterator[str]:
    """A service with releases from the current training code."""
    with serve(Settings(artifacts=artifacts)) as client:
        yield str(client.base_url).rstrip("/")


def test_a_model_card_is_rendered_with_headings_and_lists(visitor: Visitor, fresh: str) -> None:
    visit = visitor(fresh, width=390)
    page = visit.open("?view=operate")
    page.get_by_text("Model card for nino12").click()
    visit.settle()
    card = page.locator(".model-card")
    expect(card.get_by_role("heading", level=3)).to_contain_text("Model card: Sea off Peru (nino12)")
    expect(card.get_by_role("heading", name="Out of scope")).to_be_visible()
    expect(card.get_by_role("listitem").first).to_be_visible()
    expect(card).not_to_contain_text("##")
    assert visit.accessibility_violations() == []
    assert visit.content_width() <= 390
    for view in ("compare", "forecast"):
        visit.open(f"?view={view}&dataset=buoy")
        assert visit.accessibility_violations() == []
