"""What the autoregression learns from its own roll-out."""

from functools import reduce

import numpy as np
import pytest
import torch

from forecasting.evaluation.division import Split
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.references.baselines import Baselines
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Floats
from forecasting.series.timestep import TimeStep
from tests.conftest import daily
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples, Scaling
from training.fit.fit_data import FitData, derivatives, fit_autoregression, leads_learnt
from training.fit.fitting import fit
from training.fit.networks import RecurrentForecaster


def fitted(dataset: Dataset, config: TrainingConfig, *parts: Split) -> RecurrentForecaster:
    """The autoregression of a fit to these parts, without its cell, which has no weight here."""
    first, *others = (Examples.of(dataset.origins(part, leads_learnt(config))) for part in parts)
    return fit_autoregression(config, dataset.past(parts[-1]), reduce(Examples.joined, others, first))


def alone(series: SstSeries, **settings: float) -> tuple[RecurrentForecaster, Dataset]:
    """An autoregression fitted to the training part of ``series``."""
    config = TrainingConfig.for_step(series.step, hidden=4, cell_share=0.0, **settings)
    dataset = Dataset.divide(series, config)
    return fitted(dataset, config, "train"), dataset


def rmse(network: RecurrentForecaster, dataset: Dataset) -> Floats:
    """On the training part, °C, by lead."""
    roller = NetworkRoller(network, dataset.series.step, CPU)
    return np.asarray(Evaluation.run(dataset.origins("train"), {"network": roller}).accuracy("network").rmse)


def half_hourly(n: int) -> SstSeries:
    """Some weeks of tides, of a course of the day, and of warming."""
    hours = np.arange(n) / 2
    noise = np.random.default_rng(0).normal(0, 0.05, n)
    values = 10 + hours / 200 + np.sin(2 * np.pi * hours / 12.42) + 0.5 * np.sin(2 * np.pi * hours / 24) + noise
    return SstSeries(values, np.datetime64("2016-03-01", "s"), TimeStep.parse("PT30M"))


def test_a_fit_to_all_leads_has_smaller_errors_at_later_leads(nino12: SstSeries) -> None:
    (one_step, dataset), (all_leads, _) = alone(nino12, later_leads=0.0), alone(nino12, later_leads=3.0)
    ratio = rmse(all_leads, dataset) / rmse(one_step, dataset)
    assert ratio[1:].mean() < 0.99
    assert ratio[0] < 1.03


def test_derivatives_are_those_of_the_roll_out(nino12: SstSeries) -> None:
    """Against finite differences: the last lead's forecast by the weight of the last increment."""
    network, dataset = alone(nino12)
    some = Examples.of(dataset.origins("validation")).take(slice(0, 5))
    rows, columns = network.linear.positions()
    place = rows.index(dataset.shape.window - 2)
    before = [forecast for forecast, _ in derivatives(network, some)]
    expected = [by_weight[:, place] for _, by_weight in derivatives(network, some)]
    with torch.no_grad():
        network.linear.weights[rows[place], columns[place]] += 1e-3
    after = [forecast for forecast, _ in derivatives(network, some)]
    for lead in (0, 1, 11):
        torch.testing.assert_close((after[lead] - before[lead]) / 1e-3, expected[lead], rtol=0.05, atol=0.02)


def persistent(n: int, left: float, std: float, seed: int) -> Floats:
    """Noise that keeps the share ``left`` after each step."""
    noise = np.random.default_rng(seed).normal(0, std * (1 - left**2) ** 0.5, n)
    for i in range(1, n):
        noise[i] += left * noise[i - 1]
    return noise


def year(phase: float, seed: int) -> SstSeries:
    """A year of days that begins at some phase of the seasons."""
    turns = np.arange(365) / 365.25 + phase
    return daily(15 + 4 * np.sin(2 * np.pi * turns) + persistent(365, 0.95, 0.6, seed))


def half_a_year_of_hours(seed: int) -> SstSeries:
    """With a strong course of the day."""
    days = np.arange(180 * 24) / 24
    course = 4 * np.sin(2 * np.pi * days / 365.25) + np.sin(2 * np.pi * days)
    noise = persistent(len(days), 0.996, 0.6, seed) + persistent(len(days), 0.75, 0.08, seed + 1)
    return SstSeries(13 + course + noise, np.datetime64("2018-03-01", "s"), TimeStep.parse("PT1H"))


