"""Training at the place of a series: the command, and the release once the service has loaded it."""

import shutil
from pathlib import Path

from playwright.sync_api import expect

from service.settings import Settings
from tests.conftest import ROOT
from tests.page.conftest import Visitor
from tests.page.files import daily, drop_file, dropped, monthly, open_options
from tests.page.test_data import first_value, next_value
from tests.serving import serve

ARTIFACTS = ROOT / "artifacts"


def test_a_year_of_data_comes_with_the_command_that_trains_on_it(visitor: Visitor) -> None:
    visit = visitor()
    page = dropped(visit, "José's pier (2).csv", daily(800), "latitude=43.6&longitude=-9.1")
    card = page.locator("section.card", has_text="Train networks on your series")
    expect(card).to_contain_text("You have 2 years of data")
    command = card.get_by_role("group", name="Command")
    expect(command).to_have_text(
        "python -m training --data 'José'\\''s pier (2).csv' --name jose-s-pier-2 --latitude=43.6 --longitude=-9.1"
    )
    assert visit.accessibility_violations() == []
    field = card.get_by_label("Name of the release")
    field.fill("My Pier")
    field.press("Enter")
    expect(command).to_contain_text("--name my-pier ")


def test_the_command_has_the_options_that_read_the_file(visitor: Visitor) -> None:
    visit = visitor()
    dropped(visit, "pier.csv", daily(400), "units=celsius&missing=-999")
    command = visit.page.get_by_role("group", name="Command")
    expect(command).to_have_text("python -m training --data pier.csv --name pier --units=celsius --missing=-999")


def test_two_months_in_which_no_reference_is_better_do_not_need_training(visitor: Visitor) -> None:
    page = dropped(visitor(), "pier.csv", daily(60, seed=4))
    expect(page.locator(".accuracy")).to_contain_text("forecasts here were typically off by")
    expect(page.get_by_text("Train networks on your series")).to_have_count(0)
    page = dropped(visitor(), "pier.csv", daily(60, seed=5))
    expect(page.locator("section.card", has_text="Train networks on")).to_contain_text("A simple forecast does as well")


def test_the_page_notices_a_new_release_and_offers_it(visitor: Visitor, tmp_path: Path) -> None:
    for name in ("ocean-monthly", "neracoos-b01"):
        shutil.copytree(ARTIFACTS / name, tmp_path / name)
    with serve(Settings(artifacts=tmp_path, reload_seconds=0.1, default_dataset="neracoos-b01")) as client:
        visit = visitor(str(client.base_url).rstrip("/"), new=True)
        visit.open("add")
        drop_file(visit, "pier.csv", monthly(120))
        page = visit.page
        expect(page.get_by_label("Networks for")).to_have_count(0)
        card = page.locator("section.card", has_text="Train networks on your series")
        expect(card).to_contain_text("This page looks for the release")
        shutil.copytree(ARTIFACTS / "nino12", tmp_path / "nino12")
        card.get_by_role("button", name="Forecast with nino12").click()
        visit.settle()
        expect(open_options(page).get_by_label("Networks for")).to_have_value("nino12")
        served = str(client.base_url).rstrip("/")
        expect(first_value(page)).to_have_text(next_value(served, monthly(120), dataset="nino12"))
        assert next_value(served, monthly(120)) != next_value(served, monthly(120), dataset="nino12")
        # Nothing is left to train.
        expect(page.get_by_text("Train networks on your series")).to_have_count(0)
        visit.page.close()
