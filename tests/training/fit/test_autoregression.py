import numpy as np
import pytest
import torch

from training.fit.autoregression import ridge, ridge_of_two


def terms(n: int, free: int, shrunk: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    columns = torch.randn(n, free + shrunk, generator=generator, dtype=torch.float64)
    columns[:, 0] = 1
    return columns[:, :free], columns[:, free:]


def test_exact_data_give_the_exact_weights() -> None:
    free, shrunk = terms(200, 3, 5)
    weights = torch.arange(1, 9, dtype=torch.float64)
    fitted = ridge(free, shrunk, torch.cat([free, shrunk], dim=1) @ weights).weights
    torch.testing.assert_close(fitted, weights, rtol=0, atol=1e-3)


def test_uninformative_terms_are_shrunk_and_free_ones_are_not() -> None:
    free, shrunk = terms(60, 2, 30)
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=60))
    target = 5 + 3 * free[:, 1] + noise
    fitted = ridge(free, shrunk, target).weights
    everything = torch.cat([free, shrunk], dim=1)
    plain = torch.linalg.lstsq(everything, target[:, None]).solution[:, 0]
    assert fitted[2:].norm() < 0.5 * plain[2:].norm()
    assert fitted[:2].tolist() == pytest.approx([5, 3], abs=0.5)


def test_the_penalty_is_the_one_with_the_least_generalised_cross_validation_error() -> None:
    """Against the definition, with the hat matrix written out."""
    free, shrunk = terms(50, 2, 6)
    target = shrunk[:, 0] + torch.from_numpy(np.random.default_rng(2).normal(size=50))
    everything = torch.cat([free, shrunk], dim=1)
    candidates = []
    for penalty in np.logspace(-3, 6, 37):
        costs = torch.diag(torch.tensor([0.0] * 2 + [penalty] * 6, dtype=torch.float64))
        solve = torch.linalg.solve(everything.T @ everything + costs, everything.T)
        rest = target - everything @ solve @ target
        freedom = 50 - torch.trace(everything @ solve)
        candidates.append((float(rest @ rest / freedom**2), solve @ target))
    best = min(candidates, key=lambda candidate: candidate[0])[1]
    torch.testing.assert_close(ridge(free, shrunk, target).weights, best, rtol=1e-6, atol=1e-8)


def test_repeated_free_terms_do_no_harm() -> None:
    """Two harmonics of the day seen every six hours, say."""
    free, shrunk = terms(80, 2, 3)
    target = 2 * free[:, 1] + shrunk[:, 0]
    fitted = ridge(torch.cat([free, free[:, 1:]], dim=1), shrunk, target).weights
    assert torch.isfinite(fitted).all()
    torch.testing.assert_close(fitted[1] + fitted[2], torch.tensor(2.0, dtype=torch.float64), rtol=0, atol=1e-3)


def test_an_uninformative_group_is_shrunk_more() -> None:
    free, shrunk = terms(80, 2, 40)
    telling, idle = shrunk[:, :10], shrunk[:, 10:]
    noise = torch.from_numpy(np.random.default_rng(3).normal(size=80))
    target = telling.sum(1) + noise
    together = ridge(free, shrunk, target).weights
    apart = ridge_of_two(free, telling, idle, target).weights
    assert apart[12:].norm() < together[12:].norm()
    assert (apart[2:12] - 1).norm() < (together[2:12] - 1).norm()


def test_rows_with_almost_no_weight_change_almost_nothing() -> None:
    free, shrunk = terms(60, 2, 4)
    target = shrunk[:, 0] + torch.from_numpy(np.random.default_rng(4).normal(size=60))
    worth = torch.ones(60, dtype=torch.float64)
    worth[40:] = 1e-12
    spoilt = target.clone()
    spoilt[40:] += 100
    torch.testing.assert_close(
        ridge(free, shrunk, spoilt, worth).weights, ridge(free, shrunk, target, worth).weights, rtol=0, atol=1e-2
    )
