"""Scores of intervals and probabilities, held against the package ``scores`` where it has them."""

import math

import numpy as np
import pytest
import xarray as xr
from scores.continuous import quantile_interval_score
from scores.probability import brier_score, crps_for_ensemble

from forecasting.scores.probabilistic import brier, crps, interval_score

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
