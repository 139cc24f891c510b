"""What charts draw and read out, and how they are zoomed."""

import re
from itertools import combinations

import pytest
from playwright.sync_api import expect

from tests.page.browser import PHONE, Profiles
from tests.page.conftest import Shown, Visitor
from tests.page.test_everywhere import open_view

WITHOUT_CODE = """() => {
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("pre, code, textarea").forEach(element => element.remove());
  return main.textContent;
}"""
DATE = re.compile(r"^(\d{1,2} )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}(, \d\d:\d\d UTC)?$")


def test_a_tap_reads_the_values_and_leaves_the_zoom_alone(visitor: Visitor) -> None:
    page = visitor(width=PHONE).open("?view=compare&dataset=nino12&from=2002-01-01T00:00&to=2005-01-01T00:00")
    surface = page.locator(".plot .surface").first
    for _ in range(2):
        surface.tap()
        expect(page.locator(".plot .readout").first).to_contain_text("Observed")
    assert "from=2002-01-01" in page.url
    shown = page.locator(".plot").first.evaluate("plot => plot.layout.xaxis.range")
    assert [time[:10] for time in shown] == ["2002-01-01", "2005-01-01"]


def test_a_finger_can_scroll_the_page_over_a_chart(visitor: Visitor) -> None:
    page = visitor(width=PHONE).open("?view=compare&dataset=nino12")
    assert "pan-y" in page.locator(".plot").first.evaluate("plot => getComputedStyle(plot).touchAction")


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
def test_no_two_labels_of_an_axis_are_the_same(shown: Shown, dataset: str) -> None:
    page = shown(f"?view=compare&dataset={dataset}").page
    seeds = page.locator("section.card", has_text="Effect of the seed").locator(".plot")
    # Labels of the horizontal axis are centred.
    for anchor in ("middle", "end"):
        labels = seeds.locator(f"text[text-anchor={anchor}]").all_text_contents()
        assert len(labels) > 1
        assert len(labels) == len(set(labels))


def test_the_lines_of_any_two_models_differ_in_colour_and_in_dashes(visitor: Visitor) -> None:
    kinds = ["rnn", "lstm", "gru", "persistence", "climatology", "damped", "linear"]
    page = visitor().open(f"?view=compare&dataset=nino12&models={','.join(kinds)}")
    styles = page.locator(".toggle .swatch line").evaluate_all(
        "lines => lines.map(line => getComputedStyle(line)).map(style => [style.stroke, style.strokeDasharray])"
    )
    for (colour, dashes), (other_colour, other_dashes) in combinations(styles[: len(kinds)], 2):
        assert dashes != other_dashes
        distance = sum((int(a) - int(b)) ** 2 for a, b in zip(*map(channels, (colour, other_colour)), strict=True))
        assert distance > 40**2


def channels(colour: str) -> list[str]:
    return re.findall(r"\d+", colour)[:3]


def test_the_button_that_ends_a_zoom_is_called_what_it_shows(shown: Shown) -> None:
    page = shown("?view=compare&dataset=nino12").page
    button = page.get_by_role("button", name="Whole period").first
    expect(button).to_have_text("Whole period")


@pytest.mark.parametrize(
    "query",
    ["?view=compare&dataset=nino12", "?view=compare&dataset=neracoos-b01", "?view=forecast&dataset=neracoos-b01"],
)
def test_a_chart_and_its_page_write_times_in_one_way(visitor: Visitor, query: str) -> None:
    page = visitor().open(query)
    page.locator(".chart").first.focus()
    page.keyboard.press("Home")
    head = page.locator(".readout .when").first.inner_text()
    assert DATE.match(head)
    spoken = page.locator("#announcement").inner_text()
    assert spoken.startswith(f"{head}, ")


@pytest.mark.parametrize("view", ["forecast-buoy", "compare-buoy", "data-read", "operate"])
def test_no_view_writes_times_as_files_do(visitor: Visitor, view: str) -> None:
    visit = visitor()
    page = open_view(visit, view)
    page.evaluate("document.querySelectorAll('main details:not([open]) > summary').forEach(summary => summary.click())")
    visit.settle()
    text = page.evaluate(WITHOUT_CODE)
    assert "20" in text
    assert re.findall(r"\d{4}-\d\d-\d\d", text) == []


def test_escape_closes_the_values(visitor: Visitor) -> None:
    page = visitor().open("?view=compare&dataset=nino12")
    page.locator(".chart").first.focus()
    page.keyboard.press("End")
    readout = page.locator(".readout").first
    expect(readout).to_be_visible()
    page.keyboard.press("Escape")
    expect(readout).to_be_hidden()


def test_a_chart_follows_the_width_of_the_window(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("?view=compare&dataset=nino12")
    for width in (1440, 820, PHONE):
        visit.resize(width, "light")
        plot, drawing = (page.locator(selector).first.bounding_box() for selector in (".plot", ".plot > svg"))
        assert plot is not None
        assert drawing is not None
        assert plot["width"] == drawing["width"]
        sizes = page.locator(".plot > svg").first.evaluate(
            "drawing => [drawing.viewBox.baseVal.width, drawing.clientWidth]"
        )
        assert sizes[0] == sizes[1]


def test_without_javascript_the_page_says_what_to_do_and_does_not_wait(profiles: Profiles, url: str) -> None:
    context = profiles.browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("noscript .notice")).to_be_visible()
        expect(page.get_by_text("Loading…")).to_be_hidden()
    finally:
        context.close()
