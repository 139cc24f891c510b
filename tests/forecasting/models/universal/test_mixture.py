import numpy as np
import pytest

from forecasting.models.universal.mixture import Mixture
from forecasting.series.times import Bools, Floats

NAMES = ("sea-gru", "persistence", "damped", "linear")


def errors(*spreads: float, origins: int = 60, leads: int = 3) -> Floats:
    """Independent errors of one series with these standard deviations."""
    rng = np.random.default_rng(0)
    return np.stack([rng.normal(0.0, spread, (1, origins, leads)) for spread in spreads])


def mix(values: Floats, *, stride: int = 3, usable: Bools | None = None) -> Mixture:
    every = np.ones((4, 1), dtype=bool)
    return Mixture.of(NAMES, values, stride, every if usable is None else usable, np.asarray([values.shape[3]]))


def rmse(values: Floats) -> float:
    return float(np.sqrt((values**2).mean()))


def test_weights_are_shares_and_larger_where_errors_are_smaller() -> None:
    weights = mix(errors(1.0, 1.0, 1.0, 0.5)).weights[:, 0]
    assert (weights >= 0).all()
    assert weights.sum(axis=0) == pytest.approx(1)
    assert (weights[3] > 0.7).all()
    assert (weights[1] == 0).all()  # what persistence knows, others know too


def test_a_mixture_of_independent_errors_is_better_than_each_member() -> None:
    values = errors(1.0, 1.0, 1.0, 1.0)
    assert rmse(mix(values).errors) < 0.8 * min(rmse(of_member) for of_member in values)


def test_the_network_has_most_of_the_weight_where_few_past_forecasts_are_independent() -> None:
    few = mix(errors(1.0, 1.0, 1.0, 1.0, leads=48), stride=1).weights[:, 0]
    many = mix(errors(1.0, 1.0, 1.0, 1.0, leads=48), stride=48).weights[:, 0]
    assert few[0, 47] > 0.6 > many[0, 47]


def test_a_network_that_is_clearly_worse_has_little_weight_even_at_long_leads() -> None:
    weights = mix(errors(1.0, 1.0, 1.0, 0.1, leads=48), stride=1).weights[:, 0]
    assert weights[0].max() < 0.01


def test_leads_that_a_series_does_not_have_change_nothing() -> None:
    values = np.concatenate([errors(1.0, 1.0, 1.0, 0.8, leads=7)] * 2, axis=1)
    usable = np.ones((4, 2), dtype=bool)
    both = Mixture.of(NAMES, values, 3, usable, np.asarray([3, 7]))
    alone = Mixture.of(NAMES, values[:, :1, :, :3], 3, usable[:, :1], np.asarray([3]))
    assert both.weights[:, :1, :3] == pytest.approx(alone.weights)
    assert both.usable.all()


def test_weights_change_little_from_lead_to_lead() -> None:
    weights = mix(errors(1.0, 1.0, 1.0, 0.9, leads=14)).weights[:, 0]
    assert np.abs(np.diff(weights[:, 7:], axis=1)).max() < 0.05


@pytest.mark.parametrize("why", ["not usable", "unknown"])
def test_a_member_without_a_forecast_or_past_forecasts_has_no_weight(why: str) -> None:
    values, usable = errors(1.0, 1.0, 1.0, 0.2), np.ones((4, 1), dtype=bool)
    if why == "unknown":
        values[3, :, 10:] = np.nan
    else:
        usable[3] = False
    mixture = mix(values, usable=usable)
    assert (mixture.weights[3] == 0).all()
    assert mixture.weights.sum(axis=0) == pytest.approx(1)
    forecasts = np.asarray([1.0, 1.0, 1.0, np.nan])[:, None, None] * np.ones((4, 1, 3))
    assert mixture.mean(forecasts) == pytest.approx(1)


def test_there_is_no_mixture_without_a_usable_member() -> None:
    mixture = mix(errors(1.0, 1.0, 1.0, 1.0), usable=np.zeros((4, 1), dtype=bool))
    assert not mixture.usable.any()
    assert mix(errors(1.0, 1.0, 1.0, 1.0)).usable.all()


def test_quantiles_are_as_far_from_the_mean_as_those_of_the_members() -> None:
    mixture = mix(errors(1.0, 1.0, 1.0, 1.0))
    # From two past steps and the end, with one more step than the mixture.
    of_network = np.broadcast_to(np.asarray([10.0, 9.0, 11.0]), (1, 3, 4, 3)).copy()
    of_references = np.broadcast_to(np.asarray([-5.0, 5.0]), (3, 1, 3, 2))
    answers, past = mixture.answers([0], of_network, of_references, np.full((1, 3), 15.0))
    assert answers[0, -1, :, 0] == pytest.approx(15.0)
    spread = np.asarray([1.0, 5.0, 5.0, 5.0]) @ mixture.weights[:, 0]
    assert answers[0, -1, :3, 2] == pytest.approx(15.0 + spread)
    assert answers[0, -1, :, 1] == pytest.approx(30.0 - answers[0, -1, :, 2])
    assert answers[0, 0, :3, 2] == pytest.approx(spread)
    assert past.shape == (1, 60, 4)
    assert np.isnan(past[..., 3]).all()
