import httpx

from forecasting.models.metadata import digest
from tests.service.requests import answered
from training.run import Published


def test_every_model_is_listed_with_what_a_client_needs_to_call_it(client: httpx.Client, published: Published) -> None:
    answer = answered(client.get("/models"))
    assert answer["default_dataset"] == "nino12"
    models = {model["model"]: model for model in answer["models"]}
    assert len(models) == 6
    gru = models["nino12-gru"]
    assert (gru["window"], gru["step"], gru["units"], gru["horizon"]) == (24, "month", "celsius", 12)
    assert gru["version"] == published.path.name
    assert gru["sha256"] == digest((published.path / "gru.pt").read_bytes())
    assert gru["training_period"] == {"start": "1950-01-01T00:00:00Z", "end": "1998-09-01T00:00:00Z"}
    assert (gru["device"], gru["covariates"]) == ("cpu", [])
    assert (gru["title"], models["buoy-gru"]["title"]) == ("Sea off Peru", None)
    assert {80, 95} <= set(gru["levels"])
    assert sum(model["best"] for model in models.values()) == 2


def test_a_model_is_found_by_full_name_by_cell_and_as_best(client: httpx.Client) -> None:
    assert answered(client.get("/models/buoy-gru"))["model"] == "buoy-gru"
    assert answered(client.get("/models/gru?dataset=buoy"))["model"] == "buoy-gru"
    assert answered(client.get("/models/best"))["best"]


def test_a_model_has_all_the_metadata_of_its_checkpoint(client: httpx.Client) -> None:
    metadata = answered(client.get("/models/gru"))["metadata"]
    assert metadata["configuration"]["hidden"] == 4
    assert len(metadata["accuracy"]["test"]["rmse"]) == 12


def test_the_card_of_a_model_is_that_of_its_release(client: httpx.Client, published: Published) -> None:
    answer = client.get("/models/nino12-gru/card")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.content == (published.path / "MODEL_CARD.md").read_bytes()
    assert answer.text.startswith(f"# Model card: Sea off Peru (nino12) {published.path.name}")
    assert client.get("/models/best/card?dataset=buoy").text.startswith("# Model card: buoy ")
    assert client.get("/models/nino34-gru/card").status_code == 404
