"""Forecasts of simple networks (the last value) of water that follows, or does not follow, the weather over it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.universal.metadata import WeatherPrior
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.weather import PREDICTORS, assumed_skill, forecast_errors
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, IssuedWeather, Weather
from tests.forecasting.models.universal.tiny import series

DAY = TimeStep.parse("day")
NOWHERE = np.full((1, 7), np.nan, dtype=np.float32)
HORIZON = 7

SURE: list[list[float]] = (10.0 * np.eye(len(PREDICTORS))).tolist()
PRIOR = WeatherPrior(
    leads=(1, 2, 3, 5, 7, 10, 14),
    mean=(tuple(0.3 if name == "air ahead" else 0.0 for name in PREDICTORS),) * 7,
    precision=(tuple(map(tuple, SURE)),) * 7,
    noise=(0.8,) * 7,
)


@pytest.fixture(scope="module")
def weathered(daily: UniversalRelease) -> UniversalRelease:
    """The daily release, whose networks take weather."""
    networks: dict[str, UniversalForecaster] = {}
    for cell, network in daily.networks.items():
        metadata = network.metadata.model_copy(update={"covariates": COVARIATES, "weather": PRIOR})
        networks[cell] = UniversalForecaster(network.module, metadata, network.device)
    return UniversalRelease(daily.name, daily.version, networks)


def air(seed: int, n: int) -> Floats:
    """Daily departures of air temperature, °C, that last a few days."""
    values = np.random.default_rng(seed).normal(0.0, 2.0, n)
    for day in range(1, n):
        values[day] += 0.7 * values[day - 1]
    return values


def sea(seed: int, days: int = 120, follows: float = 0.12) -> tuple[SstSeries, Weather]:
    """Water that warms each day by a share of the air's departure, to ``days``, and weather to two weeks later."""
    departures = air(seed, days + 14)
    water = np.random.default_rng((seed, 1)).normal(0.0, 0.1, days + 14)
    for day in range(1, days + 14):
        water[day] += 0.98 * water[day - 1] + follows * departures[day]
    wind = np.random.default_rng((seed, 2)).gamma(4.0, 1.5, days + 14)
    whole = series(15.0 + water)
    return whole, Weather(whole.start, np.stack([14.0 + departures, wind], axis=1), source="station")


def cut(whole: SstSeries, weather: Weather | None, days: int = 120) -> SstSeries:
    return replace(whole.part(0, days), weather=weather)


def forecast(release: UniversalRelease, *given: SstSeries, cell: str = "best", horizon: int = HORIZON) -> Forecasts:
    batch = SeriesBatch.of(given, given[0].step)
    return release.model(cell).columns(batch, ForecastOptions(horizon), np.repeat(NOWHERE, len(given), 0))


def codes(forecasts: Forecasts, row: int = 0) -> set[str]:
    return {warning.code for warning in forecasts.warnings[row] if "weather" in warning.code}


def rmse(release: UniversalRelease, seas: Mapping[int, tuple[SstSeries, Weather | None]], cell: str) -> Floats:
    forecasts = forecast(release, *(cut(*sea) for sea in seas.values()), cell=cell)
    truth = np.stack([whole.values[120 : 120 + HORIZON] for whole, _ in seas.values()])
    root: Floats = np.sqrt(((forecasts.sst - truth) ** 2).mean(axis=0))
    return root


@pytest.mark.parametrize(("cell", "most"), [("best", 0.85), ("gru", 0.75)])
def test_weather_ahead_makes_forecasts_of_water_that_follows_it_better(
    weathered: UniversalRelease, cell: str, most: float
) -> None:
    seas = {seed: sea(seed) for seed in range(40)}
    without = rmse(weathered, {seed: (whole, None) for seed, (whole, _) in seas.items()}, cell)
    ratio = rmse(weathered, seas, cell) / without
    assert ratio.max() < most
    forecasts = forecast(weathered, *(cut(*seas[seed]) for seed in seas), cell=cell)
    assert all(use is not None and use.used == COVARIATES for use in forecasts.weather)
    ratios = [use.past_rmse_ratio for use in forecasts.weather if use is not None and use.past_rmse_ratio is not None]
    # On the past, weather counts as forecasts of it would have been, which are worse than what happened.
    assert len(ratios) == 40
    assert ratio.mean() < np.mean(ratios) < 0.8


