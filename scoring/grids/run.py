"""A grid from its files to its output, step by step."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from forecasting.networks.metadata import CheckpointMetadata
from scoring.grids.assemble import Shell, write_grid
from scoring.grids.job import GridJob
from scoring.grids.joined import JoinedField, open_files
from scoring.grids.skeleton import forecast_attributes, skeleton
from scoring.grids.stage import CELLS, Layout, last_steps, stage_cells
from scoring.models.place_model import ModelFile
from scoring.work.folder import WorkFolder
from scoring.work.input import Input
from scoring.work.plan import Plan

_SHELL = "shell.pickle"


class GridInput(Input):
    """A grid whose times are in one or more NetCDF files or Zarr stores."""

    unit = "cells"

    def narrowed(self, metadata: CheckpointMetadata) -> Self:
        """Keep only the files of the last steps, so that an archive of decades is not read for its last month."""
        if len(self.files) == 1:
            return self
        with open_files(self.files, self.options) as field:
            assert isinstance(field, JoinedField)
            at = last_steps(field, metadata).at
            return replace(self, files=tuple(sorted(set(field.files[int(at[at >= 0].min()) :]))))

    def stage(self, metadata: CheckpointMetadata, chunk: int, folder: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        with open_files(self.files, self.options) as field:
            layout = stage_cells(field, metadata, self.horizon, chunk, folder)
            bare = skeleton(field, layout, metadata, self.path.absolute().name)
            shell = Shell(bare, forecast_attributes(field, bare, self.levels, metadata.model))
        (folder / _SHELL).write_bytes(pickle.dumps(shell))
        layout.save(folder)

    def job(self, folder: Path, model: ModelFile) -> GridJob:
        """See :class:`~scoring.work.input.Input`."""
        layout = Layout.read(folder)
        staged = str((folder / CELLS).resolve())
        return GridJob(model, self.levels, staged, layout.bounds, layout.steps, layout.valid_times)

    def notes(self, folder: Path) -> tuple[str, ...]:
        """See :class:`~scoring.work.input.Input`."""
        return Layout.read(folder).notes

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.work.input.Input`."""
        shell = pickle.loads((work.staged / _SHELL).read_bytes())  # noqa: S301  written by this program
        layout = Layout.read(work.staged)
        write_grid(path, plan.output, layout, shell, lambda chunk: None if chunk in failed else work.content(chunk))
