"""What is to be done to each chunk, as it travels to whoever does it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scoring.model import ModelFile

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster


@dataclass
class Counts:
    """What became of the places of a chunk, or of all.

    Attributes:
        places: cells of a grid, or stations of a table.
        forecast: how many of them have a forecast.
        missing: why the others have none, and how many.
        warnings: by kind, how many places.
    """

    places: int = 0
    forecast: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Counts") -> None:
        """Add the counts of another chunk."""
        self.places += other.places
        self.forecast += other.forecast
        for mine, theirs in ((self.missing, other.missing), (self.warnings, other.warnings)):
            for kind, count in theirs.items():
                mine[kind] = mine.get(kind, 0) + count


@dataclass(frozen=True)
class Part:
    """The forecasts of one chunk, as bytes of the job's own format."""

    content: bytes
    counts: Counts


@dataclass(frozen=True)
class Failure:
    """Why a chunk could not be scored, in a sentence."""

    reason: str


@dataclass(frozen=True)
class Job(ABC):
    """Forecasts for the places (cells or stations) of what was staged. Can be pickled.

    Attributes:
        model: whose forecasts.
        levels: of intervals, percent.
        staged: path of what was staged.
        bounds: number of the first place of each chunk, and of the end of the last.
    """

    model: ModelFile
    levels: tuple[int, ...]
    staged: str
    bounds: tuple[int, ...]

    @property
    def chunks(self) -> int:
        """Number of chunks, which are numbered from 0."""
        return len(self.bounds) - 1

    def places(self, chunk: int) -> int:
        """Number of places of a chunk."""
        return self.bounds[chunk + 1] - self.bounds[chunk]

    @abstractmethod
    def score(self, forecaster: "Forecaster", chunk: int) -> Part:
        """The forecasts of a chunk."""


def attempt(job: Job, chunk: int) -> Part | Failure:
    """Score a chunk, wherever this process runs; what goes wrong is an answer, not an end."""
    try:
        return job.score(job.model.load(), chunk)
    except MemoryError:
        return Failure("there was not enough memory; try a smaller --chunk")
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        return Failure(f"{type(error).__name__}: {said}" if said else type(error).__name__)
