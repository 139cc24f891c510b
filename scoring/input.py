"""What is to be scored: a grid or a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from forecasting.networks.metadata import CheckpointMetadata
from forecasting.readers.base.options import ReadingOptions
from scoring.job import Job
from scoring.model import ModelFile
from scoring.plan import Plan
from scoring.work import WorkFolder


@dataclass(frozen=True)
class Input(ABC):
    """Files to be scored together.

    Attributes:
        unit: what the places are called: cells or stations.
        path: of the input, as the user named it.
        files: that hold it between them.
        options: how it is read.
        horizon: leads.
        levels: of intervals, percent.
    """

    unit: ClassVar[str]

    path: Path
    files: tuple[Path, ...]
    options: ReadingOptions
    horizon: int
    levels: tuple[int, ...]

    def narrowed(self, metadata: CheckpointMetadata) -> Self:
        """The same without the files that no forecast depends on; itself where any may hold rows of any place.

        Raises:
            FileError: if it cannot be forecast from.
        """
        return self

    @abstractmethod
    def stage(self, metadata: CheckpointMetadata, chunk: int, folder: Path) -> None:
        """Read it into ``folder``, as its chunks need it.

        Raises:
            FileError: if it cannot be read, or not be forecast from.
        """

    @abstractmethod
    def job(self, folder: Path, model: ModelFile) -> Job:
        """What is to be done to what was staged in ``folder``."""

    @abstractmethod
    def notes(self, folder: Path) -> tuple[str, ...]:
        """What was chosen or left out while reading."""

    @abstractmethod
    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """Write the output from the parts of finished chunks; ``failed`` says why others could not be scored."""
