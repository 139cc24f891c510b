import numpy as np
import pytest
import torch

from forecasting.errors import SeriesError
from forecasting.releases.universal_releases import UniversalReleases
from forecasting.series.timestep import MONTH, TimeStep
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.steps.resampling import Resampling, nearest_step
from tests.forecasting.universal.tiny import publish, series, walk

STEPS = [TimeStep.parse(name) for name in ("hour", "day", "week")]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> UniversalReleases:
    artifacts = tmp_path_factory.mktemp("steps")
    for name, step in (("ocean-hourly", "hour"), ("ocean-daily", "day"), ("ocean-weekly", "week")):
        publish(artifacts, name, step, {"gru": 0.0})
    return UniversalReleases.open(artifacts, torch.device("cpu"))


def forecast(releases: UniversalReleases, values: list[float], step: str, horizon: int) -> UniversalForecast:
    result = releases.forecast_many([series(values, step)], horizon, model="gru", record=False)[0]
    assert isinstance(result, UniversalForecast), result
    return result


@pytest.mark.parametrize(
    ("step", "nearest"),
    [
        *[("PT1M", "hour"), ("PT30M", "hour"), ("PT3H", "hour"), ("PT6H", "day"), ("PT12H", "day"), ("P2D", "day")],
        *[("P5D", "week"), ("P8D", "week"), ("P30D", "week"), ("day", "day")],
    ],
)
def test_the_nearest_step_is_chosen(step: str, nearest: str) -> None:
    assert nearest_step(TimeStep.parse(step), [*STEPS, MONTH]) == TimeStep.parse(nearest)


def test_a_calendar_month_is_near_to_itself_only() -> None:
    assert nearest_step(MONTH, [*STEPS, MONTH]) == MONTH
    assert nearest_step(MONTH, STEPS) is None
    assert nearest_step(TimeStep.parse("day"), []) is None


def test_a_finer_step_is_averaged_until_the_last_observation() -> None:
    resampling = Resampling(TimeStep.parse("PT30M"), TimeStep.parse("hour"))
    hourly = resampling.resampled(series([9.0, 1.0, 2.0, np.nan, 4.0, 6.0, 8.0, np.nan, np.nan], "PT30M"))
    assert hourly.values.tolist() == [1.5, 4.0, 7.0]
    assert hourly.times[-1] == np.datetime64("2020-01-01T02:45")
    assert resampling.leads(0, 4) == pytest.approx([0.75, 1.25, 1.75, 2.25])
    assert resampling.leads(2, 1) == pytest.approx([1.75])


def test_a_coarser_step_that_divides_leaves_the_values_between_missing() -> None:
    resampling = Resampling(TimeStep.parse("PT3H"), TimeStep.parse("hour"))
    hourly = resampling.resampled(series([5.0, 6.0, np.nan, 8.0], "PT3H"))
    assert hourly.times[0] == np.datetime64("2020-01-01T00:00")
    assert np.flatnonzero(np.isfinite(hourly.values)).tolist() == [0, 3, 9]
    assert resampling.leads(0, 2).tolist() == [3.0, 6.0]


def test_another_step_is_interpolated() -> None:
    resampling = Resampling(TimeStep.parse("P8D"), TimeStep.parse("week"))
    weekly = resampling.resampled(series([0.0, 8.0, 16.0, 24.0], "P8D"))
    assert weekly.values == pytest.approx([3.0, 10.0, 17.0, 24.0])
    assert weekly.times[-1] == np.datetime64("2020-01-25")
    assert resampling.leads(0, 7)[-1] == pytest.approx(8.0)


def test_a_half_hourly_series_is_forecast_at_its_own_step(releases: UniversalReleases) -> None:
    values = np.repeat(walk(60).values, 2)
    result = forecast(releases, [*values, np.nan], "PT30M", 4)
    assert result.model == "ocean-hourly-gru"
    assert result.times[0] == np.datetime64("2020-01-03T12:30")
    assert np.unique(np.diff(result.times)).tolist() == [np.timedelta64(1_800, "s")]
    assert result.sst == pytest.approx([values[-1]] * 4, abs=1e-5)
    assert [warning.code for warning in result.warnings] == ["late", "resampled"]
    assert result.warnings[1].message == (
        "the series has a step of 30 minutes, and ocean-hourly of one hour: means of one hour were forecast, and "
        "interpolated"
    )
    width = np.subtract(*result.interval(80)[::-1])
    assert (np.diff(width) > 0).all()


def test_a_spread_before_the_first_lead_grows_with_the_square_root_of_time(releases: UniversalReleases) -> None:
    values = np.repeat(walk(60).values, 2)
    result = forecast(releases, list(values), "PT30M", 1)
    assert result.interval(80)[1] - result.sst == pytest.approx([1.2816 * 0.5 * 0.75**0.5], abs=1e-3)


def test_a_series_of_each_step_goes_to_its_release(releases: UniversalReleases) -> None:
    members = [series(walk(60).values, step) for step in ("day", "PT3H", "week", "PT20M", "month")]
    members[3] = series(walk(400).values, "PT20M")
    results = releases.forecast_many(members, 3)
    assert [getattr(result, "model", str(result))[:12] for result in results] == [
        *("ocean-daily-", "ocean-hourly", "ocean-weekly", "ocean-hourly"),
        "no universal",
    ]


def test_a_horizon_beyond_the_release_is_an_error_of_the_series(releases: UniversalReleases) -> None:
    results = releases.forecast_many([series(walk(400).values, "PT30M"), walk(60)], 20)
    assert isinstance(results[0], UniversalForecast)
    assert str(results[1]) == (
        "horizon 20, in steps of one day after the end of the series, reaches further than ocean-daily forecasts (14 "
        "steps of one day after the last observation): ask for at most 14"
    )
    too_far = releases.forecast_many([series(walk(400).values, "PT30M")], 97)[0]
    assert str(too_far).endswith("after the last observation): ask for at most 95")


def test_a_bad_value_is_named_by_its_place_in_the_callers_series(releases: UniversalReleases) -> None:
    values = walk(400).values
    values[37] = 99.0
    refused = releases.forecast_many([series(values, "PT30M")], 2)[0]
    assert isinstance(refused, SeriesError)
    assert refused.index == 37
    missing = releases.forecast_many([series([np.nan] * 9, "PT30M")], 2)[0]
    assert str(missing) == "every value of the series is missing"
    short = releases.forecast_many([series([12.0], "PT30M")], 2)[0]
    assert str(short) == "a forecast needs at least 48 hourly values, and the series has 1: send 47 more"
