from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.paths import Dependence
from forecasting.models.universal.release import UniversalRelease
from tests.forecasting.models.universal.tiny import noise, series, walk


def test_the_share_of_paths_beyond_a_threshold_is_the_probability(
    daily: UniversalRelease,
) -> None:
    sent = walk(400)
    forecast = daily.forecast(sent, 5)
    outlook = forecast.outlook(sent)
    thresholds = forecast.sst + np.asarray([-1.0, -0.2, 0.0, 0.3, 2.0])
    assert outlook.ahead.shape == (1000, 5)
    np.testing.assert_allclose((outlook.ahead > thresholds).mean(axis=0), outlook.exceedance(thresholds), atol=6e-4)
    np.testing.assert_allclose(outlook.exceedance(thresholds)[1], forecast.exceedance(float(thresholds[1]))[1])


def test_paths_of_a_release_without_a_dependence_are_not_called_calibrated(daily: UniversalRelease) -> None:
    sent = walk(400)
    outlook = daily.forecast(sent, 5).outlook(sent)
    assert not outlook.calibrated
    with_first = np.asarray(np.corrcoef(outlook.ahead.T))[0].tolist()
    assert with_first == sorted(with_first, reverse=True)
    assert with_first[1] == pytest.approx(0.5**0.5, abs=0.05)


def test_paths_of_a_late_series_go_through_the_steps_that_were_not_observed(daily: UniversalRelease) -> None:
    values = walk(400).values.copy()
    values[-3:] = np.nan
    sent = series(values)
    forecast = daily.forecast(sent, 5, backtest=False)
    whole = daily.forecast(sent.until_last_observation(), 8, backtest=False)
    late, seen = forecast.outlook(sent, paths=100), whole.outlook(sent.until_last_observation(), paths=100)
    np.testing.assert_array_equal(late.past.values, sent.values[:-3])
    assert late.unobserved == 3
    np.testing.assert_array_equal(late.paths, seen.paths)
    np.testing.assert_array_equal(forecast.sample_paths(100), whole.sample_paths(100)[:, 3:])
    assert forecast.distribution.coupling == whole.distribution.coupling
    np.testing.assert_array_equal(forecast.distribution.quantiles[:3], whole.distribution.at_leads[:3])


def test_paths_of_days_go_on_after_the_horizon_as_far_as_the_release_does(daily: UniversalRelease) -> None:
    sent = walk(400)
    assert daily.forecast(sent, 5).outlook(sent, paths=10).paths.shape == (10, 11)
    assert daily.forecast(sent, 12).outlook(sent, paths=10).paths.shape == (10, 14)
    short = daily.forecast(sent, 5, model="gru")
    longer = daily.forecast(sent, 11, model="gru")
    np.testing.assert_array_equal(short.distribution.quantiles[5:], longer.distribution.at_leads[5:])


def test_steps_other_than_days_end_with_the_horizon(monthly: UniversalRelease) -> None:
    sent = series(15 + np.sin(np.arange(200.0)), "month")
    assert monthly.forecast(sent, 5).outlook(sent, paths=10).paths.shape == (10, 5)


def test_paths_of_a_mixture_for_a_late_series_begin_after_the_last_observation(daily: UniversalRelease) -> None:
    values = noise(400).values.copy()
    values[-2:] = np.nan
    forecast = daily.forecast(series(values), 5)
    assert forecast.model == "mixture"
    outlook = forecast.outlook(series(values), paths=200)
    assert outlook.paths.shape[0] == 200
    np.testing.assert_allclose(np.median(outlook.paths[:, 2:7], axis=0), forecast.sst, atol=0.05)


def test_events_of_a_late_series_are_as_calibrated_as_those_of_others(daily: UniversalRelease) -> None:
    learned = Dependence(correlation=tuple(tuple(row) for row in np.eye(14).tolist()))
    values = walk(400).values.copy()
    values[-1] = np.nan
    forecast = daily.forecast(series(values), 5)
    known = forecast.distribution
    suited = replace(known, coupling=replace(known.coupling, dependence=learned))
    with_learned = replace(forecast, distribution=suited)
    assert with_learned.outlook(series(values), paths=10).calibrated
    assert not forecast.outlook(series(values), paths=10).calibrated


def test_a_past_that_the_forecast_does_not_follow_is_refused(daily: UniversalRelease) -> None:
    sent = walk(400)
    with pytest.raises(SeriesError, match="pass the series that the forecast was made from"):
        daily.forecast(sent, 5).outlook(sent.part(0, 300))
