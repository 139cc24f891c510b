"""Releases of places loaded from the artifacts folder, found by name."""

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch

from forecasting.errors import ForecastError, ReleaseError, RequestError, UnknownNameError
from forecasting.evaluation.report import Report, parse_report
from forecasting.networks.checkpoint import load
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.device import choose_device
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CELLS, digest
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.releases.release import Release, dataset_names, open_current, universal_names
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import parse_time
from forecasting.series.timestep import TimeStep
from forecasting.wording import available

BEST: Final = "best"
ALL: Final = "all"


@dataclass(frozen=True)
class LoadedRelease:
    """A verified release in memory.

    Attributes:
        release: on disk.
        forecasters: the networks by cell, in the order of :data:`~forecasting.networks.metadata.CELLS`.
        baselines: references fitted to the train and validation parts of the training series.
        recent: the end of the training series.
        report: the results of the training.
        digests: sha256 of each checkpoint, by cell.
        predictions: ``predictions.csv``.
        plots: ``comparison`` as ``png`` and ``svg``.
        card: ``MODEL_CARD.md``; None in a release older than model cards.
    """

    release: Release
    forecasters: Mapping[str, Forecaster]
    baselines: Baselines
    recent: SstSeries
    report: Report
    digests: Mapping[str, str]
    predictions: pd.DataFrame
    plots: Mapping[str, bytes]
    card: bytes | None

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedRelease":
        """Verify every file of ``release``, then load its networks and warm them up.

        Raises:
            ReleaseError: if a file is missing, altered or invalid.
        """
        files = {name: release.read(name) for name in release.manifest.files}
        cells = [cell for cell in CELLS if f"{cell}.pt" in files]
        if not cells:
            raise ReleaseError(f"{release.path} has no checkpoint")
        forecasters = {cell: _load_forecaster(release, cell, files[f"{cell}.pt"], device) for cell in cells}
        try:
            report = parse_report(files["report.json"])
            baselines = Baselines.model_validate_json(files["baselines.json"])
            recent = _read_recent(files["recent.csv"], TimeStep.parse(report.step))
            predictions = pd.read_csv(io.BytesIO(files["predictions.csv"]), index_col="time")
            plots = {kind: files[f"comparison.{kind}"] for kind in ("png", "svg")}
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        digests = {cell: digest(files[f"{cell}.pt"]) for cell in cells}
        card = files.get("MODEL_CARD.md")
        return cls(release, forecasters, baselines, recent, report, digests, predictions, plots, card)

    @property
    def best(self) -> str:
        """The cell of the loaded network with the lowest validation RMSE; of all networks, if none is loaded."""
        loaded = [model for model in self.report.networks if model.name in self.forecasters]
        return min(loaded or self.report.networks, key=lambda model: model.validation_rmse).name

    def select(self, cell: str) -> list[Forecaster]:
        """Return the networks called ``best``, ``all`` or by the name of a cell; empty if there is none."""
        if cell == ALL:
            return list(self.forecasters.values())
        chosen = self.forecasters.get(self.best if cell == BEST else cell)
        return [chosen] if chosen else []


def load_forecaster(model: str, artifacts: Path | str = "artifacts", device: str = "cpu") -> Forecaster:
    """Load the network ``<dataset>-<cell>`` from an artifacts folder, as notebooks do.

    Raises:
        UnknownNameError: if there is no such model.
        ReleaseError: if its release cannot be used.
    """
    dataset, _, cell = model.rpartition("-")
    release = open_current(Path(artifacts), dataset)
    if release.is_universal:
        raise UnknownNameError(f"{model} is a network of the universal release {dataset}: open it with load_universal")
    if f"{cell}.pt" not in release.manifest.files:
        models = (f"{dataset}-{cell}" for cell in CELLS if f"{cell}.pt" in release.manifest.files)
        raise UnknownNameError(f"no model {model!r}; {available(models)}")
    return _load_forecaster(release, cell, release.read(f"{cell}.pt"), choose_device(device))


