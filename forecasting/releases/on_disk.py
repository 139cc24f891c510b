"""A release that is opened and loaded on first use, which raises its errors. Imports no torch before."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from forecasting.releases.release import Release
from forecasting.series.timestep import TimeStep

if TYPE_CHECKING:
    import torch

    from forecasting.releases.loaded import AnyLoaded


@dataclass(frozen=True, eq=False)
class OnDisk:
    """A release in an artifacts folder."""

    dataset: str
    is_universal: bool
    open: Callable[[], Release]
    device: "torch.device | str"

    @cached_property
    def release(self) -> Release:
        """The release on disk."""
        return self.open()

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks."""
        return self.release.cells

    @property
    def step(self) -> TimeStep:
        """Step of the series that the networks forecast."""
        return self.release.step

    @property
    def horizon(self) -> int:
        """Number of leads."""
        return self.release.horizon

    @cached_property
    def loaded(self) -> "AnyLoaded":
        """The release in memory."""
        from forecasting.models.checkpoint import choose_device
        from forecasting.releases.loaded import load_release

        device = choose_device(self.device) if isinstance(self.device, str) else self.device
        return load_release(self.release, device)
