"""A table from its files to its output, step by step."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from forecasting.networks.metadata import CheckpointMetadata
from scoring.models.place_model import ModelFile
from scoring.tables.forecasts import without_forecasts, write_table
from scoring.tables.job import TableJob
from scoring.tables.stage import ChunkStations, Staged, stage_rows
from scoring.work.folder import WorkFolder
from scoring.work.input import Input
from scoring.work.plan import Plan


class TableInput(Input):
    """A table whose rows are in one or more files."""

    unit = "stations"

    def stage(self, metadata: CheckpointMetadata, chunk: int, folder: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        stage_rows(self.files, self.options, chunk, folder)

    def job(self, folder: Path, model: ModelFile) -> TableJob:
        """See :class:`~scoring.work.input.Input`."""
        staged = Staged.read(folder)
        return TableJob(model, self.levels, str(folder.resolve()), staged.bounds, self.horizon, staged.zones)

    def notes(self, folder: Path) -> tuple[str, ...]:
        """See :class:`~scoring.work.input.Input`."""
        return Staged.read(folder).notes

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        write_table(path, plan.output, self.levels, self._parts(work, plan, failed))

    def _parts(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str]) -> Iterator[bytes]:
        for chunk in range(len(Staged.read(work.staged).bounds) - 1):
            if chunk in failed:
                names = ChunkStations.read(work.staged, chunk).names
                yield without_forecasts(names, failed[chunk], self.levels, plan.model, plan.version)
            else:
                yield work.content(chunk)
