import numpy as np
import pytest
from pydantic import ValidationError

from forecasting.errors import RequestError
from forecasting.events.paths import Coupling, Dependence
from forecasting.models.universal.distribution import normal_scores
from forecasting.series.times import Floats

CLOSE = Dependence(correlation=((1.0, 0.9, 0.5), (0.9, 1.0, 0.7), (0.5, 0.7, 1.0)))


def normal(probabilities: tuple[float, ...]) -> Floats:
    """Quantiles of three leads: °C, around 10, 20 and 30, with a spread of 1, 2 and 3."""
    return np.asarray([[10.0], [20.0], [30.0]]) + np.asarray([[1.0], [2.0], [3.0]]) * normal_scores(probabilities)


def test_paths_have_the_quantiles_of_each_lead_and_the_correlation_between_leads() -> None:
    paths = Coupling(CLOSE, (1, 2, 3)).arrange(2_000, normal)
    middles = tuple(((np.arange(2_000) + 0.5) / 2_000).tolist())
    np.testing.assert_array_equal(np.sort(paths, axis=0), normal(middles).T)
    np.testing.assert_allclose(np.corrcoef(paths.T), CLOSE.correlation, atol=0.04)


def test_the_same_forecast_has_the_same_paths() -> None:
    first, second = (Coupling(Dependence(correlation=CLOSE.correlation), (1, 2, 3)).arrange(50, normal) for _ in "ab")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("n", [0, -1, 10_001])
def test_a_number_of_paths_out_of_range_is_refused(n: int) -> None:
    with pytest.raises(RequestError, match="paths are out of range: ask for 1 to 10000"):
        Coupling(CLOSE, (1, 2, 3)).arrange(n, normal)


@pytest.mark.parametrize("leads", [[0.2, 0.7, 1.0, 1.5, 2.0, 2.9, 3.0], [1.0, 2.0, 3.0], [0.1, 0.2], [2.4]])
def test_between_leads_the_dependence_is_still_a_correlation(leads: list[float]) -> None:
    correlation = CLOSE.at(np.asarray(leads))
    np.testing.assert_allclose(np.diag(correlation), 1)
    np.testing.assert_allclose(correlation, correlation.T)
    assert np.linalg.eigvalsh(correlation).min() > -1e-9


def test_leads_between_two_go_together_more_than_these() -> None:
    whole, half = CLOSE.at(np.asarray([1.0, 2.0])), CLOSE.at(np.asarray([1.0, 1.5, 2.0]))
    assert whole[0, 1] == pytest.approx(0.9)
    assert half[0, 2] == pytest.approx(0.9)
    assert half[0, 1] > 0.9
    assert half[1, 2] > 0.9


def test_a_dependence_that_is_not_a_square_is_refused() -> None:
    with pytest.raises(ValidationError, match="the correlation must be a square matrix"):
        Dependence(correlation=((1.0, 0.5),))


def test_detail_that_means_leave_out_is_independent_of_the_release_and_fades() -> None:
    whole = Coupling(CLOSE, (1, 2, 3)).correlation()
    noisy = Coupling(CLOSE, (1, 2, 3), detail=(0.5, 0.5, 0.5), decay=0.0).correlation()
    lasting = Coupling(CLOSE, (1, 2, 3), detail=(0.5, 0.5, 0.5), decay=0.99).correlation()
    off = ~np.eye(3, dtype=np.bool_)
    np.testing.assert_allclose(noisy[off], whole[off] / 2)
    assert (lasting[off] > noisy[off]).all()
    np.testing.assert_allclose(np.diag(lasting), 1)


def autoregressive(n: int, leads: int, decay: float, seed: int = 0) -> Floats:
    """Normal scores of errors that decay."""
    random = np.random.default_rng(seed)
    scores = random.standard_normal((n, leads))
    for lead in range(1, leads):
        scores[:, lead] = decay * scores[:, lead - 1] + (1 - decay**2) ** 0.5 * scores[:, lead]
    return scores


def test_a_dependence_is_learned_from_scores_whatever_their_spread_and_gaps() -> None:
    scores = autoregressive(4_000, 4, 0.8) * [1.0, 2.0, 0.5, 1.0]
    scores[::3, 1] = np.nan
    learned = np.asarray(Dependence.of(scores, independent=4_000).correlation)
    leads = np.arange(4)
    np.testing.assert_allclose(learned, 0.8 ** np.abs(leads[:, None] - leads), atol=0.06)


def test_few_forecasts_leave_a_dependence_near_to_that_of_a_random_walk() -> None:
    walk = Coupling(None, (1, 2, 3, 4)).correlation()
    unrelated = np.random.default_rng(1).standard_normal((30, 4))
    few, none = (
        np.asarray(Dependence.of(scores, independent=2.0).correlation) for scores in (unrelated, unrelated * np.nan)
    )
    np.testing.assert_allclose(none, walk, atol=1e-3)
    assert np.linalg.norm(few - walk) < 0.5 * np.linalg.norm(np.eye(4) - walk)
    assert np.linalg.eigvalsh(few).min() > -2e-3


def test_a_series_gets_the_dependence_of_series_with_errors_like_its_own() -> None:
    smooth, rough = (np.stack([autoregressive(60, 5, decay, seed) for seed in range(100)]) for decay in (0.95, 0.3))
    learned = Dependence.of_series(np.concatenate([smooth, rough]), np.concatenate([smooth, rough * 3]))
    assert 0.5 < learned.correlation[0][1] < 0.75
    for decay in (0.3, 0.95):
        suited = learned.suited_to(0.2 * autoregressive(60, 5, decay, 99))
        assert suited.correlation[1][2] == pytest.approx(decay, abs=0.15)
        late = learned.suited_to(autoregressive(60, 5, decay, 98)[:, 2:], first_lead=3)
        assert late.correlation[1][2] == pytest.approx(decay, abs=0.15)
    assert learned.suited_to(np.full((60, 5), np.nan)) is learned
    assert learned.suited_to(rough[0][:, :1]) is learned
    assert CLOSE.suited_to(rough[0]) is CLOSE
