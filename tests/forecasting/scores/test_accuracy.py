import math

import numpy as np
import pytest

from forecasting.scores.accuracy import Accuracy, anomaly_correlation, coverage, diebold_mariano, skill

NAN = float("nan")


def test_errors_by_hand() -> None:
    observed = np.asarray([[10.0, 20.0], [12.0, NAN], [8.0, 25.0]])
    predicted = np.asarray([[11.0, 20.0], [10.0, 7.0], [8.0, 20.0]])
    accuracy = Accuracy.of(observed, predicted)
    assert accuracy.n == (3, 2)
    assert accuracy.mae == pytest.approx((1.0, 2.5))
    assert accuracy.rmse == pytest.approx((math.sqrt(5 / 3), math.sqrt(12.5)), abs=1e-6)
    assert accuracy.bias == pytest.approx((-1 / 3, -2.5), abs=1e-6)
    assert accuracy.mape == pytest.approx((100 * (0.1 + 1 / 6) / 3, 10.0), abs=1e-5)


@pytest.mark.parametrize(
    ("observed", "mape"), [([0.0, -2.0], 50.0), ([0.0], None), ([1e-320, 10.0], 10.0)], ids=["zero", "only", "tiny"]
)
def test_percentages_skip_observations_near_zero(observed: list[float], mape: float | None) -> None:
    values = np.asarray(observed)[:, None]
    assert Accuracy.of(values, values + 1).mape == (mape,)


def test_a_lead_without_observations_has_no_accuracy() -> None:
    with pytest.raises(ValueError, match="at every lead"):
        Accuracy.of(np.asarray([[1.0, NAN]]), np.asarray([[1.0, 1.0]]))


def test_skill_is_one_for_a_perfect_forecast_and_zero_for_the_reference() -> None:
    assert skill(0.0, 2.0) == 1.0
    assert skill(2.0, 2.0) == 0.0
    assert skill(3.0, 2.0) == -0.5
    assert skill(1.0, 0.0) is None


def test_diebold_mariano_by_hand() -> None:
    """Losses 3, 0, 8, 0: mean 2.75, variance of the mean 10.6875 / 4, factor (4 + 1 − 2) / 4."""
    p = diebold_mariano(np.asarray([2.0, 1.0, 3.0, 2.0]), np.asarray([1.0, 1.0, 1.0, 2.0]))
    statistic = 2.75 / math.sqrt(10.6875 / 4) * math.sqrt(3 / 4)
    assert p == pytest.approx(math.erfc(statistic / math.sqrt(2)))


def test_diebold_mariano_is_symmetric_and_skips_gaps() -> None:
    rng = np.random.default_rng(0)
    error, reference = rng.normal(0, 1, 200), rng.normal(0, 1.4, 200)
    p = diebold_mariano(error, reference, lead=3)
    assert p is not None
    assert p < 0.05
    assert diebold_mariano(reference, error, lead=3) == pytest.approx(p)
    assert diebold_mariano(np.append(error, NAN), np.append(reference, 1.0), lead=3) == pytest.approx(p)


def test_diebold_mariano_rejects_equal_forecasts_at_its_nominal_rate() -> None:
    rng = np.random.default_rng(2)
    pairs = (rng.normal(0, 1, (2, 150)) for _ in range(600))
    rejected = sum((diebold_mariano(error, reference) or 1.0) < 0.1 for error, reference in pairs)
    assert pytest.approx(rejected, abs=25) == 600 * 0.1


def test_diebold_mariano_gives_no_p_value_for_equal_errors() -> None:
    errors = np.asarray([1.0, 2.0, 3.0])
    assert diebold_mariano(errors, errors) is None
    assert diebold_mariano(errors[:2], errors[1:]) is None


def test_coverage_counts_observations_inside_the_interval() -> None:
    observed = np.asarray([[1.0], [2.0], [3.0], [NAN]])
    assert coverage(observed, np.full((4, 1), 1.5), np.full((4, 1), 3.0)) == pytest.approx((2 / 3,), abs=1e-6)


def test_anomaly_correlation_is_that_of_departures_from_the_climatology() -> None:
    rng = np.random.default_rng(5)
    climatology = 15 + 3 * np.cos(np.arange(200)[:, None] / 10)
    anomaly = rng.normal(0, 1, (200, 1))
    observed = climatology + anomaly
    predicted = climatology + 0.5 * anomaly + rng.normal(0, 0.5, (200, 1))
    observed[4] = np.nan
    expected = np.corrcoef((predicted - climatology)[observed > 0], anomaly[observed > 0])[0, 1]
    assert anomaly_correlation(observed, predicted, climatology)[0] == pytest.approx(expected, abs=1e-6)
    assert anomaly_correlation(observed, climatology, climatology) == (None,)
