"""Verified releases in memory, whether their networks are of one place or universal."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self, TypeVar

import numpy as np
import torch

from forecasting.backtest.backtest import Backtest
from forecasting.backtest.place import rolling_through
from forecasting.backtest.universal import rolling_universal
from forecasting.errors import ForecastError, ReleaseError
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents
from forecasting.evaluation.report import Report, parse_report
from forecasting.models.base import ALL, BEST, Model, climatology_at, on_land
from forecasting.models.checkpoint import load
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.models.universal.model import UniversalModel
from forecasting.models.universal.network import UniversalForecaster, load_all
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import UniversalReport, parse_universal_report
from forecasting.references.baselines import BASELINES, REFERENCES, Baselines
from forecasting.releases.release import EVALUATED, Release, read_published
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, parse_time
from forecasting.series.timestep import TimeStep


@dataclass(frozen=True)
class Loaded(ABC):
    """A verified release in memory."""

    is_universal: ClassVar[bool] = False

    release: Release
    device: torch.device
    card: bytes | None
    step: TimeStep
    horizon: int
    forecasters: Mapping[str, Model]

    @cached_property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.release.dataset

    @property
    def version(self) -> str:
        """Version of the release."""
        return self.release.version

    @property
    def loaded(self) -> Self:
        """The release itself, where others load on first use."""
        return self

    def sha256(self, cell: str) -> str:
        """Return the digest of a checkpoint."""
        return self.release.manifest.files[f"{cell}.pt"].sha256

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve."""
        return tuple(self.forecasters)

    @property
    def models(self) -> list[str]:
        """Full names of the networks that serve."""
        return [f"{self.dataset}-{cell}" for cell in self.cells]

    def metadata(self, cell: str) -> CheckpointMetadata | UniversalMetadata:
        """Return what a network that serves says of itself."""
        metadata: CheckpointMetadata | UniversalMetadata = self.forecasters[cell].networks[0].metadata
        return metadata

    @property
    @abstractmethod
    def best(self) -> str:
        """The cell of the network that is expected to do best."""

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return None if self.is_universal else self.step

    def cells_of(self, name: str) -> tuple[str, ...]:
        """Return the cells that ``best``, ``all`` or a cell means; none if no such network serves."""
        if name == ALL:
            return self.cells
        cell = self.best if name == BEST else name
        return (cell,) if cell in self.forecasters else ()

    @abstractmethod
    def select(self, name: str) -> Sequence[Model]:
        """Return the models called ``best``, ``all`` or by the name of a cell; none if no such network serves."""

    @abstractmethod
    def without(self, models: Collection[str]) -> Self:
        """Return the release without the networks of these full names."""

    @property
    @abstractmethod
    def references(self) -> Sequence[str]:
        """Names of the references that a backtest may have."""

    @abstractmethod
    def backtest(
        self,
        name: str,
        series: SstSeries,
        position: Floats,
        horizon: int,
        events: RequestedEvents = NO_EVENTS,
    ) -> Generator[None, None, Backtest]:
        """Forecast a series ``horizon`` steps ahead from each of its past steps, with networks and references.

        The generator yields between parts, so that the caller can do other work, or stop.

        Args:
            name: of the networks, as for :meth:`select`; ``best`` is the network that is expected to do best.
            series: at a step that the release forecasts.
            position: degrees north and east, ``(2,)``; NaN where it is not known.
            horizon: the lead that is scored.
            events: to verify.
        """


