import csv
import io

import httpx
import pytest

from forecasting.releases.catalog import Catalog
from tests.service.requests import answered


def test_the_networks_come_first_and_the_references_follow(client: httpx.Client) -> None:
    answer = answered(client.get("/compare"))
    assert [model["model"] for model in answer["models"]] == [
        *("nino12-rnn", "nino12-lstm", "nino12-gru"),
        *("persistence", "climatology", "damped", "linear"),
    ]
    assert answer["test"] == {"start": "1998-10-01T00:00:00Z", "end": "2010-12-01T00:00:00Z", "n": 147}
    assert (answer["dataset"], answer["units"], answer["step"], answer["horizon"]) == ("nino12", "celsius", "month", 1)


def test_the_figures_are_those_of_the_report(client: httpx.Client, catalog: Catalog) -> None:
    report = catalog.dataset("nino12").report
    for horizon in (1, 12):
        answer = answered(client.get("/compare", params={"horizon": horizon}))
        for entry, model in zip(answer["models"], report.models, strict=True):
            accuracy = model.accuracy["test"]
            assert entry["mae"] == accuracy.mae[horizon - 1]
            assert entry["rmse"] == accuracy.rmse[horizon - 1]
            assert entry["mape"] == accuracy.mape[horizon - 1]
            assert entry["bias"] == accuracy.bias[horizon - 1]


def test_networks_have_further_figures_and_baselines_only_errors(client: httpx.Client) -> None:
    models = answered(client.get("/compare"))["models"]
    more = {"p_value", "coverage", "parameters", "latency_ms", "train_seconds"}
    for model in models[:3]:
        assert model["kind"] == "recurrent"
        assert more <= set(model)
        assert 0 <= model["coverage"]["80"] <= 1
    for model in models[3:]:
        assert model["kind"] == "baseline"
        assert not more & set(model)


def test_skill_is_against_each_reference(client: httpx.Client) -> None:
    models = {model["model"]: model for model in answered(client.get("/compare"))["models"]}
    rnn = models["nino12-rnn"]
    for reference in ("persistence", "climatology", "damped", "linear"):
        assert rnn["skill"][reference] == pytest.approx(1 - rnn["rmse"] / models[reference]["rmse"], abs=1e-6)
    assert models["persistence"]["skill"]["persistence"] == 0


def test_a_network_has_the_uncertainty_of_its_figures(client: httpx.Client, catalog: Catalog) -> None:
    report = catalog.dataset("nino12").report
    answer = answered(client.get("/compare?horizon=2"))
    for entry, model in zip(answer["models"], report.models, strict=True):
        correlation = model.anomaly_correlation
        assert correlation is not None
        assert entry["anomaly_correlation"] == correlation[1]
        if model.kind == "baseline":
            continue
        verification = entry["verification"]
        linear = verification["skill"]["linear"]
        assert linear["lower"] <= entry["skill"]["linear"] <= linear["upper"]
        assert verification["intervals"]["80"]["share"] == entry["coverage"]["80"]
        assert set(verification["intervals"]["80"]["seasons"]) == {"DJF", "MAM", "JJA", "SON"}
        assert verification["crps"] < entry["mae"]
        assert len(verification["exceedance"]) == 3


def test_a_skill_has_an_interval_against_each_reference(client: httpx.Client, catalog: Catalog) -> None:
    report = catalog.dataset("nino12").report
    for horizon in (1, 12):
        models = answered(client.get("/compare", params={"horizon": horizon}))["models"]
        for entry, model in zip(models[:3], report.networks, strict=True):
            assert set(entry["skill_interval"]) == set(entry["skill"])
            for name, (low, high) in entry["skill_interval"].items():
                assert low <= entry["skill"][name] <= high
                assert (low, high) == (model.skill[name].lower[horizon - 1], model.skill[name].upper[horizon - 1])
        assert not any("skill_interval" in entry for entry in models[3:])


def test_every_lead_comes_in_one_answer(client: httpx.Client, catalog: Catalog) -> None:
    leads = answered(client.get("/compare/leads"))
    for entry, network in zip(leads["models"], catalog.dataset("nino12").report.networks, strict=False):
        assert entry["coverage"]["80"]["error"] == [*network.intervals[80].coverage.error]
    assert (leads["dataset"], leads["step"], leads["horizon"]) == ("nino12", "month", 12)
    for horizon in (1, 12):
        at = answered(client.get("/compare", params={"horizon": horizon}))
        assert leads["best"] == at["best"]
        for entry, model in zip(leads["models"], at["models"], strict=True):
            assert (entry["model"], entry["kind"]) == (model["model"], model["kind"])
            assert len(entry["rmse"]) == 12
            assert entry["n"][horizon - 1] == at["test"]["n"]
            for name in ("mae", "rmse", "bias"):
                assert entry[name][horizon - 1] == model[name]
            shares = {level: coverage["share"][horizon - 1] for level, coverage in entry["coverage"].items()}
            assert shares == model.get("coverage", {})
            for name, skill in entry["skill"].items():
                assert skill["value"][horizon - 1] == model["skill"][name]
                assert [skill["lower"][horizon - 1], skill["upper"][horizon - 1]] == model["skill_interval"][name]


def test_the_table_comes_as_csv(client: httpx.Client) -> None:
    response = client.get("/compare?format=csv")
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    for row, entry in zip(rows, answered(client.get("/compare"))["models"], strict=True):
        assert row["model"] == entry["model"]
        assert float(row["rmse"]) == entry["rmse"]
        assert float(row["skill_persistence"]) == entry["skill"]["persistence"]


def test_the_table_comes_as_markdown(client: httpx.Client) -> None:
    response = client.get("/compare?format=markdown")
    assert response.headers["content-type"].startswith("text/markdown")
    head, rule, *rows = response.text.strip().splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["Model", "MAE", "RMSE", "MAPE (%)"]
    assert set(rule) <= set("|-:")
    assert [row.split("|")[1].strip() for row in rows[:4]] == ["RNN", "LSTM", "GRU", "persistence"]
    rnn = answered(client.get("/compare"))["models"][0]
    assert [cell.strip() for cell in rows[0].strip("|").split("|")][1:] == [
        f"{rnn['mae']:.4f}",
        f"{rnn['rmse']:.4f}",
        f"{rnn['mape']:.2f}",
    ]


def test_predictions_are_what_the_errors_were_measured_on(client: httpx.Client) -> None:
    answer = answered(client.get("/compare/predictions"))
    table = {model["model"]: model for model in answered(client.get("/compare"))["models"]}
    assert len(answer["timestamps"]) == len(answer["observed"]) == 147
    assert set(answer["predictions"]) == set(table)
    for name, predicted in answer["predictions"].items():
        errors = [abs(p - o) for p, o in zip(predicted, answer["observed"], strict=True)]
        assert sum(errors) / len(errors) == pytest.approx(table[name]["mae"], abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "media_type", "magic"), [("png", "image/png", b"\x89PNG"), ("svg", "image/svg+xml", b"<?xml")]
)
def test_the_plot_is_a_picture(client: httpx.Client, kind: str, media_type: str, magic: bytes) -> None:
    response = client.get("/compare/plot", params={"format": kind})
    assert response.headers["content-type"] == media_type
    assert response.content.startswith(magic)


def test_the_plot_names_observed_and_the_three_models(client: httpx.Client) -> None:
    text = client.get("/compare/plot?format=svg").text
    assert all(f">{label}<" in text for label in ("observed", "RNN", "LSTM", "GRU"))
