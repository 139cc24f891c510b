"""The networks of universal releases: found without importing torch, loaded once in each process."""

import hashlib
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.errors import RequestError
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.series.timestep import TimeStep, in_words
from forecasting.universal.network.metadata import UniversalMetadata
from scoring.models.model import CellModel, Model, Span

if TYPE_CHECKING:
    from forecasting.universal.release import UniversalRelease
    from scoring.models.universal_forecaster import UniversalCellForecaster


_loading = threading.Lock()


@dataclass(frozen=True)
class UniversalFiles:
    """The files of one universal release.

    Attributes:
        name: such as ``ocean-daily``.
        version: of the release.
        networks: checkpoints, by cell.
        metadata: of each network, by cell; they share step, horizon and contexts.
    """

    name: str
    version: str
    networks: tuple[tuple[str, CheckpointFile], ...]
    metadata: dict[str, UniversalMetadata] = field(hash=False, compare=False)

    @property
    def any_metadata(self) -> UniversalMetadata:
        """Metadata of one network, for what they share."""
        return next(iter(self.metadata.values()))

    @property
    def step(self) -> TimeStep:
        """Step of the series that the release forecasts."""
        return self.any_metadata.time_step

    @property
    def best_on_held_out(self) -> str:
        """Cell of the network with the lowest RMSE on held-out seas."""
        return min(self.metadata, key=lambda cell: self.metadata[cell].held_out_score)

    def only(self, cell: str) -> "UniversalFiles":
        """Return the files of one network."""
        networks = tuple((name, file) for name, file in self.networks if name == cell)
        return UniversalFiles(self.name, self.version, networks, {cell: self.metadata[cell]})

    def load(self, device: str) -> "UniversalRelease":
        """Load the networks, once in each process.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """
        with _loading:
            return _load(self, device)


@lru_cache(maxsize=8)
def _load(files: UniversalFiles, device_name: str) -> "UniversalRelease":
    import torch

    from forecasting.networks.device import choose_device
    from forecasting.universal.network.checkpoint import load
    from forecasting.universal.network.forecaster import UniversalForecaster
    from forecasting.universal.release import UniversalRelease

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    device = choose_device(device_name)
    networks = {}
    for cell, file in files.networks:
        content = file.read("this run began", "every worker needs the checkpoint of the run at this path")
        module, metadata = load(content, device)
        networks[cell] = UniversalForecaster(module, metadata, device, file)
    return UniversalRelease(files.name, files.version, Path(files.networks[0][1].path).parent, networks)


def _digest(releases: tuple[UniversalFiles, ...]) -> str:
    digests = [f"{release.name} {cell} {file.sha256}" for release in releases for cell, file in release.networks]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


@dataclass(frozen=True)
class UniversalNetwork(CellModel):
    """One network of a universal release, for grids.

    Attributes:
        files: of the release, with this network only.
        why: how it was chosen.
        device: that it runs on.
    """

    cells_per_chunk = 16_384

    files: UniversalFiles
    why: str
    device: str = "cpu"

    @property
    def metadata(self) -> UniversalMetadata:
        """Metadata of the network."""
        return self.files.any_metadata

    @property
    def name(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.metadata.model

    @property
    def version(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.files.version

    @property
    def sha256(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.files.networks[0][1].sha256

    @property
    def choice(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.why

    @property
    def knows_dependence(self) -> bool:
        """See :class:`~scoring.models.model.CellModel`."""
        return self.metadata.dependence is not None

    def span(self) -> Span:
        """Return the longest context that the network uses."""
        return Span(self.name, self.files.step, self.metadata.minimum, self.metadata.maximum)

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        _check_levels(levels)
        _check_horizon(self.files, horizon)

    def load(self) -> "UniversalCellForecaster":
        """See :class:`~scoring.models.model.Model`."""
        from scoring.models.universal_forecaster import UniversalCellForecaster

        return UniversalCellForecaster(self.files.load(self.device).any_network)


@dataclass(frozen=True)
class UniversalModels(Model):
    """The networks of universal releases, for tables: the step of each series chooses among them.

    Attributes:
        releases: at least one, each for another step.
        cell: ``best``, or the cell that the user named.
        named: whether the user named the release; it is then the only one.
        device: that the networks run on.
    """

    releases: tuple[UniversalFiles, ...]
    cell: str
    named: bool
    device: str = "cpu"

    @property
    def name(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return f"{self.releases[0].name}-{self.cell}" if self.named and self.cell != "best" else self.cell

    @property
    def version(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return ", ".join(f"{release.name} {release.version}" for release in self.releases)

    @property
    def sha256(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return _digest(self.releases)

    @property
    def choice(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return "release named by the user" if self.named else "release for the step of each station"

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        _check_levels(levels)
        if self.named:
            _check_horizon(self.releases[0], horizon)

    def load(self) -> None:
        """Load nothing yet: the step of the series decides which release is needed."""


def _check_horizon(files: UniversalFiles, horizon: int) -> None:
    if not 1 <= horizon <= files.any_metadata.horizon:
        raise RequestError(
            f"--horizon {horizon} is out of range: {files.name} forecasts 1 to {files.any_metadata.horizon} steps of "
            f"{in_words(str(files.step))}",
            field="horizon",
        )


def _check_levels(levels: tuple[int, ...]) -> None:
    unknown = [level for level in levels if not 1 <= level <= 99]
    if unknown:
        raise RequestError(f"--levels {unknown[0]}: choose levels from 1 to 99 percent", field="levels")