@dataclass(frozen=True)
class LoadedRelease(Loaded):
    """A verified release of one place in memory.

    Attributes:
        baselines: references fitted to the training series; in releases without the folder ``evaluated``, to its train
            and validation parts.
        recent: the end of the training series.
        report: the results of the training.
        predictions: observed and predicted °C of the test part by column of ``predictions.csv``; NaN where empty.
        predicted_times: the times of these, ISO 8601.
        plots: ``comparison`` as ``png`` and ``svg``.
    """

    forecasters: Mapping[str, Forecaster]
    baselines: Baselines
    recent: SstSeries
    report: Report
    predictions: Mapping[str, Floats]
    predicted_times: Sequence[str]
    plots: Mapping[str, bytes]

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedRelease":
        """Verify every file of ``release``, then load its networks and warm them up."""
        files = {name: release.read(name) for name in release.manifest.files}
        cells = release.cells
        if not cells:
            raise ReleaseError(f"{release.path} has no checkpoint")
        forecasters = {cell: load_cell(release, cell, device) for cell in cells}
        try:
            report = parse_report(files["report.json"])
            baselines = Baselines.model_validate_json(files["baselines.json"])
            if baselines.years is None:
                until = report.periods["test" if release.holds_evaluated else "validation"].end
                years = int(report.periods["train"].start[:4]), int(until[:4])
                baselines = baselines.model_copy(update={"years": years})
            step = TimeStep.parse(report.step)
            recent = read_series(files["recent.csv"], step)
            predicted_times, predictions = _read_predictions(files["predictions.csv"])
            plots = {kind: files[f"comparison.{kind}"] for kind in ("png", "svg")}
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        return cls(
            release,
            device,
            files.get("MODEL_CARD.md"),
            step,
            report.horizon,
            forecasters,
            baselines,
            recent,
            report,
            predictions,
            predicted_times,
            plots,
        )

    @property
    def best(self) -> str:
        """The cell of the loaded network with the lowest validation RMSE; of all networks, if none is loaded."""
        loaded = [model for model in self.report.networks if model.name in self.forecasters]
        return min(loaded or self.report.networks, key=lambda model: model.validation_rmse).name

    def without(self, models: Collection[str]) -> Self:
        """See :meth:`~forecasting.releases.loaded.Loaded.without`."""
        kept = {cell: network for cell, network in self.forecasters.items() if network.metadata.model not in models}
        return replace(self, forecasters=kept)

    def select(self, name: str) -> list[Forecaster]:
        """See :meth:`~forecasting.releases.loaded.Loaded.select`."""
        return [self.forecasters[cell] for cell in self.cells_of(name)]

    @property
    def references(self) -> Sequence[str]:
        """See :attr:`~forecasting.releases.loaded.Loaded.references`."""
        return BASELINES

    def backtest(
        self,
        name: str,
        series: SstSeries,
        position: Floats,
        horizon: int,
        events: RequestedEvents = NO_EVENTS,
    ) -> Generator[None, None, Backtest]:
        """See :meth:`~forecasting.releases.loaded.Loaded.backtest`; the position does not matter."""
        return rolling_through(series, self.select(name), horizon, events)


def load_evaluated(release: Release, device: torch.device) -> tuple[dict[str, Forecaster], Baselines]:
    """Load the networks and references that the accuracy of a release was measured on.

    They are those in its folder ``evaluated``, which have not seen the test part. A release without that folder serves
    them.
    """
    folder = f"{EVALUATED}/" if release.holds_evaluated else ""
    names = {cell: f"{folder}{cell}.pt" for cell in release.cells if release.holds(f"{folder}{cell}.pt")}
    networks = {cell: load_cell(release, cell, device, name) for cell, name in names.items()}
    try:
        return networks, Baselines.model_validate_json(release.read(f"{folder}baselines.json"))
    except ValueError as error:
        raise ReleaseError(f"{release.path} cannot be used: {error}") from None


def load_cell(release: Release, cell: str, device: torch.device, name: str | None = None) -> Forecaster:
    """Verify the checkpoint of a network of a place, load it, and warm it up."""
    file = release.file(name or f"{cell}.pt")
    content = read_published(file)
    with file.named():
        network = Forecaster(*load(content, device), device, file)
    return _checked(release, cell, file, network)


def open_universal(release: Release, device: torch.device) -> UniversalRelease:
    """Verify the checkpoints of a universal release, load them, and warm them up."""
    files = {cell: release.file(f"{cell}.pt") for cell in release.cells}
    networks = load_all(files, read_published, device)
    if not networks:
        raise ReleaseError(f"{release.path} has no checkpoint")
    for cell, file in files.items():
        _checked(release, cell, file, networks[cell])
    return UniversalRelease(release.dataset, release.version, networks)