def test_intervals_narrow_as_far_as_weather_explains_the_past(weathered: UniversalRelease) -> None:
    seas = [sea(seed) for seed in range(40)]
    inside, widths = [], []
    for with_weather in (False, True):
        forecasts = forecast(weathered, *(cut(whole, w if with_weather else None) for whole, w in seas), cell="gru")
        low, high = forecasts.bounds(80)
        truth = np.stack([whole.values[120 : 120 + HORIZON] for whole, _ in seas])
        inside.append(((truth >= low) & (truth <= high)).mean())
        widths.append((high - low).mean())
    assert widths[1] < 0.9 * widths[0]
    assert inside[1] > 0.7


def test_weather_over_water_that_does_not_follow_it_does_little_or_is_left_out(weathered: UniversalRelease) -> None:
    seas = {seed: sea(seed, follows=0.0) for seed in range(60)}
    without = rmse(weathered, {seed: (whole, None) for seed, (whole, _) in seas.items()}, "gru")
    assert (rmse(weathered, seas, "gru") / without).max() < 1.06
    forecasts = forecast(weathered, *(cut(*seas[seed]) for seed in seas), cell="gru")
    left_out = [row for row in range(60) if "weather_not_used" in codes(forecasts, row)]
    assert len(left_out) > 10
    plain = forecast(weathered, *(cut(seas[seed][0], None) for seed in seas), cell="gru")
    assert (forecasts.sst[left_out] == plain.sst[left_out]).all()
    use = forecasts.weather[left_out[0]]
    assert use is not None
    assert use.used == ()
    assert use.past_rmse_ratio is not None
    assert use.past_rmse_ratio > 0.995


def test_series_without_weather_are_forecast_as_before(daily: UniversalRelease, weathered: UniversalRelease) -> None:
    whole, weather = sea(1)
    beside = forecast(weathered, cut(whole, None), cut(whole, weather))
    alone = forecast(daily, cut(whole, None))
    assert beside.table[0] == pytest.approx(alone.table[0], abs=1e-6, nan_ok=True)
    assert beside.weather[0] is None
    assert (beside.sst[1] != beside.sst[0]).all()


def test_a_forecast_with_weather_does_not_depend_on_others_of_its_request(weathered: UniversalRelease) -> None:
    whole, weather = sea(2)
    late, gappy = cut(*sea(3)), cut(whole, weather)
    late.values[-3:] = np.nan
    gappy.values[30:60] = np.nan
    others = [late, cut(*sea(4)), cut(sea(5)[0], None)]
    for given in (cut(whole, weather), gappy):
        alone, beside = forecast(weathered, given), forecast(weathered, *others, given)
        assert beside.table[3] == pytest.approx(alone.table[0], abs=1e-9, nan_ok=True)
        assert beside.weather[3] == alone.weather[0]


@pytest.mark.parametrize("backtest", [True, False])
def test_the_shortest_series_are_forecast_by_what_is_known_of_other_seas(
    weathered: UniversalRelease, backtest: bool
) -> None:
    whole, weather = sea(24)
    short = replace(whole.part(106, 120), weather=weather)
    batch = SeriesBatch.of([short, cut(whole, None)], DAY)
    options = ForecastOptions(HORIZON, backtest=backtest)
    forecasts = weathered.model().columns(batch, options, np.repeat(NOWHERE, 2, 0))
    assert not forecasts.errors
    use = forecasts.weather[0]
    assert use is not None
    assert (use.used, use.past_rmse_ratio, use.origins) == (COVARIATES, None, 0)
    assert (np.abs(forecasts.sst[0] - short.values[-1]) > 1e-3).all()


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3, 1.0])
def test_air_that_has_nothing_to_do_with_the_water_is_worth_nothing(weathered: UniversalRelease, spread: float) -> None:
    seas = {}
    for seed in range(40):
        whole, weather = sea(seed, follows=0.0)
        random = np.random.default_rng((seed, 3))
        indoors = 20.0 + spread * random.normal(size=len(weather.values))
        seas[seed] = (whole, replace(weather, values=np.stack([indoors, np.full_like(indoors, np.nan)], axis=1)))
    forecasts = forecast(weathered, *(cut(*each) for each in seas.values()), cell="gru")
    ratios = [use.past_rmse_ratio for use in forecasts.weather if use is not None and use.past_rmse_ratio is not None]
    assert spread == 0.0 or np.mean(ratios) > 0.96
    plain = {seed: (whole, None) for seed, (whole, _) in seas.items()}
    assert (rmse(weathered, seas, "gru") / rmse(weathered, plain, "gru")).max() < 1.08
    low, high = forecasts.bounds(80)
    truth = np.stack([whole.values[120 : 120 + HORIZON] for whole, _ in seas.values()])
    without = forecast(weathered, *(cut(whole, None) for whole, _ in seas.values()), cell="gru").bounds(80)
    inside, inside_without = (((truth >= a) & (truth <= b)).mean() for a, b in ((low, high), without))
    assert inside > inside_without - 0.06
    if spread == 0.0:
        assert all(any("does not vary" in warning.message for warning in row) for row in forecasts.warnings)


