"""The work on each chunk, in a form that can be sent to another process or machine."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scoring.events import EventRequest
from scoring.models import Models

WEATHER_IGNORED: Final = "weather_ignored"
"""The code of the warning that weather cannot be used. :attr:`Counts.examples` may have the reason."""


@dataclass
class Counts:
    """Counts of places (cells of a grid or stations of a table) by outcome."""

    places: int = 0
    forecast: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    unjudged: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, kind: str, number: int = 1) -> None:
        """Add a ``number`` of places of one ``kind`` to ``missing`` or another of the counts."""
        if number:
            kinds = getattr(self, what)
            kinds[kind] = kinds.get(kind, 0) + number

    def add(self, other: "Counts") -> None:
        """Add the counts of another chunk."""
        self.places += other.places
        self.forecast += other.forecast
        for total, added in (
            (self.missing, other.missing), (self.warnings, other.warnings), (self.unjudged, other.unjudged),
            (self.releases, other.releases),
        ):  # fmt: skip
            for kind, count in added.items():
                total[kind] = total.get(kind, 0) + count
        self.examples = other.examples | self.examples


@dataclass(frozen=True)
class Part:
    """The forecasts of one chunk, as bytes in the job's format."""

    content: bytes
    counts: Counts


@dataclass(frozen=True)
class Failure:
    """The reason why a chunk could not be scored."""

    reason: str


@dataclass(frozen=True)
class Staged:
    """The content of a staged input."""

    bounds: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return len(self.bounds) - 1


@dataclass(frozen=True)
class Job(ABC):
    """The forecasts to make for the places (cells or stations) of a staged input. Can be pickled.

    It has nothing that only the command needs, which the processes that score would have to import.
    """

    model: Models
    horizon: int
    levels: tuple[int, ...]
    events: EventRequest
    folder: Path
    layout: Staged

    @property
    def bounds(self) -> tuple[int, ...]:
        """Bounds of the chunks; see :class:`Staged`."""
        return self.layout.bounds

    def places(self, chunk: int) -> int:
        """Return the number of places in a chunk."""
        return self.bounds[chunk + 1] - self.bounds[chunk]

    @abstractmethod
    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk."""


def try_chunk(job: Job, chunk: int) -> Part | Failure:
    """Score a chunk; return a failure instead of raising."""
    try:
        return job.score(chunk)
    except MemoryError:
        return Failure("not enough memory; try a smaller --chunk")
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        return Failure(f"{type(error).__name__}: {reason}" if reason else type(error).__name__)
