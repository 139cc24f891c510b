"""What intervals are calibrated on from before the validation part."""

import numpy as np
import pytest

from forecasting.registry import load_forecaster
from forecasting.series import SstSeries
from forecasting.timestep import DAY, MONTH, TimeStep
from tests.conftest import daily
from tests.training.test_fit import changed
from training.calibration import FIRST_TENTH, Residuals, earlier_residuals, rolled_residuals, suffices
from training.config import TrainingConfig
from training.dataset import Dataset
from training.panel import Panel
from training.run import Published


def forecast(residuals: Residuals) -> np.ndarray:
    return residuals.origins.targets - residuals.values


def first_day(residuals: Residuals) -> str:
    """Of what is forecast."""
    return str(residuals.origins.times[np.isfinite(residuals.values)].min())[:10]


def rolled(series: SstSeries, config: TrainingConfig) -> list[Residuals]:
    return rolled_residuals(Dataset.divide(series, config), config)


def test_each_tenth_is_forecast_and_by_nothing_that_was_not_known_before(
    nino12: SstSeries, small: TrainingConfig
) -> None:
    as_it_was = rolled(nino12, small)
    assert [first_day(one) for one in as_it_was] == ["1974-05-01", "1980-06-01", "1986-07-01"]
    assert [int(np.isfinite(one.values[:, 11]).sum()) for one in as_it_was] == [73, 73, 74]
    begin = int(np.flatnonzero(nino12.times == np.datetime64("1980-06-01", "s"))[0])
    another = rolled(changed(nino12, begin + 10, len(nino12)), small)
    np.testing.assert_array_equal(another[0].values, as_it_was[0].values)
    # The fit of the second tenth is the same: so are its forecasts, until windows reach what was changed.
    known = as_it_was[1].origins.position <= begin + 10
    np.testing.assert_array_equal(forecast(another[1])[known][:, 0], forecast(as_it_was[1])[known][:, 0])
    assert not np.allclose(another[2].values, as_it_was[2].values, equal_nan=True)


def test_the_intervals_of_a_release_rest_on_the_rolled_residuals_too(published: Published) -> None:
    errors = load_forecaster("nino12-gru", published.path.parent.parent).metadata.errors
    assert errors.n == (293,) * 12
    assert {season: table.n[0] for season, table in errors.seasons.items()} == {
        "DJF": 72, "MAM": 73, "JJA": 75, "SON": 73,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "years", "enough"),
    [
        (MONTH, 60, False),
        (TimeStep(7 * DAY), 27, False),
        (TimeStep(DAY), 1, False),
        (TimeStep(DAY), 10, False),  # rolling gives two years, and seasons
        (TimeStep(DAY), 40, True),
        (TimeStep(1_800), 1.1, True),  # the season next to the test part, which rolling would leave
    ],
)
def test_the_validation_part_is_let_alone_where_it_holds_errors_enough(
    step: TimeStep, years: float, enough: bool
) -> None:
    n = round(years * 365.25 * DAY / step.seconds)
    series = SstSeries(15 + np.sin(np.arange(n)), np.datetime64("1980-01-01", "s"), step)
    config = TrainingConfig.for_step(step)
    dataset = Dataset(series, config.window, config.horizon, config.fill_limit)
    assert suffices(dataset) is enough
    if enough:
        assert earlier_residuals(dataset, config) == []


def test_stations_of_a_panel_are_forecast_from_the_same_dates_on() -> None:
    days = np.arange(400)
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 400))
    series = {f"s{k}": daily(15 + k + np.sin(days / 30) + noise[k]) for k in range(3)}
    series["s1"] = series["s1"].part(200, 400)  # begins after the first tenth that is forecast
    config = TrainingConfig.for_step(series["s0"].step, horizon=2)
    panel = Panel.of(series, config, ())
    found = rolled_residuals(panel, config)
    train = len(panel.stations["s0"].past("train"))
    edges = [train * tenth // 7 for tenth in range(FIRST_TENTH, 8)]
    assert [first_day(one) for one in found] == [str(series["s0"].times[k])[:10] for k in edges[:-1]]
    lengths = np.diff(edges)
    late = edges[1] - 200  # what the first tenth holds of the station that begins within it
    assert [int(np.isfinite(one.values[:, 0]).sum()) for one in found] == [
        2 * lengths[0] + max(late - 30, 0), 3 * lengths[1] - 30 + late, 3 * lengths[2],
    ]  # fmt: skip


def test_a_tenth_whose_past_is_too_short_or_still_is_left_out() -> None:
    config = TrainingConfig.for_step(TimeStep(DAY), horizon=2)
    noise = np.random.default_rng(0).normal(0, 0.3, 220)
    assert len(rolled(daily(15 + noise), config)) == 2  # 58 windows before the first, which takes 60
    still = daily(np.concatenate([np.full(100, 15.0), 15 + noise[:150]]))
    assert [first_day(one) for one in rolled(still, config)] == [str(still.times[k])[:10] for k in (125, 150)]


def test_cells_alone_have_no_rolled_residuals(nino12: SstSeries, small: TrainingConfig) -> None:
    assert rolled(nino12, small.model_copy(update={"autoregression": False})) == []
