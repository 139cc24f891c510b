from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.errors import SeriesError
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.resampling import Detail, Resampling, nearest_step
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.models.universal.tiny import publish, series, walk

NOWHERE = np.full((1, 7), np.nan, dtype=np.float32)
HORIZONS = {TimeStep.parse(name): n for name, n in (("hour", 48), ("day", 14), ("week", 13), ("month", 12))}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    artifacts = tmp_path_factory.mktemp("steps")
    for name, step in (("ocean-hourly", "hour"), ("ocean-daily", "day"), ("ocean-weekly", "week")):
        publish(artifacts, name, step, {"gru": 0.0})
    return Catalog.open(artifacts, CPU)


def forecast_one(
    release: UniversalRelease, sent: SstSeries, options: ForecastOptions, model: str = "best"
) -> Forecast[Quantiles] | SeriesError:
    batch = SeriesBatch.of([sent], sent.step)
    made = release.model(model).columns(batch, options._replace(backtest=model == "best"), NOWHERE)
    return made.errors[0] if made.errors else cast("Forecast[Quantiles]", made[0])


def forecast_each(
    releases: Catalog, given: Sequence[SstSeries], horizon: int, model: str = "best", check: bool = False
) -> list[Forecast[Quantiles] | SeriesError]:
    results: dict[int, Forecast[Quantiles] | SeriesError] = {}
    for i, sent in enumerate(given):
        loaded = releases.nearest(sent.step, horizon)
        assert loaded is not None
        results[i] = forecast_one(loaded.universal, sent, ForecastOptions(horizon, check=check), model)
    return [*results.values()]


def forecast(releases: Catalog, values: list[float], step: str, horizon: int) -> Forecast[Quantiles]:
    (result,) = forecast_each(releases, [series(values, step)], horizon, "gru")
    assert isinstance(result, Forecast), result
    return result


@pytest.mark.parametrize(
    ("step", "nearest"),
    [
        ("PT1M", "hour"), ("PT30M", "hour"), ("PT3H", "hour"), ("PT6H", "hour"), ("PT11H", "hour"), ("PT12H", "day"),
        ("P2D", "day"), ("P5D", "week"), ("P8D", "week"), ("P30D", "week"), ("day", "day"),
    ],
)  # fmt: skip
def test_the_nearest_step_is_chosen(step: str, nearest: str) -> None:
    assert nearest_step(TimeStep.parse(step), HORIZONS) == TimeStep.parse(nearest)


def test_a_calendar_month_is_near_to_itself_only() -> None:
    assert nearest_step(MONTH, HORIZONS) == MONTH
    assert nearest_step(MONTH, {step: 9 for step in HORIZONS if step != MONTH}) is None
    assert nearest_step(TimeStep.parse("day"), {}) is None


def test_a_release_that_does_not_reach_the_horizon_gives_way_to_a_coarser_one() -> None:
    six_hours = TimeStep.parse("PT6H")
    assert nearest_step(six_hours, HORIZONS, 8) == TimeStep.parse("hour")
    assert nearest_step(six_hours, HORIZONS, 9) == TimeStep.parse("day")
    assert nearest_step(six_hours, HORIZONS, 10_000) == TimeStep.parse("hour")


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


def test_a_half_hourly_series_is_forecast_at_its_own_step(releases: Catalog) -> None:
    values = np.repeat(walk(60).values, 2)
    result = forecast(releases, [*values, np.nan], "PT30M", 4)
    assert result.model == "ocean-hourly-gru"
    assert result.times[0] == np.datetime64("2020-01-03T12:30")
    assert np.unique(np.diff(result.times)).tolist() == [np.timedelta64(1_800, "s")]
    assert result.sst == pytest.approx([values[-1]] * 4, abs=1e-5)
    assert [warning.code for warning in result.warnings] == ["late", "resampled"]
    assert result.warnings[1].message == (
        "the series has a step of 30 minutes, but ocean-hourly forecasts steps of one hour: means over one hour were "
        "forecast and interpolated; the last value was taken into account"
    )
    width = np.subtract(*result.interval(80)[::-1])
    assert (np.diff(width) > 0).all()


