"""The input of a run: a grid or a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from forecasting.readers.base.options import ReadingOptions
from scoring.events.event_request import EventRequest
from scoring.models.choice import Choice
from scoring.models.model import Model
from scoring.work.folder import WorkFolder
from scoring.work.job import Job
from scoring.work.plan import Plan

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Input(ABC, Generic[M]):
    """Files that are scored together.

    Attributes:
        unit: name of the places, ``cells`` or ``stations``.
        path: the input as the user named it.
        files: the files that make up the input.
        options: how to read the files.
        horizon: number of leads.
        levels: levels of the prediction intervals, percent.
        events: to judge.
    """

    unit: ClassVar[str]

    path: Path
    files: tuple[Path, ...]
    options: ReadingOptions
    horizon: int
    levels: tuple[int, ...]
    events: EventRequest

    @abstractmethod
    def chunk_size(self, model: M) -> int:
        """Return how many cells or rows are forecast together by default."""

    @abstractmethod
    def choose(self, choice: Choice) -> M:
        """Return the model that the user named, or else the one for the step of the input.

        Raises:
            ForecastError: if there is no such model, or the input cannot be read.
        """

    def narrowed(self, model: M) -> Self:
        """Return the input without the files that no forecast depends on.

        Raises:
            FileError: if the input cannot be forecast from.
        """
        return self

    @abstractmethod
    def stage(self, model: M, chunk: int, folder: Path) -> None:
        """Read the input into ``folder``, in the form that the chunks need.

        Raises:
            FileError: if the input cannot be read or forecast from.
        """

    @abstractmethod
    def job(self, folder: Path, model: M) -> Job:
        """Return the job for the input that was staged in ``folder``."""

    @abstractmethod
    def notes(self, folder: Path) -> tuple[str, ...]:
        """Return notes on what was assumed or skipped while reading."""

    @abstractmethod
    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """Write the output from the parts of finished chunks; ``failed`` holds the reasons for the others."""
