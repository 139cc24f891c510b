"""A grid from its files to its output, step by step."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

from forecasting.series.timestep import TimeStep
from scoring.grids.field import JoinedField, last_steps, open_files, step_of
from scoring.grids.job import CELLS, GridJob, Layout
from scoring.grids.output import Output, event_variables, forecast_variables, skeleton
from scoring.grids.staging import stage_baselines, stage_cells
from scoring.models.choice import Choice
from scoring.models.model import CellModel, Span
from scoring.run import Input
from scoring.work import Plan, WorkFolder

_OUTPUT = "output.pickle"
_ALL_STEPS = 10_000_000
"""More steps than any grid has."""
_CELLS_WITH_WHOLE_PAST = 1_024
"""Default number of cells that are forecast together if their whole past counts: 60 MB for forty years of days."""
_FILES_OF_STEP = 30
"""Last files of an archive whose times tell its step."""


class GridInput(Input[CellModel]):
    """A grid whose times are in one or more NetCDF files or Zarr stores."""

    unit = "cells"

    def chunk_size(self, model: CellModel) -> int:
        """See :class:`~scoring.run.Input`."""
        return model.cells_per_chunk if self.events.steps_needed() is not None else _CELLS_WITH_WHOLE_PAST

    def choose(self, choice: Choice) -> CellModel:
        """Return the model for the step of the grid.

        Raises:
            FileError: if the grid cannot be read, or no release forecasts its step.
            ScoringError: if an event needs another step.
        """
        model = choice.for_grid(self._step)
        self.events.check_step(model.span().step)
        return model

    def _span(self, model: CellModel) -> Span:
        """Return the steps that the forecasts and their events depend on."""
        span = model.span()
        needed = self.events.steps_needed()
        return replace(span, longest=_ALL_STEPS if needed is None else max(span.longest, needed))

    def _step(self) -> TimeStep:
        if self.options.resample is not None:
            return self.options.resample
        with open_files(self.files[-_FILES_OF_STEP:], self.options) as field:
            return step_of(field)

    def narrowed(self, model: CellModel) -> Self:
        """Keep only the files of the last steps, so that an archive of decades is not read for its last month."""
        if len(self.files) == 1:
            return self
        with open_files(self.files, self.options) as field:
            assert isinstance(field, JoinedField)
            first = last_steps(field, self._span(model), self.options.resample).first
            return replace(self, files=tuple(sorted(set(field.files[first:]))))

    def stage(self, model: CellModel, chunk: int, folder: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        with open_files(self.files, self.options) as field:
            if self.events.baseline_file is not None:
                stage_baselines(Path(self.events.baseline_file), field, folder)
            layout = stage_cells(field, self._span(model), self.horizon, chunk, folder, resample=self.options.resample)
            bare = skeleton(field, layout, model, self.path.absolute().name)
            variables = forecast_variables(field, bare, self.levels, model, layout)
            variables |= event_variables(self.events, model, variables["sst"].attributes)
        (folder / _OUTPUT).write_bytes(pickle.dumps(Output(layout, bare, variables)))
        layout.save(folder)

    def job(self, folder: Path, model: CellModel) -> GridJob:
        """See :class:`~scoring.run.Input`."""
        staged = str((folder / CELLS).resolve())
        return GridJob(model, self.levels, self.events, staged, Layout.read(folder))

    def notes(self, folder: Path) -> tuple[str, ...]:
        """See :class:`~scoring.run.Input`."""
        return Layout.read(folder).notes

    def write(self, work: WorkFolder, plan: Plan, failed: Mapping[int, str], path: Path) -> None:
        """See :class:`~scoring.run.Input`."""
        output: Output = pickle.loads((work.staged / _OUTPUT).read_bytes())  # noqa: S301  written by this program
        output.write(path, plan.output, lambda chunk: None if chunk in failed else work.content(chunk))
