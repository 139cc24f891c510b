"""The model of a run: files that each process loads once."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

from forecasting.series.times import Times
from forecasting.series.timestep import TimeStep
from scoring.models.cell_forecasts import CellForecasts
from scoring.models.cells import Cells


@dataclass(frozen=True)
class Span:
    """The steps at the end of a grid that forecasts depend on.

    Attributes:
        model: name of the model, for messages.
        step: of the model.
        fewest: steps that a forecast needs.
        longest: steps that are used, if there are as many.
    """

    model: str
    step: TimeStep
    fewest: int
    longest: int


class CellForecaster(Protocol):
    """A loaded model that forecasts cells of a grid."""

    def forecast_cells(
        self, cells: Cells, times: Times, levels: tuple[int, ...], *, joint: bool = False
    ) -> CellForecasts:
        """Forecast ``cells`` at valid ``times`` ``(horizon,)``, with intervals at ``levels`` percent.

        ``joint`` says whether to return what joint sample paths need.
        """


class Model(ABC):
    """A model as files, small enough to send to other processes."""

    device: str

    @property
    @abstractmethod
    def name(self) -> str:
        """Full name, such as ``ocean-daily-gru``; ``best`` or a cell where the step of each series decides."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the release; of several, each with its name."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Digest of all checkpoints."""

    @property
    @abstractmethod
    def choice(self) -> str:
        """How the model was chosen, as a phrase."""

    @abstractmethod
    def load(self) -> object:
        """Load the networks, once in each process.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """

    @abstractmethod
    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """Raise RequestError if the model does not offer ``horizon`` or ``levels`` percent."""


class CellModel(Model):
    """A model that can forecast the cells of a grid."""

    cells_per_chunk: ClassVar[int]
    """Default number of cells that are forecast together."""

    @abstractmethod
    def span(self) -> Span:
        """Return which steps of a grid its forecasts depend on."""

    @property
    @abstractmethod
    def knows_dependence(self) -> bool:
        """Whether the model knows how errors at different leads are related."""

    @abstractmethod
    def load(self) -> CellForecaster:
        """See :class:`Model`."""
