from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.settings import Settings
from tests.page.conftest import Visitor
from tests.serving import serve

pytestmark = pytest.mark.long

KEY = "a-key-that-nobody-guesses"


@pytest.fixture
def guarded(artifacts: Path) -> Iterator[str]:
    line = f"pier:forecast:{sha256(KEY.encode()).hexdigest()}"
    with serve(Settings(artifacts=artifacts, allow_anonymous=False, keys=line)) as client:
        yield str(client.base_url).rstrip("/")


def test_a_key_is_requested_when_required_and_kept_in_memory_only(visitor: Visitor, guarded: str) -> None:
    visit = visitor(guarded)
    page = visit.page
    page.goto(f"{guarded}/place/sea/nino12")
    field = page.get_by_role("textbox", name="API key")
    field.fill("not the key")
    assert visit.accessibility_violations() == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("The key was rejected")).to_be_visible()
    field.fill(KEY)
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("table")).to_be_visible()
    with page.expect_download():
        page.get_by_role("button", name="Save as CSV").click()
    assert KEY not in page.url
    assert KEY not in page.content()
    assert KEY not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    # Only the page can send the key, so it downloads model cards itself.
    page.get_by_role("link", name="Models", exact=True).click()
    with page.expect_download():
        page.get_by_role("button", name="Model card").first.click()
    page.reload()
    expect(page.get_by_role("textbox", name="API key")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("API key required")
    assert all("401" in text for text in visit.console_errors)
    visit.console_errors.clear()
