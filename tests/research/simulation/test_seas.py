import numpy as np
import pytest

from forecasting.climatology.annual_cycle import FREEZING_POINT
from research.simulation.seas import IN_SITU, Seas, simulate_seas
from research.simulation.water import draw_places, evaluate_seasons, simulate_water

STEPS = {"hour": 24 * 20, "day": 400, "week": 120, "month": 60}
HOURS = {"hour": 1, "day": 24, "week": 168, "month": 730.5}


@pytest.fixture(params=STEPS)
def seas(request: pytest.FixtureRequest) -> Seas:
    return simulate_seas(np.random.default_rng(3), request.param, 40, STEPS[request.param])


def test_every_place_has_the_number_of_steps_asked_for(seas: Seas) -> None:
    step = next(name for name, hours in HOURS.items() if np.allclose(np.diff(seas.times), hours * 3600))
    assert seas.sst.shape == (40, STEPS[step])
    assert np.isfinite(seas.sst).mean() > 0.7
    assert (np.isfinite(seas.sst).mean(axis=1) > 0.05).all()


def test_temperatures_are_those_of_sea_water(seas: Seas) -> None:
    assert np.nanmin(seas.sst) > FREEZING_POINT - 2
    assert np.nanmax(seas.sst) < 42


def test_the_same_seed_gives_the_same_seas() -> None:
    first, second = (simulate_seas(np.random.default_rng(5), "day", 5, 100).sst for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_summer_comes_in_july_in_the_north_and_in_january_in_the_south() -> None:
    places = draw_places(np.random.default_rng(0), 400)
    water, _ = simulate_water(np.random.default_rng(1), places, 0.0, 3 * 365)
    difference = water[212::365][:3].mean(axis=0) - water[31::365][:3].mean(axis=0)
    north, south = places.latitude > 30, places.latitude < -30
    assert (difference[north] > 0).mean() > 0.9
    assert (difference[south] < 0).mean() > 0.9


def test_the_climatology_of_most_positions_is_near_the_seasonal_cycle_there() -> None:
    places = draw_places(np.random.default_rng(0), 500)
    days = np.arange(0.0, 365.0, 10)
    difference = evaluate_seasons(places.seasonal, days) - evaluate_seasons(places.climatology, days)
    error = np.sqrt((difference**2).mean(axis=0))
    assert 0.5 < np.median(error) < 2
    assert error.max() > 5  # the position of a few is wrong


def test_hourly_seas_have_tides_and_a_daily_cycle() -> None:
    seas = simulate_seas(np.random.default_rng(2), "hour", 60, 24 * 40)
    values = np.nan_to_num(seas.sst - np.nanmean(seas.sst, axis=1, keepdims=True))
    hours = np.arange(values.shape[1])

    def power(period: float) -> float:
        return float(np.median(np.abs(values @ np.exp(2j * np.pi * hours / period))))

    assert power(12.4206) > 1.5 * power(10.7)
    assert power(24) > 1.5 * power(20.5)


def test_some_hourly_sensors_repeat_their_values_for_some_hours() -> None:
    seas = simulate_seas(np.random.default_rng(0), "hour", 300, 24 * 20)
    increments = np.diff(seas.sst, axis=1)
    unchanged = np.stack([np.nanmean(increments[:, first::2] == 0, axis=1) for first in (0, 1)])
    repeating = (unchanged.max(axis=0) > 0.9) & (unchanged.min(axis=0) < 0.5)
    assert 2 <= repeating[seas.kinds == IN_SITU].sum() <= 20
    assert not repeating[seas.kinds != IN_SITU].any()


def test_tides_of_some_hourly_seas_are_not_sinusoidal() -> None:
    seas = simulate_seas(np.random.default_rng(0), "hour", 200, 24 * 59)
    sst = np.where(np.isfinite(seas.sst), seas.sst, np.nanmean(seas.sst, axis=1, keepdims=True))
    hours = seas.times / 3600
    tide, overtide, beside = (
        np.abs((sst - sst.mean(axis=1, keepdims=True)) @ np.exp(2j * np.pi * hours / period))
        for period in (12.4206, 6.2103, 5.5)
    )
    assert ((overtide > 0.2 * tide) & (overtide > 3 * beside)).sum() > 5
