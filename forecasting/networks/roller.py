"""A loaded network that rolls its own output forward.

On a GPU it runs in torch; on the CPU in numpy, if the module provides its matrices.
"""

from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from forecasting.networks.folded import FoldedNetwork, fold
from forecasting.series.times import Floats, Times, unix_seconds
from forecasting.series.timestep import TimeStep

BATCH_WINDOWS: Final = 512
"""Windows in each call of TorchScript; larger batches are no faster (benchmarks/)."""

LEADS_WINDOWS: Final = 64
"""Windows in each call of a network that forecasts all leads at once, whose intermediate results are larger."""

CHUNK_WINDOWS: Final = 512
"""The most windows in each call of the network in numpy, so that its arrays stay in the processor's cache."""


class NetworkRoller:
    """A network on a device that forecasts each lead from its own forecasts of the earlier ones."""

    def __init__(self, module: nn.Module, step: TimeStep, device: torch.device) -> None:
        self.module = cast(Any, module)  # its attributes are those of the contract
        self.step = step
        self.device = device
        self.forecasts_leads = hasattr(module, "leads")
        self.folded = fold(module, self.module.window) if device.type == "cpu" else None

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """Forecast each lead from the earlier ones; see :class:`~forecasting.series.origins.Roller`."""
        return self.roll_all(windows, self.step.shift(valid_time[:, None], np.arange(horizon)))

    def roll_all(self, windows: Floats, times: Times) -> Floats:
        """Forecast each lead from the earlier ones.

        Args:
            windows: °C, ``(n, window)``.
            times: valid times, ``(n, horizon)``.

        Returns:
            °C, ``(n, horizon)``.
        """
        return self._run(windows.astype(np.float32), unix_seconds(times)).astype(np.float64)

    def infer(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        """Run the network once, in batches: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        return self._run(windows, seconds[:, None])[:, 0]

    def _run(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        if self.folded is not None:
            size = min(CHUNK_WINDOWS, self.folded.most_windows)
            if len(windows) <= size:
                return self._roll_folded(self.folded, windows, seconds)
            chunks = [slice(begin, begin + size) for begin in range(0, len(windows), size)]
            rolled_chunks = [self._roll_folded(self.folded, windows[chunk], seconds[chunk]) for chunk in chunks]
            return np.concatenate(rolled_chunks)
        values, times = torch.from_numpy(windows), torch.from_numpy(seconds)
        with torch.inference_mode():
            size = LEADS_WINDOWS if self.forecasts_leads else BATCH_WINDOWS
            if len(windows) <= size:
                rolled = self._roll_batch(values, times)
            else:
                batches = zip(values.split(size), times.split(size), strict=True)
                rolled = torch.cat([self._roll_batch(v, t) for v, t in batches])
        array: npt.NDArray[np.float32] = rolled.numpy()
        return array

    def _roll_folded(
        self, folded: FoldedNetwork, windows: npt.NDArray[np.float32], seconds: Floats
    ) -> npt.NDArray[np.float32]:
        window, horizon = windows.shape[1], seconds.shape[1]
        if horizon == 1:
            return folded(windows, seconds[:, 0])[:, None]
        sst = np.empty((len(windows), window + horizon), dtype=np.float32)
        sst[:, :window] = windows
        for lead in range(horizon):
            sst[:, window + lead] = folded(sst[:, lead : lead + window], seconds[:, lead])
        return sst[:, window:]

    def _roll_batch(self, windows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            # Copies from pinned memory overlap with the kernels of the previous batch.
            windows = windows.pin_memory().to(self.device, non_blocking=True)
            times = times.pin_memory().to(self.device, non_blocking=True)
        window, horizon = windows.shape[1], times.shape[1]
        if self.forecasts_leads:
            leads: torch.Tensor = self.module.leads(windows, times)
            return leads.cpu()
        if horizon == 1:
            first: torch.Tensor = self.module(windows, times[:, 0])
            return first[:, None].cpu()
        sst = torch.cat([windows, windows.new_empty(len(windows), horizon)], dim=1)
        for lead in range(horizon):
            sst[:, window + lead] = self.module(sst[:, lead : lead + window], times[:, lead])
        return sst[:, window:].cpu()
