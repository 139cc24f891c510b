"""The files of a universal release on disk, and the networks in them."""

from pathlib import Path
from typing import Protocol

import torch

from forecasting.errors import ReleaseError
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.metadata import CELLS, digest
from forecasting.universal.network.checkpoint import load
from forecasting.universal.network.forecaster import UniversalForecaster


class ReleaseFiles(Protocol):
    """The files of a release on disk."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        ...

    @property
    def version(self) -> str:
        """Version."""
        ...

    def holds(self, name: str) -> bool:
        """Return whether the manifest has a file of this name."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file after checking it against the manifest."""
        ...


def load_networks(release: ReleaseFiles, device: torch.device) -> dict[str, UniversalForecaster]:
    """Verify the checkpoints of a release, load them, and warm them up; by cell.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    networks = {cell: _load(release, cell, device) for cell in CELLS if release.holds(f"{cell}.pt")}
    if not networks:
        raise ReleaseError(f"{release.path} has no checkpoint")
    return networks


def _load(release: ReleaseFiles, cell: str, device: torch.device) -> UniversalForecaster:
    path = release.path / f"{cell}.pt"
    content = release.read(path.name)
    try:
        module, metadata = load(content, device)
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from None
    if (metadata.dataset, metadata.version, metadata.cell) != (release.dataset, release.version, cell):
        raise ReleaseError(f"{path} contains {metadata.model} of release {metadata.version}: restore the right file")
    forecaster = UniversalForecaster(module, metadata, device, CheckpointFile(path.resolve(), digest(content)))
    forecaster.warm_up()
    return forecaster
