"""One import, from files of modules to a published release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
from forecasting.networks.checkpoint import load_module
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CheckpointMetadata, Imported
from forecasting.networks.roller import NetworkRoller
from forecasting.networks.training_range import TrainingRange
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.releases.release import EVALUATED, current_version, open_current
from forecasting.scores.accuracy import Accuracy
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from forecasting.wording import counted, too_few
from training.data.dataset import Dataset
from training.evaluate import assess
from training.fit.cell_networks import FIRST_TWENTIETH, TWENTIETHS, Residuals
from training.importing.contract import CHECK_SECONDS, Facts, ModelFile, check
from training.publish.export import (
    Checkpoint,
    Exported,
    Identity,
    base_report,
    complete,
    library_versions,
    write_beside_checkpoints,
)
from training.publish.release import point_current, prune, publish, staging
from training.run import Destination, Published, identify

_LEAST: Final[dict[Split, int]] = {"train": 1, "validation": MIN_VALIDATION_RESIDUALS, "test": 1}
"""Values with a forecast at every lead that each part needs."""


def evaluation_dataset(series: SstSeries, shape: ForecastShape) -> Dataset:
    """Divide a series into the parts that trained networks are evaluated on.

    Raises:
        SeriesError: if it is too short, misses too many values or hardly changes; says what to do.
    """
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


@dataclass(frozen=True)
class Import:
    """What to import.

    Attributes:
        models: paths of TorchScript files, by the name that each cell gets.
        horizon: number of leads to evaluate and calibrate; None for that of the step of the data.
        trained_until: time of the last value that the networks were trained on; None if that is unknown.
        check_seconds: time limit of the check of each module.
    """

    models: Mapping[str, Path]
    horizon: int | None = None
    trained_until: np.datetime64 | None = None
    check_seconds: float = CHECK_SECONDS


def import_models(wanted: Import, series: SstSeries, data_file: Path, destination: Destination) -> Published:
    """Check networks that were trained elsewhere, evaluate and calibrate them on a series, and publish a release.

    Nothing is published if a network cannot be used.

    Args:
        wanted: the networks.
        series: to evaluate on.
        data_file: that the series was read from.
        destination: of the release.

    Raises:
        ReleaseError: if a file is not TorchScript or breaks the contract, or the release cannot be written.
        FileError: if the series is too short for the networks.
        RequestError: if the networks differ in their window, or the name is that of a universal release.
    """
    files = {cell: ModelFile.read(path) for cell, path in wanted.models.items()}
    _refuse_universal(destination)
    horizon = wanted.horizon or ForecastShape.for_step(series.step).horizon
    facts = {cell: check(file, series, horizon, wanted.check_seconds) for cell, file in files.items()}
    window = _common_window(files, facts)
    try:
        dataset = evaluation_dataset(series, ForecastShape(window, horizon, window // 8))
    except SeriesError as error:
        raise FileError.of(error, f"{data_file}: ") from None
    networks = [
        ImportedNetwork(cell, file, wanted.trained_until, facts[cell].parameters) for cell, file in files.items()
    ]
    return _publish(networks, dataset, data_file, destination)


def _refuse_universal(destination: Destination) -> None:
    folder = destination.folder
    if current_version(folder) is not None and open_current(destination.artifacts, destination.name).is_universal:
        raise RequestError(f"{destination.name} is a universal release: choose another name for a place", field="name")


def _common_window(files: Mapping[str, ModelFile], facts: Mapping[str, Facts]) -> int:
    windows = {cell: facts_of_cell.window for cell, facts_of_cell in facts.items()}
    if len(set(windows.values())) > 1:
        described = ", ".join(f"{files[cell].name} {window}" for cell, window in windows.items())
        raise RequestError(
            f"the networks of one release must have the same window, but have {described} values: import them one by "
            "one, under different names",
            field="models",
        )
    return next(iter(windows.values()))


def _publish(
    networks: Sequence[ImportedNetwork], dataset: Dataset, data_file: Path, destination: Destination
) -> Published:
    folder = destination.folder
    try:
        with staging(folder) as stage:
            identity = identify(destination, data_file)
            report = _write(stage, networks, dataset, identity)
            path = publish(stage, folder, identity.version)
        point_current(folder, path.name)
        removed = [] if destination.keep is None else prune(folder, destination.keep, path.name)
    except OSError as error:
        raise ReleaseError(f"cannot write the release to {folder}: {error.strerror or error}") from None
    return Published(path, report, True, "", tuple(removed))


def _write(folder: Path, networks: Sequence[ImportedNetwork], dataset: Dataset, identity: Identity) -> Report:
    """Write every file of a release but its manifest into ``folder``."""
    exported = {network.cell: network.export(dataset, identity, folder) for network in networks}
    assessment = assess(dataset, dataset.shape, {cell: both.evaluated.forecaster for cell, both in exported.items()})
    metadata = complete(exported, assessment)
    caveats = {network.cell: network.caveat(dataset) for network in networks}
    models = [
        model.model_copy(update={"caveat": caveats.get(model.name)})
        for model in assessment.models(dataset, metadata, {})
    ]
    sources = {network.cell: network.source for network in networks}
    report = base_report(dataset, dataset.shape, identity, assessment, metadata).model_copy(
        update={"models": tuple(models), "imported": sources}
    )
    write_beside_checkpoints(folder, dataset, dataset.shape, assessment, report)
    return report
