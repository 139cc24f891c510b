"""One import, from files of modules to a published release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from forecasting.errors import FileError, ReleaseError, RequestError, SeriesError
from forecasting.evaluation.division import (
    MIN_VALIDATION_RESIDUALS,
    TEST_TENTHS,
    TRAIN_TENTHS,
    VALIDATION_TENTHS,
    Split,
    is_still,
)
from forecasting.evaluation.report import Report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU, load_module
from forecasting.models.metadata import CheckpointMetadata, Imported
from forecasting.models.place.network import NetworkRoller
from forecasting.models.training_range import TrainingRange
from forecasting.releases.release import EVALUATED, SeaRelease, current_version, open_current
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from forecasting.wording import counted, too_few
from training.data.dataset import Dataset
from training.evaluate import Assessment
from training.fit.cell_networks import FIRST_TWENTIETH, TWENTIETHS, Residuals
from training.importing.contract import CHECK_SECONDS, ModelFile, check
from training.publish.export import Checkpoint, Exported, Identity, checkpoint_metadata, write_beside_checkpoints
from training.run import Destination, Published

_LEAST: Final[dict[Split, int]] = {"train": 1, "validation": MIN_VALIDATION_RESIDUALS, "test": 1}
"""Values with a forecast at every lead that each part needs."""


def evaluation_dataset(series: SstSeries, shape: ForecastShape) -> Dataset:
    """Divide a series into the parts that trained networks are evaluated on."""
    window, horizon, _ = shape
    shortest = max(
        -(-(window + horizon) * 10 // TRAIN_TENTHS),
        -(-(MIN_VALIDATION_RESIDUALS + horizon - 1) * 10 // VALIDATION_TENTHS),
        -(-horizon * 10 // TEST_TENTHS),
    )
    if len(series) < shortest:
        raise SeriesError(
            f"{too_few(len(series), 'value')} to evaluate a network on: a window of {window} and a horizon of "
            f"{horizon} need at least {shortest}; use a longer series or a smaller --horizon"
        )
    dataset = Dataset(series, shape)
    if is_still(dataset.past("train")):
        raise SeriesError(
            "the values of the training part hardly change, so nothing can be evaluated on them; check the data"
        )
    for part, least in _LEAST.items():
        usable = int(np.isfinite(dataset.origins(part).targets).sum(axis=0).min(initial=len(series)))
        if usable < least:
            raise SeriesError(
                f"too many values are missing: at some lead up to {horizon}, only {counted(usable, 'value')} in the "
                f"{part} part can be forecast from a window without long gaps, but an evaluation needs {least}; use a "
                "more complete series or a smaller --horizon"
            )
    return dataset


MAY_HAVE_SEEN: Final = "may have seen the test part"
"""The caveat on the figures of a network that is not known to be trained on earlier data only."""


@dataclass(frozen=True)
class ImportedNetwork:
    """A network of a release, and the file that it comes from."""

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
        """
        module, _ = load_module(self.file.content, CPU)
        validation = self._evaluate(module, dataset.origins("validation")).accuracy(self.cell)

        def write(end: int, path: Path) -> Checkpoint:
            """Write a checkpoint that is calibrated on the series before position ``end``."""
            seen = dataset.series.part(0, end)
            metadata = checkpoint_metadata(
                dataset,
                identity,
                self._residuals(module, dataset, end),
                cell=self.cell,
                training_range=TrainingRange.of(seen, origins(seen, dataset.shape.leading(1), 0, len(seen))),
                accuracy={"validation": validation},
                configuration=dataset.shape._asdict(),
                parameters=self.parameters,
                imported=self.source,
            )
            return Checkpoint.write(module, metadata, path)

        bounds, name = dataset.bounds, f"{self.cell}.pt"
        return Exported(
            write(bounds["validation"][1], folder / EVALUATED / name), write(bounds["test"][1], folder / name)
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
            if len(unseen) and np.isfinite(unseen.targets).sum(axis=0).min() >= MIN_VALIDATION_RESIDUALS:
                usable = unseen
        return Residuals(usable, self._evaluate(module, usable).residuals(self.cell))

    def _evaluate(self, module: torch.jit.ScriptModule, usable: Origins) -> Evaluation:
        roller = NetworkRoller(module, usable.step, CPU)
        evaluation = Evaluation.run(usable, {self.cell: roller})
        finite = np.isfinite(evaluation.predicted[self.cell]).all(axis=1)
        if not finite.all():
            time = usable.valid_time[int(np.argmin(finite))]
            raise ReleaseError(f"{self.file.name}: its forecast for {short(time)} is NaN or infinite")
        return evaluation


@dataclass(frozen=True)
class Import:
    """What to import."""

    models: Mapping[str, Path]
    horizon: int | None = None
    trained_until: np.datetime64 | None = None
    check_seconds: float = CHECK_SECONDS


def import_models(wanted: Import, series: SstSeries, data_file: Path, destination: Destination) -> Published:
    """Check networks that were trained elsewhere, evaluate and calibrate them on a series, and publish a release.

    Nothing is published if a network cannot be used.
    """
    files = {cell: ModelFile.read(path) for cell, path in wanted.models.items()}
    serves = current_version(destination.folder) is not None
    if serves and isinstance(open_current(destination.artifacts, destination.name), SeaRelease):
        raise RequestError(f"{destination.name} is a universal release: choose another name for a place", field="name")
    horizon = wanted.horizon or ForecastShape.for_step(series.step).horizon
    facts = {cell: check(file, series, horizon, wanted.check_seconds) for cell, file in files.items()}
    windows = {cell: each.window for cell, each in facts.items()}
    if len(set(windows.values())) > 1:
        described = ", ".join(f"{files[cell].name} {window}" for cell, window in windows.items())
        raise RequestError(
            f"the networks of one release must have the same window, but have {described} values: import them one by "
            "one, under different names",
            field="models",
        )
    window = next(iter(windows.values()))
    try:
        dataset = evaluation_dataset(series, ForecastShape(window, horizon, window // 8))
    except SeriesError as error:
        raise FileError.of(error, f"{data_file}: ") from None
    networks = [
        ImportedNetwork(cell, file, wanted.trained_until, facts[cell].parameters) for cell, file in files.items()
    ]

    def write(folder: Path, identity: Identity) -> Report:
        return _write(folder, networks, dataset, identity)

    return destination.serve(*destination.publish(data_file, write))


def _write(folder: Path, networks: Sequence[ImportedNetwork], dataset: Dataset, identity: Identity) -> Report:
    """Write every file of a release but its manifest into ``folder``."""
    exported = {network.cell: network.export(dataset, identity, folder) for network in networks}
    caveats = {network.cell: network.caveat(dataset) for network in networks}

    def describe(assessment: Assessment, metadata: Mapping[str, CheckpointMetadata]) -> dict[str, Any]:
        models = assessment.models(dataset, metadata, {})
        return {
            "configuration": dataset.shape._asdict(),
            "models": tuple(model.model_copy(update={"caveat": caveats.get(model.name)}) for model in models),
            "seeds": {},
            "imported": {network.cell: network.source for network in networks},
        }

    return write_beside_checkpoints(folder, dataset, identity, exported, describe)
