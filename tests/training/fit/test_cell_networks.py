"""What intervals are calibrated on from before the validation part."""

import numpy as np

from forecasting.releases.release import PlaceRelease
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from tests.conftest import daily
from tests.training.fit.test_fitting import changed
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.fit.cell_networks import FIRST_TWENTIETH, TRAIN_TWENTIETHS, Residuals, earlier_residuals
from training.run import Published


def forecast(residuals: Residuals) -> np.ndarray:
    return residuals.origins.targets - residuals.values


def first_day(residuals: Residuals) -> str:
    """Of what is forecast."""
    return str(residuals.origins.times[np.isfinite(residuals.values)].min())[:10]


def rolled(series: SstSeries, config: TrainingConfig) -> list[Residuals]:
    return earlier_residuals(Dataset.divide(series, config), config)


def test_each_twentieth_is_forecast_from_earlier_data_only(nino12: SstSeries, small: TrainingConfig) -> None:
    as_it_was = rolled(nino12, small)
    days = ["1974-05-01", "1977-06-01", "1980-06-01", "1983-07-01", "1986-07-01", "1989-08-01"]
    assert [first_day(residuals) for residuals in as_it_was] == days
    assert [int(np.isfinite(residuals.values[:, 11]).sum()) for residuals in as_it_was] == [37, 36, 37, 36, 37, 37]
    begin = int(np.flatnonzero(nino12.times == np.datetime64("1980-06-01", "s"))[0])
    another = rolled(changed(nino12, begin + 10, len(nino12)), small)
    for before in (0, 1):
        np.testing.assert_array_equal(another[before].values, as_it_was[before].values)
    # The fit of the third twentieth is the same: so are its forecasts, until windows reach what was changed.
    known = as_it_was[2].origins.position <= begin + 10
    np.testing.assert_array_equal(forecast(another[2])[known][:, 0], forecast(as_it_was[2])[known][:, 0])
    assert not np.allclose(another[3].values, as_it_was[3].values, equal_nan=True)


def test_the_intervals_of_a_release_also_use_the_rolled_residuals(published: Published) -> None:
    networks, _ = PlaceRelease.open(published.path).load_evaluated()
    errors = networks["gru"].metadata.errors
    assert errors.n == (293,) * 12
    assert {season: table.n[0] for season, table in errors.seasons.items()} == {
        "DJF": 72, "MAM": 73, "JJA": 75, "SON": 73,
    }  # fmt: skip


def test_stations_of_a_panel_are_forecast_from_the_same_dates() -> None:
    days = np.arange(400)
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 400))
    series = {f"s{i}": daily(15 + i + np.sin(days / 30) + noise[i]) for i in range(3)}
    series["s1"] = series["s1"].part(200, 400)  # begins after the first twentieth that is forecast
    config = TrainingConfig.for_step(series["s0"].step, horizon=2)
    panel = Dataset.panel(series, config, ())
    pieces = earlier_residuals(panel, config)
    train = len(panel.stations["s0"].past("train"))
    edges = [train * twentieth // TRAIN_TWENTIETHS for twentieth in range(FIRST_TWENTIETH, TRAIN_TWENTIETHS + 1)]
    assert [first_day(residuals) for residuals in pieces] == [str(series["s0"].times[i])[:10] for i in edges[:-1]]
    # The late station's first window takes 30 days, so it is forecast from day 230 on.
    late = np.clip(np.asarray(edges[1:]) - 230, 0, np.diff(edges))
    assert [int(np.isfinite(residuals.values[:, 0]).sum()) for residuals in pieces] == (
        2 * np.diff(edges) + late
    ).tolist()


def test_a_twentieth_with_a_short_or_constant_past_is_left_out() -> None:
    config = TrainingConfig.for_step(TimeStep(DAY), horizon=2)
    noise = np.random.default_rng(0).normal(0, 0.3, 220)
    assert len(rolled(daily(15 + noise), config)) == 5  # 58 windows before the first, which takes 60
    still = daily(np.concatenate([np.full(100, 15.0), 15 + noise[:150]]))
    assert first_day(rolled(still, config)[0]) == str(still.times[112])[:10]


def test_cells_alone_have_no_rolled_residuals(nino12: SstSeries, small: TrainingConfig) -> None:
    assert rolled(nino12, small.model_copy(update={"autoregression": False})) == []
