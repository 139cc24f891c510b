"""A table from its files to its output, step by step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scoring.models.choice import Choice
from scoring.models.model import Model
from scoring.models.place_model import PlaceModel
from scoring.models.universal_model import UniversalModels
from scoring.tables.forecasts import schema, without_forecasts, write_table
from scoring.tables.job import TableJob
from scoring.tables.place_job import PlaceTableJob
from scoring.tables.reading.stage import ChunkStations, Staged, stage_rows
from scoring.tables.universal_job import UniversalTableJob
from scoring.work.folder import WorkFolder
from scoring.work.input import Input
from scoring.work.plan import Plan

_ROWS: Final = 250_000
"""Default number of rows that are forecast together."""


@dataclass(frozen=True)
class TableInput(Input[Model]):
    """A table whose rows are in one or more files.

    Attributes:
        archived: whether the forecasts go to an archive.
    """

    unit = "stations"

    archived: bool = False

    def chunk_size(self, model: Model) -> int:
        """See :class:`~scoring.work.input.Input`."""
        return _ROWS

    def choose(self, choice: Choice) -> Model:
        """See :class:`~scoring.work.input.Input`."""
        return choice.for_table()

    def stage(self, model: Model, chunk: int, folder: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        stage_rows(self.files, self.options, chunk, folder)

    def job(self, folder: Path, model: Model) -> TableJob:
        """See :class:`~scoring.work.input.Input`."""
        staged = Staged.read(folder)
        place = (str(folder.resolve()), staged.bounds)
        rest = (self.events, *place, self.horizon, staged.zones, self.options.resample, self.archived)
        if isinstance(model, PlaceModel):
            return PlaceTableJob(model, self.levels, *rest)
        assert isinstance(model, UniversalModels)
        return UniversalTableJob(model, self.levels, *rest)

    def notes(self, folder: Path) -> tuple[str, ...]:
        """See :class:`~scoring.work.input.Input`."""
        return Staged.read(folder).notes

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        write_table(path, plan.output, schema(self.levels, self.events), self.parts(work, failed))

    def parts(self, work: WorkFolder, failed: Mapping[int, str]) -> Iterator[bytes]:
        """Yield the rows of each chunk, as :func:`~scoring.tables.forecasts.to_bytes` writes them."""
        for chunk in range(len(Staged.read(work.staged).bounds) - 1):
            if chunk in failed:
                names = ChunkStations.read(work.staged, chunk).names
                yield without_forecasts(names, failed[chunk], self.levels, self.events)
            else:
                yield work.content(chunk)
