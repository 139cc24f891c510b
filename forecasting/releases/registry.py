"""Releases loaded from the artifacts folder, found by name."""

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

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
from forecasting.releases.loaded_universal import ALL, LoadedUniversal, UniversalCatalog
from forecasting.releases.release import EVALUATED, Release, dataset_names, open_current, universal_names
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import parse_time
from forecasting.series.timestep import TimeStep
from forecasting.universal.release import BEST
from forecasting.wording import available

__all__ = [
    "ALL",
    "BEST",
    "LoadedRelease",
    "LoadedUniversal",
    "Registry",
    "load_evaluated",
    "load_forecaster",
    "load_release",
]


@dataclass(frozen=True)
class LoadedRelease:
    """A verified release in memory.

    Attributes:
        release: on disk.
        forecasters: the networks by cell, in the order of :data:`~forecasting.networks.metadata.CELLS`.
        baselines: references fitted to the training series; in releases without ``evaluated/``, to its train and
            validation parts.
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


def load_evaluated(release: Release, device: torch.device) -> tuple[dict[str, Forecaster], Baselines]:
    """Load the networks and references that the accuracy of a release was measured on.

    They are those in its folder ``evaluated``, which have not seen the test part. A release without that folder serves
    them.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    folder = f"{EVALUATED}/" if release.holds(f"{EVALUATED}/baselines.json") else ""
    names = {cell: f"{folder}{cell}.pt" for cell in CELLS if release.holds(f"{folder}{cell}.pt")}
    networks = {cell: _load_forecaster(release, cell, release.read(name), device, name) for cell, name in names.items()}
    try:
        return networks, Baselines.model_validate_json(release.read(f"{folder}baselines.json"))
    except ValueError as error:
        raise ReleaseError(f"{release.path} cannot be used: {error}") from None


