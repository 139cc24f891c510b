import numpy as np
import pytest

from forecasting.errors import RequestError
from forecasting.intervals import ErrorDistribution


def test_the_half_width_is_the_conformal_rank_of_absolute_residuals() -> None:
    """Of 19 residuals, ⌈20 · 0.80⌉ = 16th smallest and ⌈20 · 0.95⌉ = 19th."""
    residuals = np.arange(1.0, 20.0) * np.tile([1, -1], 10)[:19]
    errors = ErrorDistribution.calibrate(residuals[:, None])
    assert errors.half_widths(80, 1).tolist() == [16.0]
    assert errors.half_widths(95, 1).tolist() == [19.0]


def test_a_level_that_the_residuals_are_too_few_for_is_not_offered() -> None:
    errors = ErrorDistribution.calibrate(np.arange(18.0)[:, None])
    assert 90 in errors.half_width
    with pytest.raises(RequestError, match="no interval of 95 % is calibrated; levels offered: 50, 60, 70, 80, 90"):
        errors.half_widths(95, 1)


def test_exchangeable_errors_are_covered_as_often_as_stated() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(400):
        errors = rng.gumbel(0, 1, 74)
        width = ErrorDistribution.calibrate(errors[:73, None]).half_widths(80, 1)[0]
        inside.append(abs(errors[73]) <= width)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)


def test_leads_are_calibrated_each_for_itself_with_gaps_left_out() -> None:
    residuals = np.column_stack([np.linspace(-1, 1, 40), np.linspace(-3, 3, 40)])
    residuals[5, 1] = np.nan
    errors = ErrorDistribution.calibrate(residuals)
    assert errors.n == (40, 39)
    one, two = errors.half_widths(80, 2)
    assert two == pytest.approx(3 * one, rel=0.1)


def test_exceedance_is_the_share_of_errors_that_would_lift_sst_over_the_threshold() -> None:
    residuals = np.random.default_rng(4).normal(0, 1, (4_000, 1))
    errors = ErrorDistribution.calibrate(residuals)
    for threshold in (18.0, 19.5, 20.0, 21.0):
        share = float((20.0 + residuals > threshold).mean())
        assert errors.exceedance(np.asarray([20.0]), threshold)[0] == pytest.approx(share, abs=0.01)


def test_exceedance_claims_no_certainty_beyond_what_was_seen() -> None:
    errors = ErrorDistribution.calibrate(np.linspace(-1, 1, 200)[:, None])
    assert errors.exceedance(np.asarray([20.0]), 30.0)[0] == pytest.approx(0.01)
    assert errors.exceedance(np.asarray([20.0]), 10.0)[0] == pytest.approx(0.99)
