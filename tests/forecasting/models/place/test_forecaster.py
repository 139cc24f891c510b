import numpy as np
import pandas as pd
import pytest
import torch

from forecasting.errors import RequestError, SeriesError
from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU, load
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from tests.conftest import daily
from training.run import Published


def end(series: SstSeries, n: int) -> SstSeries:
    """The last ``n`` values, as a series that may be changed."""
    part = series.part(len(series) - n, len(series))
    return SstSeries(part.values.copy(), part.start, part.step)


def codes(forecast: Forecast[Distribution]) -> list[str]:
    return [warning.code for warning in forecast.warnings]


def test_a_batch_gives_the_same_forecasts_as_single_windows(gru: Forecaster, nino12: SstSeries) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(nino12.values, 24)[:600]
    times = nino12.times[24:624]
    together = gru.roll(windows, times, 3)
    alone = np.concatenate([gru.roll(windows[i : i + 1], times[i : i + 1], 3) for i in range(0, 600, 7)])
    np.testing.assert_allclose(together[::7], alone, rtol=0, atol=1e-5)


def test_a_horizon_is_the_networks_own_output_rolled_forward(
    published: Published, gru: Forecaster, nino12: SstSeries
) -> None:
    module, _ = load((published.path / "gru.pt").read_bytes(), CPU)
    series = end(nino12, 24)
    values = list(series.values)
    ahead = series.step.range(series.step.shift(series.times[-1:], 1)[0], 12)
    with torch.inference_mode():
        for when in unix_seconds(ahead):
            window = torch.tensor([values[-24:]], dtype=torch.float32)
            values.append(float(module(window, torch.tensor([when], dtype=torch.float64))))
    np.testing.assert_allclose(gru.forecast(series, 12).sst, values[24:], atol=1e-5)


def test_the_network_uses_only_the_last_window(gru: Forecaster, nino12: SstSeries) -> None:
    assert gru.forecast(end(nino12, 24)).sst == pytest.approx(gru.forecast(nino12).sst, abs=1e-6)


def test_three_lines_lead_from_pandas_to_a_forecast(gru: Forecaster, nino12: SstSeries) -> None:
    table = gru.forecast(nino12.to_pandas(), horizon=3, levels=(80,)).to_pandas()
    assert list(table.columns) == ["sst", "lower_80", "upper_80", "calibrated"]
    assert list(table.index) == list(pd.to_datetime(["2011-01-01", "2011-02-01", "2011-03-01"], utc=True))
    assert (table["lower_80"] < table["sst"]).all()


def test_intervals_are_those_of_the_checkpoint(gru: Forecaster, nino12: SstSeries) -> None:
    forecast = gru.forecast(nino12, 4, levels=(80, 90))
    assert forecast.levels == (80, 90)
    for level in forecast.levels:
        width = gru.metadata.errors.half_widths(level, forecast.times[None], np.ones(1))[0]
        lower, upper = forecast.interval(level)
        np.testing.assert_allclose(upper - forecast.sst, width)
        np.testing.assert_allclose(forecast.sst - lower, width)
    with pytest.raises(RequestError, match="no calibrated interval at 42 %"):
        forecast.interval(42)
    assert forecast.calibrated


def test_exceedance_falls_as_the_threshold_rises(gru: Forecaster, nino12: SstSeries) -> None:
    forecast = gru.forecast(nino12, 1, levels=(80,))
    lower, upper = (float(bound[0]) for bound in forecast.interval(80))
    low, middle, high = (float(forecast.exceedance(degrees)[0]) for degrees in (lower, (lower + upper) / 2, upper))
    assert 1 > low > middle > high > 0


def test_a_short_gap_is_interpolated_with_a_warning(gru: Forecaster, nino12: SstSeries) -> None:
    series, line = end(nino12, 24), end(nino12, 24)
    series.values[5] = np.nan
    line.values[5] = (line.values[4] + line.values[6]) / 2
    forecast = gru.forecast(series)
    assert forecast.sst == pytest.approx(gru.forecast(line).sst)
    assert "gap_filled" in codes(forecast)
    assert any("1 missing value interpolated: 2009-06-01" in warning.message for warning in forecast.warnings)


@pytest.mark.parametrize(
    ("missing", "sentence", "index"),
    [
        (slice(23, 24), "the last value is missing: end the series at its last observation", 23),
        (
            slice(5, 9),
            "missing values from 2009-06-01 to 2009-09-01: only gaps of up to 3 values are interpolated; fill the gap "
            "first",
            5,
        ),
        (slice(0, 2), "missing values from 2009-01-01 to 2009-02-01: include the value before the gap", 0),
    ],
)
def test_a_gap_that_cannot_be_filled_is_named(
    gru: Forecaster, nino12: SstSeries, missing: slice, sentence: str, index: int
) -> None:
    series = end(nino12, 24)
    series.values[missing] = np.nan
    with pytest.raises(SeriesError, match=sentence) as caught:
        gru.forecast(series)
    assert caught.value.index == index


