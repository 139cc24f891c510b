from statistics import NormalDist

import numpy as np
import pytest

from forecasting.models.universal.backtest import PastErrors, relative_departures, symmetric_quantiles, width_factors
from forecasting.series.times import Floats

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
SCORES = np.asarray([NormalDist().inv_cdf(level) for level in LEVELS])
NAMES = ("sea-gru", "persistence", "damped")


def errors(*spreads: float, origins: int = 80, leads: int = 3, seed: int = 0) -> Floats:
    """Errors of these standard deviations, which share half of their variance."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(0.0, 1.0, (origins, leads))
    return np.stack([(shared + rng.normal(0.0, 1.0, shared.shape)) * spread * 0.5**0.5 for spread in spreads])


def past(values: Floats, *, stride: int = 3) -> PastErrors:
    return PastErrors(NAMES, values, stride, 1)


def test_a_clearly_better_reference_is_found() -> None:
    assert past(errors(1.0, 1.2, 0.6)).better_reference() == "damped"
    assert past(errors(1.0, 0.5, 0.6)).better_reference() == "persistence"
    assert past(errors(0.6, 1.0, 1.0)).better_reference() is None


def test_a_lead_at_which_persistence_is_exact_does_not_decide_alone() -> None:
    values = errors(0.1, 2.0, 2.0)
    values[:, :, 2] *= np.asarray([1.0, 1e-6, 1.0])[:, None]
    assert past(values).better_reference() is None


def test_an_equally_good_reference_seldom_displaces_a_network() -> None:
    displaced = [past(errors(1.0, 1.0, 1.0, seed=seed)).better_reference() for seed in range(200)]
    assert sum(name is not None for name in displaced) <= 20


def test_a_reference_that_is_better_by_chance_in_overlapping_forecasts_is_not_found() -> None:
    rng = np.random.default_rng(0)
    displaced = 0
    for _ in range(200):
        # Errors at a lead of 14 days from consecutive days are sums of the same days.
        shocks = rng.normal(0.0, 1.0, (3, 93))
        sums = np.lib.stride_tricks.sliding_window_view(shocks, 14, axis=1).sum(axis=2)
        overlapping = PastErrors(NAMES, sums[:, :, None], 1, 14)
        displaced += overlapping.better_reference() is not None
    assert displaced <= 20


def test_a_reference_without_enough_forecasts_is_left_out() -> None:
    values = errors(1.0, 1.2, 0.3)
    values[2, 29:] = np.nan
    few = past(values)
    assert few.better_reference() is None
    assert set(few.rmse) == {"sea-gru", "persistence"}


def test_the_number_of_origins_is_that_of_the_lead_with_fewest() -> None:
    values = errors(1.0, 1.0, 1.0)
    values[:, 50:, 2] = np.nan
    assert past(values).origins == 50


def answers(values: Floats, spread: float) -> Floats:
    """Past forecasts of 0 °C with quantiles of this spread, ``(origins, leads, 1 + levels)``."""
    quantiles = np.concatenate([[0.0], SCORES * spread])
    return np.broadcast_to(quantiles, (*values.shape[1:], len(quantiles)))


def factors(values: Floats, spread: float, stride: int = 3) -> Floats:
    """Factors for forecasts of this spread with the errors of the first candidate."""
    return width_factors(relative_departures(answers(values, spread), values[0], LEVELS), stride)


@pytest.mark.parametrize("spread", [0.8, 1.0, 1.25])
def test_the_factor_of_the_past_is_the_error_relative_to_the_spread_shrunk_to_1(spread: float) -> None:
    values = errors(1.0, 1.0, 1.0, origins=20_000)
    assert factors(values, spread, stride=6) == pytest.approx([1 / spread] * 3, abs=0.03)
    few = factors(values[:, :80], spread, stride=6)
    assert (np.abs(few - 1) < np.abs(1 / spread - 1) + 0.1).all()


def test_factors_are_bounded_and_1_without_enough_origins() -> None:
    values = errors(1.0, 1.0, 1.0, origins=20_000)
    assert factors(values, 0.1).tolist() == [1.5] * 3
    assert factors(values, 9.0).tolist() == [0.7] * 3
    assert factors(values[:, :29], 0.1).tolist() == [1.0] * 3


def test_quantiles_of_a_reference_are_those_of_its_errors_of_both_signs() -> None:
    values = errors(1.0, 1.0, 2.0, origins=5_000)
    quantiles = symmetric_quantiles(values[2], LEVELS)
    assert quantiles == pytest.approx(np.tile(2.0 * SCORES, (3, 1)), abs=0.2)
    assert quantiles == pytest.approx(-quantiles[:, ::-1])
