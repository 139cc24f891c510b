"""The model of a run: files that each process loads once, and its forecasts of the cells of a grid."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from forecasting.events.outlook import JointForecast
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.base import Model as ForecastModel
from forecasting.models.base import climatology_at
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.series.batch import SeriesBatch
from forecasting.series.shape import fill_gaps
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.series.units import SEA_RANGE
from scoring.models.quality import Flags

Coefficients = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cells:
    """Series of a grid's cells, which share their times.

    Attributes:
        values: °C, ``(n, steps)``; NaN where missing.
        start: time of the first step.
        positions: latitude and longitude, degrees, ``(n, 2)``; NaN where they are not known.
        every: the past of one in so many cells is forecast, to evaluate it and its neighbours.
    """

    values: Floats
    start: np.datetime64
    positions: npt.NDArray[np.float32]
    every: int

    def __len__(self) -> int:
        return len(self.values)

    def part(self, rows: slice | npt.NDArray[np.intp]) -> "Cells":
        """Return some of the cells."""
        return Cells(self.values[rows], self.start, self.positions[rows], self.every)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Climatology of each position, °C, ``(n, 7)``; NaN where there is none."""
        return climatology_at(self.positions.astype(np.float64))

    def batch(self, step: TimeStep) -> SeriesBatch:
        """Return the series, at ``step``."""
        starts = np.full(len(self), self.start, dtype="datetime64[s]")
        return SeriesBatch.of_rows(self.values, starts, step, self.positions.astype(np.float64))


Bounds = dict[int, tuple[Floats, Floats]]
"""Lower and upper bounds of prediction intervals, °C ``(n, horizon)``, by level in percent."""


@dataclass(frozen=True)
class CellForecasts:
    """Forecasts of some of several cells.

    Attributes:
        cell: index of each cell with a forecast, increasing, ``(n,)``.
        sst: °C, ``(n, horizon)``.
        bounds: of the prediction intervals.
        quality: flags of :mod:`scoring.models.quality`, ``(n,)``.
        missing: number of cells without a forecast, by reason.
        warnings: number of cells with a warning, by kind.
        bad: indices of cells with an impossible sea temperature.
        joint: the same forecasts with their joint distributions; empty unless asked for.
    """

    cell: npt.NDArray[np.intp]
    sst: Floats
    bounds: Bounds
    quality: npt.NDArray[np.int8]
    missing: dict[str, int]
    warnings: dict[str, int]
    bad: npt.NDArray[np.intp]
    joint: Sequence[JointForecast] = ()


def joined(parts: Sequence[CellForecasts], begins: Sequence[int]) -> CellForecasts:
    """Return the forecasts of consecutive parts of cells, which begin at ``begins``."""
    missing, warnings = Counter[str](), Counter[str]()
    for part in parts:
        missing.update(part.missing)
        warnings.update(part.warnings)
    shifted = list(zip(parts, begins, strict=True))
    return CellForecasts(
        cell=np.concatenate([part.cell + begin for part, begin in shifted]),
        sst=np.concatenate([part.sst for part in parts]),
        bounds={
            level: (
                np.concatenate([part.bounds[level][0] for part in parts]),
                np.concatenate([part.bounds[level][1] for part in parts]),
            )
            for level in parts[0].bounds
        },
        quality=np.concatenate([part.quality for part in parts]),
        missing=dict(missing),
        warnings=dict(warnings),
        bad=np.concatenate([part.bad + begin for part, begin in shifted]),
        joint=[forecast for part in parts for forecast in part.joint],
    )


LAND: Final = "no value at any time (land)"
NO_LAST: Final = "the last value is missing"
GAP: Final = "a gap is too long to fill"
NO_SEA: Final = "impossible sea temperature"


@dataclass(frozen=True)
class CellWindows:
    """Windows without gaps.

    Attributes:
        cell: index of the cell of each window, ``(n,)``.
        values: °C, ``(n, window)``.
        filled: whether any value was interpolated, ``(n,)``.
        missing: number of cells without a window, by reason.
        bad: indices of the cells with an impossible sea temperature.
    """

    cell: npt.NDArray[np.intp]
    values: Floats
    filled: Bools
    missing: dict[str, int]
    bad: npt.NDArray[np.intp]


def cell_windows(values: Floats, window: int, fill_limit: int) -> CellWindows:
    """Return the last window of each cell, with short gaps interpolated.

    Args:
        values: °C, ``(cells, steps)``, NaN where missing: at least the window and the steps in which a gap may begin.
        window: steps per window.
        fill_limit: longest gap to interpolate, in steps.
    """
    recent = values[:, -(window + fill_limit + 1) :]
    observed = np.isfinite(recent)
    land = ~observed.any(axis=1)
    last = np.asarray(observed[:, -1])
    no_last = ~last & ~land
    cell = np.flatnonzero(last)
    values = recent[cell]
    gaps: Bools = np.isnan(values[:, -window:]).sum(axis=1) > 0
    if gaps.any():
        values[gaps] = fill_gaps(values[gaps], fill_limit)
    values = values[:, -window:]
    too_long = gaps & np.isnan(values).any(axis=1)
    low, high = SEA_RANGE
    with np.errstate(invalid="ignore"):
        wrong = ~too_long & ((values < low) | (values > high)).any(axis=1)
    usable = ~(too_long | wrong)
    counts = {LAND: land.sum(), NO_LAST: no_last.sum(), GAP: too_long.sum(), NO_SEA: wrong.sum()}
    missing = {reason: int(count) for reason, count in counts.items() if count}
    return CellWindows(cell[usable], values[usable], gaps[usable], missing, cell[wrong])


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
    """A model as files, small enough to send to other processes.

    Attributes:
        choice: how the model was chosen, as a phrase.
        device: that the networks run on.
    """

    choice: str
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

    @abstractmethod
    def load(self) -> object:
        """Load the networks, once in each process.

        Raises:
            ReleaseError: if a file is missing or has changed.
        """

    @abstractmethod
    def check(self, horizon: int, levels: tuple[int, ...]) -> None:
        """Raise RequestError if the model does not offer ``horizon`` or ``levels`` percent."""


class TableModel(Model):
    """Models for the series of a table.

    Attributes:
        uses_positions: whether forecasts depend on where a series is from.
    """

    uses_positions: ClassVar[bool]

    @property
    @abstractmethod
    def reads_at(self) -> TimeStep | None:
        """The step that all series must have; None if it chooses the model."""

    @abstractmethod
    def at(self, step: TimeStep, horizon: int) -> ForecastModel:
        """Return the loaded model for series at ``step``.

        Raises:
            SeriesError: if there is none.
        """

    @abstractmethod
    def evaluate(self, forecasts: Forecasts, model: ForecastModel) -> Flags:
        """Return the flag that the evidence supports for each of ``forecasts``, which ``model`` made, ``(n,)``."""


class CellModel(Model):
    """A single network, which can forecast the cells of a grid.

    Attributes:
        metadata: of the network.
    """

    metadata: CheckpointMetadata | UniversalMetadata
    cells_per_chunk: ClassVar[int]
    """Default number of cells that are forecast together."""

    @property
    def name(self) -> str:
        """Full name of the network."""
        return self.metadata.model

    @property
    def version(self) -> str:
        """Version of the release."""
        return self.metadata.version

    @property
    def knows_dependence(self) -> bool:
        """Whether the model knows how errors at different leads are related."""
        return self.metadata.dependence is not None

    @abstractmethod
    def span(self) -> Span:
        """Return which steps of a grid its forecasts depend on."""

    @abstractmethod
    def load(self) -> CellForecaster:
        """See :class:`Model`."""
