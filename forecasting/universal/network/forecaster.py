"""One universal network on a device: contexts in, the mean and quantiles of all leads out."""

import pickle
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from forecasting.networks.checkpoint import compiling
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.device import choose_device
from forecasting.series.times import Floats
from forecasting.universal.network.checkpoint import CLIMATOLOGY_TERMS, load
from forecasting.universal.network.metadata import UniversalMetadata

Coefficients = npt.NDArray[np.float32]
Steps = npt.NDArray[np.int64]

_PASS_VALUES = 16_000
_LARGEST_PASS = 128
"""Values and series of one pass on a CPU; with more, intermediate results no longer fit into the caches."""

_PASS_ON_GPU = 4_096

_PROFILED_CALLS = 3
"""On a GPU, TorchScript specialises and optimises a method during its first calls."""


class UniversalForecaster:
    """A loaded universal network on a device. Safe to call from several threads.

    Pickling keeps the path and sha256 of ``file``, which the checkpoint was loaded from. Unpickling loads that file
    again, and raises ReleaseError if it has changed. A forecaster without a file cannot be pickled.
    """

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        metadata: UniversalMetadata,
        device: torch.device,
        file: CheckpointFile | None = None,
    ) -> None:
        self.module = module
        self.metadata = metadata
        self.device = device
        self.file = file
        self.step = metadata.time_step

    def __reduce__(self) -> tuple[Callable[[CheckpointFile, str], "UniversalForecaster"], tuple[CheckpointFile, str]]:
        if self.file is None:
            raise pickle.PicklingError(
                "cannot pickle a UniversalForecaster made from a module in memory: save its checkpoint, and load that "
                "with load_universal"
            )
        return _reopen, (self.file, str(self.device))

    def pass_size(self, length: int) -> int:
        """Return how many series of ``length`` values to forecast at once without a record."""
        if self.device.type != "cpu":
            return _PASS_ON_GPU
        return min(max(_PASS_VALUES // length, 1), _LARGEST_PASS)

    def predict(self, values: Floats, last_time: Floats, coefficients: Coefficients) -> Floats:
        """Forecast all leads after the last step of each series.

        Args:
            values: °C, ``(n, steps)``, NaN where missing; the last value must not be missing.
            last_time: Unix seconds of the last step, ``(n,)``.
            coefficients: climatology, °C, ``(n, 7)``; NaN where it is not known.

        Returns:
            The mean, then the quantiles, °C, ``(n, horizon, 1 + levels)``.
        """
        with torch.inference_mode():
            answer = self.module.quantiles(*self.inputs(values, last_time, coefficients))
        return self.to_array(answer)

    def backtest(self, values: Floats, last_time: Floats, coefficients: Coefficients, origins: Steps) -> Floats:
        """Forecast all leads from several steps of each series, seeing nothing that came after each.

        Args:
            values: as in :meth:`predict`.
            last_time: as in :meth:`predict`.
            coefficients: as in :meth:`predict`.
            origins: steps of ``values`` to forecast from, increasing, ``(origins,)``.

        Returns:
            The mean, then the quantiles, °C, ``(n, origins, horizon, 1 + levels)``.
        """
        with torch.inference_mode():
            places = torch.from_numpy(origins).to(self.device)
            answer = self.module.backtest(*self.inputs(values, last_time, coefficients), places)
        return self.to_array(answer)

    def warm_up(self) -> None:
        """Run the network on a series, so that the first caller does not wait for its compilation."""
        series, origins = self.typical_series()
        with compiling(self.device):
            for _ in range(1 if self.device.type == "cpu" else _PROFILED_CALLS):
                self.predict(*series)
                self.backtest(*series, origins)

    def typical_series(self) -> tuple[tuple[Floats, Floats, Coefficients], Steps]:
        """Return one series as the arguments of :meth:`predict`, and steps of it to forecast from."""
        steps = min(self.metadata.maximum, 2 * self.metadata.minimum)
        values = 15.0 + np.sin(np.arange(steps, dtype=np.float64))[None]
        nowhere = np.full((1, CLIMATOLOGY_TERMS), np.nan, dtype=np.float32)
        return (values, np.zeros(1), nowhere), np.arange(self.metadata.minimum - 1, steps, dtype=np.int64)

    def inputs(
        self, values: Floats, last_time: Floats, coefficients: Coefficients
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the arguments of :meth:`predict` as tensors on the device."""
        sst = torch.from_numpy(values.astype(np.float32)).to(self.device)
        return sst, torch.from_numpy(last_time).to(self.device), torch.from_numpy(coefficients).to(self.device)

    @staticmethod
    def to_array(answer: torch.Tensor) -> Floats:
        """Return an answer of the network in float64."""
        return answer.cpu().numpy().astype(np.float64)


def _reopen(file: CheckpointFile, device_name: str) -> UniversalForecaster:
    """Load the forecaster that was pickled."""
    device = choose_device(device_name)
    forecaster = UniversalForecaster(*load(file.read(), device), device, file)
    forecaster.warm_up()
    return forecaster
