import json
import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.page.browser import box_of
from tests.page.conftest import Shown, Visitor
from tests.page.titles import title_of

DATASETS = ["nino12", "neracoos-b01"]
PERIODS = {"nino12": "Oct 1998 – Dec 2010", "neracoos-b01": "31 Dec 2016, 19:30 – 22 Mar 2017, 00:00 UTC"}


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_table_matches_the_api_and_marks_only_the_chosen_network(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    rows = page.get_by_role("table", name="Errors over the test period").get_by_role("row").all()[1:]
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()
    models = answer["models"]
    assert len(rows) == len(models) == 7
    for row, model in zip(rows, models, strict=True):
        cells = row.get_by_role("cell").all_inner_texts()
        assert cells == [f"{model['mae']:.4f}", f"{model['rmse']:.4f}", f"{model['mape']:.2f}"]
    chosen = answer["best"].rpartition("-")[2].upper()
    marked = [row for row in rows if row.locator(".tag, strong").count()]
    assert [row.get_by_role("rowheader").inner_text().split() for row in marked] == [[chosen, "chosen"]]


@pytest.mark.parametrize(
    ("dataset", "horizon"), [("nino12", 1), ("nino12", 6), ("neracoos-b01", 1), ("neracoos-b01", 48)]
)
def test_the_note_tells_the_chosen_network_from_the_one_with_the_lowest_error(
    shown: Shown, url: str, dataset: str, horizon: int
) -> None:
    page = shown(f"report/{dataset}?horizon={horizon}").page
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset, "horizon": horizon}).json()
    table = page.get_by_role("table", name="Errors over the test period")
    chosen = answer["best"].rpartition("-")[2].upper()
    expect(table.get_by_role("row").filter(has_text="chosen")).to_contain_text(chosen)
    lowest = min(f"{model['rmse']:.4f}" for model in answer["models"])
    first = [row for row in table.get_by_role("row").all()[1:] if row.get_by_role("cell").nth(1).inner_text() == lowest]
    labels = [row.get_by_role("rowheader").locator(".label").last.inner_text() for row in first]
    names = [{"Usual": "the usual temperature"}.get(label, label) for label in labels]
    note = page.locator(".card", has=table).locator("p.note", has_text="was chosen for")
    expect(note).to_contain_text(f"{chosen} was chosen for its typical error one step ahead before the test period")
    lead = ".* ahead over the test period"
    if names == [chosen]:
        expect(note).to_contain_text(re.compile(f"It also has the lowest typical error {lead}"))
    else:
        expect(note).to_contain_text(re.compile(f"{names[0]}.* (has|have) the lowest typical error {lead}", re.I))
        expect(note).to_contain_text(re.compile(rf"\b{names[-1]} (has|have) the lowest typical error", re.I))


@pytest.mark.parametrize("dataset", DATASETS)
def test_one_plot_shows_observed_and_forecast_values_with_errors_and_differences_below(
    shown: Shown, url: str, dataset: str
) -> None:
    page = shown(f"report/{dataset}").page
    drawn, (low, high) = page.locator(".plot").first.evaluate(
        "plot => [plot.data.map(trace => [trace.yaxis ?? 'y', trace.name, trace.y]), plot.layout.yaxis3.range]"
    )
    panels: dict[str, dict[str, list[float]]] = {}
    for axis, name, values in drawn:
        panels.setdefault(axis, {})[name] = values
    answer = httpx.get(f"{url}/compare/predictions", params={"dataset": dataset}).json()
    cells = {cell.upper(): answer["predictions"][f"{dataset}-{cell}"] for cell in ("rnn", "lstm", "gru")}
    assert {name: panels["y"][name] for name in ("Observed", *cells)} == {"Observed": answer["observed"], **cells}
    # Drawn last, the observations stay visible where the forecasts coincide with them.
    assert list(panels["y"])[-1] == "Observed"
    expect(page.locator("section.card").first.locator(".legend")).to_have_text("Observed")
    assert set(panels["y2"]) == {f"{name} error" for name in cells}

    # The lowest panel shows the networks relative to their mean.
    mean = [sum(values) / 3 for values in zip(*cells.values(), strict=True)]
    assert set(panels["y3"]) == {f"{name} minus mean" for name in cells}
    for name, values in cells.items():
        expected = [value - middle for value, middle in zip(values, mean, strict=True)]
        assert panels["y3"][f"{name} minus mean"] == pytest.approx(expected, abs=1e-9)
    largest = max(abs(value) for curve in panels["y3"].values() for value in curve)
    assert -1.5 * largest <= low < high <= 1.5 * largest


def test_hovering_shows_all_values_at_a_time(visitor: Visitor) -> None:
    page = visitor().open("report/nino12?models=rnn,lstm,gru,climatology")
    page.locator(".plot .surface").first.hover()
    label = page.locator(".plot .readout").first
    for name in ("Observed", "RNN", "LSTM", "GRU", "Usual", "GRU error"):
        expect(label).to_contain_text(name)


