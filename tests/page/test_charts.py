"""What charts draw and read out, and how they are zoomed."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect

from tests.page.browser import PHONE, Profiles, box_of
from tests.page.conftest import Shown, Visitor
from tests.page.files import daily, drop
from tests.page.test_everywhere import WITHOUT_CODE, open_view

pytestmark = pytest.mark.long

DATE = re.compile(r"^(\d{1,2} )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}(, \d\d:\d\d UTC)?$")


def test_a_tap_reads_the_values_and_leaves_the_zoom_alone(visitor: Visitor) -> None:
    page = visitor(width=PHONE).open("place/sea/nino12?from=2004-01-01T00:00&to=2007-01-01T00:00")
    surface = page.locator(".plot .surface").first
    for _ in range(2):
        surface.tap()
        expect(page.locator(".plot .readout").first).to_contain_text("Observed")
    assert "from=2004-01-01" in page.url
    shown = page.locator(".plot").first.evaluate("plot => plot.layout.xaxis.range")
    assert [time[:10] for time in shown] == ["2004-01-01", "2007-01-01"]
    # A finger can scroll the page over the chart.
    assert "pan-y" in page.locator(".plot").first.evaluate("plot => getComputedStyle(plot).touchAction")


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
def test_no_two_labels_of_an_axis_are_the_same(shown: Shown, dataset: str) -> None:
    errors = (
        shown(f"report/{dataset}").page.locator("section.card", has_text="Errors by how far ahead").locator(".plot")
    )
    # Labels of the horizontal axis are centred.
    for anchor in ("middle", "end"):
        labels = errors.locator(f"text[text-anchor={anchor}]").all_text_contents()
        assert len(labels) > 1
        assert len(labels) == len(set(labels))


def test_the_lines_of_any_two_models_differ_in_colour_and_in_dashes(visitor: Visitor) -> None:
    card = visitor().open("report/nino12").locator("section.card", has_text="Errors by how far ahead")
    styles = card.locator(".toggle .swatch line").evaluate_all(
        "lines => lines.map(line => getComputedStyle(line)).map(style => [style.stroke, style.strokeDasharray])"
    )
    assert len(styles) == 7
    for (colour, dashes), (other_colour, other_dashes) in combinations(styles, 2):
        assert dashes != other_dashes
        distance = sum((int(a) - int(b)) ** 2 for a, b in zip(*map(channels, (colour, other_colour)), strict=True))
        assert distance > 40**2


def channels(colour: str) -> list[str]:
    return re.findall(r"\d+", colour)[:3]


@pytest.mark.parametrize(
    "query",
    ["report/nino12", "report/neracoos-b01", "place/sea/neracoos-b01"],
)
def test_a_chart_and_its_page_write_times_in_one_way(shown: Shown, query: str) -> None:
    page = shown(query).page
    page.locator(".chart").first.focus()
    page.keyboard.press("Home")
    head = page.locator(".readout .when").first.inner_text()
    assert DATE.match(head)
    spoken = page.locator("#announcement").inner_text()
    assert spoken.startswith(f"{head}, ")
    page.keyboard.press("Escape")
    expect(page.locator(".readout").first).to_be_hidden()


@pytest.mark.parametrize("view", ["forecast-buoy", "compare-buoy", "data-read", "operate"])
def test_no_view_writes_times_as_files_do(visitor: Visitor, view: str) -> None:
    visit = visitor()
    page = open_view(visit, view)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    visit.settle()
    text = page.evaluate(WITHOUT_CODE)
    assert "20" in text
    assert re.findall(r"\d{4}-\d\d-\d\d", text) == []


def test_zooming_out_and_panning_stay_within_the_period(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12")
    plot = page.locator(".plot").first
    zoom = page.get_by_role("group", name="Zoom").first

    def visible() -> list[str]:
        times: list[str] = plot.evaluate("plot => plot.layout.xaxis.range.map(time => time.slice(0, 10))")
        return times

    def press(name: str, times: int) -> None:
        for _ in range(times):
            zoom.get_by_role("button", name=name).click()

    press("Zoom out", 14)
    whole = visible()
    press("Earlier", 2)
    assert visible() == whole
    press("Zoom in", 2)
    expect(zoom.get_by_role("button", name="Whole period")).to_have_text("Whole period")
    press("Earlier", 8)
    assert visible()[0] == whole[0]
    assert visible()[1] < whole[1]
    press("Later", 12)
    assert visible()[0] > whole[0]
    assert visible()[1] == whole[1]
    press("Zoom out", 3)
    assert visible() == whole


@pytest.mark.parametrize("years", ["0200-01-01T00:00&to=9800-01-01T00:00", "1998-01-01T00:00&to=2600-01-01T00:00"])
def test_an_axis_over_centuries_has_labels_apart(visitor: Visitor, years: str) -> None:
    page = visitor().open(f"place/sea/nino12?from={years}")
    labels = page.locator(".plot").first.locator("text[text-anchor=middle]").all_text_contents()
    assert 2 <= len(labels) <= 20


def test_the_arrow_keys_speak_the_value_that_a_thinned_chart_shows(visitor: Visitor) -> None:
    visit = visitor()
    visit.open("add")
    page = drop(visit, "long.csv", daily(7000))
    card = page.locator("section.card", has=page.locator(".chart")).first
    card.get_by_role("button", name="Whole period").click()
    expect(card.get_by_text("the chart shows only the extremes of each interval")).to_be_visible()
    card.locator(".chart").focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        head = card.locator(".readout .when").inner_text()
        assert page.locator("#announcement").inner_text().startswith(f"{head}, ")


def test_a_chart_follows_the_width_of_the_window(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("place/sea/nino12")
    for width in (1440, 820, PHONE):
        visit.resize(width, "light")
        plot, drawing = (box_of(page.locator(selector).first) for selector in (".plot", ".plot > svg"))
        assert plot["width"] == drawing["width"]
        sizes = page.locator(".plot > svg").first.evaluate(
            "drawing => [drawing.viewBox.baseVal.width, drawing.clientWidth]"
        )
        assert sizes[0] == sizes[1]


def test_dragging_zooms(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12")
    box = box_of(page.locator(".plot .surface").first)
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=20**")
    shown = "plot => plot.layout.xaxis.range.map(time => Date.parse(time))"
    begin, end = page.locator(".plot").first.evaluate(shown)
    assert (end - begin) / (1000 * 86_400 * 30.4) == pytest.approx(29 * 300 / box["width"], rel=0.05)
    page.locator(".plot .surface").first.dblclick()
    page.wait_for_url("**from=2003-01-01T00:00&to=2011-12-01T00:00")


def test_the_period_of_a_chart_of_a_place_is_in_its_address(visitor: Visitor) -> None:
    page = visitor().open("place/sea/nino12")
    shown = "plot => plot.layout.xaxis.range.map(time => time.slice(0, 16))"
    plot = page.locator(".plot").first
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_url("**from=20**")
    zoomed = plot.evaluate(shown)
    address = page.url
    page.get_by_role("button", name="Whole period").click()
    page.wait_for_url("**from=2003-01-01T00:00&to=2011-12-01T00:00")
    assert visitor().open(address).locator(".plot").first.evaluate(shown) == zoomed
    recent = visitor().open("place/sea/nino12?from=2050-01-01&to=2051-01-01").locator(".plot").first.evaluate(shown)
    assert recent == ["2009-07-01T00:00", "2011-12-01T00:00"]


def test_without_javascript_the_page_says_what_to_do_and_does_not_wait(profiles: Profiles, url: str) -> None:
    context = profiles.browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        for path in ("", "add", "place/sea/nino12", "place/file", "report/nino12", "about/models"):
            page.goto(f"{url}/{path}")
            expect(page.locator("noscript .notice")).to_be_visible()
            expect(page.get_by_text("Loading…")).to_be_hidden()
            links = page.get_by_role("table").get_by_role("link").all()
            assert len(links) >= 3
            assert all(context.request.get(f"{url}{link.get_attribute('href')}").ok for link in links)
            for picture in page.locator("noscript img").all():
                assert picture.evaluate("picture => picture.decode()") is None
        page.goto(f"{url}/report/nino12")
        page.get_by_role("table").get_by_role("link").first.click()
        expect(page.locator("body")).to_contain_text("## Drift")
    finally:
        context.close()


def saved(page: Page, kind: str) -> Download:
    """Save the first chart with the keyboard alone."""
    menu = page.locator(".chart .menu").first
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    menu.get_by_role("button", name=kind).focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    expect(menu.locator("summary")).to_be_focused()
    expect(menu.get_by_role("button", name=kind)).to_be_hidden()
    return download.value


def test_a_chart_is_saved_in_light_colours_with_title_legend_period_and_source(visitor: Visitor, url: str) -> None:
    page = visitor(scheme="dark", width=PHONE).open("place/sea/nino12?model=gru")
    picture = saved(page, "SVG")
    assert picture.suggested_filename == "recent-values-of-sea-off-peru-and-the-forecast.svg"
    text = picture.path().read_text()
    assert re.findall("var\\(|class=|color\\(|http://(?!www.w3.org|127)", text) == []
    drawing = ElementTree.fromstring(text)
    texts = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:6] == [
        "Recent values of Sea off Peru and the forecast",
        "Observed",
        "GRU",
        "Usual",
        "95%",
        "80%",
    ]
    assert re.fullmatch(rf"\w+ 2009 – Dec 2011 · .*{url}/.*", texts[-1])
    ground = drawing.find("{http://www.w3.org/2000/svg}rect")
    assert ground is not None
    assert ground.get("fill") == "rgb(255,255,255)"
    with Image.open(saved(page, "PNG").path()) as pixels:
        assert pixels.width == 2 * float(drawing.get("width", 0))
        colours = pixels.convert("RGB").getcolors(2**24)
    assert colours is not None
    assert max(colours)[1] == (255, 255, 255)
    assert any(colour == (0, 114, 178) for _, colour in colours)


def test_a_table_is_saved_with_units_plain_numbers_and_times_of_iso_8601(shown: Shown) -> None:
    page = shown("report/nino12").page
    name = "Typical error by how far ahead, °C"
    page.locator("section.card", has_text="Errors by how far ahead").get_by_text("View as table").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save as CSV: {name}").click()
    head, first, *_ = download.value.path().read_text().splitlines()
    assert head.startswith('Steps ahead,"RNN, °C","LSTM, °C","GRU, °C","Persistence, °C"')
    assert re.fullmatch(r"1(,\d\.\d{4}){7}", first)


def test_a_text_does_not_become_a_formula_of_a_spreadsheet(shown: Shown) -> None:
    to_csv = """async rows => {
      const {href} = document.querySelector("link[href$='/download.js']");
      return (await import(href)).toCsv(rows);
    }"""
    rows = [["=1+1", "+a", "-2+3", "@a", "\tb"], [-0.5, "-0.5", "+1", "", "a=b"]]
    csv = shown("report/nino12").page.evaluate(to_csv, rows)
    assert csv == "'=1+1,'+a,'-2+3,'@a,'\tb\n-0.5,-0.5,+1,,a=b\n"


def test_the_unit_of_temperatures_is_chosen_once_and_kept_in_the_browser(visitor: Visitor) -> None:
    visit = visitor(new=True)
    page = visit.open("place/sea/nino12?model=gru&horizon=1")
    celsius = float(page.get_by_role("table").get_by_role("cell").first.inner_text())
    page.get_by_label("Unit of temperatures").select_option("°F")
    visit.settle()
    for _ in range(2):
        fahrenheit = float(page.get_by_role("table").get_by_role("cell").first.inner_text())
        assert fahrenheit == pytest.approx(32 + 1.8 * celsius, abs=0.02)
        page.locator(".chart").first.focus()
        page.keyboard.press("End")
        expect(page.locator(".readout").first).to_contain_text(f"{fahrenheit:.2f} °F")
        expect(page.locator("#announcement")).to_contain_text(f"GRU {fahrenheit:.2f} °F")
        ticks = page.locator(".plot text[text-anchor=end]").all_text_contents()
        assert 60 < float(ticks[0]) < float(ticks[1]) < 90
        page = visit.open("place/sea/nino12?model=gru&horizon=1")
