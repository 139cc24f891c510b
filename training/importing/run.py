"""One import, from files of modules to a published release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.errors import FileError, ReleaseError, RequestError, SeriesError
from forecasting.evaluation.report import Report
from forecasting.releases.release import current_version, open_current
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from training.examples.dataset import Dataset
from training.importing.checking import CHECK_SECONDS, check
from training.importing.contract import Facts
from training.importing.dataset import evaluation_dataset
from training.importing.model_file import ModelFile
from training.importing.networks import ImportedNetwork
from training.publish.assess import assess
from training.publish.contents import base_report, complete, write_beside_checkpoints
from training.publish.export import Identity
from training.publish.release import point_current, prune, publish, staging
from training.run import Destination, Published, identify


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
    assessment = assess(dataset, dataset.shape, exported)
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
