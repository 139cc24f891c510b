import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.settings import Settings
from tests.page.conftest import Visitor
from tests.page.files import open_options
from tests.serving import serve

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def abroad_url(abroad: Path) -> Iterator[str]:
    with serve(Settings(artifacts=abroad, default_dataset="abroad")) as client:
        yield str(client.base_url).rstrip("/")


def test_imported_networks_are_shown_by_their_names_with_their_caveat(visitor: Visitor, abroad_url: str) -> None:
    page = visitor(abroad_url, new=True).open("report/abroad")
    table = page.get_by_role("table", name="Errors over the test period")
    rows = table.get_by_role("row").filter(has_text="may have seen the test part")
    expect(rows).to_have_count(2)
    expect(table).to_contain_text("steady")
    expect(page.locator("main")).not_to_contain_text("was not used for training")
    expect(page.locator(".intro")).to_contain_text(
        re.compile("steady .*may have seen the test period in training: .*their intervals too narrow")
    )
    hindcast = page.locator("section.card", has_text="What would we have said?")
    expect(hindcast).to_contain_text("which these networks may have seen in training")


def test_an_imported_network_can_be_chosen_for_the_forecast(visitor: Visitor, abroad_url: str) -> None:
    page = visitor(abroad_url, new=True).open("place/sea/abroad")
    open_options(page).get_by_role("radio", name="persistent", exact=True).check()
    expect(page).to_have_url(re.compile(r"[?&]model=persistent$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("A bay abroad")
    expect(page.get_by_text("which the network may have seen in training")).to_be_visible()