def compared(series: SstSeries) -> dict[str, Floats]:
    """RMSE of the autoregression and of the references on the test part, °C, by name and lead."""
    config = TrainingConfig.for_step(series.step, hidden=4, cell_share=0.0)
    dataset = Dataset.divide(series, config)
    network = fitted(dataset, config, "train", "validation")
    past = dataset.past("validation")
    rollers = Baselines.fit(past, config.shape).rollers()
    rollers["network"] = NetworkRoller(network, series.step, CPU)
    evaluation = Evaluation.run(dataset.origins("test"), rollers)
    return {name: np.asarray(evaluation.accuracy(name).rmse) for name in rollers}


def test_a_year_of_days_teaches_the_season() -> None:
    """Begun in four seasons: the test part is one that was not seen."""
    years = [compared(year(i / 4, seed=10 + i)) for i in range(4)]
    rmse = {name: np.sqrt(np.mean([year[name] ** 2 for year in years], axis=0)) for name in years[0]}
    assert (rmse["network"] < 1.25 * rmse["damped"]).all()
    assert (rmse["network"] < rmse["persistence"]).all()
    assert rmse["network"][-1] < 0.7 * rmse["persistence"][-1]


def test_half_a_year_of_hours_teaches_the_daily_cycle() -> None:
    rmse = compared(half_a_year_of_hours(seed=0))
    assert rmse["network"][0] < 1.02 * rmse["linear"][0]
    assert (rmse["network"] < 1.06 * rmse["linear"]).all()


def some_years(phase: float, days: int, seed: int) -> SstSeries:
    """A plain season, weather, and what wanders for a year at a time."""
    season = 15 + 4 * np.sin(2 * np.pi * (np.arange(days) / 365.25 + phase))
    return daily(season + persistent(days, 0.95, 0.6, seed) + persistent(days, 0.997, 0.8, seed + 500))


@pytest.mark.long
def test_two_years_show_part_of_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """It errs less than what takes all of it, and hardly more than what takes nothing, where little is."""

    def rmse() -> Floats:
        years = [compared(some_years(i / 4, 1_000, seed=100 + i))["network"] for i in range(4)]
        return np.asarray(np.sqrt(np.mean(np.square(years), axis=0)))

    mixed = rmse()
    monkeypatch.setattr("training.data.inputs.HALF_USUAL_YEARS", 0.0)
    assert np.mean(mixed / rmse()) < 0.97
    monkeypatch.setattr("training.data.inputs.HALF_USUAL_YEARS", 1e9)
    assert np.mean(mixed / rmse()) < 1.03


def test_less_than_a_year_shows_no_usual_level() -> None:
    """Five degrees more are answered as the training's own; the opposite, half a year later, oppositely."""
    network, dataset = alone(year(0.0, seed=0))
    some = Examples.of(dataset.origins("test")).take(slice(0, 50))
    with torch.no_grad():
        forecast = network(some.sst, some.valid_time[:, 0])
        warmer = network(some.sst + 5, some.valid_time[:, 0])
        last = some.sst[:, -1:]
        opposite = network(2 * last - some.sst, some.valid_time[:, 0] + YEAR / 2)
    assert float((forecast - last[:, 0]).abs().mean()) > 0.02
    torch.testing.assert_close(warmer, forecast + 5, rtol=0, atol=1e-4)
    torch.testing.assert_close(opposite - last[:, 0], last[:, 0] - forecast, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("days", "usual"), [(360, 0.0), (366, 0.1), (1_096, 0.5), (10_000, 0.99)], ids=["a year", "over", "three", "many"]
)
def test_more_years_show_more_of_what_is_usual(days: int, usual: float) -> None:
    values = 15 + 5 * np.sin(2 * np.pi * np.arange(days) / 365.25)
    assert Scaling.of(daily(values)).usual == pytest.approx(usual, abs=0.01)


@pytest.mark.parametrize(("days", "known"), [(400, False), (650, False), (720, True)])
def test_the_cell_sees_the_season_from_two_years_on(days: int, known: bool) -> None:
    values = 15 + 5 * np.sin(2 * np.pi * np.arange(days) / 365.25)
    assert Scaling.of(daily(values)).annual is known


def test_without_every_season_the_cell_adds_nothing_in_the_mean() -> None:
    """A season's warming is not a reason to forecast warming."""
    series = half_hourly(2_000)
    config = TrainingConfig.for_step(series.step, epochs=3, hidden=4, autoregression=False)
    dataset = Dataset.divide(series, config)
    network = fit(FitData.of_dataset(dataset, config), "gru", 0, lambda epochs: None).selected
    seen = Examples.of(dataset.origins("train", horizon=1))
    with torch.no_grad():
        increments = network(seen.sst, seen.valid_time[:, 0]) - seen.sst[:, -1]
    assert float(increments.std()) > 1e-3
    assert abs(float(increments.mean())) < 1e-5
