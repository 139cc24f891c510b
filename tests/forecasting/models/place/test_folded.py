"""The network in numpy is the checkpoint's network."""

import dataclasses
import gc
import io
import weakref

import numpy as np
import pytest
import torch

from forecasting.errors import ReleaseError
from forecasting.models import checkpoint
from forecasting.models.checkpoint import CPU, script
from forecasting.models.metadata import CELLS
from forecasting.models.place.network import CHUNK_WINDOWS, FoldedNetwork, NetworkRoller, fold
from forecasting.series.timestep import MONTH, TimeStep
from tests.forecasting.models.place.test_checkpoint import SCALING, awake, config
from training.data.inputs import Scaling, Trend
from training.fit.networks import RecurrentForecaster

WINDOW = 12
PART_OF_A_YEAR = Scaling(20.0, 2.0, 0.5, years=0.0)
WARMING = dataclasses.replace(SCALING, trend=Trend(0.2, 9e8))


def loaded(network: RecurrentForecaster) -> torch.jit.ScriptModule:
    content = io.BytesIO()
    with checkpoint.quiet():
        torch.jit.save(script(network), content)
        module: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(content.getvalue()))
    return module


def made(cell: str, step: TimeStep = MONTH, scaling: Scaling = SCALING, **settings: int) -> RecurrentForecaster:
    torch.manual_seed(0)
    network = RecurrentForecaster(cell, config(WINDOW, **settings), step, scaling)
    torch.nn.init.normal_(network.linear.views, std=0.3)
    return awake(network)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("scaling", "step"), [(SCALING, MONTH), (PART_OF_A_YEAR, TimeStep.parse("PT30M")), (WARMING, MONTH)]
)
def test_it_forecasts_like_torchscript(cell: str, scaling: Scaling, step: TimeStep) -> None:
    module = loaded(made(cell, step, scaling))
    folded = fold(module, WINDOW)
    assert folded is not None
    for n in (1, 33):
        sst, valid_time = 20 + 3 * torch.randn(n, WINDOW), 1e9 * torch.rand(n, dtype=torch.float64)
        with torch.inference_mode():
            expected = module(sst, valid_time).numpy()
        np.testing.assert_allclose(folded(sst.numpy(), valid_time.numpy()), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_it_is_freed_without_a_garbage_collection(cell: str) -> None:
    folded = fold(loaded(made(cell)), WINDOW)
    assert folded is not None
    network = weakref.ref(folded)
    gc.disable()
    try:
        del folded
        assert network() is None
    finally:
        gc.enable()


def test_matrices_from_before_the_increment_was_bounded_are_read() -> None:
    network = made("gru")
    known = len(network.linear.views)
    network.linear.weights[known + 5] = 0.0
    now = {name: matrix.detach().numpy() for name, matrix in network.folded().items()}
    before = now | {
        "views": now["views"][:, :4],
        "bounds": now["bounds"][:4],
        "weights": np.delete(now["weights"], len(now["views"]) + 5, axis=0),
    }
    windows = 20 + np.random.default_rng(0).normal(0, 1, (3, WINDOW)).astype(np.float32)
    times = np.array([0.0, 5e8, 1e9])
    np.testing.assert_allclose(FoldedNetwork(before)(windows, times), FoldedNetwork(now)(windows, times), atol=1e-5)


def test_a_roll_out_of_many_windows_equals_that_of_each_alone() -> None:
    network = NetworkRoller(loaded(made("gru")), MONTH, CPU)
    assert network.folded is not None
    windows = 20 + np.random.default_rng(0).normal(0, 1, (2 * CHUNK_WINDOWS + 3, WINDOW))
    times = np.datetime64("2001-01-01", "s") + np.arange(len(windows)).astype("timedelta64[D]")
    together = network.roll(windows, times, 3)
    for i in (0, CHUNK_WINDOWS, len(windows) - 1):
        alone = network.roll(windows[i : i + 1], times[i : i + 1], 3)
        np.testing.assert_allclose(together[i], alone[0], rtol=0, atol=1e-5)


def test_a_checkpoint_whose_matrices_disagree_with_the_module_is_refused() -> None:
    class Other(RecurrentForecaster):
        def forward(self, sst: torch.Tensor, valid_time: torch.Tensor) -> torch.Tensor:
            known, _ = self.known(sst, valid_time)
            return sst[:, -1] + self.spread * self.added(known)

    torch.manual_seed(0)
    module = loaded(awake(Other("gru", config(WINDOW), MONTH, SCALING)))
    with pytest.raises(ReleaseError, match="the folded matrices and the network disagree by"):
        fold(module, WINDOW)


def test_a_checkpoint_with_non_finite_matrices_is_refused() -> None:
    network = made("gru")
    torch.nn.init.constant_(network.cell.weight_ih_l0, torch.nan)
    with pytest.raises(ReleaseError, match="values that are not finite"):
        fold(loaded(network), WINDOW)


def test_a_network_of_two_layers_stays_torchscript() -> None:
    assert fold(loaded(made("lstm", layers=2)), WINDOW) is None


def test_a_checkpoint_without_matrices_is_served_as_it_is() -> None:
    class Persistent(torch.nn.Module):
        def forward(self, sst: torch.Tensor, valid_time: torch.Tensor) -> torch.Tensor:
            return sst[:, -1] + 0.0 * valid_time.float()

    assert fold(script(Persistent()), WINDOW) is None
