import json
from dataclasses import asdict

import numpy as np
import pytest

from forecasting.models.universal.distribution import spread_of
from forecasting.models.universal.mixture import Mixture
from forecasting.models.universal.pooled import Backtest, PooledMixture
from forecasting.references.baselines import REFERENCES
from forecasting.series.times import Floats
from tests.forecasting.models.universal.tiny import LEVELS, SCORES

NAMES = ("sea-gru", *REFERENCES)
LINEAR = NAMES.index("linear")


def backtest(linear: float = 1.0, *, series: int = 4, origins: int = 60, leads: int = 5, seed: int = 0) -> Backtest:
    """Past forecasts with independent errors of 1 °C, those of the linear reference of ``linear`` °C.

    The network forecasts a standard deviation of 1 °C.
    """
    errors = np.random.default_rng(seed).normal(0.0, 1.0, (len(NAMES), series, origins, leads))
    errors[LINEAR] *= linear
    answers = np.broadcast_to(np.array([0.0, *SCORES]), (series, origins, leads, 1 + len(LEVELS)))
    return Backtest(answers, errors, 3)


def pool(*backtests: Backtest, horizon: int = 5) -> PooledMixture:
    pooled = PooledMixture.of(NAMES[0], backtests, LEVELS, horizon)
    assert pooled is not None
    return pooled


def weights(pooled: PooledMixture) -> Floats:
    return np.array([pooled.weights.get(name, [0.0] * 5) for name in NAMES])


def test_one_series_has_the_weights_of_its_own_mixture() -> None:
    alone = backtest(0.8, series=1)
    own = Mixture.of(NAMES, alone.errors, 3, np.ones((len(NAMES), 1), dtype=bool), np.array([5]))
    assert weights(pool(alone)) == pytest.approx(own.weights[:, 0])


def test_weights_of_several_series_are_shares_that_tell_which_member_is_better() -> None:
    shares = weights(pool(backtest(0.5), backtest(0.5, series=2, seed=1)))
    assert (shares >= 0).all()
    assert shares.sum(axis=0) == pytest.approx(1)
    assert (shares[LINEAR] > 0.7).all()
    assert pool(backtest(0.5), backtest(0.5, series=2)).series == 6


def test_past_forecasts_at_the_same_time_count_once() -> None:
    """Neighbours err alike, so a short past stays short."""
    alone = backtest(series=1, origins=40, leads=5)
    alike = Backtest(np.repeat(alone.answers, 50, axis=0), np.repeat(alone.errors, 50, axis=1), alone.stride)
    assert weights(pool(alike)) == pytest.approx(weights(pool(alone)))
    assert pool(alike).factors == pytest.approx(pool(alone).factors)


def test_series_with_a_short_past_are_left_out_and_alone_make_no_mixture() -> None:
    short, long = backtest(0.1, origins=29), backtest(1.0)
    assert pool(short, long) == pool(long)
    assert PooledMixture.of(NAMES[0], [short], LEVELS, 5) is None
    assert PooledMixture.of(NAMES[0], [], LEVELS, 5) is None
    backtest_of_long_leads = backtest()
    backtest_of_long_leads.errors[:, :, 29:, 4] = np.nan
    assert PooledMixture.of(NAMES[0], [backtest_of_long_leads], LEVELS, 5) is None
    assert PooledMixture.of(NAMES[0], [backtest_of_long_leads], LEVELS, 4) is not None


def test_a_member_that_cannot_be_used_gives_its_weight_to_the_others() -> None:
    pooled = pool(backtest())
    usable = np.ones((len(NAMES), 3, 5), dtype=bool)
    usable[LINEAR, 1] = False
    usable[:, 2] = False
    mixture = pooled.mixture(NAMES, usable)
    assert (mixture.weights[LINEAR, 0] > 0).all()
    assert (mixture.weights[LINEAR, 1] == 0).all()
    assert mixture.weights[:, 1].sum(axis=0) == pytest.approx(1)
    assert mixture.usable.tolist() == [True, True, False]
    errors = pooled.errors(NAMES, np.where(usable, 2.0, np.nan))
    assert errors[:2] == pytest.approx(2.0)
    assert np.isnan(errors[2]).all()


def test_quantiles_of_a_reference_scale_with_the_spread_of_the_network() -> None:
    pooled = pool(backtest(0.5, series=30))
    quantiles = 20.0 + np.array([1.0, 3.0])[:, None, None] * np.broadcast_to(SCORES, (2, 5, len(SCORES)))
    spreads = pooled.spreads_of(REFERENCES, quantiles, LEVELS)
    of_linear = spreads[REFERENCES.index("linear")]
    assert of_linear[1] == pytest.approx(3 * of_linear[0])
    assert spread_of(of_linear[0], LEVELS) == pytest.approx(0.5, rel=0.1)
    assert (spreads[REFERENCES.index("persistence")] == 0).all()  # no member


@pytest.mark.parametrize("error", [0.5, 1.0, 2.0])
def test_distances_are_widened_or_narrowed_as_errors_of_the_past_call_for(error: float) -> None:
    """All err alike, so the mixture errs like each; the network forecasts a standard deviation of 1 °C."""
    shared = np.random.default_rng(0).normal(0.0, error, (1, 30, 240, 5))
    pooled = pool(backtest(origins=240)._replace(errors=np.repeat(shared, len(NAMES), axis=0), answers=np.broadcast_to(
        np.array([0.0, *SCORES]), (30, 240, 5, 1 + len(LEVELS)))))  # fmt: skip
    assert np.sign(np.round(np.array(pooled.factors) - 1, 1)).tolist() == [np.sign(error - 1)] * 5


def test_a_pooled_mixture_can_be_written_as_json() -> None:
    pooled = pool(backtest())
    again = json.loads(json.dumps(asdict(pooled)))["weights"]
    assert again == {name: list(row) for name, row in pooled.weights.items()}
