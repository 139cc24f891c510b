"""The reports of the releases in ``artifacts/`` agree with figures recomputed from the files and ``data/``."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.evaluation.report import parse_report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.metadata import CELLS, digest
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.metadata import parse_universal_metadata
from forecasting.models.universal.report import parse_universal_report
from forecasting.readers import read_csv
from forecasting.references.baselines import Baselines
from forecasting.releases.release import PlaceRelease, open_current
from forecasting.series.shape import ForecastShape
from forecasting.series.weather import COVARIATES
from research.pretraining.card import universal_card
from research.pretraining.real_series import TEST, TRAIN, read_real_series, summary
from research.spec import SPECS
from tests.conftest import ROOT
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.publish.report import write_report

NAMES = ("nino12", "neracoos-b01")


@pytest.fixture(scope="module", params=NAMES)
def release(request: pytest.FixtureRequest) -> PlaceRelease:
    release = open_current(ROOT / "artifacts", request.param).load()
    assert isinstance(release, PlaceRelease)
    return release


@pytest.fixture(scope="module")
def evaluated(release: PlaceRelease) -> tuple[dict[str, Forecaster], Baselines]:
    """The networks and references that have not seen the test part."""
    return release.load_evaluated()


@pytest.fixture(scope="module")
def data(release: PlaceRelease) -> Path:
    return ROOT / "data" / release.report.data_file


@pytest.fixture(scope="module")
def dataset(release: PlaceRelease, data: Path) -> Dataset:
    series = read_csv(data)
    return Dataset.divide(series, TrainingConfig.for_step(series.step))


def test_accuracy_coverage_and_significance_are_the_published_ones(
    release: PlaceRelease, evaluated: tuple[dict[str, Forecaster], Baselines], dataset: Dataset
) -> None:
    networks, references = evaluated
    rollers = dict(networks) | references.rollers()
    test = Evaluation.run(dataset.origins("test"), rollers)
    train = Evaluation.run(dataset.origins("train", horizon=1), rollers)
    assert [model.name for model in release.report.models] == list(rollers)
    for model in release.report.models:
        again, stated = test.accuracy(model.name), model.accuracy["test"]
        assert again.n == stated.n
        for measure in ("mae", "rmse", "mape", "bias"):
            assert getattr(again, measure) == pytest.approx(getattr(stated, measure), abs=2e-4), measure
        assert train.accuracy(model.name).rmse[0] == pytest.approx(model.accuracy["train"].rmse[0], abs=2e-4)
    for model in release.report.networks:
        coverage = test.coverage(model.name, networks[model.name].metadata.errors)
        for level, share in (model.coverage or {}).items():
            assert coverage[level] == pytest.approx(share, abs=0.01)
        assert test.p_values(model.name, list(references.rollers())) == pytest.approx(model.p_value, abs=1e-2)


def test_references_are_evaluated_before_the_test_part_and_served_with_it(
    release: PlaceRelease, evaluated: tuple[dict[str, Forecaster], Baselines], dataset: Dataset
) -> None:
    report = release.report
    shape = ForecastShape(report.window, report.horizon, dataset.shape.fill_limit)
    for references, seen in ((evaluated[1], dataset.past("validation")), (release.baselines, dataset.past("test"))):
        again = Baselines.fit(seen, shape)
        np.testing.assert_allclose(again.linear, references.linear, atol=1e-6)
        np.testing.assert_allclose(again.damping, references.damping, atol=1e-6)


def test_the_release_has_the_default_settings_and_five_seeds_and_is_of_the_data(
    release: PlaceRelease, data: Path, dataset: Dataset
) -> None:
    assert release.report.data_sha256 == digest(data.read_bytes())
    assert release.report.horizon == {"nino12": 12, "neracoos-b01": 48}[release.report.dataset]
    default = TrainingConfig.for_step(dataset.series.step, seeds=5)
    assert release.report.configuration == default.flat()
    assert set(release.report.seeds) == set(CELLS)
    for cell, spread in release.report.seeds.items():
        assert spread.seeds == (0, 1, 2, 3, 4)
        published = next(model for model in release.report.networks if model.name == cell)
        assert spread.rmse[0] == pytest.approx(published.accuracy["test"].rmse[0], abs=1e-5)


def published(name: str) -> Path:
    path = ROOT / "artifacts" / name
    return path / (path / "current").read_text().strip()


def one_step_ahead(name: str) -> tuple[dict[str, float], dict[str, float]]:
    """Test RMSE of every model, and the p-value of each network against the best reference."""
    report = json.loads((published(name) / "report.json").read_text())
    rmse = {model["name"]: model["accuracy"]["test"]["rmse"][0] for model in report["models"]}
    return rmse, {model["name"]: model["p_value"][0] for model in report["models"] if model["kind"] == "recurrent"}


@pytest.mark.parametrize("cell", CELLS)
def test_each_network_beats_every_reference_on_nino12(cell: str) -> None:
    """But on 147 months, the difference from the better of the two linear ones is not significant at 5 %."""
    rmse, p_value = one_step_ahead("nino12")
    linear = min(rmse["damped"], rmse["linear"])
    assert rmse[cell] < min(0.39 * rmse["persistence"], 0.61 * rmse["climatology"], 0.98 * linear, 0.4645)
    assert p_value[cell] > 0.05
    report = json.loads((published("nino12") / "report.json").read_text())
    assert max(report["seeds"][cell]["rmse"]) < 0.985 * linear


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("cell", "other"), list(combinations(CELLS, 2)))
def test_the_three_cells_are_three_forecasts(name: str, cell: str, other: str) -> None:
    predictions = pd.read_csv(published(name) / "predictions.csv")
    apart = float(((predictions[cell] - predictions[other]) ** 2).mean() ** 0.5)
    rmse, _ = one_step_ahead(name)
    assert apart > 0.01 * rmse[cell]


@pytest.mark.parametrize("cell", CELLS)
def test_each_network_beats_every_reference_on_the_buoy_at_each_half_hour_of_a_day(cell: str) -> None:
    report = json.loads((published("neracoos-b01") / "report.json").read_text())
    rmse = {model["name"]: np.asarray(model["accuracy"]["test"]["rmse"]) for model in report["models"]}
    best = np.min([rmse[name] for name in ("persistence", "climatology", "damped", "linear")], axis=0)
    assert len(best) == 48
    assert (rmse[cell] < best).all()
    assert rmse[cell][0] < 0.97 * best[0]
    assert one_step_ahead("neracoos-b01")[1][cell] < 0.001


@pytest.mark.parametrize(
    ("name", "title"), [("nino12", "Sea off Peru"), ("neracoos-b01", "Western Maine Shelf, buoy B01")]
)
def test_the_texts_for_people_are_written_from_the_report(name: str, title: str, tmp_path: Path) -> None:
    shipped = published(name)
    report = parse_report((shipped / "report.json").read_bytes())
    assert report.title == title
    write_report(tmp_path, report)
    for text in ("report.md", "MODEL_CARD.md"):
        assert (tmp_path / text).read_bytes() == (shipped / text).read_bytes(), text


@pytest.mark.parametrize("name", ["ocean-hourly", "ocean-daily", "ocean-weekly", "ocean-monthly"])
def test_the_card_of_a_universal_release_is_written_from_its_report(name: str) -> None:
    shipped = published(name)
    report = parse_universal_report((shipped / "report.json").read_bytes())
    assert universal_card(report, SPECS[report.step]) == (shipped / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["ocean-hourly", "ocean-daily", "ocean-weekly", "ocean-monthly"])
def test_what_the_networks_saw_ships_and_no_region_is_trained_and_tested_on(name: str) -> None:
    report = parse_universal_report((published(name) / "report.json").read_bytes())
    trained_on, held_out = (read_real_series(SPECS[report.step], [ROOT / "data" / "corpus"], p) for p in (TRAIN, TEST))
    assert report.real_series == summary(trained_on)
    assert {row.region for row in report.regions} == {real.region for real in held_out}
    assert not {real.region for real in held_out} & {real.region for real in trained_on}


@pytest.mark.parametrize(
    ("name", "covariates"), [("hourly", COVARIATES), ("daily", COVARIATES), ("weekly", ()), ("monthly", ())]
)
def test_shipped_networks_for_hours_and_days_take_weather(name: str, covariates: tuple[str, ...]) -> None:
    release = open_current(ROOT / "artifacts", f"ocean-{name}")
    described = [parse_universal_metadata(release.read(f"{cell}.json")) for cell in CELLS]
    assert {metadata.covariates for metadata in described} == {covariates}
    report = parse_universal_report(release.read("report.json"))
    if name == "daily":
        # In estuaries, weather takes a fifth to a third off the errors of the first five days.
        of_florida = [row for row in report.weather if row.region == "NE Florida estuaries" and row.lead <= 5]
        assert len(of_florida) == 8
        assert all(row.relative_rmse["air and wind"] < 0.85 for row in of_florida)
        # With forecasts of the weather, 80 % intervals hold 80 %.
        coverage = [value for row in report.weather for kind, value in row.coverage_80.items() if kind != "observed"]
        assert np.mean(coverage) == pytest.approx(0.8, abs=0.02)
