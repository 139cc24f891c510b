from dataclasses import replace

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.dependence import Dependence
from forecasting.universal.release import UniversalRelease
from tests.forecasting.universal.tiny import series, walk


def test_the_share_of_paths_beyond_a_threshold_is_the_probability(
    daily: UniversalRelease,
) -> None:
    sent = walk(400)
    forecast = daily.forecast(sent, 5)
    outlook = forecast.outlook(sent)
    thresholds = forecast.sst + np.asarray([-1.0, -0.2, 0.0, 0.3, 2.0])
    assert outlook.paths.shape == (1000, 5)
    np.testing.assert_allclose((outlook.paths > thresholds).mean(axis=0), outlook.exceedance(thresholds), atol=6e-4)
    np.testing.assert_allclose(outlook.exceedance(thresholds)[1], forecast.exceedance(float(thresholds[1]))[1])


def test_paths_of_a_release_without_a_dependence_are_not_called_calibrated(daily: UniversalRelease) -> None:
    sent = walk(400)
    outlook = daily.forecast(sent, 5).outlook(sent)
    assert not outlook.calibrated
    with_first = np.asarray(np.corrcoef(outlook.paths.T))[0].tolist()
    assert with_first == sorted(with_first, reverse=True)
    assert with_first[1] == pytest.approx(0.5**0.5, abs=0.05)


def test_the_past_of_a_late_series_is_bridged_by_medians(daily: UniversalRelease) -> None:
    values = walk(400).values.copy()
    values[-3:] = np.nan
    sent = series(values)
    forecast = daily.forecast(sent, 5)
    whole = daily.forecast(sent.until_last_observation(), 8)
    past = forecast.outlook(sent, paths=10).past
    np.testing.assert_allclose(past.values[-3:], whole.quantiles[:3, len(whole.levels) // 2])
    np.testing.assert_array_equal(past.values[:-3], sent.values[:-3])
    assert forecast.coupling.leads == (4, 5, 6, 7, 8)


def test_events_of_a_late_series_are_not_calibrated(daily: UniversalRelease) -> None:
    learned = Dependence(correlation=tuple(tuple(row) for row in np.eye(14).tolist()))
    values = walk(400).values.copy()

    def is_calibrated() -> bool:
        forecast = daily.forecast(series(values), 5)
        with_learned = replace(forecast, coupling=replace(forecast.coupling, dependence=learned))
        return with_learned.outlook(series(values), paths=10).calibrated

    assert is_calibrated()
    values[-1] = np.nan
    assert not is_calibrated()


def test_a_past_that_the_forecast_does_not_follow_is_refused(daily: UniversalRelease) -> None:
    sent = walk(400)
    with pytest.raises(SeriesError, match="pass the series that the forecast was made from"):
        daily.forecast(sent, 5).outlook(sent.part(0, 300))