def test_a_spread_before_the_first_lead_grows_with_the_square_root_of_time(releases: Catalog) -> None:
    result = forecast(releases, list(walk(100).values), "PT45M", 1)
    assert result.interval(80)[1] - result.sst == pytest.approx([1.2816 * 0.5 * 0.75**0.5], abs=1e-3)


def test_a_series_of_each_step_goes_to_its_release(releases: Catalog) -> None:
    given = [series(walk(400).values, step) for step in ("day", "PT3H", "week", "PT20M", "month")]
    (forecasts,) = releases.select("gru", None).forecast(SeriesByStep.of(given), ForecastOptions(3))
    models = {row: forecasts[i].model for i, row in enumerate(forecasts.row.tolist())}
    assert models == {0: "ocean-daily-gru", 1: "ocean-hourly-gru", 2: "ocean-weekly-gru", 3: "ocean-hourly-gru"}
    assert str(forecasts.errors[4]).startswith("the step is one month, but no universal release")


def test_a_horizon_beyond_the_release_is_an_error_of_the_series(releases: Catalog) -> None:
    results = forecast_each(releases, [series(walk(400).values, "PT30M"), walk(60)], 20)
    assert isinstance(results[0], Forecast)
    assert str(results[1]) == (
        "horizon 20, in steps of one day after the end of the series, reaches further than ocean-daily forecasts (14 "
        "steps of one day after the last observation): ask for at most 14"
    )
    half_hourly = series(walk(400).values, "PT30M")
    hourly = releases.universal["ocean-hourly"].universal
    too_far = forecast_one(hourly, half_hourly, ForecastOptions(97))
    assert str(too_far).endswith("after the last observation): ask for at most 95")
    assert str(forecast_each(releases, [half_hourly], 97)[0]) == (
        "a forecast needs at least 14 daily values, but the series has 8: send 6 more; the series has a step of 30 "
        "minutes, and was resampled to one day"
    )


def test_a_bad_value_is_named_by_its_place_in_the_callers_series(releases: Catalog) -> None:
    values = walk(400).values
    values[37] = 99.0
    refused = forecast_each(releases, [series(values, "PT30M")], 2)[0]
    assert isinstance(refused, SeriesError)
    assert refused.index == 37
    missing = forecast_each(releases, [series([np.nan] * 9, "PT30M")], 2)[0]
    assert str(missing) == "every value of the series is missing"
    short = forecast_each(releases, [series([12.0], "PT30M")], 2)[0]
    assert str(short) == (
        "a forecast needs at least 48 hourly values, but the series has 1: send 47 more; the series has a step of 30 "
        "minutes, and was resampled to one hour"
    )


