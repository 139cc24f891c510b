"""The releases in ``artifacts/`` are what their reports say, recomputed from the files and ``data/``."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.baselines import Baselines
from forecasting.checkpoint import CELLS, digest
from forecasting.readers import read_csv
from forecasting.registry import LoadedRelease
from forecasting.release import open_current
from tests.conftest import ROOT
from training.config import TrainingConfig
from training.dataset import Dataset
from training.evaluate import Evaluation

NAMES = ("nino12", "neracoos-b01")


@pytest.fixture(scope="module", params=NAMES)
def release(request: pytest.FixtureRequest) -> LoadedRelease:
    return LoadedRelease.load(open_current(ROOT / "artifacts", request.param), torch.device("cpu"))


@pytest.fixture(scope="module")
def data(release: LoadedRelease) -> Path:
    return ROOT / "data" / release.report.data_file


@pytest.fixture(scope="module")
def dataset(release: LoadedRelease, data: Path) -> Dataset:
    series = read_csv(data)
    return Dataset.divide(series, TrainingConfig.for_step(series.step))


def test_the_accuracy_of_every_model_is_the_published_one(release: LoadedRelease, dataset: Dataset) -> None:
    rollers = dict(release.forecasters) | release.baselines.rollers()
    test = Evaluation.run(dataset.origins("test"), rollers)
    train = Evaluation.run(dataset.origins("train", horizon=1), rollers)
    assert [model.name for model in release.report.models] == list(rollers)
    for model in release.report.models:
        again, stated = test.accuracy(model.name), model.accuracy["test"]
        assert again.n == stated.n
        for measure in ("mae", "rmse", "mape", "bias"):
            assert getattr(again, measure) == pytest.approx(getattr(stated, measure), abs=2e-4), measure
        assert train.accuracy(model.name).rmse[0] == pytest.approx(model.accuracy["train"].rmse[0], abs=2e-4)


def test_coverage_and_significance_are_the_published_ones(release: LoadedRelease, dataset: Dataset) -> None:
    rollers = dict(release.forecasters) | release.baselines.rollers()
    test = Evaluation.run(dataset.origins("test"), rollers)
    for model in release.report.networks:
        errors = release.forecasters[model.name].metadata.errors
        for level, stated in (model.coverage or {}).items():
            assert test.coverage(model.name, errors)[level] == pytest.approx(stated, abs=0.01)
        again = test.p_values(model.name, list(release.baselines.rollers()))
        assert again == pytest.approx(model.p_value, abs=1e-2)


def test_the_references_are_fitted_on_train_and_validation(release: LoadedRelease, dataset: Dataset) -> None:
    report = release.report
    again = Baselines.fit(dataset.past("validation"), report.window, dataset.fill_limit, report.horizon)
    np.testing.assert_allclose(again.linear, release.baselines.linear, atol=1e-6)
    np.testing.assert_allclose(again.damping, release.baselines.damping, atol=1e-6)


def test_the_data_is_what_was_trained_on(release: LoadedRelease, data: Path) -> None:
    assert release.report.data_sha256 == digest(data.read_bytes())


def test_the_defaults_made_it_and_five_seeds_were_tried(release: LoadedRelease, dataset: Dataset) -> None:
    default = TrainingConfig.for_step(dataset.series.step, seeds=5)
    assert release.report.configuration == default.flat()
    assert set(release.report.seeds) == set(CELLS)
    for cell, spread in release.report.seeds.items():
        assert spread.seeds == (0, 1, 2, 3, 4)
        published = next(model for model in release.report.networks if model.name == cell)
        assert spread.rmse[0] == pytest.approx(published.accuracy["test"].rmse[0], abs=1e-5)


def test_horizons_reach_a_year_of_months_and_a_day_of_half_hours(release: LoadedRelease) -> None:
    assert release.report.horizon == {"nino12": 12, "neracoos-b01": 48}[release.report.dataset]


def test_each_network_beats_persistence_and_climatology_on_nino12_and_is_level_with_the_best_reference() -> None:
    """That is all that 147 months say: against the best reference, no difference is significant at 5 %."""
    path = ROOT / "artifacts" / "nino12"
    report = json.loads((path / (path / "current").read_text().strip() / "report.json").read_text())
    rmse = {model["name"]: model["accuracy"]["test"]["rmse"][0] for model in report["models"]}
    p_value = {model["name"]: model["p_value"][0] for model in report["models"] if model["kind"] == "recurrent"}
    for cell in CELLS:
        assert rmse[cell] < 0.42 * rmse["persistence"]
        assert rmse[cell] < 0.65 * rmse["climatology"]
        assert p_value[cell] > 0.05
