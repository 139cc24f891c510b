"""The checkpoints of an imported network: its module as it is, with intervals calibrated on the user's data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from forecasting.errors import ReleaseError
from forecasting.evaluation.division import MIN_VALIDATION_RESIDUALS
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import load_module
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CheckpointMetadata, Imported
from forecasting.networks.roller import NetworkRoller
from forecasting.networks.training_range import TrainingRange
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.releases.release import EVALUATED
from forecasting.scores.accuracy import Accuracy
from forecasting.series.origins import Origins, origins
from forecasting.series.times import iso, short
from training.examples.dataset import Dataset
from training.fit.calibration import FIRST_TWENTIETH, TWENTIETHS, Residuals
from training.importing.model_file import ModelFile
from training.provenance import library_versions
from training.publish.export import Checkpoint, Exported, Identity

MAY_HAVE_SEEN: Final = "may have seen the test part"
"""The caveat on the figures of a network that is not known to be trained on earlier data only."""


@dataclass(frozen=True)
class ImportedNetwork:
    """A network of a release, and the file that it comes from.

    Attributes:
        cell: the name that it was given.
        file: of the module, checked.
        trained_until: time of the last value that it was trained on; None if that is unknown.
        parameters: number of its weights.
    """

    cell: str
    file: ModelFile
    trained_until: np.datetime64 | None
    parameters: int

    @property
    def source(self) -> Imported:
        """Where the network comes from."""
        until = None if self.trained_until is None else iso(self.trained_until)
        return Imported(file=self.file.name, sha256=self.file.sha256, trained_until=until)

    def caveat(self, dataset: Dataset) -> str | None:
        """Return what limits its figures on the test part; None if it was trained on earlier data only."""
        begin = dataset.series.times[dataset.bounds["test"][0]]
        return None if self.trained_until is not None and self.trained_until < begin else MAY_HAVE_SEEN

    def export(self, dataset: Dataset, identity: Identity, folder: Path) -> Exported:
        """Write ``evaluated/<cell>.pt`` and ``<cell>.pt``, which differ in what their intervals are calibrated on.

        Those of the first rest on errors from before the test part, those of the second also on errors in it.

        Raises:
            ReleaseError: if a forecast is not finite.
        """
        module, _ = load_module(self.file.content, CPU)
        (folder / EVALUATED).mkdir(exist_ok=True)
        bounds, name = dataset.bounds, f"{self.cell}.pt"
        evaluated = self._metadata(module, dataset, bounds["validation"][1], identity)
        served = self._metadata(module, dataset, bounds["test"][1], identity)
        return Exported(
            Checkpoint.write(module, evaluated, folder / EVALUATED / name),
            Checkpoint.write(module, served, folder / name),
        )

    def _metadata(
        self, module: torch.jit.ScriptModule, dataset: Dataset, end: int, identity: Identity
    ) -> CheckpointMetadata:
        """Return the metadata of a checkpoint that is calibrated on the series before position ``end``."""
        shape, step = dataset.shape, dataset.series.step
        residuals = self._residuals(module, dataset, end)
        errors = ErrorDistribution.calibrate(residuals.values, residuals.origins)
        seen, at, scale = dataset.series.part(0, end), residuals.origins.times, errors.scale(residuals.origins.windows)
        return CheckpointMetadata(
            dataset=identity.dataset,
            title=identity.title,
            version=identity.version,
            cell=self.cell,
            window=shape.window,
            step=str(step),
            step_seconds=step.seconds,
            horizon=shape.horizon,
            fill_limit=shape.fill_limit,
            units="celsius",
            periods=dict(dataset.periods()),
            training_range=TrainingRange.of(seen, origins(seen, shape.leading(1), 0, len(seen))),
            accuracy={"validation": self._validation(module, dataset)},
            baselines={},
            errors=errors,
            dependence=errors.dependence(residuals.values, at, scale),
            configuration=shape._asdict(),
            parameters=self.parameters,
            latency_ms=0.0,
            libraries=library_versions(),
            data_sha256=identity.data_sha256,
            created=identity.created,
            imported=self.source,
        )

    def _residuals(self, module: torch.jit.ScriptModule, dataset: Dataset, end: int) -> Residuals:
        """Return the errors to calibrate on: of the part that trained networks use, but after ``trained_until``.

        Where too little follows that time, or it is unknown, errors of data that the network may have seen are used.
        """
        series, shape = dataset.series, dataset.shape
        begin = len(series) * FIRST_TWENTIETH // TWENTIETHS
        usable = origins(series, shape, begin, end)
        if self.trained_until is not None:
            after = max(begin, int(np.searchsorted(series.times, self.trained_until, side="right")))
            unseen = origins(series, shape, after, end)
            if _fewest(unseen) >= MIN_VALIDATION_RESIDUALS:
                usable = unseen
        return Residuals(usable, self._evaluate(module, usable).residuals(self.cell))

    def _validation(self, module: torch.jit.ScriptModule, dataset: Dataset) -> Accuracy:
        return self._evaluate(module, dataset.origins("validation")).accuracy(self.cell)

    def _evaluate(self, module: torch.jit.ScriptModule, usable: Origins) -> Evaluation:
        roller = NetworkRoller(module, usable.step, CPU)
        evaluation = Evaluation.run(usable, {self.cell: roller})
        finite = np.isfinite(evaluation.predicted[self.cell]).all(axis=1)
        if not finite.all():
            time = usable.valid_time[int(np.argmin(finite))]
            raise ReleaseError(f"{self.file.name}: its forecast for {short(time)} is NaN or infinite")
        return evaluation


def _fewest(usable: Origins) -> int:
    """Return the number of observations to compare with at the lead that has the fewest."""
    return int(np.isfinite(usable.targets).sum(axis=0).min()) if len(usable) else 0
