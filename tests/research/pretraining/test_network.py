import numpy as np
import pytest
import torch

from forecasting.models.checkpoint import script
from research.pretraining.companion import Companion
from research.pretraining.features import Features
from research.pretraining.network import LEVELS, UniversalModule, UniversalNetwork
from research.spec import SPECS

NOWHERE = torch.full((1, 7), torch.nan)
SOMEWHERE = torch.tensor([[15.0, -3.0, -4.0, 0.5, 0.2, 0.0, 0.1]])
LAST = torch.tensor([1e9], dtype=torch.float64)


def build(step: str, cell: str) -> UniversalModule:
    """An untrained network with random weights everywhere."""
    torch.manual_seed(0)
    spec = SPECS[step]
    features = Features(spec)
    network = UniversalNetwork(cell, spec, features.inputs, features.context + 2, hidden=8)
    torch.nn.init.normal_(network.head.weight, std=0.05)
    return UniversalModule(spec, features, Companion(spec, features.size), network).eval()


@pytest.fixture(scope="module", params=[("day", "gru"), ("hour", "lstm"), ("week", "rnn"), ("month", "gru")])
def module(request: pytest.FixtureRequest) -> UniversalModule:
    return build(*request.param)


def walk(steps: int) -> torch.Tensor:
    return torch.from_numpy(15 + np.cumsum(np.random.default_rng(0).normal(0, 0.2, (1, steps)), axis=1)).float()


@pytest.mark.parametrize("climatology", [NOWHERE, SOMEWHERE])
def test_torchscript_answers_what_eager_torch_does(module: UniversalModule, climatology: torch.Tensor) -> None:
    scripted = script(module)
    for steps in (module.minimum, 100, module.maximum):
        sst = walk(steps)
        sst[:, 2:4] = torch.nan
        torch.testing.assert_close(
            scripted.quantiles(sst, LAST, climatology),
            module.quantiles(sst, LAST, climatology),
            rtol=1e-4,
            atol=1e-4,
        )


def test_quantiles_are_in_order_for_every_lead(module: UniversalModule) -> None:
    forecast = module.quantiles(walk(120), LAST, NOWHERE)
    assert forecast.shape == (1, module.horizon, 1 + len(LEVELS))
    assert bool((forecast[:, :, 1:].diff(dim=2) > 0).all())


def test_padding_with_missing_values_on_the_left_changes_nothing(module: UniversalModule) -> None:
    sst = walk(100)
    padded = torch.cat([torch.full((1, 77), torch.nan), sst], 1)
    for climatology in (NOWHERE, SOMEWHERE):
        torch.testing.assert_close(
            module.quantiles(padded, LAST, climatology), module.quantiles(sst, LAST, climatology), rtol=1e-4, atol=1e-3
        )


def test_a_backtest_sees_nothing_after_its_origins(module: UniversalModule) -> None:
    sst, origins = walk(200), torch.tensor([60, 100, 150])
    changed = sst.clone()
    changed[:, 151:] += 3
    torch.testing.assert_close(
        module.backtest(sst, LAST, SOMEWHERE, origins),
        module.backtest(changed, LAST, SOMEWHERE, origins),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_backtest_gives_nearly_the_forecast_of_its_day(module: UniversalModule) -> None:
    sst = walk(200)
    backtest = module.backtest(sst, LAST, NOWHERE, torch.tensor([120, 160]))
    then = LAST - (199 - 160) * module.seconds
    alone = module.quantiles(sst[:, :161], then, NOWHERE)
    assert float((backtest[:, 1] - alone).abs().max().detach()) < 0.25


def test_the_position_enters_by_its_usual_change() -> None:
    module = build("day", "gru")
    days = torch.arange(-59, 15, dtype=torch.float64) + 0.5  # the middle of each
    usual = module.usual(60, LAST, SOMEWHERE)
    angle = (LAST + days * 86400) * module.year_rate
    expected = 15 + sum(
        SOMEWHERE[0, 2 * i - 1] * torch.cos(i * angle) + SOMEWHERE[0, 2 * i] * torch.sin(i * angle) for i in (1, 2, 3)
    )
    torch.testing.assert_close(usual[0], expected, rtol=1e-6, atol=1e-5)
    assert bool((module.usual(60, LAST, NOWHERE) == 0).all())
    assert float(module.usual(60, LAST, torch.tensor([[-3.0, 0, 0, 0, 0, 0, 0]])).min()) == pytest.approx(-1.8)


def test_forward_is_the_mean_of_the_first_lead_without_a_position(module: UniversalModule) -> None:
    sst = walk(module.window)
    forecast = module(sst, LAST + module.seconds)
    torch.testing.assert_close(forecast, module.quantiles(sst, LAST, NOWHERE)[:, 0, 0])


def test_networks_of_one_release_share_what_comes_before_their_cells() -> None:
    gru, lstm = build("day", "gru"), build("day", "lstm")
    sst, origins = walk(200), torch.tensor([60, 100, 199])
    prepared = script(gru).prepare(sst, LAST, SOMEWHERE, origins, 5)
    torch.testing.assert_close(
        script(lstm).answer(prepared), lstm.backtest(sst, LAST, SOMEWHERE, origins)[:, :, :5], rtol=1e-4, atol=1e-4
    )


def test_quantiles_of_long_leads_are_widened_and_means_are_not() -> None:
    module = build("day", "gru")
    widened = module.quantiles(walk(100), LAST, NOWHERE).detach()
    module.widths.fill_(1.0)
    as_fitted = module.quantiles(walk(100), LAST, NOWHERE).detach()
    torch.testing.assert_close(widened[:, :, 0], as_fitted[:, :, 0])
    ratio = (widened[0, :, 9] - widened[0, :, 1]) / (as_fitted[0, :, 9] - as_fitted[0, :, 1])
    assert float(ratio[0]) == pytest.approx(1, abs=1e-3)
    assert bool((ratio[1:] > 1.03).all())
