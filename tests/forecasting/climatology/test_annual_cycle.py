import numpy as np

from forecasting.climatology.annual_cycle import (
    COEFFICIENTS,
    FREEZING_POINT,
    evaluate,
    maximum_monthly_mean,
    monthly_means,
)
from forecasting.references.climatology import Climatology
from forecasting.series.times import Times

CYCLE = np.array([15.0, -4.0, -3.0, 0.5, 0.7, 0.1, -0.2])


def hours(start: str, count: int) -> Times:
    return np.datetime64(start, "s") + np.arange(count) * np.timedelta64(1, "h")


def test_the_cycle_is_that_of_a_climatology_with_the_same_coefficients() -> None:
    reference = Climatology(
        annual_harmonics=3, daily_harmonics=0, calendar_months=False, coefficients=tuple(map(float, CYCLE))
    )
    times = hours("1987-03-01", 9_000)
    np.testing.assert_allclose(evaluate(CYCLE, times), reference(times), atol=1e-9)


def test_the_cycle_is_continuous_over_every_new_year() -> None:
    for year in range(1968, 2031):
        change = np.diff(evaluate(CYCLE, hours(f"{year}-12-30", 96)))
        assert np.abs(change).max() < 0.01
        assert np.abs(np.diff(change)).max() < 1e-4


def test_a_year_later_the_cycle_is_the_same_to_a_day() -> None:
    years = [evaluate(CYCLE, hours(f"{year}-01-01", 24 * 365)) for year in (1970, 1999, 2000, 2030)]
    largest_step = 24 * np.abs(np.diff(years[0])).max()
    assert np.ptp(years, axis=0).max() <= largest_step


def test_monthly_means_are_means_of_the_cycle_over_calendar_months() -> None:
    times = hours("1970-01-01", 24 * 365)
    months = times.astype("datetime64[M]").astype(int)
    means = [evaluate(CYCLE, times)[months == month].mean() for month in range(12)]
    np.testing.assert_allclose(monthly_means(CYCLE), means, atol=0.05)
    assert maximum_monthly_mean(CYCLE) == monthly_means(CYCLE)[7]


def test_shapes_and_precision_follow_the_coefficients() -> None:
    cycles = np.tile(CYCLE.astype(np.float32), (2, 3, 1))
    cycles[1, 2] = np.nan
    values = evaluate(cycles, hours("2020-01-01", 5))
    assert (values.shape, values.dtype) == ((2, 3, 5), np.dtype(np.float32))
    assert (monthly_means(cycles).shape, maximum_monthly_mean(cycles).shape) == ((2, 3, 12), (2, 3))
    assert np.isnan(values[1, 2]).all()
    assert np.isnan(maximum_monthly_mean(cycles)[1, 2])
    assert np.isfinite(values[0]).all()


def test_no_value_is_below_the_freezing_point_of_sea_water() -> None:
    cycle = np.array([-1.0, 2.0] + [0.0] * (COEFFICIENTS - 2))
    values = evaluate(cycle, hours("2021-01-01", 24 * 365))
    assert values.min() == monthly_means(cycle).min() == FREEZING_POINT
    assert values.max() > 0.9
