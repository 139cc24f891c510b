"""A network of one place: found without importing torch, loaded once in each process."""

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from forecasting.errors import RequestError
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.series.timestep import in_words
from scoring.models.model import CellModel, Span

if TYPE_CHECKING:
    from scoring.models.place_forecaster import PlaceForecaster

_loading = threading.Lock()


@dataclass(frozen=True)
class PlaceModel(CellModel):
    """A network of one place, which the user named."""

    cells_per_chunk = 65_536

    file: CheckpointFile
    metadata: CheckpointMetadata = field(hash=False)
    device: str = "cpu"

    @property
    def name(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.metadata.model

    @property
    def version(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.metadata.version

    @property
    def sha256(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return self.file.sha256

    @property
    def choice(self) -> str:
        """See :class:`~scoring.models.model.Model`."""
        return "release of one place, named by the user"

    @property
    def knows_dependence(self) -> bool:
        """See :class:`~scoring.models.model.CellModel`."""
        return self.metadata.dependence is not None

    def span(self) -> Span:
        """Return the last window, the steps in which a gap may begin, and as many steps to judge the network by."""
        window = self.metadata.window
        return Span(self.name, self.metadata.time_step, window, 2 * window + self.metadata.fill_limit + 1)

    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """See :class:`~scoring.models.model.Model`."""
        metadata = self.metadata
        if not 1 <= horizon <= metadata.horizon:
            raise RequestError(
                f"--horizon {horizon} is out of range: {metadata.model} forecasts 1 to {metadata.horizon} steps of "
                f"{in_words(metadata.step)}",
                field="horizon",
            )
        offered = metadata.errors.half_width
        unknown = [level for level in levels if level not in offered]
        if unknown:
            raise RequestError(
                f"--levels {unknown[0]}: no calibrated interval at this level; "
                f"available: {', '.join(map(str, offered)) or 'none'}",
                field="levels",
            )

    def load(self) -> "PlaceForecaster":
        """See :class:`~scoring.models.model.Model`."""
        with _loading:
            return _load(self.file, self.device)


@lru_cache(maxsize=4)
def _load(file: CheckpointFile, device_name: str) -> "PlaceForecaster":
    import torch

    from forecasting.networks.checkpoint import load
    from forecasting.networks.device import choose_device
    from forecasting.networks.forecaster import Forecaster
    from scoring.models.place_forecaster import PlaceForecaster

    # For networks this small, one thread is faster than two.
    torch.set_num_threads(1)
    content = file.read("this run began", "every worker needs the checkpoint of the run at this path")
    device = choose_device(device_name)
    return PlaceForecaster(Forecaster(*load(content, device), device))