def test_models_are_toggled_and_the_url_keeps_the_choice(visitor: Visitor) -> None:
    first = visitor()
    page = first.open("report/nino12")
    page.get_by_role("checkbox", name="LSTM").first.uncheck()
    page.get_by_role("checkbox", name="Persistence", exact=True).first.check()
    names = "plot => plot.data.map(trace => trace.name)"
    assert "LSTM" not in page.locator(".plot").first.evaluate(names)
    assert "Persistence" in page.locator(".plot").first.evaluate(names)
    again = visitor().open(page.url)
    assert again.locator(".plot").first.evaluate(names) == page.locator(".plot").first.evaluate(names)


def test_the_url_keeps_the_zoom(visitor: Visitor) -> None:
    page = visitor().open("report/nino12")
    page.get_by_role("button", name="Zoom in").first.click()
    page.wait_for_url("**from=**")
    shown = "plot => plot.layout.xaxis.range.map(time => time.slice(0, 10))"
    mine = page.locator(".plot").first.evaluate(shown)
    other = visitor().open(page.url)
    assert other.locator(".plot").first.evaluate(shown) == mine
    page.get_by_role("button", name="Whole period").first.click()
    page.wait_for_function("() => !location.search.includes('from=')")


def test_dragging_zooms(visitor: Visitor) -> None:
    page = visitor().open("report/nino12")
    box = box_of(page.locator(".plot .surface").first)
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=200**")
    drawn = page.locator(".plot").first.evaluate(
        "({layout, data}) => { const {x, y} = data.find(trace => trace.name === 'Observed'); return {...layout, x, y} }"
    )
    begin, end = (time.replace(" ", "T") for time in drawn["xaxis"]["range"])
    values = [value for time, value in zip(drawn["x"], drawn["y"], strict=True) if begin <= time <= end]
    # The remaining temperatures fill the plot.
    low, high = drawn["yaxis"]["range"]
    assert low < min(values) < low + 0.2 * (high - low)
    assert high - 0.2 * (high - low) < max(values) < high
    page.locator(".plot .surface").first.dblclick()
    page.wait_for_function("() => !location.search.includes('from=')")


def test_the_lead_of_the_table_can_be_chosen(visitor: Visitor, url: str) -> None:
    page = visitor().open("report/nino12")
    page.get_by_label("Steps ahead in the table").fill("6")
    expect(page.get_by_role("heading", name="Errors, 6 months ahead")).to_be_visible()
    six = httpx.get(f"{url}/compare", params={"dataset": "nino12", "horizon": 6}).json()["models"][0]
    table = page.get_by_role("table", name="Errors over the test period")
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{six['mae']:.4f}")
    assert "horizon=6" in page.url
    page.get_by_label("Steps ahead in the table").fill("99")
    expect(page.get_by_text("Enter a whole number from 1 to 12")).to_be_visible()


def test_a_lead_that_cannot_be_loaded_leaves_no_figures_of_the_last_one(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    path = re.compile(r"/compare\?.*horizon=6")
    page.route(path, lambda route: route.abort("connectionrefused"))
    page.get_by_label("Steps ahead in the table").fill("6")
    card = page.locator("section.card", has=page.get_by_label("Steps ahead in the table"))
    expect(card.get_by_role("alert")).to_contain_text("The service is not responding")
    expect(page.get_by_label("Steps ahead in the table")).to_be_focused()
    expect(page.get_by_role("heading", name="Errors, 1 month ahead")).to_have_count(0)
    expect(page.get_by_role("heading", name="Better than a simple forecast?")).to_have_count(0)
    expect(page.get_by_role("heading", name="Errors by how far ahead")).to_be_hidden()
    page.unroute(path)
    card.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Errors, 6 months ahead")).to_be_visible()
    expect(page.get_by_role("heading", name="Better than a simple forecast?")).to_be_visible()
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.console_errors)
    visit.console_errors.clear()