def test_one_series_with_weather_leaves_others_of_its_request_without_a_backtest(weathered: UniversalRelease) -> None:
    whole, weather = sea(25)
    batch = SeriesBatch.of([cut(whole, weather), cut(sea(26)[0], None)], DAY)
    forecasts = weathered.model("gru").columns(
        batch, ForecastOptions(HORIZON, backtest=False), np.repeat(NOWHERE, 2, 0)
    )
    alone = weathered.model("gru").columns(batch.take(np.array([1])), ForecastOptions(HORIZON, backtest=False), NOWHERE)
    assert (forecasts.table[1] == alone.table[0]).all()
    assert [use is None for use in forecasts.weather] == [False, True]


def test_weather_of_the_past_alone_changes_nothing(weathered: UniversalRelease) -> None:
    whole, weather = sea(6)
    plain = forecast(weathered, cut(whole, None))
    past = forecast(weathered, cut(whole, replace(weather, values=weather.values[:120])))
    assert (past.table == plain.table).all()
    assert codes(past) == {"no_weather_ahead"}
    use = past.weather[0]
    assert use is not None
    assert (use.used, use.until, use.source) == ((), None, "station")


def test_weather_that_ends_early_is_used_as_far_as_it_goes(weathered: UniversalRelease) -> None:
    whole, weather = sea(7)
    plain = forecast(weathered, cut(whole, None), cell="gru")
    early = forecast(weathered, cut(whole, replace(weather, values=weather.values[:123])), cell="gru")
    full = forecast(weathered, cut(whole, weather), cell="gru")
    use = early.weather[0]
    assert use is not None
    assert use.until == early.times[0, 2]
    assert codes(early) == {"weather_ends_early"}
    assert not codes(full)
    assert early.sst[0, 0] == pytest.approx(full.sst[0, 0], abs=0.05)
    assert early.sst[0, 0] != plain.sst[0, 0]
    # Three days tell less of a week than seven.
    assert abs(early.sst[0, 6] - plain.sst[0, 6]) < abs(full.sst[0, 6] - plain.sst[0, 6])


@pytest.mark.parametrize(("column", "name"), [(0, "wind_speed"), (1, "air_temperature")])
def test_a_covariate_without_values_ahead_is_as_one_that_is_not_given(
    weathered: UniversalRelease, column: int, name: str
) -> None:
    whole, weather = sea(8)
    ended, absent = weather.values.copy(), weather.values.copy()
    ended[120:, column], absent[:, column] = np.nan, np.nan
    given = [cut(whole, replace(weather, values=values)) for values in (ended, absent)]
    forecasts = forecast(weathered, *given, cell="gru")
    assert (forecasts.table[0] == forecasts.table[1]).all()
    for use in forecasts.weather:
        assert use is not None
        assert use.used in ((name,), ())


def test_weather_of_a_few_days_cannot_tell_what_is_usual(weathered: UniversalRelease) -> None:
    whole, weather = sea(9)
    short = replace(weather, start=whole.times[116], values=weather.values[116:])
    forecasts = forecast(weathered, cut(whole, short))
    assert codes(forecasts) == {"weather_not_used"}
    assert "less than 5 days" in next(w.message for w in forecasts.warnings[0] if w.code == "weather_not_used")
    assert (forecasts.table == forecast(weathered, cut(whole, None)).table).all()


