"""A table from its file to its output, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forecasting.metadata import CheckpointMetadata
from forecasting.readers.options import Options
from scoring.job import Written
from scoring.model import ModelFile
from scoring.tables.forecasts import failed, write_table
from scoring.tables.job import TableJob
from scoring.tables.stage import Known, Staged, stage_rows
from scoring.work import WorkFolder


@dataclass(frozen=True)
class TableInput:
    """A table to be scored.

    Attributes:
        path: of the table, as the user named it.
        files: that hold its rows.
        options: how it is read.
        horizon: leads.
        levels: of intervals, percent.
    """

    path: Path
    files: tuple[Path, ...]
    options: Options
    horizon: int
    levels: tuple[int, ...]

    unit = "stations"

    def narrowed(self, metadata: CheckpointMetadata) -> "TableInput":
        """Itself: any file may hold rows of any station."""
        return self

    def stage(self, metadata: CheckpointMetadata, chunk: int, folder: Path) -> None:
        """Read the input into ``folder``.

        Raises:
            FileError: if it cannot be read.
        """
        stage_rows(self.files, self.options, chunk, folder)

    def job(self, folder: Path, model: ModelFile) -> TableJob:
        """What is to be done to what was staged in ``folder``."""
        staged = Staged.read(folder)
        return TableJob(model, self.levels, self.horizon, str(folder.resolve()), staged.bounds, staged.zones)

    def notes(self, folder: Path) -> tuple[str, ...]:
        """What was chosen or left out while reading."""
        return Staged.read(folder).notes

    def write(self, work: WorkFolder, run: Written, path: Path) -> None:
        """Write the output from the parts in ``work``."""
        write_table(path, run.kind, self.levels, self._parts(work, run))

    def _parts(self, work: WorkFolder, run: Written) -> Iterator[bytes]:
        for chunk in range(len(Staged.read(work.staged).bounds) - 1):
            if chunk in run.failed:
                names = Known.read(work.staged, chunk).names
                yield failed(names, run.failed[chunk], self.levels, run.model, run.version)
            else:
                yield work.content(chunk)
