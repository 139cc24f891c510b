import httpx
import pytest
from playwright.sync_api import expect

from tests.page.conftest import Shown
from tests.page.titles import title_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("dataset", ["nino12", "neracoos-b01"])
def test_loaded_models_are_shown_with_version_digest_period_and_device(shown: Shown, url: str, dataset: str) -> None:
    page = shown("about/models").page
    models = [model for model in httpx.get(f"{url}/models").json()["models"] if model["dataset"] == dataset]
    card = page.locator("section.card", has=page.get_by_role("heading", name=dataset))
    expect(card.get_by_role("heading")).to_contain_text(title_of(url, dataset))
    expect(card).to_contain_text(models[0]["version"])
    expect(card).to_contain_text(models[0]["training_period"]["start"][:4])
    expect(card).to_contain_text(models[0]["device"])
    for model in models:
        assert model["sha256"] in card.locator("table").text_content().replace("\n", "")  # type: ignore[union-attr]


def test_universal_releases_are_listed_and_point_to_a_place_to_try_them(shown: Shown, url: str) -> None:
    page = shown("about/models").page
    models = [model for model in httpx.get(f"{url}/models").json()["models"] if model["kind"] == "universal"]
    part = page.locator("section.part", has=page.get_by_role("heading", name="Any sea"))
    steps = ["hourly", "daily", "weekly", "monthly"]
    expected = [f"{step.capitalize()} forecasts ocean-{step}" for step in steps]
    assert part.get_by_role("heading", level=3).all_inner_texts() == expected
    expect(part.get_by_role("link", name="add a place")).to_have_attribute("href", "/add")
    for model in models:
        card = part.locator("section.card", has=page.get_by_role("heading", name=model["dataset"]))
        expect(card).to_contain_text(model["version"])
        assert model["sha256"] in (card.locator("table").text_content() or "").replace("\n", "")
        if model["best"]:
            expect(card).to_contain_text(f"{model['cell'].upper()} was chosen on seas that it had not seen")


def test_each_release_offers_its_model_card_and_that_of_a_place_its_report(shown: Shown) -> None:
    page = shown("about/models").page
    buttons = page.get_by_role("button", name="Model card")
    assert buttons.count() == 6
    names = []
    for button in buttons.all():
        with page.expect_download() as download:
            button.click()
        name = download.value.suggested_filename.removesuffix(".md")
        assert name in download.value.path().read_text().partition("\n")[0]
        names.append(name)
    assert {"nino12", "ocean-daily"} <= {*names}
    card = page.locator("section.card", has=page.get_by_role("heading", name="nino12"))
    expect(card.get_by_role("link", name="Comparison of the networks")).to_have_attribute("href", "/report/nino12")
    expect(card.get_by_role("link", name="The forecast")).to_have_attribute("href", "/place/sea/nino12")
    expect(card.get_by_text("Device")).not_to_be_visible()


def test_the_view_shows_readiness(shown: Shown, url: str) -> None:
    page = shown("about/models").page
    count = len(httpx.get(f"{url}/models").json()["models"])
    expect(page.get_by_text(f"{count} models are loaded, verified and warmed up.")).to_be_visible()