def daily_cycle(n: int, step: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values at each step, and those that follow: a cycle of the day on a slow change."""
    hours = np.arange(n + 96) * TimeStep.parse(step).seconds / 3_600
    values = 18 + 0.8 * np.cos(2 * np.pi * (hours - 15) / 24) + np.sin(hours / 400)
    return values[:n], values[n:]


@pytest.mark.parametrize(("step", "n"), [("PT6H", 120), ("PT10M", 4_320), ("PT2H", 360)])
def test_a_finer_step_than_a_day_keeps_its_daily_cycle_where_days_are_forecast(
    releases: Catalog, step: str, n: int
) -> None:
    past, future = daily_cycle(n, step)
    daily = releases.universal["ocean-daily"].universal
    result = forecast_one(daily, series(past, step), ForecastOptions(12), "gru")
    assert isinstance(result, Forecast)
    assert np.abs(result.sst - future[:12]).max() < 0.25
    assert result.warnings[-1].message.endswith(
        "means over one day were forecast and interpolated; the last value and the usual daily cycle were added"
    )
    assert result.baselines["persistence"].tolist() == [past[-1]] * 12
    width = np.subtract(*result.interval(80)[::-1])
    assert (np.diff(width) > -1e-9).all()


def test_a_time_of_day_that_is_missing_does_not_shift_the_forecast(releases: Catalog) -> None:
    past, future = daily_cycle(120, "PT6H")
    past[[-2, -3]] = np.nan
    daily = releases.universal["ocean-daily"].universal
    result = forecast_one(daily, series(past, "PT6H"), ForecastOptions(8), "gru")
    assert isinstance(result, Forecast)
    assert np.abs(result.sst - future[:8]).max() < 0.25


def test_paths_at_a_finer_step_agree_with_the_probabilities_and_begin_after_the_last_observation(
    releases: Catalog,
) -> None:
    level, _ = daily_cycle(60 * 2, "PT12H")
    values = level + np.random.default_rng(0).normal(0.0, 0.2, len(level))
    values[-3:] = np.nan
    sent = series(values, "PT12H")
    result = forecast(releases, values.tolist(), "PT12H", 12)
    outlook = result.outlook(sent)
    assert outlook.past.values[-1] == values[-4]
    assert (outlook.unobserved, outlook.paths.shape) == (3, (1000, 15))
    np.testing.assert_allclose((outlook.paths[:, 3:] > 15.0).mean(axis=0), outlook.exceedance(15.0), atol=6e-4)
    assert (np.diff(outlook.paths[:, [0, 2, 14]].std(axis=0)) > 0).all()
    correlation = result.distribution.coupling.correlation()
    assert np.linalg.eigvalsh(correlation).min() > -1e-9
    assert result.distribution.coupling.detail[0] > 0
    assert (np.abs(correlation) <= 1 + 1e-9).all()


@pytest.mark.parametrize("n", [1, 11, 12, 23])
def test_a_series_shorter_than_one_mean_has_no_daily_cycle(n: int) -> None:
    detail = Detail.of(np.linspace(10.0, 11.0, n), Resampling(TimeStep(3_600), TimeStep(86_400)))
    assert detail.cycle.tolist() == [0.0] * 24
    assert np.isfinite([detail.last, detail.decay, detail.spread]).all()


@pytest.mark.parametrize("hours", [1, 8])
def test_a_steady_change_is_not_taken_for_departures_from_the_mean(hours: int) -> None:
    detail = Detail.of(np.arange(1_000.0), Resampling(TimeStep(hours * 3_600), TimeStep(86_400)))
    assert detail.spread < 0.2


def test_a_check_leaves_out_the_values_of_a_suspect_mean_and_not_only_their_mean(releases: Catalog) -> None:
    level, _ = daily_cycle(60 * 2, "PT12H")
    values = level + np.random.default_rng(0).normal(0.0, 0.2, len(level))
    values[-1] = 35.0
    sent = series(values, "PT12H")
    (checked,) = forecast_each(releases, [sent], 3, "gru", check=True)
    (without,) = forecast_each(releases, [series([*values[:-2], np.nan, np.nan], "PT12H")], 3, "gru", check=True)
    assert isinstance(checked, Forecast)
    assert isinstance(without, Forecast)
    np.testing.assert_array_equal(checked.sst, without.sst)
    assert checked.baselines["persistence"][0] == values[-3]
    assert [warning.code for warning in checked.warnings] == ["suspect_value", "late", "resampled"]
    assert "is one day before the end of the series" in checked.warnings[1].message
    outlook = checked.outlook(sent)
    assert (outlook.unobserved, outlook.past.values[-1]) == (2, values[-3])
    assert np.abs(np.median(outlook.paths[:, :2], axis=0) - values[-3]).max() < 3


def test_the_weights_of_a_mixture_are_those_of_the_leads_of_the_series(releases: Catalog) -> None:
    (result,) = forecast_each(releases, [series(walk(800).values, "PT12H")], 8)
    assert isinstance(result, Forecast)
    assert result.model == "mixture"
    assert result.chosen
    assert {len(weights) for weights in result.chosen.weights.values()} == {8}
    assert {len(errors) for errors in result.chosen.rmse_by_lead.values()} == {8}
    assert sum(result.chosen.weights.values()) == pytest.approx(np.ones(8), abs=0.01)
