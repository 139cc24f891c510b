import json
import re

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Shown, Visitor

DATASETS = ["nino12", "neracoos-b01"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_table_says_what_the_api_says_with_the_best_in_bold(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"?dataset={dataset}").page
    rows = page.get_by_role("table", name="Errors on the test part").get_by_role("row").all()[1:]
    models = httpx.get(f"{url}/compare", params={"dataset": dataset}).json()["models"]
    assert len(rows) == len(models) == 7
    for row, model in zip(rows, models, strict=True):
        cells = row.get_by_role("cell").all_inner_texts()
        assert cells == [f"{model['mae']:.4f}", f"{model['rmse']:.4f}", f"{model['mape']:.2f}"]
    lowest = min(model["rmse"] for model in models)
    bold = page.locator("table strong").all_inner_texts()
    assert f"{lowest:.4f}" in bold


@pytest.mark.parametrize(
    ("dataset", "horizon"), [("nino12", 1), ("nino12", 6), ("neracoos-b01", 1), ("neracoos-b01", 48)]
)
def test_who_was_picked_is_told_from_who_has_the_lowest_error(
    shown: Shown, url: str, dataset: str, horizon: int
) -> None:
    page = shown(f"?dataset={dataset}&horizon={horizon}").page
    answer = httpx.get(f"{url}/compare", params={"dataset": dataset, "horizon": horizon}).json()
    table = page.get_by_role("table", name="Errors on the test part")
    picked = answer["best"].rpartition("-")[2].upper()
    expect(table.get_by_role("row").filter(has_text="picked")).to_contain_text(picked)
    least = min(f"{model['rmse']:.4f}" for model in answer["models"])
    bold = [row for row in table.get_by_role("row").all()[1:] if row.get_by_role("cell").nth(1).inner_text() == least]
    names = [row.get_by_role("rowheader").locator(".named").last.inner_text() for row in bold]
    said = page.locator(".card", has=table).locator("p.note", has_text="Bold")
    expect(said).to_contain_text(f"{picked} was picked because its RMSE one step ahead is the lowest on the validation")
    if names == [picked]:
        expect(said).to_contain_text(" ahead, it has the lowest too")
    else:
        expect(said).to_contain_text(re.compile(f"on the test part, .* ahead, {names[0]}", re.I))
        expect(said).to_contain_text(re.compile(f"{names[-1]} {'has' if len(names) == 1 else 'have'} the lowest", re.I))


@pytest.mark.parametrize("dataset", DATASETS)
def test_observed_and_all_three_are_in_one_plot_with_errors_under_it(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"?dataset={dataset}").page
    drawn = page.locator(".plot").first.evaluate("plot => plot.data.map(one => [one.name, one.yaxis ?? 'y', one.y])")
    answer = httpx.get(f"{url}/compare/predictions", params={"dataset": dataset}).json()
    curves = {name: values for name, axis, values in drawn if axis == "y"}
    assert curves["Observed"] == answer["observed"]
    for cell in ("rnn", "lstm", "gru"):
        assert curves[cell.upper()] == answer["predictions"][f"{dataset}-{cell}"]
    errors = [name for name, axis, _ in drawn if axis == "y2"]
    assert sorted(errors) == ["GRU, error", "LSTM, error", "RNN, error"]


def test_hovering_shows_all_values_at_that_time(visitor: Visitor) -> None:
    page = visitor().open("?models=rnn,lstm,gru,climatology")
    page.locator(".plot .nsewdrag").first.hover()
    label = page.locator(".plot .hoverlayer").first
    for name in ("Observed", "RNN", "LSTM", "GRU", "Climatology", "GRU, error"):
        expect(label).to_contain_text(name)


def test_models_are_switched_on_and_off_and_the_address_keeps_it(visitor: Visitor) -> None:
    first = visitor()
    page = first.open("?dataset=nino12")
    page.get_by_role("checkbox", name="LSTM").first.uncheck()
    page.get_by_role("checkbox", name="Persistence", exact=True).first.check()
    names = "plot => plot.data.map(one => one.name)"
    assert "LSTM" not in page.locator(".plot").first.evaluate(names)
    assert "Persistence" in page.locator(".plot").first.evaluate(names)
    again = visitor().open(page.url.rpartition("/")[2])
    assert again.locator(".plot").first.evaluate(names) == page.locator(".plot").first.evaluate(names)


def test_zooming_is_kept_in_the_address(visitor: Visitor) -> None:
    page = visitor().open("?dataset=nino12")
    page.get_by_role("button", name="Zoom in").first.click()
    page.wait_for_url("**from=**")
    shown = "plot => plot.layout.xaxis.range.map(time => time.slice(0, 10))"
    mine = page.locator(".plot").first.evaluate(shown)
    other = visitor().open(page.url.rpartition("/")[2])
    assert other.locator(".plot").first.evaluate(shown) == mine
    page.get_by_role("button", name="Whole period").first.click()
    page.wait_for_function("() => !location.search.includes('from=')")


def test_dragging_zooms(visitor: Visitor) -> None:
    page = visitor().open("?dataset=nino12")
    box = page.locator(".plot .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=200**")
    drawn = page.locator(".plot").first.evaluate("({layout, data}) => ({...layout, x: data[0].x, y: data[0].y})")
    begin, end = (time.replace(" ", "T") for time in drawn["xaxis"]["range"])
    values = [value for time, value in zip(drawn["x"], drawn["y"], strict=True) if begin <= time <= end]
    # The temperatures that are left fill the plot.
    low, high = drawn["yaxis"]["range"]
    assert low < min(values) < low + 0.2 * (high - low)
    assert high - 0.2 * (high - low) < max(values) < high
    page.locator(".plot .nsewdrag").first.dblclick()
    page.wait_for_function("() => !location.search.includes('from=')")


def test_the_horizon_of_the_table_is_chosen(visitor: Visitor, url: str) -> None:
    page = visitor().open("?dataset=nino12")
    page.get_by_label("Steps ahead, in the table").fill("6")
    expect(page.get_by_role("heading", name="Errors, 6 months ahead")).to_be_visible()
    six = httpx.get(f"{url}/compare", params={"dataset": "nino12", "horizon": 6}).json()["models"][0]
    table = page.get_by_role("table", name="Errors on the test part")
    expect(table.get_by_role("row").nth(1)).to_contain_text(f"{six['mae']:.4f}")
    assert "horizon=6" in page.url
    page.get_by_label("Steps ahead, in the table").fill("99")
    expect(page.get_by_text("a whole number from 1 to 12")).to_be_visible()


def test_skill_is_shown_as_bars_against_a_reference_that_is_chosen(shown: Shown, url: str) -> None:
    page = shown("?dataset=neracoos-b01").page
    models = httpx.get(f"{url}/compare", params={"dataset": "neracoos-b01"}).json()["models"]
    bars = page.locator(".bars")
    assert models[0]["skill"]["persistence"] > 0
    expect(bars).to_contain_text(f"+{models[0]['skill']['persistence'] * 100:.1f} %")
    page.get_by_label("Against").select_option("climatology")
    expect(bars).to_contain_text(f"+{models[0]['skill']['climatology'] * 100:.1f} %")
    expect(bars).not_to_contain_text("Climatology")


def test_what_the_columns_mean_is_a_click_away(shown: Shown) -> None:
    page = shown("?dataset=nino12").page
    meaning = page.get_by_text("Root of the mean squared error")
    expect(meaning).not_to_be_visible()
    page.get_by_text("What the columns mean").click()
    expect(meaning).to_be_visible()


@pytest.mark.parametrize("dataset", DATASETS)
def test_loss_curves_and_the_effect_of_the_seed_are_those_of_the_training(shown: Shown, url: str, dataset: str) -> None:
    page = shown(f"?dataset={dataset}").page
    answer = httpx.get(f"{url}/compare/training", params={"dataset": dataset}).json()
    traces = "plot => Object.fromEntries(plot.data.map(one => [one.name, [one.x, one.y]]))"
    losses = page.locator("section.card", has_text="Loss by epoch").locator(".plot").evaluate(traces)
    seeds = page.locator("section.card", has_text="Effect of the seed").locator(".plot").evaluate(traces)
    for network in answer["networks"]:
        name = network["model"].rpartition("-")[2].upper()
        assert losses[f"{name}, validation"][1] == network["validation_loss"]
        assert losses[f"{name}, training"][1] == network["train_loss"]
        assert seeds[name][0] == [run["rmse"] for run in network["seeds"]]
        assert len(network["seeds"]) == 5


@pytest.mark.parametrize("dataset", DATASETS)
def test_curves_are_said_to_be_of_the_first_fit_and_epochs_of_the_final_one(
    shown: Shown, url: str, dataset: str
) -> None:
    page = shown(f"?dataset={dataset}").page
    networks = httpx.get(f"{url}/compare/training", params={"dataset": dataset}).json()["networks"]
    losses = page.locator("section.card", has_text="Loss by epoch")
    expect(losses).to_contain_text("of a first fit to the training part alone")
    expect(losses).to_contain_text("The number of epochs is set in advance; the validation part picks the best network")
    expect(losses).not_to_contain_text("how long to train")
    seeds = page.locator("section.card", has_text="Effect of the seed")
    expect(seeds.get_by_role("columnheader").nth(2)).to_have_text("Epochs final fit")
    epochs = [row.get_by_role("cell").nth(1).inner_text() for row in seeds.get_by_role("row").all()[1:]]
    assert epochs == [str(one["epochs"]) for one in networks]
    expect(seeds).to_contain_text("learns from the training and validation parts together")


def test_the_dataset_is_chosen_from_a_list(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open()
    page.get_by_label("Dataset").select_option("neracoos-b01")
    expect(page.get_by_role("heading", name="Errors, 30 minutes ahead")).to_be_visible()
    assert "dataset=neracoos-b01" in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Errors, 1 month ahead")).to_be_visible()


def test_the_table_is_saved_as_csv(shown: Shown, url: str) -> None:
    page = shown("?dataset=nino12").page
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    text = saved.value.path().read_text()
    assert text == httpx.get(f"{url}/compare", params={"dataset": "nino12", "format": "csv"}).text
    assert json.dumps(saved.value.suggested_filename) == '"nino12-1.csv"'


def test_an_answer_that_was_overtaken_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("?dataset=nino12")
    late: list[Route] = []
    page.route(re.compile(r"/compare\?.*horizon=6"), lambda route: late.append(route))
    lead = page.get_by_label("Steps ahead, in the table")
    with page.expect_request(re.compile("horizon=6")):
        lead.fill("6")
    lead.fill("2")
    expect(page.get_by_role("heading", name="Errors, 2 months ahead")).to_be_visible()
    late[0].continue_()
    visit.settle()
    expect(page.get_by_role("heading", name="Errors, 2 months ahead")).to_be_visible()


def test_a_forecast_of_a_file_that_was_overtaken_is_not_shown(visitor: Visitor) -> None:
    visit = visitor()
    page = visit.open("?view=data")
    page.get_by_role("button", name="Try an example").click()
    visit.settle()
    late: list[Route] = []
    # Only the first is kept waiting.
    page.route(re.compile("/forecast$"), lambda route: late.append(route), times=1)
    lead = page.get_by_label("Steps ahead")
    with page.expect_request(re.compile("/forecast$")):
        lead.fill("6")
    with page.expect_response(re.compile("/forecast$")):
        lead.fill("2")
    shown = page.locator("pre", has_text='"horizon": 2')
    expect(shown).to_be_visible()
    late[0].continue_()
    visit.settle()
    expect(shown).to_be_visible()
