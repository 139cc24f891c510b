"""A loaded network at work: windows in, its own output rolled forward.

On a GPU it is TorchScript's; on the CPU numpy's, where the checkpoint gives out its matrices.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.networks.folded import FoldedNetwork, fold
from forecasting.series.timestep import Floats, Times, TimeStep, unix_seconds

BATCH: Final = 512
"""Windows a call of the network; larger batches cost no less for each (benchmarks/)."""


PIECE: Final = 128
"""The same for a network in numpy: what it works on stays in the processor's cache."""


class NetworkRoller:
    """A network of the checkpoint's contract on a device; rolls its own output forward."""

    def __init__(self, module: torch.jit.ScriptModule, step: TimeStep, device: torch.device) -> None:
        self.module = module
        self.step = step
        self.device = device
        self.folded = fold(module, module.window) if device.type == "cpu" else None

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """Forecast each lead from the ones before it; see :class:`~forecasting.series.origins.Roller`."""
        times = self.step.shift(valid_time[:, None], np.arange(horizon))
        return self._roll(windows, times)

    def roll_each(self, windows: Floats, times: Times, leads: npt.NDArray[np.int64]) -> Floats:
        """As :meth:`roll`, but each window only as far as it is wanted; NaN beyond.

        Args:
            windows: °C, ``(n, window)``.
            times: valid times, ``(n, max(leads))``.
            leads: wanted of each, ``(n,)``.

        Returns:
            °C, ``(n, max(leads))``.
        """
        longest = times.shape[1]
        if (leads == longest).all():
            return self._roll(windows, times)
        # The farthest first, so that those that go on are always the first rows.
        order = np.argsort(-leads, kind="stable")
        sst = np.concatenate([windows[order], np.full(times.shape, np.nan)], axis=1)
        times, size = times[order], windows.shape[1]
        for lead in range(longest):
            n = int((leads > lead).sum())
            sst[:n, size + lead] = self._roll(sst[:n, lead : lead + size], times[:n, lead : lead + 1])[:, 0]
        rolled = np.empty_like(sst[:, size:])
        rolled[order] = sst[:, size:]
        return rolled

    def infer(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        """The network itself, in batches: °C ``(n, window)`` and Unix seconds ``(n,)`` to °C ``(n,)``."""
        return self._run(windows, seconds[:, None])[:, 0]

    def _roll(self, windows: Floats, times: Times) -> Floats:
        return self._run(windows.astype(np.float32), unix_seconds(times)).astype(np.float64)

    def _run(self, windows: npt.NDArray[np.float32], seconds: Floats) -> npt.NDArray[np.float32]:
        if self.folded is not None:
            if len(windows) <= PIECE:
                return self._roll_folded(self.folded, windows, seconds)
            begins = range(0, len(windows), PIECE)
            pieces = [(windows[begin : begin + PIECE], seconds[begin : begin + PIECE]) for begin in begins]
            return np.concatenate([self._roll_folded(self.folded, *piece) for piece in pieces])
        values, times = torch.from_numpy(windows), torch.from_numpy(seconds)
        with torch.inference_mode():
            if len(windows) <= BATCH:
                rolled = self._roll_batch(values, times)
            else:
                batches = zip(values.split(BATCH), times.split(BATCH), strict=True)
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
            # From pinned memory, copies run beside the kernels of the batch before.
            windows = windows.pin_memory().to(self.device, non_blocking=True)
            times = times.pin_memory().to(self.device, non_blocking=True)
        window, horizon = windows.shape[1], times.shape[1]
        if horizon == 1:
            one: torch.Tensor = self.module(windows, times[:, 0])
            return one[:, None].cpu()
        sst = torch.cat([windows, windows.new_empty(len(windows), horizon)], dim=1)
        for lead in range(horizon):
            sst[:, window + lead] = self.module(sst[:, lead : lead + window], times[:, lead])
        return sst[:, window:].cpu()