def test_a_value_before_the_window_helps_to_fill_its_start(gru: Forecaster, nino12: SstSeries) -> None:
    series = end(nino12, 26)
    series.values[[2, 3]] = np.nan
    assert "gap_filled" in codes(gru.forecast(series))


def test_a_short_series_and_another_step_are_refused(gru: Forecaster, nino12: SstSeries) -> None:
    with pytest.raises(SeriesError, match="23 values are too few: nino12-gru needs at least 24"):
        gru.forecast(end(nino12, 23))
    with pytest.raises(SeriesError, match="the step is one day, but nino12-gru forecasts steps of one month"):
        gru.forecast(daily(np.linspace(20, 25, 40)))


def test_a_bad_series_does_not_affect_the_others(gru: Forecaster, nino12: SstSeries) -> None:
    good = end(nino12, 30)
    forecasts = gru.forecast_batch(SeriesBatch.of([good, end(nino12, 3), good], gru.step), ForecastOptions())
    assert list(forecasts.errors) == [1]
    assert forecasts.row.tolist() == [0, 2]
    assert forecasts.sst.ravel() == pytest.approx([gru.forecast(good).sst[0]] * 2)


def test_no_series_give_no_forecasts(gru: Forecaster) -> None:
    forecasts = gru.forecast_batch(SeriesBatch.of([], gru.step), ForecastOptions(3))
    assert (len(forecasts), forecasts.errors, forecasts.sst.shape) == (0, {}, (0, 3))


@pytest.mark.parametrize("horizon", [0, 13])
def test_a_horizon_that_was_not_calibrated_is_refused(gru: Forecaster, nino12: SstSeries, horizon: int) -> None:
    with pytest.raises(RequestError, match=f"horizon {horizon} is out of range: nino12-gru forecasts 1 to 12"):
        gru.forecast(nino12, horizon)


def test_a_long_past_has_its_own_climatology(gru: Forecaster, nino12: SstSeries) -> None:
    forecast = gru.forecast(end(nino12, 240))
    assert list(forecast.baselines) == ["persistence", "climatology", "damped", "linear"]
    assert "no_climatology" not in codes(forecast)


def test_a_short_past_has_persistence_only_and_a_warning(catalog: Catalog) -> None:
    release = catalog.dataset("buoy")
    forecast = release.forecasters["gru"].forecast(release.recent)
    assert list(forecast.baselines) == ["persistence"]
    assert "no_climatology" in codes(forecast)


def test_a_window_unlike_the_training_data_gets_a_warning_and_is_not_calibrated(
    gru: Forecaster, nino12: SstSeries
) -> None:
    polar = SstSeries(end(nino12, 24).values - 20, nino12.times[-24], nino12.step)
    forecast = gru.forecast(polar)
    assert "outside_training" in codes(forecast)
    assert not forecast.calibrated
    assert "outside_training" not in codes(gru.forecast(nino12))


def test_neighbours_change_nothing(gru: Forecaster, nino12: SstSeries) -> None:
    """Alone or in a crowd: neighbours with other lengths, starts and gaps."""
    crowd = [end(nino12, n) for n in (24, 60, 31, 24)]
    crowd[2].values[20] = np.nan
    together = gru.forecast_batch(SeriesBatch.of(crowd, gru.step), ForecastOptions(5, (80,)))
    for i, series in enumerate(crowd):
        joint, alone = together[i], gru.forecast(series, 5, levels=(80,))
        assert joint.sst == pytest.approx(alone.sst, abs=1e-5)
        assert (joint.times == alone.times).all()
        assert joint.warnings == alone.warnings
        assert {name: values.tolist() for name, values in joint.baselines.items()} == {
            name: pytest.approx(values) for name, values in alone.baselines.items()
        }


def test_a_forecast_past_the_year_9999_is_refused_and_the_others_are_not(gru: Forecaster) -> None:
    values = np.full(24, 24.0)
    late, later = (SstSeries(values, np.datetime64(start, "s"), gru.step) for start in ("9997-01-01", "9997-11-01"))
    forecasts = gru.forecast_batch(SeriesBatch.of([later, late], gru.step), ForecastOptions(4))
    assert "past the year 9999" in str(forecasts.errors[0])
    assert forecasts.row.tolist() == [1]


def test_values_in_another_unit_are_refused(gru: Forecaster, nino12: SstSeries) -> None:
    fahrenheit = SstSeries(nino12.values * 1.8 + 32, nino12.start, nino12.step)
    with pytest.raises(SeriesError, match=r"value 0 is .* \(-2\.5 to 38\); the values look like °F: set the units to"):
        gru.forecast(fahrenheit)