Network = TypeVar("Network", Forecaster, UniversalForecaster)


def _checked(release: Release, cell: str, file: CheckpointFile, network: Network) -> Network:
    """Return a network of a release, warmed up."""
    metadata = network.metadata
    if (metadata.dataset, metadata.version, metadata.cell) != (release.dataset, release.version, cell):
        raise ReleaseError(
            f"{file.path} contains {metadata.model} of release {metadata.version}: restore the right file"
        )
    network.warm_up()
    return network


def read_series(content: bytes, step: TimeStep) -> SstSeries:
    """Read a series that a release holds: columns ``time`` and ``sst``, °C, empty where a value is missing."""
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    values = np.asarray([float(row["sst"] or "nan") for row in rows])
    return SstSeries(values, parse_time(rows[0]["time"]), step)


def _read_predictions(content: bytes) -> tuple[list[str], dict[str, Floats]]:
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    times = [row["time"] for row in rows]
    names = [name for name in rows[0] if name != "time"]
    return times, {name: np.asarray([float(row[name] or "nan") for row in rows]) for name in names}


@dataclass(frozen=True)
class LoadedUniversal(Loaded):
    """A verified universal release in memory."""

    is_universal = True

    networks: UniversalRelease
    report: UniversalReport | None

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedUniversal":
        """Load the networks of ``release``, and verify its other files."""
        others = {name: release.read(name) for name in release.manifest.files if not name.endswith(".pt")}
        try:
            networks = open_universal(release, device)
            report = parse_universal_report(others["report.json"]) if "report.json" in others else None
        except ReleaseError:
            raise
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        card, forecasters = others.get("MODEL_CARD.md"), _models(networks, networks.networks)
        return cls(release, device, card, networks.step, networks.horizon, forecasters, networks, report)

    @property
    def best(self) -> str:
        """The cell of the network that did best on held-out seas."""
        return self.networks.best_on_held_out

    def without(self, models: Collection[str]) -> Self:
        """See :meth:`~forecasting.releases.loaded.Loaded.without`."""
        kept = [cell for cell in self.cells if f"{self.dataset}-{cell}" not in models]
        # Networks that are all unloaded stay, for what the release says of itself.
        networks = self.networks.without([cell for cell in self.cells if cell not in kept]) or self.networks
        return replace(self, networks=networks, forecasters=_models(networks, kept))

    def select(self, name: str) -> Sequence[Model]:
        """See :meth:`~forecasting.releases.loaded.Loaded.select`; ``best`` chooses a network for each series."""
        return [self._chooses] if name == BEST and self.cells else [self.forecasters[c] for c in self.cells_of(name)]

    @cached_property
    def _chooses(self) -> UniversalModel:
        """The model that chooses a network or a reference for each series."""
        return self.networks.model()

    @property
    def references(self) -> Sequence[str]:
        """See :attr:`~forecasting.releases.loaded.Loaded.references`."""
        return REFERENCES

    def backtest(
        self,
        name: str,
        series: SstSeries,
        position: Floats,
        horizon: int,
        events: RequestedEvents = NO_EVENTS,
    ) -> Generator[None, None, Backtest]:
        """See :meth:`~forecasting.releases.loaded.Loaded.backtest`; the release may have another step."""
        coefficients, cells = climatology_at(position[None])[0], self.cells_of(name)
        backtest = yield from rolling_universal(self.networks, cells, series, coefficients, horizon, events)
        return backtest.with_warnings(on_land(position, coefficients))


def _models(networks: UniversalRelease, cells: Iterable[str]) -> dict[str, UniversalModel]:
    return {cell: networks.model(cell) for cell in cells}


AnyLoaded = LoadedRelease | LoadedUniversal


def load_release(release: Release, device: torch.device) -> AnyLoaded:
    """Verify a release, and load its networks, of a place or universal."""
    return LoadedUniversal.load(release, device) if release.is_universal else LoadedRelease.load(release, device)
