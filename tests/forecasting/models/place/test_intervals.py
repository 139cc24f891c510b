from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.errors import RequestError
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.series.origins import Origins, joined
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SEASONS, Floats, Times, season_of
from forecasting.series.timestep import TimeStep

JANUARY, JULY = np.asarray([["2020-01-15"], ["2020-07-15"]], dtype="datetime64[s]")
ALONE = np.ones(1)


def width(errors: ErrorDistribution, level: int, leads: int = 1, times: Times = JANUARY) -> Floats:
    widths: Floats = errors.half_widths(level, np.repeat(times[None], leads, axis=1), ALONE)[0]
    return widths


def exceedance(errors: ErrorDistribution, sst: float, threshold: float, times: Times = JANUARY) -> float:
    return float(errors.exceedance(np.asarray([[sst]]), times[None], ALONE, threshold)[0, 0])


def origins_of(years: float, window: int = 30, step: int = DAY, windows: Floats | None = None) -> Origins:
    """Origins of one lead that follow each other from 2001-01-01 on."""
    n = round(years * 365.25 * DAY / step)
    times = TimeStep(step).range(np.datetime64("2001-01-01", "s"), n)
    windows = np.tile([0.0, 1.0], (n, window // 2)) if windows is None else windows
    return Origins(windows, times, np.zeros((n, 1)), np.arange(n), TimeStep(step))


def loud_in_summer(origins: Origins, seed: int = 0) -> Floats:
    """Residuals, three times as large from June to August."""
    spread = np.where(season_of(origins.times) == SEASONS.index("JJA"), 3.0, 1.0)
    return np.random.default_rng(seed).normal(0, 1, spread.shape) * spread


def test_the_half_width_is_the_conformal_rank_of_absolute_residuals() -> None:
    """Of 19 residuals, ⌈20 · 0.80⌉ = 16th smallest and ⌈20 · 0.95⌉ = 19th."""
    residuals = np.arange(1.0, 20.0) * np.tile([1, -1], 10)[:19]
    errors = ErrorDistribution.calibrate(residuals[:, None])
    assert width(errors, 80).tolist() == [16.0]
    assert width(errors, 95).tolist() == [19.0]


def test_a_level_with_too_few_residuals_is_not_offered() -> None:
    errors = ErrorDistribution.calibrate(np.arange(18.0)[:, None])
    assert 90 in errors.half_width
    with pytest.raises(RequestError, match="no calibrated interval at 95 %; available levels: 50, 60, 70, 80, 90"):
        errors.check(95)


def test_exchangeable_errors_are_covered_as_often_as_stated() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        errors = rng.gumbel(0, 1, 74)
        inside.append(abs(errors[73]) <= width(ErrorDistribution.calibrate(errors[:73, None]), 80)[0])
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)


def test_each_lead_is_calibrated_separately_without_its_gaps() -> None:
    residuals = np.column_stack([np.linspace(-1, 1, 40), np.linspace(-3, 3, 40)])
    residuals[5, 1] = np.nan
    errors = ErrorDistribution.calibrate(residuals)
    assert errors.n == (40, 39)
    first, second = width(errors, 80, leads=2)
    assert second == pytest.approx(3 * first, rel=0.1)


def test_exceedance_is_the_share_of_errors_that_exceed_the_threshold() -> None:
    residuals = np.random.default_rng(4).normal(0, 1, (4_000, 1))
    errors = ErrorDistribution.calibrate(residuals)
    for threshold in (18.0, 19.5, 20.0, 21.0):
        share = float((20.0 + residuals > threshold).mean())
        assert exceedance(errors, 20.0, threshold) == pytest.approx(share, abs=0.01)


def test_exceedance_keeps_falling_beyond_the_largest_error_and_is_never_certain() -> None:
    residuals = np.random.default_rng(6).normal(0, 1, (4_000, 1))
    errors = ErrorDistribution.calibrate(residuals)
    outer = float(np.quantile(residuals, 0.99))
    assert exceedance(errors, 20.0, 20.0 + outer) == pytest.approx(0.01, abs=0.001)
    assert exceedance(errors, 20.0, 20.0 - outer) == pytest.approx(0.99, abs=0.003)
    # As many as there are of a normal distribution, or more: its tail falls the faster the farther it is.
    assert 0.00135 < exceedance(errors, 20.0, 23.0) < 0.005
    assert 0.00135 < 1 - exceedance(errors, 20.0, 17.0) < 0.005
    assert 0 < exceedance(errors, 20.0, 30.0) < 1e-6
    alike = ErrorDistribution.calibrate(np.zeros((200, 1)))
    assert exceedance(alike, 20.0, 21.0) == pytest.approx(0, abs=1e-9)
    assert exceedance(alike, 20.0, 19.0) == pytest.approx(1, abs=1e-9)


def test_probabilities_are_interpolated_between_the_quantiles() -> None:
    errors = ErrorDistribution.calibrate(np.random.default_rng(5).gumbel(0, 1, (300, 3)))
    sst = np.linspace(15, 25, 60).reshape(20, 3)
    probability = errors.exceedance(sst, np.full((20, 3), JANUARY[0]), np.ones(20), 20.0)
    for lead in range(3):
        margin, known = 20.0 - sst[:, lead], errors.quantiles[lead]
        within = (margin >= known[0]) & (margin <= known[-1])
        assert within.sum() > 5
        expected = 1 - np.interp(margin, known, errors.probabilities)
        np.testing.assert_allclose(probability[within, lead], expected[within])


def test_the_season_of_the_valid_time_has_its_own_intervals_and_probabilities() -> None:
    origins = origins_of(2.1)
    errors = ErrorDistribution.calibrate(loud_in_summer(origins), origins)
    assert set(errors.seasons) == set(SEASONS)
    assert width(errors, 80, times=JULY)[0] > 2 * width(errors, 80, times=JANUARY)[0]
    assert exceedance(errors, 20.0, 22.0, JULY) > 5 * exceedance(errors, 20.0, 22.0, JANUARY)


def test_seasonal_intervals_cover_every_season_and_pooled_ones_do_not() -> None:
    origins = origins_of(4)
    calibrated = ErrorDistribution.calibrate(loud_in_summer(origins), origins)
    pooled = ErrorDistribution.calibrate(loud_in_summer(origins))
    fresh, summer = np.abs(loud_in_summer(origins, seed=1))[:, 0], season_of(origins.valid_time) == 2
    unscaled = np.ones(len(origins))
    seasonal = calibrated.half_widths(80, origins.times, unscaled)[:, 0]
    flat = pooled.half_widths(80, origins.times, unscaled)[:, 0]
    assert (fresh <= seasonal)[summer].mean() == pytest.approx(0.8, abs=0.05)
    assert (fresh <= flat)[summer].mean() < 0.6


@pytest.mark.parametrize(("years", "step"), [(1.9, DAY), (2.5, 8 * DAY)])
def test_fewer_than_two_years_or_40_residuals_per_season_are_pooled(years: float, step: int) -> None:
    origins = origins_of(years, step=step)
    errors = ErrorDistribution.calibrate(loud_in_summer(origins), origins)
    assert errors.seasons == {}
    assert width(errors, 80, times=JULY) == width(errors, 80, times=JANUARY)


def test_a_level_with_too_few_residuals_in_a_season_is_pooled_and_not_narrower_than_the_level_below() -> None:
    origins = origins_of(2.2, step=4 * DAY)
    errors = ErrorDistribution.calibrate(loud_in_summer(origins), origins)
    assert errors.seasons
    assert min(table.n[0] for table in errors.seasons.values()) < 99
    for table in errors.seasons.values():
        assert list(table.half_width) == list(errors.half_width)
        assert table.half_width[99][0] >= max(table.half_width[95][0], errors.half_width[99][0])


def windows_of(amplitude: npt.ArrayLike, window: int = 30) -> Floats:
    windows: Floats = np.asarray(amplitude)[:, None] * np.tile([0.0, 1.0], window // 2)
    return windows


def test_intervals_from_part_of_a_year_scale_with_the_rms_increment() -> None:
    """A calm spring says little of a stormy autumn: what carries over is the error in proportion to the changes."""
    rng = np.random.default_rng(6)
    amplitude = rng.uniform(0.5, 1.0, 183)
    origins = origins_of(0.5, windows=windows_of(amplitude))
    errors = ErrorDistribution.calibrate(rng.normal(0, 1, (183, 1)) * amplitude[:, None], origins)
    later = rng.uniform(0.9, 1.4, 2_000)
    inside = (
        np.abs(rng.normal(0, 1, 2_000) * later)
        <= (errors.half_widths(80, np.full((2_000, 1), JULY), errors.scale(windows_of(later)))[:, 0])
    )
    assert inside.mean() == pytest.approx(0.8, abs=0.06)


def test_the_scale_stops_at_one_and_a_half_times_the_largest_rms_increment() -> None:
    origins = origins_of(0.5, windows=windows_of(np.linspace(0.5, 1.0, 183)))
    errors = ErrorDistribution.calibrate(np.ones((183, 1)), origins)
    calm, lively, wild = errors.scale(windows_of([0.0, 1.4, 50.0]))
    assert calm == pytest.approx(0.5 / 1.5 / 0.75, rel=0.01)
    assert lively < wild == pytest.approx(1.5 / 0.75, rel=0.01)


@pytest.mark.parametrize(("years", "window", "step"), [(0.5, 30, DAY), (1.9, 30, DAY), (12, 24, 30 * DAY)])
def test_without_seasonal_tables_errors_scale_with_the_rms_increment(years: float, window: int, step: int) -> None:
    origins = origins_of(years, window, step)
    errors = ErrorDistribution.calibrate(np.ones((len(origins), 1)), origins)
    assert errors.seasons == {}
    twice = errors.scale(origins.windows[:1] * 1.25) / errors.scale(origins.windows[:1])
    assert twice == pytest.approx(1.25)


@pytest.mark.parametrize(("years", "window", "step"), [(2.1, 30, DAY), (0.9, 26, 7 * DAY), (2.8, 26, 7 * DAY)])
def test_errors_with_seasonal_tables_or_windows_of_a_season_to_a_year_are_not_scaled(
    years: float, window: int, step: int
) -> None:
    origins = origins_of(years, window, step)
    errors = ErrorDistribution.calibrate(np.ones((len(origins), 1)), origins)
    assert errors.rms_increment is None
    assert errors.scale(origins.windows[:3]).tolist() == [1.0, 1.0, 1.0]


def test_a_more_variable_place_has_wider_intervals_in_every_season() -> None:
    """The errors of one are five times those of the other, whose windows move a fifth as much."""
    calm, lively = origins_of(3), origins_of(3)
    lively.windows[:] *= 5
    both = joined([calm, lively])
    residuals = np.concatenate([loud_in_summer(calm), 5 * loud_in_summer(lively, 1)])
    errors = ErrorDistribution.calibrate(residuals, both, several=True)
    assert errors.seasons
    for origins, fresh, factor in ((calm, loud_in_summer(calm, 2), 1.0), (lively, loud_in_summer(lively, 3), 5.0)):
        widths = errors.half_widths(80, origins.times, errors.scale(origins.windows))
        for season in range(len(SEASONS)):
            at = season_of(origins.times)[:, 0] == season
            assert (np.abs(factor * fresh[at]) <= widths[at]).mean() == pytest.approx(0.8, abs=0.05)


def test_recent_errors_have_more_weight_than_old_ones() -> None:
    """105 small errors, then 95 large ones: these count 0.56 of all, since the first count half."""
    origins = origins_of(200 * 7 / 365.25, window=26, step=7 * DAY)
    residuals = np.concatenate([np.linspace(0, 1, 105), np.linspace(2, 3, 95)])[:, None]
    same, aged = ErrorDistribution.calibrate(residuals), ErrorDistribution.calibrate(residuals, origins)
    assert width(same, 50)[0] <= 1
    assert width(aged, 50)[0] >= 2
    assert exceedance(same, 20.0, 21.5) < 0.5 < exceedance(aged, 20.0, 21.5)


def test_the_age_of_residuals_does_not_change_how_many_a_level_needs() -> None:
    for n, offered in ((18, False), (19, True)):
        origins = origins_of(n * 7 / 365.25, window=26, step=7 * DAY)
        assert (95 in ErrorDistribution.calibrate(np.ones((n, 1)), origins).half_width) is offered


def test_a_checkpoint_without_seasonal_tables_can_be_read(gru: Forecaster) -> None:
    stored = gru.metadata.model_dump(mode="json", by_alias=True)
    del stored["errors"]["seasons"], stored["errors"]["liveliness"]
    errors = CheckpointMetadata.model_validate(stored).errors
    assert width(errors, 80, times=JULY) == width(errors, 80, times=JANUARY) == errors.half_width[80][0]


def test_each_valid_time_uses_the_table_of_its_season(gru: Forecaster, nino12: SstSeries) -> None:
    origins = origins_of(2.1)
    residuals = np.repeat(loud_in_summer(origins), 12, axis=1)
    errors = ErrorDistribution.calibrate(residuals, replace(origins, targets=np.zeros((len(origins), 12))))
    metadata = gru.metadata.model_copy(update={"errors": errors})
    forecast = Forecaster(gru.network.module, metadata, gru.device).forecast(nino12, 12, levels=(80,))
    widths = forecast.interval(80)[1] - forecast.sst
    assert [str(time)[:7] for time in forecast.times[5:8]] == ["2011-06", "2011-07", "2011-08"]
    assert widths[5:8].min() > 2 * np.delete(widths, [5, 6, 7]).max()
