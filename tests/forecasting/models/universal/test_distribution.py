from statistics import NormalDist

import numpy as np
import pytest

from forecasting.errors import RequestError
from forecasting.models.universal.distribution import exceedance, interval, quantiles_at

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
NORMAL = NormalDist(15.0, 2.0)
QUANTILES = np.asarray([[NORMAL.inv_cdf(level) for level in LEVELS]])
SKEWED = np.asarray([[13.0, 13.2, 13.5, 14.0, 15.0, 17.0, 20.0, 21.0, 21.5]])


@pytest.mark.parametrize("level", [1, 33.3, 50, 80, 90, 95, 99])
def test_intervals_of_a_normal_distribution_are_exact(level: float) -> None:
    lower, upper = interval(level, QUANTILES, LEVELS)
    assert lower == pytest.approx([NORMAL.inv_cdf(0.5 - level / 200)])
    assert upper == pytest.approx([NORMAL.inv_cdf(0.5 + level / 200)])


@pytest.mark.parametrize("threshold", [5.0, 10.0, 14.9, 15.0, 19.0, 25.0])
def test_exceedance_of_a_normal_distribution_is_exact(threshold: float) -> None:
    assert exceedance(threshold, QUANTILES, LEVELS) == pytest.approx([1 - NORMAL.cdf(threshold)], abs=1e-5)


def test_tails_are_normal_with_the_spread_of_the_outermost_pair() -> None:
    outer, inner = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.95)
    spread = (21.5 - 21.0) / (outer - inner)
    upper = interval(99, SKEWED, LEVELS)[1]
    assert upper == pytest.approx([21.5 + spread * (NormalDist().inv_cdf(0.995) - outer)])


@pytest.mark.parametrize("level", [2, 60, 80, 94, 99])
def test_half_of_the_probability_outside_an_interval_exceeds_its_upper_bound(level: float) -> None:
    lower, upper = interval(level, SKEWED, LEVELS)
    tail = (1 - level / 100) / 2
    assert exceedance(float(upper[0]), SKEWED, LEVELS) == pytest.approx([tail], abs=1e-4)
    assert exceedance(float(lower[0]), SKEWED, LEVELS) == pytest.approx([1 - tail], abs=1e-4)


def test_known_quantiles_are_returned_as_they_are() -> None:
    assert quantiles_at(LEVELS, SKEWED, LEVELS) == pytest.approx(SKEWED)


def test_exceedance_falls_with_the_threshold_even_where_quantiles_are_equal() -> None:
    flat = np.full((1, 9), 12.0)
    flat[0, -1] = 13.0
    probabilities = [float(exceedance(value, flat, LEVELS)[0]) for value in (-1e308, 11.9, 12.1, 12.9, 14.0, 1e308)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert (probabilities[0], probabilities[-1]) == (1.0, 0.0)


@pytest.mark.parametrize("level", [0, 0.5, 99.5, 100])
def test_a_level_below_1_or_above_99_is_refused(level: float) -> None:
    with pytest.raises(RequestError, match=r"no interval at .* %; choose a level from 1 to 99"):
        interval(level, QUANTILES, LEVELS)
