import numpy as np
import pytest
import torch

from research.pretraining.companion import Companion, Moments, fit_prior
from research.spec import SPECS

DAY = SPECS["day"]


def random_series(n: int, steps: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(0)
    features = torch.from_numpy(random.normal(size=(n, steps, size)))
    features[:, :, 0] = 1
    x = torch.from_numpy(np.cumsum(random.normal(size=(n, steps)), axis=1))
    observed = torch.ones(n, steps, dtype=torch.float64)
    observed[0, 20:30] = 0
    return features, x, torch.ones(n, steps, dtype=torch.float64), observed


def test_the_posterior_counts_overlapping_targets_as_one() -> None:
    companion = Companion(DAY, 3)
    features, x, scale, observed = random_series(2, 60, 3)
    origin, lead = 49, 2
    mean, spread, _ = companion(features, x, scale, observed, torch.zeros(2), torch.tensor([origin]), 1.0)
    knot = DAY.knots.index(lead)
    rows = [t for t in range(60) if t + lead <= origin and observed[0, t] and observed[0, t + lead] and t >= 3]
    design, target = features[0, rows], (x[0, [t + lead for t in rows]] - x[0, rows]).clamp(-5 * 2**0.5, 5 * 2**0.5)
    variance_of_rows = companion.noise[0, knot] * lead  # as many targets overlap
    covariance = torch.linalg.inv(companion.precision[0, knot] + design.T @ design / variance_of_rows)
    weights = covariance @ (design.T @ target) / variance_of_rows
    here = features[0, origin]
    assert float(mean[0, 0, knot]) == pytest.approx(float(here @ weights))
    variance = companion.noise[0, knot] + here @ covariance @ here
    assert float(spread[0, 0, knot]) == pytest.approx(float(variance.sqrt()))


def test_forecasts_from_several_origins_are_those_from_each() -> None:
    companion = Companion(DAY, 3)
    series = random_series(2, 60, 3)
    positioned = torch.tensor([0.0, 1.0])
    together = companion(*series, positioned, torch.tensor([14, 30, 31, 58]), 1.0)
    for place, origin in enumerate((14, 30, 31, 58)):
        alone = companion(*series, positioned, torch.tensor([origin]), 1.0)
        for part, single in zip(together, alone, strict=True):
            torch.testing.assert_close(part[:, place], single[:, 0])


@pytest.mark.parametrize(("growth", "updated"), [(1.0, [True, True, True]), (2.0, [True, False, True])])
def test_the_posterior_is_updated_when_the_past_has_grown(growth: float, updated: list[bool]) -> None:
    companion = Companion(DAY, 3)
    features, x, scale, observed = random_series(2, 60, 3)
    changed = x.clone()
    changed[:, 29:31] += 2
    mean, other = (
        companion(features, values, scale, observed, torch.zeros(2), torch.tensor([14, 29, 30, 58]), growth)[0]
        for values in (x, changed)
    )
    # The changed values are the newest ones of the second and third origin.
    assert bool((mean[:, 0] == other[:, 0]).all())
    newest = companion(features, changed, scale, observed, torch.zeros(2), torch.tensor([30]), 1.0)[0]
    assert [bool((mean[:, i] != other[:, i]).any()) for i in (1, 3)] == [updated[0], updated[2]]
    assert bool(torch.isclose(other[:, 2], newest[:, 0]).all()) == updated[1]


def test_a_prior_is_recovered_from_many_series() -> None:
    random = np.random.default_rng(0)
    true_mean, true_deviation, noise = np.array([0.5, -0.3]), np.array([0.1, 0.3]), 0.5
    rows = []
    for _ in range(400):
        weights = random.normal(true_mean, true_deviation)
        design = np.column_stack([np.ones(50), random.normal(size=50)])
        target = design @ weights + random.normal(0, noise**0.5, 50)
        rows.append((design.T @ design, design.T @ target, target @ target, 50.0))
    moments = Moments(*(torch.from_numpy(np.array(part)) for part in zip(*rows, strict=True)))
    mean, precision, fitted_noise = fit_prior(moments, 1.0, rounds=60)
    np.testing.assert_allclose(mean.numpy(), true_mean, atol=0.05)
    np.testing.assert_allclose(torch.linalg.inv(precision).diagonal().sqrt().numpy(), true_deviation, atol=0.05)
    assert fitted_noise == pytest.approx(noise, rel=0.05)
