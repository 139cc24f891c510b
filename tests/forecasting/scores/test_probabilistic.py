"""Scores of intervals and probabilities, held against the package ``scores`` where it has them."""

import math

import numpy as np
import pytest
import xarray as xr
from scores.continuous import quantile_interval_score
from scores.probability import brier_score, crps_for_ensemble

from forecasting.scores.probabilistic import (
    BlockBootstrap,
    brier,
    coverage_error,
    crps,
    interval_score,
    long_run_error,
    skill_interval,
)
from forecasting.series.times import Floats

RNG = np.random.default_rng(0)
OBSERVED = RNG.normal(15, 2, (500, 2))
PREDICTED = OBSERVED + RNG.normal(0, 1, (500, 2))
OBSERVED[7, 1] = np.nan


def array(values: "np.typing.ArrayLike") -> xr.DataArray:
    return xr.DataArray(np.asarray(values), dims=("n", "lead"))


@pytest.mark.parametrize("level", [50, 80, 95])
def test_the_interval_score_is_that_of_gneiting_and_raftery(level: int) -> None:
    width = np.asarray([[0.8, 1.6]])
    tail = (1 - level / 100) / 2
    theirs = quantile_interval_score(
        array(PREDICTED - width), array(PREDICTED + width), array(OBSERVED), tail, 1 - tail, preserve_dims=["lead"]
    )
    ours = interval_score(OBSERVED, PREDICTED, width, level)
    assert ours == pytest.approx(theirs["total"].values)


def test_the_brier_score_is_the_mean_square_of_probability_less_outcome() -> None:
    probability = RNG.uniform(0, 1, (500, 2))
    outcome = np.where(np.isfinite(OBSERVED), OBSERVED > 15, np.nan)
    theirs = brier_score(array(probability), array(outcome), preserve_dims="lead")
    assert brier(OBSERVED, probability, 15.0) == pytest.approx(theirs.values)


def test_crps_is_close_to_that_of_an_ensemble_with_these_quantiles() -> None:
    ensemble = RNG.normal(0.3, 1.2, 4_000)
    probabilities = np.asarray([0.01, 0.025, *np.arange(0.05, 0.96, 0.05), 0.975, 0.99])
    quantiles = np.broadcast_to(np.quantile(ensemble, probabilities), (500, 2, len(probabilities)))
    residuals = OBSERVED - PREDICTED
    members = xr.DataArray(np.broadcast_to(ensemble, (500, 2, 4_000)), dims=("n", "lead", "member"))
    theirs = crps_for_ensemble(members, array(residuals), "member", method="ecdf", preserve_dims="lead")
    assert crps(residuals, quantiles, probabilities) == pytest.approx(theirs.values, rel=0.01)


def test_crps_of_the_right_normal_distribution_is_the_known_one() -> None:
    probabilities = np.linspace(0.005, 0.995, 199)
    normal = np.random.default_rng(1).normal(0, 1, 200_000)
    quantiles = np.quantile(normal, probabilities)
    assert crps(normal[:20_000, None], quantiles, probabilities)[0] == pytest.approx(1 / math.sqrt(math.pi), rel=0.02)


def autoregressive(n: int, memory: float, seed: int, columns: int = 1) -> Floats:
    """Unit variance, each value ``memory`` times the one before and noise."""
    noise = np.random.default_rng(seed).normal(0, 1, (n, columns))
    values = noise.copy()
    for i in range(1, n):
        values[i] = memory * values[i - 1] + np.sqrt(1 - memory**2) * noise[i]
    return values


def test_the_error_of_a_mean_of_independent_values_is_the_usual_one() -> None:
    values = np.random.default_rng(0).normal(0, 2, 5_000)
    assert long_run_error(values, np.arange(5_000)) == pytest.approx(2 / np.sqrt(5_000), rel=0.15)


def test_autocorrelated_values_have_a_larger_error() -> None:
    """The mean of an autoregression of memory ½ has the variance of a third as many independent values."""
    means = autoregressive(400, 0.5, 1, 2_000).mean(axis=0)
    stated = [long_run_error(column, np.arange(400)) for column in autoregressive(400, 0.5, 2, 50).T]
    assert np.mean(stated) == pytest.approx(means.std(), rel=0.2)
    assert np.mean(stated) > 1.4 / np.sqrt(400)


def test_gaps_make_the_error_larger_and_copies_at_the_same_time_do_not_make_it_smaller() -> None:
    values = autoregressive(1_000, 0.3, 3)[:, 0]
    whole = long_run_error(values, np.arange(1_000))
    gappy = np.where(np.random.default_rng(4).random(1_000) < 0.5, np.nan, values)
    assert long_run_error(gappy, np.arange(1_000)) > 1.15 * whole
    twice = long_run_error(np.tile(values, 2), np.tile(np.arange(1_000), 2))
    assert twice == pytest.approx(whole, rel=1e-6)


def test_intervals_that_always_cover_still_have_a_sampling_error() -> None:
    share = np.abs(autoregressive(147, 0.8, 5)[:, 0]) / 100
    assert 0.03 < coverage_error(share, 80, np.arange(147)) < 0.15


def test_the_skill_interval_has_its_nominal_coverage() -> None:
    """Errors with half the reference's spread, both with memory: the skill is ½."""
    error, reference = 0.5 * autoregressive(300, 0.6, 6, 200), autoregressive(300, 0.6, 7, 200)
    bootstrap = BlockBootstrap(300)
    bounds = [skill_interval(error[:, i], reference[:, i], bootstrap) for i in range(200)]
    inside = [low <= 0.5 <= high for low, high in filter(None, bounds)]
    assert len(inside) == 200
    assert np.mean(inside) == pytest.approx(0.95, abs=0.06)


def test_identical_forecasts_have_exactly_zero_skill() -> None:
    error = autoregressive(100, 0.5, 8)[:, 0]
    error[3] = np.nan
    assert skill_interval(error, error, BlockBootstrap(100)) == pytest.approx((0, 0))
    assert skill_interval(error, np.zeros(100), BlockBootstrap(100)) is None


def test_resamples_are_the_same_every_time_and_as_long_as_the_part() -> None:
    ones = np.ones(147)
    totals = BlockBootstrap(147, 12).totals(ones)
    assert set(totals) == {156.0}  # thirteen blocks of twelve
    values = np.arange(147.0)
    assert (BlockBootstrap(147).totals(values) == BlockBootstrap(147).totals(values)).all()
