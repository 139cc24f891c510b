"""Training examples: windows and the values that followed them, as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from forecasting.series.origins import Origins
from forecasting.series.times import unix_seconds


@dataclass(frozen=True)
class Examples:
    """Windows, and the values at every lead after them.

    Attributes:
        sst: °C, float32 ``(n, window)``.
        valid_time: Unix seconds, float64 ``(n, leads)``.
        target: °C, float32 ``(n, leads)``; NaN for missing values and beyond the end of the part.
    """

    sst: Tensor
    valid_time: Tensor
    target: Tensor

    @classmethod
    def of(cls, origins: Origins) -> "Examples":
        """The examples that start from ``origins``."""
        return cls(
            torch.from_numpy(origins.windows.astype(np.float32)),
            torch.from_numpy(unix_seconds(origins.times)),
            torch.from_numpy(origins.targets.astype(np.float32)),
        )

    def __len__(self) -> int:
        return len(self.target)

    @property
    def leads(self) -> int:
        """Number of leads."""
        return self.target.shape[1]

    def joined(self, other: "Examples") -> "Examples":
        """These examples followed by ``other`` ones."""
        return Examples(
            torch.cat([self.sst, other.sst]),
            torch.cat([self.valid_time, other.valid_time]),
            torch.cat([self.target, other.target]),
        )

    def with_next(self) -> "Examples":
        """The examples with an observation at the first lead."""
        return self.take(self.target[:, 0].isfinite())

    def take(self, chosen: Tensor | slice) -> "Examples":
        """The ``chosen`` examples."""
        return Examples(self.sst[chosen], self.valid_time[chosen], self.target[chosen])

    def to(self, device: torch.device) -> "Examples":
        """The examples moved to a ``device``."""
        return Examples(self.sst.to(device), self.valid_time.to(device), self.target.to(device))

    def increments(self, spread: float) -> Tensor:
        """Increments from the last value of the window to the first lead, in one-step spreads, ``(n,)``."""
        return (self.target[:, 0] - self.sst[:, -1]) / spread
