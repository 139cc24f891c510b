"""A table from its files to its output, step by step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scoring.models.catalog import Choice
from scoring.models.model import TableModel
from scoring.run import Input
from scoring.tables.job import TableJob
from scoring.tables.reading.stage import ChunkStations, Staged, stage_rows
from scoring.tables.rows import schema, without_forecasts, write_table
from scoring.work import Plan, WorkFolder

_ROWS: Final = 250_000
"""Default number of rows that are forecast together."""


@dataclass(frozen=True)
class TableInput(Input[TableModel]):
    """A table whose rows are in one or more files.

    Attributes:
        archived: whether the forecasts go to an archive.
    """

    unit = "stations"

    archived: bool = False

    def chunk_size(self, model: TableModel) -> int:
        """See :class:`~scoring.run.Input`."""
        return _ROWS

    def choose(self, choice: Choice) -> TableModel:
        """See :class:`~scoring.run.Input`."""
        return choice.for_table()

    def stage(self, model: TableModel, chunk: int, folder: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        stage_rows(self.files, self.options, chunk, folder)

    def job(self, folder: Path, model: TableModel) -> TableJob:
        """See :class:`~scoring.run.Input`."""
        return TableJob(
            model, self.levels, self.events, str(folder.resolve()), self.horizon, Staged.read(folder),
            self.options.resample, self.archived,
        )  # fmt: skip

    def notes(self, folder: Path) -> tuple[str, ...]:
        """See :class:`~scoring.run.Input`."""
        return Staged.read(folder).notes

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        write_table(path, plan.output, schema(self.levels, self.events), self.parts(work, failed))

    def parts(self, work: WorkFolder, failed: Mapping[int, str]) -> Iterator[bytes]:
        """Yield the rows of each chunk, as :func:`~scoring.tables.rows.to_bytes` writes them."""
        for chunk in range(len(Staged.read(work.staged).bounds) - 1):
            if chunk in failed:
                names = ChunkStations.read(work.staged, chunk).names
                yield without_forecasts(names, failed[chunk], self.levels, self.events)
            else:
                yield work.content(chunk)
