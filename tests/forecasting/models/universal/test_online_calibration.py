"""Online recalibration, on streams of forecasts that are wrong in known ways."""

import numpy as np
import pytest
from pydantic import ValidationError

from forecasting.models.universal.distribution import interval, normal_scores, quantiles_at
from forecasting.models.universal.online_calibration import LEVELS as COUNTED
from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.series.times import Floats

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
PLAIN = (20.0 + normal_scores(LEVELS))[None]
"""One lead: normal, 20 ± 1 °C."""


def run(observed: Floats) -> tuple[Floats, OnlineCalibration]:
    """Issue ``PLAIN`` again and again, each followed by its observation; return what was issued, ``(n, levels)``."""
    calibration, issued = OnlineCalibration.start(1), []
    for value in observed:
        issued.append(calibration.recalibrate(PLAIN, LEVELS))
        calibration = calibration.after(PLAIN, issued[-1], LEVELS, np.array([value]))
    return np.concatenate(issued), calibration


def coverage(issued: Floats, observed: Floats, level: int, span: int) -> Floats:
    """Return the coverage in percent of each ``span`` consecutive forecasts."""
    low, high = interval(level, issued, LEVELS)
    covered = np.cumsum(np.concatenate([[0], (low <= observed) & (observed <= high)]))
    shares: Floats = 100 * (covered[span:] - covered[:-span]) / span
    return shares


SPREADS = {
    "as forecast": np.ones(1_500),
    "three times as wide": np.full(1_500, 3.0),
    "half as wide": np.full(1_500, 0.5),
    "suddenly twice as wide": np.repeat([1.0, 2.0], 750),
    "changing with the season": 1 + 0.6 * np.sin(np.arange(1_500) * 2 * np.pi / 365),
}


@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS.keys())
def test_coverage_over_any_1000_forecasts_is_within_2_points_of_the_level(spread: Floats) -> None:
    observed = 20 + spread * np.random.default_rng(1).standard_normal(1_500)
    issued, _ = run(observed)
    for level in (80, 95):
        assert np.abs(coverage(issued, observed, level, 1_000) - level).max() <= 2
        assert np.abs(coverage(issued, observed, level, 200) - level).max() <= 6


def test_observations_far_outside_every_forecast_are_covered_in_the_long_run() -> None:
    observed = 20 + 10 * np.random.default_rng(2).standard_normal(2_400)
    issued, _ = run(observed)
    assert coverage(issued, observed, 80, 1_000)[-1] == pytest.approx(80, abs=2)


def test_a_new_calibration_changes_nothing() -> None:
    assert OnlineCalibration.start(1).recalibrate(PLAIN, LEVELS) == pytest.approx(PLAIN)


def test_quantiles_stay_in_order_around_the_same_median() -> None:
    skewed = np.sort(20 + np.random.default_rng(3).gamma(2, 1, (200, 1, 9)), axis=-1)
    calibration = OnlineCalibration.start(1)
    for plain in skewed:
        issued = calibration.recalibrate(plain, LEVELS)
        assert (np.diff(issued) >= -1e-9).all()
        assert issued[0, 4] == pytest.approx(plain[0, 4])
        calibration = calibration.after(plain, issued, LEVELS, plain[:, 8] + 1)


def test_the_state_goes_through_json_unchanged() -> None:
    _, calibration = run(20 + 2 * np.random.default_rng(4).standard_normal(50))
    assert OnlineCalibration.model_validate_json(calibration.model_dump_json()) == calibration


def test_a_state_whose_leads_disagree_is_refused() -> None:
    text = OnlineCalibration.start(2).model_dump_json().replace('"verified":[0,0]', '"verified":[0]')
    with pytest.raises(ValidationError, match="an entry for each lead"):
        OnlineCalibration.model_validate_json(text)


def test_a_missing_observation_teaches_nothing() -> None:
    observed = 20 + 2 * np.random.default_rng(5).standard_normal(60)
    gaps = np.insert(observed, [10, 10, 40], np.nan)
    assert run(gaps)[1] == run(observed)[1]


def test_leads_without_a_forecast_learn_nothing() -> None:
    plain = np.concatenate([PLAIN, np.full_like(PLAIN, np.nan)])
    calibration = OnlineCalibration.start(2).after(plain, plain, LEVELS, np.array([25.0, 25.0]))
    assert calibration.verified == (1, 0)
    assert calibration.excess[1] == (0.0,) * len(COUNTED)
    assert calibration.excess[0] == pytest.approx((0.5, 0.8, 0.9, 0.95))


def test_each_lead_learns_from_its_own_forecasts_whatever_the_order_of_leads() -> None:
    both, observed = np.concatenate([PLAIN, PLAIN]), np.array([23.0, 20.1])
    together = OnlineCalibration.start(2).after(both, both, LEVELS, observed)
    first = OnlineCalibration.start(2).after(both, both, LEVELS, np.array([23.0, np.nan]))
    second = OnlineCalibration.start(2).after(both, both, LEVELS, np.array([np.nan, 20.1]))
    assert first.after(both, both, LEVELS, np.array([np.nan, 20.1])) == together
    assert second.after(both, both, LEVELS, np.array([23.0, np.nan])) == together


def test_later_observations_do_not_change_what_was_issued() -> None:
    observed = 20 + np.random.default_rng(6).standard_normal(300)
    changed = np.concatenate([observed[:200], observed[200:] + 5])
    assert np.array_equal(run(observed)[0][:201], run(changed)[0][:201])


def test_misses_widen_the_next_forecast_and_hits_narrow_it() -> None:
    def width(value: float) -> float:
        issued, _ = run(np.array([value, value]))
        low, high = interval(80, issued, LEVELS)
        return float(high[1] - low[1])

    assert width(25.0) > float(np.diff(quantiles_at((0.1, 0.9), PLAIN, LEVELS))[0, 0]) > width(20.0)


def test_issued_forecasts_are_judged_even_if_the_calibration_has_changed_since() -> None:
    wide = 20 + 10 * (PLAIN - 20)
    judged = OnlineCalibration.start(1).after(PLAIN, wide, LEVELS, np.array([24.0]))
    assert max(judged.excess[0]) < 0 < min(judged.log_factor[0])