@pytest.mark.parametrize("dataset", DATASETS)
def test_bars_show_the_skill_against_a_reference_with_its_interval_and_whether_it_may_be_chance(
    shown: Shown, url: str, dataset: str
) -> None:
    page = shown(f"report/{dataset}").page
    networks = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()["models"][:3]
    for reference, name in (("linear", "Linear autoregression"), ("persistence", "Persistence")):
        page.get_by_label("Reference").select_option(reference)
        expect(page.locator(".bars")).not_to_contain_text(name)
        for row, model in zip(page.locator(".bars > li:not(.scale)").all(), networks, strict=False):
            low, high = model["skill_interval"][reference]
            figures = [f"{share * 100:+.1f}".replace("-", "−") for share in (model["skill"][reference], low, high)]
            expect(row).to_contain_text(f"{figures[0]}%")
            expect(row).to_contain_text(f"{figures[1]} to {figures[2]}%")
            assert (row.get_by_text("may be chance").count() == 1) == (low <= 0 <= high)
            assert row.locator(".whisker").count() == 1


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_coverage_of_the_intervals_is_shown_by_lead(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    leads = httpx.get(f"{url}/compare/leads", params={"dataset": dataset}).json()
    card = page.locator("section.card", has=page.get_by_role("heading", name="Do the intervals hold?"))
    best = next(model for model in leads["models"] if model["model"] == leads["best"])
    low, high = (round(end(best["coverage"]["80"]["share"]) * 100) for end in (min, max))
    expect(card.locator(".answer")).to_contain_text(f"80% intervals contained {low} to {high}% of the observations")
    assert card.locator("path.line").count() == 6
    card.get_by_text("View as table").click()
    expect(card.get_by_role("row")).not_to_have_count(0)
    row = card.get_by_role("row").nth(1).get_by_role("cell").all_inner_texts()
    networks = leads["models"][:3]
    shares = [model["coverage"][level]["share"][0] for level in ("80", "95") for model in networks]
    assert row == [f"{share * 100:.1f}" for share in shares]


@pytest.mark.parametrize("dataset", DATASETS)
def test_one_test_period_and_one_typical_error_are_stated(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"report/{dataset}").page
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()
    chosen = next(model for model in answer["models"] if model["model"] == answer["best"])
    intro = page.locator(".intro")
    expect(intro.get_by_role("heading")).to_have_text(f"Report on {title_of(url, dataset)}")
    expect(intro).to_contain_text(f"one test period, {PERIODS[dataset]}, which was not used for training or tuning")
    expect(intro).to_contain_text(f"is {chosen['rmse']:.{2 if chosen['rmse'] > 0.1 else 3}f}\u00a0°C")
    text = page.locator("main").inner_text()
    assert [term for term in ("Climatology", "best", "skill", "off by") if term in text] == []
    links = {link.inner_text(): link.get_attribute("href") for link in page.locator(".controls a").all()}
    assert links["The forecast"] == f"/place/sea/{dataset}"
    assert httpx.get(f"{url}{links['How the networks were trained']}").status_code == 200


def test_the_report_follows_the_unit_that_was_chosen(visitor: Visitor, url: str) -> None:
    page = visitor(new=True).open("report/nino12?day=2009-12-01&network=gru")
    page.get_by_label("Unit of temperatures").select_option("°F")
    answer = httpx.get(f"{url}/compare", params={"dataset": "nino12"}).json()
    chosen = next(model for model in answer["models"] if model["model"] == answer["best"])
    expect(page.locator(".intro")).to_contain_text(f"is {chosen['rmse'] * 1.8:.2f}\u00a0°F")
    row = page.get_by_role("table", name="Errors over the test period").get_by_role("row").nth(1)
    expect(row).to_contain_text(f"{answer['models'][0]['rmse'] * 1.8:.4f}")
    expect(page.locator(".hindcast .said")).to_contain_text("°F")
    expect(page.locator(".plot").first).to_contain_text("SST, °F")
    texts = page.locator(".plot text, .said, .score, .intro > p").all_text_contents()
    assert [text for text in texts if "°C" in text] == []


def test_metric_definitions_open_on_click(shown: Shown) -> None:
    page = shown("report/nino12").page
    definition = page.get_by_text("Root-mean-square error")
    expect(definition).not_to_be_visible()
    page.get_by_text("What the columns mean").click()
    expect(definition).to_be_visible()


def test_the_dataset_can_be_chosen_from_a_list(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    page.get_by_label("Dataset").select_option("neracoos-b01")
    expect(page.get_by_role("heading", name="Errors, 30 minutes ahead")).to_be_visible()
    assert page.url.endswith("/report/neracoos-b01")
    page.go_back()
    expect(page.get_by_role("heading", name="Errors, 1 month ahead")).to_be_visible()


def test_the_table_downloads_as_csv(shown: Shown, url: str) -> None:
    page = shown("report/nino12").page
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    text = download.value.path().read_text()
    assert text == httpx.get(f"{url}/compare", params={"dataset": "nino12", "format": "csv"}).text
    assert json.dumps(download.value.suggested_filename) == '"nino12-1.csv"'


def test_an_outdated_response_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("report/nino12")
    pending: list[Route] = []
    page.route(re.compile(r"/compare\?.*horizon=6"), lambda route: pending.append(route))
    lead = page.get_by_label("Steps ahead in the table")
    with page.expect_request(re.compile("horizon=6")):
        lead.fill("6")
    lead.fill("2")
    expect(page.get_by_role("heading", name="Errors, 2 months ahead")).to_be_visible()
    pending[0].continue_()
    visit.settle()
    expect(page.get_by_role("heading", name="Errors, 2 months ahead")).to_be_visible()


def test_an_outdated_forecast_of_a_file_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("add")
    page.get_by_role("button", name="Try an example").click()
    visit.settle()
    page.get_by_text("Options", exact=True).click()
    pending: list[Route] = []
    # Only the first request is held back.
    page.route(re.compile("/forecast$"), lambda route: pending.append(route), times=1)
    lead = page.get_by_label("Steps ahead")
    with page.expect_request(re.compile("/forecast$")):
        lead.fill("6")
    with page.expect_response(re.compile("/forecast$")):
        lead.fill("2")
    rows = page.get_by_role("table", name=re.compile("^Forecast for")).locator("tbody tr")
    expect(rows).to_have_count(2)
    pending[0].continue_()
    visit.settle()
    expect(rows).to_have_count(2)
