"""The page on paper and in forced colours."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.browser import box_of
from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop
from tests.serving import serve

pytestmark = pytest.mark.long

# A4 within the margins of the page.
PAPER = {"width": 688, "height": 1017}


@pytest.fixture
def printed(visitor: Visitor) -> Iterator[Page]:
    """A page in dark colours, about to be printed."""
    visit = visitor(scheme="dark")
    visit.open("place/sea/nino12?model=gru")
    yield visit.page
    visit.page.emulate_media(media="screen")


def to_paper(page: Page) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)  # type: ignore[arg-type]


def test_the_first_sheet_has_the_sentence_and_the_whole_chart_in_legible_text(printed: Page) -> None:
    to_paper(printed)
    selectors = ("h1", ".card:has(.plot)", ".plot > svg", ".plot .marks circle >> nth=-1")
    heading, card, drawing, last = (box_of(printed.locator(selector)) for selector in selectors)
    assert card["x"] <= drawing["x"]
    assert drawing["x"] + drawing["width"] <= card["x"] + card["width"] <= PAPER["width"]
    assert last["x"] + last["width"] / 2 <= drawing["x"] + drawing["width"]
    scale = printed.locator(".plot > svg").evaluate("drawing => drawing.clientWidth / drawing.viewBox.baseVal.width")
    assert 0.95 < scale < 1.1
    assert heading["y"] < drawing["y"]
    assert drawing["y"] + drawing["height"] < PAPER["height"]


def test_labels_of_times_are_not_cut(visitor: Visitor) -> None:
    page = visitor().open("place/sea/neracoos-b01")
    to_paper(page)
    drawing = box_of(page.locator(".plot > svg"))
    labels = page.locator(".plot > svg > text").filter(has_text=re.compile(r"\d{4}$|:00$")).all()
    assert len(labels) > 2
    for place in map(box_of, labels):
        assert drawing["x"] <= place["x"]
        # Half of the pale edge around the letters may be cut.
        assert place["x"] + place["width"] <= drawing["x"] + drawing["width"] + 2
    page.emulate_media(media="screen")


def test_after_printing_the_chart_is_as_wide_as_before(printed: Page) -> None:
    sizes = "drawing => [drawing.viewBox.baseVal.width, drawing.clientWidth]"
    before = printed.locator(".plot > svg").evaluate(sizes)
    printed.pdf(format="A4")
    assert printed.locator(".plot > svg").evaluate(sizes) == before


def test_paper_has_light_colours_and_keeps_keys_of_bands(visitor: Visitor) -> None:
    page = visitor(scheme="dark").open("place/sea/nino12?model=gru")
    page.get_by_label("Theme").select_option("dark")
    page.emulate_media(media="print")
    expect(page.locator(".plot text").first).to_have_css("fill", "rgb(82, 97, 109)")
    adjust = "element => getComputedStyle(element).printColorAdjust"
    assert page.locator(".mark.band").first.evaluate(adjust) == "exact"
    page.emulate_media(media="screen")
    page.get_by_label("Theme").select_option("")


def test_forced_colours_keep_the_lines_of_models_apart(visitor: Visitor) -> None:
    page = visitor(new=True).open("report/nino12")
    page.emulate_media(forced_colors="active")
    stroke = "elements => elements.map(element => getComputedStyle(element).stroke)"
    for theme in ("", "light", "dark"):
        page.get_by_label("Theme").select_option(theme)
        lines = page.locator(".plot", has_text="Typical error").locator("path.line").evaluate_all(stroke)
        assert len(set(lines)) == 6
        assert set(lines) & set(page.locator(".toggle .swatch line").evaluate_all(stroke))
        expect(page.locator(".toggle input:checked + span").first).to_have_css("outline-style", "solid")


def sheets(page: Page) -> int:
    return page.pdf(format="A4").count(b"/Type /Page\n")


@pytest.mark.parametrize("name", ["nino12", "neracoos-b01"])
def test_a_sea_prints_on_two_pages(shown: Shown, name: str) -> None:
    assert sheets(shown(f"place/sea/{name}").page) == 2


def test_a_file_prints_on_two_pages_whose_cards_do_not_overlap(visitor: Visitor) -> None:
    page = drop(visitor(), "pier.csv", daily(800))
    assert sheets(page) == 2
    # Browsers may draw the parts of a grid over each other where a page ends.
    page.emulate_media(media="print")
    parts = page.locator("body, main, main .stack")
    assert parts.evaluate_all("all => all.filter(part => /grid|flex/.test(getComputedStyle(part).display)).length") == 0
    page.emulate_media(media="screen")


def test_a_station_with_readings_and_alerts_prints_on_two_pages(visitor: Visitor, tmp_path: Path) -> None:
    store = SecretStr(f"sqlite:///{tmp_path}/sst.db")
    events = [{"name": "Heat", "kind": "marine_heatwave"}, {"name": "Too warm for oysters", "above": 15.0, "for": 2}]
    settings = {"step": "day", "name": "Marina pier", "latitude": 44.5, "longitude": 12.3, "baseline": "position"}
    readings = daily(120).splitlines()[1:]
    with serve(Settings(artifacts=ROOT / "artifacts", store=store)) as client:
        client.put("/stations/pier", json=settings | {"events": events}).raise_for_status()
        # The last ones one by one, so that there are forecasts that came true.
        for part in (readings[:-8], *([reading] for reading in readings[-8:])):
            values = [float(reading.split(",")[1]) for reading in part]
            body = {"start": part[0].split(",")[0], "values": values}
            client.post("/stations/pier/observations", json=body).raise_for_status()
        page = visitor(str(client.base_url).rstrip("/")).open("place/station/pier")
        expect(page.get_by_role("table", name="Readings")).to_be_visible()
        expect(page.locator(".accuracy")).to_contain_text("forecasts can be checked")
        assert sheets(page) == 2
