import numpy as np
import pytest
import torch

from research.pretraining.features import Features, Scan
from research.spec import SPECS

DAY = SPECS["day"]
STEPS = 420


@pytest.fixture(scope="module")
def features() -> Features:
    return Features(DAY)


def walk(n: int = 3, steps: int = STEPS) -> torch.Tensor:
    return torch.from_numpy(15 + np.cumsum(np.random.default_rng(0).normal(0, 0.2, (n, steps)), axis=1))


def run(features: Features, sst: torch.Tensor, last: float = 1e9) -> tuple[torch.Tensor, ...]:
    n = len(sst)
    time, nowhere = torch.full((n,), last, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
    parts: tuple[torch.Tensor, ...] = features(sst, time, nowhere, 0)
    return parts


def test_a_scan_is_the_recursion_it_states() -> None:
    forcing = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 75, 2)))
    decays = torch.tensor([0.5, 0.97], dtype=torch.float64)
    state, expected = torch.zeros(2, 2, dtype=torch.float64), []
    for step in range(75):
        state = decays * state + forcing[:, step]
        expected.append(state)
    torch.testing.assert_close(Scan([0.5, 0.97])(forcing), torch.stack(expected, 1))


def test_features_rest_on_the_past_alone(features: Features) -> None:
    sst = walk()
    changed = sst.clone()
    changed[:, 400:] += 5
    before, after = run(features, sst), run(features, changed)
    for part in (0, 1, 2, 4):  # predictors, inputs, context, volatility
        torch.testing.assert_close(before[part][:, :400], after[part][:, :400])


@pytest.mark.parametrize("missing", [slice(0, 90), slice(200, 260), slice(50, 400, 7)])
def test_missing_values_leave_every_feature_finite(features: Features, missing: slice) -> None:
    sst = walk()
    sst[:, missing] = torch.nan
    assert all(bool(torch.isfinite(part).all()) for part in run(features, sst))


def test_values_missing_before_the_first_one_do_not_count(features: Features) -> None:
    sst = walk(2, 120)
    padded = torch.cat([torch.full((2, 64), torch.nan, dtype=torch.float64), sst], 1)
    for part, longer in zip(run(features, sst), run(features, padded), strict=True):
        torch.testing.assert_close(part[:, 5:], longer[:, 69:], rtol=1e-6, atol=1e-6)


def test_scaled_features_do_not_depend_on_the_unit_of_temperature(features: Features) -> None:
    sst = walk()
    ours, theirs = run(features, sst)[0], run(features, 1.8 * sst + 32)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
