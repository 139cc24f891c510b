import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.forecasts.forecast import Forecast
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.times import Floats
from tests.forecasting.models.universal.tiny import series, walk


def sea(n: int = 60) -> Floats:
    values = walk(n).values.copy()
    values += 18.0 - values[-1]
    return values


def messages(forecast: Forecast[Quantiles] | SeriesError) -> list[str]:
    assert isinstance(forecast, Forecast)
    return [warning.message for warning in forecast.warnings if warning.code == "suspect_value"]


@pytest.mark.parametrize("backtest", [True, False])
@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_forecast_from_an_implausible_value_says_so_and_is_not_calibrated(
    daily: UniversalRelease, back: int, backtest: bool
) -> None:
    values = sea()
    values[-back] = 35.0
    forecast = daily.forecast(series(values), 3, backtest=backtest)
    (message,) = messages(forecast)
    assert f"the value 35 °C of 2020-02-{30 - back} is implausible" in message
    assert "was expected from the values before it" in message
    assert not forecast.calibrated


def test_several_implausible_values_at_the_end_share_one_warning(daily: UniversalRelease) -> None:
    values = sea()
    values[-3:] = [35, 5, 36]
    (message,) = messages(daily.forecast(series(values)))
    assert "36 °C of 2020-02-29 is implausible" in message
    assert "and so are 2 values before it" in message


def test_a_plausible_end_or_an_older_spike_causes_no_warning(daily: UniversalRelease) -> None:
    spike = sea()
    spike[30] = 35.0
    for values in (sea(), spike):
        forecast = daily.forecast(series(values))
        assert messages(forecast) == []
        assert forecast.calibrated


def test_a_check_leaves_implausible_values_out(daily: UniversalRelease) -> None:
    values = sea()
    values[[20, 59]] = 35.0
    forecast = daily.forecast(series(values), 3, model="gru", check=True)
    (message,) = messages(forecast)
    assert message.startswith("2 suspect values left out: the last, 35 °C of 2020-02-29 is implausible")
    assert forecast.sst == pytest.approx([values[58]] * 3, abs=1e-5)
    assert forecast.calibrated
    assert {warning.code for warning in forecast.warnings} == {"suspect_value", "late", "gap_filled"}


def test_a_check_of_a_plausible_series_changes_nothing(daily: UniversalRelease) -> None:
    plain, checked = (daily.forecast(series(sea()), 3, check=check) for check in (False, True))
    assert np.array_equal(plain.distribution.at_leads, checked.distribution.at_leads)
    assert plain.warnings == checked.warnings


def test_an_error_after_a_check_says_what_was_left_out(daily: UniversalRelease) -> None:
    values = sea()
    values[-1] = 35.0
    with pytest.raises(SeriesError, match=r"ask for at most 13; 1 suspect value left out: the value 35 °C"):
        daily.forecast(series(values), 14, check=True)


def test_each_series_of_a_batch_has_its_own_warning(daily: UniversalRelease) -> None:
    bad = sea()
    bad[-1] = 35.0
    members = [series(sea()), series(bad), series([1.0]), series(sea(61))]
    assert [isinstance(result, SeriesError) or len(messages(result)) for result in daily.forecast_many(members)] == [
        0,
        1,
        True,
        0,
    ]
