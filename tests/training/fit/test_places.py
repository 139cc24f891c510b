"""Places that are little alike, and one network for all of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from forecasting.series.timestep import TimeStep
from tests.training.data.test_dataset import long_csv, trained
from training.config import TrainingConfig
from training.data.dataset import Dataset, JoinedSeries
from training.data.inputs import Examples
from training.fit.fit_data import autoregression, fit_autoregression, leads_learnt
from training.fit.places import Places

WEEK = TimeStep.parse("week")
WINDOW = 26


def weeks(mean: float, amplitude: float, peak: float, seed: int, years: int = 12) -> SstSeries:
    """A season that peaks at a part of the year, and anomalies that keep 0.85 of themselves a week."""
    random = np.random.default_rng(seed)
    week = np.arange(round(365.25 / 7 * years))
    anomaly = np.zeros(len(week))
    for i in range(1, len(week)):
        anomaly[i] = 0.85 * anomaly[i - 1] + 0.3 * random.normal()
    season = amplitude * np.cos(2 * np.pi * (week * 7 / 365.25 - peak))
    return SstSeries(mean + season + anomaly, np.datetime64("1990-01-03", "s"), WEEK)


@pytest.fixture(scope="module")
def unlike() -> dict[str, SstSeries]:
    return {"bay": weeks(14, 7, 0.6, 1), "reef": weeks(26, 2, 0.2, 2), "north": weeks(8, 4, 0.7, 3)}


def windows(series: SstSeries) -> tuple[torch.Tensor, torch.Tensor]:
    sst = np.lib.stride_tricks.sliding_window_view(series.values[:-1], WINDOW).astype(np.float32)
    return torch.from_numpy(sst.copy()), torch.from_numpy(unix_seconds(series.times[WINDOW:]))


def test_a_window_shows_where_it_was_observed(unlike: dict[str, SstSeries]) -> None:
    places = Places(list(unlike.values()), WINDOW)
    for place, series in enumerate(unlike.values()):
        sst, times = windows(series)
        usual, shares, offset, sure = places(sst, times)
        assert (shares.argmax(1) == place).all()
        assert sure.mean() > 0.9
        # What is left are the anomalies, at the window's steps and after it.
        assert (sst - usual).std() == pytest.approx(0.57, abs=0.1)
        ahead = torch.from_numpy(series.values[WINDOW:].astype(np.float32)) - places.at(times, shares, offset)
        assert ahead.std() == pytest.approx(0.57, abs=0.1)


def test_two_places_with_the_same_cycle_are_interchangeable(unlike: dict[str, SstSeries]) -> None:
    twice = [unlike["bay"], weeks(14, 7, 0.6, 4), unlike["north"]]
    places = Places(twice, WINDOW)
    _, shares, _, sure = places(*windows(unlike["bay"]))
    assert shares.amax(1).mean() < 0.7
    assert sure.mean() > 0.8


def test_a_place_warmer_than_all_has_an_offset_and_is_uncertain(unlike: dict[str, SstSeries]) -> None:
    places = Places(list(unlike.values()), WINDOW)
    sst, times = windows(unlike["reef"])
    _, shares, offset, sure = places(sst + 5, times)
    assert (shares.argmax(1) == 1).all()
    # The networks that learned what differs from the usual of known places have little say.
    assert sure.mean() < 0.1
    assert offset.mean() == pytest.approx(5, abs=0.3)
    _, _, none, _ = places(sst, times)
    assert none.abs().mean() < 0.05


def test_gaps_do_not_make_places_more_certain(unlike: dict[str, SstSeries]) -> None:
    random = np.random.default_rng(0)
    gappy = [
        SstSeries(np.where(random.random(len(series)) < 0.4, np.nan, series.values), series.start, series.step)
        for series in unlike.values()
    ]
    whole = Places(list(unlike.values()), WINDOW)
    assert Places(gappy, WINDOW).sharpness == pytest.approx(whole.sharpness, rel=0.2)


def test_a_network_of_unlike_places_returns_to_what_is_usual_at_each(unlike: dict[str, SstSeries]) -> None:
    config = TrainingConfig.for_step(WEEK)
    panel = Dataset.panel(unlike, config, [])
    past, examples = panel.past("train"), Examples.of(panel.origins("train", leads_learnt(config)))
    fits = {"general": fit_autoregression, "placed": autoregression}
    rollers = {name: NetworkRoller(fit(config, past, examples).eval(), WEEK, CPU) for name, fit in fits.items()}
    evaluation = Evaluation.run(panel.origins("validation"), rollers)
    ratios = np.divide(evaluation.accuracy("placed").rmse, evaluation.accuracy("general").rmse)
    assert ratios[0] < 1
    assert ratios[-1] < 0.85


def test_less_than_a_year_does_not_show_what_is_usual() -> None:
    config = TrainingConfig.for_step(WEEK)
    short = JoinedSeries.of([weeks(14, 7, 0.6, 1, years=1).part(0, 45), weeks(26, 2, 0.2, 2)])
    assert Places.of(short, config) is None


@pytest.mark.long
def test_a_release_of_unlike_places_is_as_good_far_ahead_as_the_references_of_each(
    unlike: dict[str, SstSeries], tmp_path: Path
) -> None:
    report, _ = trained(long_csv(tmp_path, unlike), tmp_path / "out", "--leave-out", "none")
    linear = next(model for model in report.models if model.name == "linear")
    ratio = np.divide(report.best.accuracy["test"].rmse, linear.accuracy["test"].rmse)
    assert ratio[-1] < 1.1