def issued_by(weather: Weather, skill: float, random: np.random.Generator) -> tuple[IssuedWeather, ...]:
    """Forecasts of the weather from each day, whose departures correlate with what happened by ``skill``."""
    usual, size = weather.values.mean(axis=0), weather.values.std(axis=0)
    older = []
    for day in range(60, 106):
        errors = np.sqrt(1 - skill**2) * size * random.normal(size=(14, 2))
        values = usual + skill * (weather.values[day + 1 : day + 15] - usual) + errors
        older.append(IssuedWeather(weather.start + np.timedelta64(day, "D"), values))
    return tuple(older)


def test_forecasts_of_the_weather_as_they_were_issued_tell_how_far_it_is_trusted(weathered: UniversalRelease) -> None:
    moved: dict[float, list[Floats]] = {0.0: [], 1.0: []}
    for seed in range(10, 20):
        whole, weather = sea(seed)
        plain = forecast(weathered, cut(whole, None), cell="gru").sst
        for skill, shifts in moved.items():
            older = issued_by(weather, skill, np.random.default_rng(seed))
            shifts.append(forecast(weathered, cut(whole, replace(weather, issued=older)), cell="gru").sst - plain)
    useless, perfect = (np.abs(np.concatenate(shifts)).mean() for shifts in moved.values())
    assert useless < 0.5 * perfect


def test_weather_that_was_never_seen_moves_a_forecast_no_further_than_a_storm(weathered: UniversalRelease) -> None:
    whole, weather = sea(20)
    plain = forecast(weathered, cut(whole, None), cell="gru").sst
    shifts = []
    for departure in (25.0, 40.0):
        values = weather.values.copy()
        values[120:, 0] = 14.0 + departure
        shifts.append(forecast(weathered, cut(whole, replace(weather, values=values)), cell="gru").sst - plain)
    assert (shifts[0] > 0.3).all()
    assert shifts[1] == pytest.approx(shifts[0], abs=1e-9)


def test_python_takes_weather_beside_a_series_and_in_the_columns_of_a_data_frame(weathered: UniversalRelease) -> None:
    whole, weather = sea(23)
    days = pd.DatetimeIndex(whole.times, name="time")
    table = pd.DataFrame(weather.values, days, COVARIATES)
    beside = weathered.forecast(cut(whole, None), HORIZON, weather=table)
    columns = weathered.forecast(table.assign(sst=np.where(days < days[120], whole.values, np.nan)), HORIZON)
    for made in (beside, columns):
        assert made.sst == pytest.approx(forecast(weathered, cut(whole, weather)).sst[0])
        assert made.weather is not None
        assert made.weather.used == COVARIATES


def test_concise_forecasts_use_weather_too(weathered: UniversalRelease) -> None:
    whole, weather = sea(21)
    batch = SeriesBatch.of([cut(whole, weather)], DAY)
    concise = weathered.model("gru").columns(batch, ForecastOptions(HORIZON, concise=True), NOWHERE)
    # With fewer past forecasts, what weather is worth differs a little.
    assert concise.sst == pytest.approx(forecast(weathered, cut(whole, weather), cell="gru").sst, abs=0.2)
    use = concise.weather[0]
    assert use is not None
    assert use.used == COVARIATES


def test_releases_without_weather_and_series_at_other_steps_ignore_it(
    daily: UniversalRelease, weathered: UniversalRelease
) -> None:
    whole, weather = sea(22)
    forecasts = forecast(daily, cut(whole, weather))
    assert codes(forecasts) == {"weather_ignored"}
    assert (forecasts.table == forecast(daily, cut(whole, None)).table).all()
    half_days = SstSeries(np.repeat(whole.values[:120], 2), whole.start, TimeStep.parse("PT12H"), weather=weather)
    assert codes(forecast(weathered, half_days)) == {"weather_ignored"}


def test_the_assumed_skill_falls_with_lead_to_almost_none(weathered: UniversalRelease) -> None:
    daily_skill, hourly_skill = assumed_skill(DAY, 14), assumed_skill(TimeStep.parse("hour"), 48)
    assert (np.diff(daily_skill) < 0).all()
    assert daily_skill[[0, 4, 13]] == pytest.approx([0.96, 0.74, 0.12])
    assert hourly_skill[[23, 47]] == pytest.approx(daily_skill[:2])
    errors = forecast_errors(np.random.default_rng(0), (4000, 14, 2), DAY)
    assert errors.std(axis=(0, 2)) == pytest.approx(np.ones(14), abs=0.05)
    assert (errors[:, 1:] * errors[:, :-1]).mean() == pytest.approx(0.7, abs=0.03)
