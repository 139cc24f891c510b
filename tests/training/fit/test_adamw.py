"""Our optimiser does what that of torch does, without its compiler."""

import sys
from typing import cast

import torch
from torch import nn
from torch.optim.adamw import adamw

from tests.zygote.process import run
from training.fit.adamw import BETAS, AdamW


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))


def rate(step: int) -> float:
    return 0.1 / (step + 1)


def test_the_weights_are_those_of_torch() -> None:
    ours, theirs = network(), network()
    optimiser = AdamW(ours.parameters(), rate, weight_decay=0.1)
    parameters = list(theirs.parameters())
    means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    steps = [torch.tensor(0.0) for _ in parameters]
    for step in range(40):
        inputs = torch.linspace(-1, 1, 15).roll(step).view(5, 3)
        for trained in (ours, theirs):
            trained.zero_grad()
            trained(inputs).square().sum().backward()
        optimiser.step()
        for i, parameter in enumerate(parameters):
            # The optimiser class of torch would do this, after seconds of imports.
            decay = 0.1 if parameter.ndim > 1 else 0.0
            with torch.no_grad():
                adamw(
                    [parameter], [cast(torch.Tensor, parameter.grad)], [means[i]], [squares[i]], [], [steps[i]],
                    amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=rate(step), weight_decay=decay, eps=1e-8,
                    maximize=False,
                )  # fmt: skip
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=0, atol=0)
    assert not torch.equal(ours.state_dict()["0.weight"], network().state_dict()["0.weight"])


def test_a_parameter_without_a_gradient_stays_as_it_is() -> None:
    trained = network()
    trained[0](torch.ones(3)).sum().backward()
    AdamW(trained.parameters(), rate, weight_decay=0.1).step()
    weights, before = trained.state_dict(), network().state_dict()
    assert torch.equal(weights["2.weight"], before["2.weight"])
    assert not torch.equal(weights["0.weight"], before["0.weight"])


TRAINING = """
import sys
from pathlib import Path
from forecasting.readers import read_csv
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.fitting import fit
series = read_csv(Path("data/nino12.csv")).part(0, 240)
config = TrainingConfig.for_step(series.step, epochs=1, hidden=2, later_leads=0)
fit(Dataset.divide(series, config), config, "gru", 0, lambda epochs: None)
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""


def test_training_does_not_wait_for_the_compiler_of_torch() -> None:
    result = run([sys.executable, "-c", TRAINING])
    assert (result.stdout, result.stderr) == ("[]\n", "")