class Registry:
    """The loaded releases, by dataset.

    Attributes:
        releases: of places, by dataset.
        default_dataset: used where no dataset is named.
        universal: releases that forecast any series at their step.
        models: all loaded networks of places.
    """

    def __init__(
        self,
        releases: Mapping[str, LoadedRelease],
        default_dataset: str,
        universal: Mapping[str, LoadedUniversal] | None = None,
    ) -> None:
        self.releases = releases
        self.default_dataset = default_dataset
        self.universal = UniversalCatalog(universal or {})
        self.models = [forecaster for release in releases.values() for forecaster in release.forecasters.values()]
        self._by_name = {forecaster.metadata.model: forecaster for forecaster in self.models}

    @classmethod
    def open(
        cls, artifacts: Path, device: torch.device, default_dataset: str, serving: Mapping[str, str] | None = None
    ) -> "Registry":
        """Load the current release of every dataset in ``artifacts``.

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
        names = sorted({*dataset_names(artifacts), *serving})
        places = [name for name in names if name not in universal_names(artifacts)]
        if default_dataset not in places:
            raise ReleaseError(
                f"{artifacts} has no release of the default dataset {default_dataset!r}; {available(places)}; train "
                "one with python -m training"
            )
        registry = cls({}, default_dataset)
        for name in names:
            registry = registry.with_release(_load_current(artifacts, name, device, serving.get(name)))
        return registry

    @property
    def model_names(self) -> list[str]:
        """Full names of all loaded networks."""
        return [*self._by_name, *self.universal.models]

    @property
    def versions(self) -> dict[str, str]:
        """The loaded version of each dataset."""
        loaded: list[LoadedRelease | LoadedUniversal] = [*self.releases.values(), *self.universal.by_dataset.values()]
        return {release.release.dataset: release.release.version for release in loaded}

    def with_release(self, release: LoadedRelease | LoadedUniversal) -> "Registry":
        """Return a registry in which ``release`` replaces the release of its dataset, if any."""
        name = release.release.dataset
        places = {other: loaded for other, loaded in self.releases.items() if other != name}
        universal = {other: loaded for other, loaded in self.universal.by_dataset.items() if other != name}
        if isinstance(release, LoadedUniversal):
            universal[name] = release
        else:
            places[name] = release
        return Registry(places, self.default_dataset, universal)

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
        universal = {name: loaded.without(models) for name, loaded in self.universal.by_dataset.items()}
        return Registry(releases, self.default_dataset, universal)

    def dataset(self, name: str | None) -> LoadedRelease:
        """Return the release of a dataset; of the default dataset if None.

        Raises:
            UnknownNameError: if the dataset is not loaded.
            RequestError: if its release is universal.
        """
        name = name or self.default_dataset
        if name in self.universal.by_dataset:
            raise _belongs_to_no_place(name, "dataset")
        if name not in self.releases:
            raise UnknownNameError(f"no dataset {name[:64]!r}; {available(self.versions)}")
        return self.releases[name]

    def find_universal(self, model: str, dataset: str | None) -> tuple[LoadedUniversal, str] | None:
        """Return the universal release that a name means, and its cell, ``best`` or ``all``; None if it means a place.

        Raises:
            RequestError: if a full name contradicts ``dataset``.
            UnknownNameError: if the release has no such network.
        """
        if dataset in self.universal.by_dataset and model in self._by_name:
            self._resolve_full_name(model, dataset)
        return self.universal.find(model, dataset or None)

    def resolve(self, model: str, dataset: str | None = None) -> tuple[LoadedRelease, list[Forecaster]]:
        """Return the release and networks that ``model`` means: ``best``, ``all``, a cell, or a full name.

        Args:
            model: the name.
            dataset: that the name is looked up in; the default dataset if None.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``, or means a universal network.
        """
        if model in self._by_name:
            return self._resolve_full_name(model, dataset)
        if self.find_universal(model, None) is not None:
            raise _belongs_to_no_place(model, "model")
        release = self.dataset(dataset)
        chosen = release.select(model)
        if not chosen:
            raise self._unknown_model(model, release)
        return release, chosen

    def _resolve_full_name(self, model: str, dataset: str | None) -> tuple[LoadedRelease, list[Forecaster]]:
        forecaster = self._by_name[model]
        owner = forecaster.metadata.dataset
        if dataset not in (None, owner):
            if dataset not in self.universal.by_dataset:
                self.dataset(dataset)
            raise RequestError(f"model {model} belongs to dataset {owner}, not {dataset}", field="model")
        return self.releases[owner], [forecaster]

    def _unknown_model(self, model: str, release: LoadedRelease) -> UnknownNameError:
        if not release.forecasters:
            others = available(self.model_names) if self.model_names else "no other dataset has one loaded"
            return UnknownNameError(f"all models of {release.release.dataset} are unloaded: load one again; {others}")
        hint = f": {model} is included in each forecast, under baselines" if model in BASELINES else ""
        return UnknownNameError(f"no model {model[:64]!r}{hint}; {available([BEST, ALL, *CELLS, *self.model_names])}")


def load_release(release: Release, device: torch.device) -> LoadedRelease | LoadedUniversal:
    """Verify a release, and load its networks, of a place or universal.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    return LoadedUniversal.load(release, device) if release.is_universal else LoadedRelease.load(release, device)


def _belongs_to_no_place(name: str, field: str) -> RequestError:
    return RequestError(
        f"{name} forecasts any sea, so it has no series, test part or plot of its own: send your series to POST "
        "/forecast or POST /compare",
        field=field,
    )


def _load_current(
    artifacts: Path, dataset: str, device: torch.device, fallback: str | None
) -> LoadedRelease | LoadedUniversal:
    """Load the current release of a dataset; if that fails, its version ``fallback``, if given."""
    try:
        return load_release(open_current(artifacts, dataset), device)
    except ForecastError as error:
        if fallback is None:
            raise
        try:
            return load_release(Release.open(artifacts / dataset / fallback), device)
        except ForecastError:
            # The user has to repair the current release, not the fallback.
            raise error from None


def _load_forecaster(
    release: Release, cell: str, content: bytes, device: torch.device, name: str | None = None
) -> Forecaster:
    """Load a network from the ``content`` of the file ``name``, which is by default that of the network that serves."""
    name = name or f"{cell}.pt"
    path = release.path / name
    try:
        module, metadata = load(content, device)
        file = CheckpointFile(path.resolve(), release.manifest.files[name].sha256)
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
