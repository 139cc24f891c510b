"""A grid from its file to its output, step by step."""

import pickle
from dataclasses import dataclass, replace
from pathlib import Path

from forecasting.metadata import CheckpointMetadata
from forecasting.readers.options import Options
from scoring.grids.assemble import Shell, write_grid
from scoring.grids.job import GridJob
from scoring.grids.joined import JoinedField, open_files
from scoring.grids.skeleton import forecast_attributes, skeleton
from scoring.grids.stage import CELLS, Layout, last_steps, stage_cells
from scoring.job import Written
from scoring.model import ModelFile
from scoring.work import WorkFolder

_SHELL = "shell.pickle"


@dataclass(frozen=True)
class GridInput:
    """A grid to be scored.

    Attributes:
        path: of the grid, as the user named it.
        files: NetCDF files or Zarr stores that hold its times between them.
        options: how it is read.
        horizon: leads.
        levels: of intervals, percent.
    """

    path: Path
    files: tuple[Path, ...]
    options: Options
    horizon: int
    levels: tuple[int, ...]

    unit = "cells"

    def narrowed(self, metadata: CheckpointMetadata) -> "GridInput":
        """The same, of the files alone that hold the last steps: an archive of decades is not read for its last month.

        Raises:
            FileError: if it cannot be forecast from.
        """
        if len(self.files) == 1:
            return self
        with open_files(self.files, self.options) as field:
            assert isinstance(field, JoinedField)
            at = last_steps(field, metadata).at
            return replace(self, files=tuple(sorted(set(field.files[int(at[at >= 0].min()) :]))))

    def stage(self, metadata: CheckpointMetadata, chunk: int, folder: Path) -> None:
        """Read the input into ``folder``.

        Raises:
            FileError: if it cannot be forecast from.
        """
        with open_files(self.files, self.options) as field:
            layout = stage_cells(field, metadata, self.horizon, chunk, folder)
            bare = skeleton(field, layout, metadata, self.path.absolute().name)
            shell = Shell(bare, forecast_attributes(field, bare, self.levels, metadata.model))
        (folder / _SHELL).write_bytes(pickle.dumps(shell))
        layout.save(folder)

    def job(self, folder: Path, model: ModelFile) -> GridJob:
        """What is to be done to what was staged in ``folder``."""
        layout = Layout.read(folder)
        return GridJob(
            model, self.levels, str((folder / CELLS).resolve()), layout.steps, layout.bounds, layout.valid_times
        )

    def notes(self, folder: Path) -> tuple[str, ...]:
        """What was chosen or left out while reading."""
        return Layout.read(folder).notes

    def write(self, work: WorkFolder, run: Written, path: Path) -> None:
        """Write the output from the parts in ``work``."""
        shell = pickle.loads((work.staged / _SHELL).read_bytes())  # noqa: S301  written by this program
        layout = Layout.read(work.staged)
        write_grid(path, run.kind, layout, shell, lambda chunk: None if chunk in run.failed else work.content(chunk))