class Registry:
    """The loaded releases, by dataset.

    Attributes:
        releases: by dataset.
        default_dataset: used where no dataset is named.
        models: all loaded networks.
    """

    def __init__(self, releases: Mapping[str, LoadedRelease], default_dataset: str) -> None:
        self.releases = releases
        self.default_dataset = default_dataset
        self.models = [forecaster for release in releases.values() for forecaster in release.forecasters.values()]
        self._by_name = {forecaster.metadata.model: forecaster for forecaster in self.models}

    @classmethod
    def open(
        cls, artifacts: Path, device: torch.device, default_dataset: str, serving: Mapping[str, str] | None = None
    ) -> "Registry":
        """Load the current release of every dataset in ``artifacts``, except the universal ones.

        Args:
            artifacts: folder with the releases.
            device: that the networks run on.
            default_dataset: used where no dataset is named.
            serving: versions that other processes serve, by dataset; loaded where the current release of a dataset is
                missing or cannot be used.

        Raises:
            ReleaseError: if a release cannot be used, or the default dataset has no release.
        """
        serving = serving or {}
        names = sorted({*dataset_names(artifacts), *serving} - {*universal_names(artifacts)})
        if default_dataset not in names:
            raise ReleaseError(
                f"{artifacts} has no release of the default dataset {default_dataset!r}; {available(names)}; train "
                "one with python -m training"
            )
        releases = {name: _load_release(artifacts, name, device, serving.get(name)) for name in names}
        return cls(releases, default_dataset)

    def with_release(self, release: LoadedRelease) -> "Registry":
        """Return a registry in which ``release`` replaces the release of its dataset, if any."""
        return Registry({**self.releases, release.release.dataset: release}, self.default_dataset)

    def without(self, models: Collection[str]) -> "Registry":
        """Return a registry without the networks of these full names."""
        if not models:
            return self
        releases = {
            name: replace(
                release,
                forecasters={
                    cell: forecaster
                    for cell, forecaster in release.forecasters.items()
                    if forecaster.metadata.model not in models
                },
            )
            for name, release in self.releases.items()
        }
        return Registry(releases, self.default_dataset)

    def dataset(self, name: str | None) -> LoadedRelease:
        """Return the release of a dataset; of the default dataset if None.

        Raises:
            UnknownNameError: if the dataset is not loaded.
        """
        name = name or self.default_dataset
        if name not in self.releases:
            raise UnknownNameError(f"no dataset {name[:64]!r}; {available(self.releases)}")
        return self.releases[name]

    def resolve(self, model: str, dataset: str | None = None) -> tuple[LoadedRelease, list[Forecaster]]:
        """Return the release and networks that ``model`` means: ``best``, ``all``, a cell, or a full name.

        Args:
            model: the name.
            dataset: that the name is looked up in; the default dataset if None.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        if model in self._by_name:
            return self._resolve_full_name(model, dataset)
        release = self.dataset(dataset)
        chosen = release.select(model)
        if not chosen:
            raise self._unknown_model(model, release)
        return release, chosen

    def _resolve_full_name(self, model: str, dataset: str | None) -> tuple[LoadedRelease, list[Forecaster]]:
        forecaster = self._by_name[model]
        owner = forecaster.metadata.dataset
        if dataset not in (None, owner):
            self.dataset(dataset)
            raise RequestError(f"model {model} belongs to dataset {owner}, not {dataset}", field="model")
        return self.releases[owner], [forecaster]

    def _unknown_model(self, model: str, release: LoadedRelease) -> UnknownNameError:
        if not release.forecasters:
            others = available(self._by_name) if self._by_name else "no other dataset has one loaded"
            return UnknownNameError(f"all models of {release.release.dataset} are unloaded: load one again; {others}")
        hint = f": {model} is included in each forecast, under baselines" if model in BASELINES else ""
        return UnknownNameError(f"no model {model[:64]!r}{hint}; {available([BEST, ALL, *CELLS, *self._by_name])}")


def _load_release(artifacts: Path, dataset: str, device: torch.device, fallback: str | None) -> LoadedRelease:
    """Load the current release of a dataset; if that fails, its version ``fallback``, if given."""
    try:
        return LoadedRelease.load(open_current(artifacts, dataset), device)
    except ForecastError as error:
        if fallback is None:
            raise
        try:
            return LoadedRelease.load(Release.open(artifacts / dataset / fallback), device)
        except ForecastError:
            # The user has to repair the current release, not the fallback.
            raise error from None


def _load_forecaster(release: Release, cell: str, content: bytes, device: torch.device) -> Forecaster:
    path = release.path / f"{cell}.pt"
    try:
        module, metadata = load(content, device)
        file = CheckpointFile(path.resolve(), release.manifest.files[path.name].sha256)
        forecaster = Forecaster(module, metadata, device, file)
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from None
    if (metadata.dataset, metadata.version, metadata.cell) != (release.dataset, release.version, cell):
        raise ReleaseError(f"{path} contains {metadata.model} of release {metadata.version}: restore the right file")
    forecaster.warm_up()
    return forecaster


def _read_recent(content: bytes, step: TimeStep) -> SstSeries:
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    values = np.asarray([float(row["sst"] or "nan") for row in rows])
    return SstSeries(values, parse_time(rows[0]["time"]), step)
