from playwright.sync_api import expect

from tests.page.conftest import Visitor


def test_the_api_documentation_loads_without_contacting_another_host(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.page
    page.goto(f"{visit.url}/docs")
    expect(page.get_by_text("/forecast").first).to_be_visible()
