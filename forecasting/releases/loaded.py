"""Verified releases in memory, whether their networks are of one place or universal."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch

from forecasting.backtest.backtest import Backtest
from forecasting.backtest.place import rolling_through
from forecasting.backtest.universal import rolling_universal
from forecasting.errors import ForecastError, ReleaseError, UnknownNameError
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents
from forecasting.evaluation.report import Report, parse_report
from forecasting.models.base import ALL, BEST, Model, climatology_at, on_land
from forecasting.models.checkpoint import load
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.metadata import CELLS
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.model import UniversalModel
from forecasting.models.universal.references import REFERENCES
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import UniversalReport, parse_universal_report
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.releases.release import EVALUATED, Release
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, parse_time
from forecasting.series.timestep import TimeStep
from forecasting.wording import available


@dataclass(frozen=True)
class Loaded(ABC):
    """A verified release in memory.

    Attributes:
        release: on disk.
        device: that the networks run on.
        card: ``MODEL_CARD.md``; None in a release without a model card.
    """

    is_universal: ClassVar[bool] = False

    release: Release
    device: torch.device
    card: bytes | None

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return self.release.dataset

    @property
    def version(self) -> str:
        """Version of the release."""
        return self.release.version

    @property
    def loaded(self) -> Self:
        """The release itself; see :class:`~forecasting.releases.on_disk.Entry`."""
        return self

    def sha256(self, cell: str) -> str:
        """Return the digest of a checkpoint."""
        return self.release.manifest.files[f"{cell}.pt"].sha256

    @property
    @abstractmethod
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""

    @property
    @abstractmethod
    def horizon(self) -> int:
        """Number of leads."""

    @property
    @abstractmethod
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve, in the order of :attr:`Release.cells`."""

    @property
    @abstractmethod
    def best(self) -> str:
        """The cell of the network that is expected to do best."""

    @property
    def reads_at(self) -> TimeStep | None:
        """The step that every series is read at; None if each series tells its own."""
        return None

    @abstractmethod
    def select(self, name: str) -> Sequence[Model]:
        """Return the models called ``best``, ``all`` or by the name of a cell.

        Raises:
            UnknownNameError: if no such network serves.
        """

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

        Raises:
            SeriesError: if no step can be scored.
        """

    @property
    def models(self) -> list[str]:
        """Full names of the networks that serve."""
        return [f"{self.dataset}-{cell}" for cell in self.cells]


@dataclass(frozen=True)
class LoadedRelease(Loaded):
    """A verified release of one place in memory.

    Attributes:
        forecasters: the networks by cell, in the order of :attr:`Release.cells`.
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
        """Verify every file of ``release``, then load its networks and warm them up.

        Raises:
            ReleaseError: if a file is missing, altered or invalid.
        """
        files = {name: release.read(name) for name in release.manifest.files}
        cells = release.cells
        if not cells:
            raise ReleaseError(f"{release.path} has no checkpoint")
        forecasters = {cell: load_cell(release, cell, files[f"{cell}.pt"], device) for cell in cells}
        try:
            report = parse_report(files["report.json"])
            baselines = Baselines.model_validate_json(files["baselines.json"])
            if baselines.years is None:
                until = report.periods["test" if release.holds_evaluated else "validation"].end
                years = int(report.periods["train"].start[:4]), int(until[:4])
                baselines = baselines.model_copy(update={"years": years})
            recent = read_series(files["recent.csv"], TimeStep.parse(report.step))
            predicted_times, predictions = _read_predictions(files["predictions.csv"])
            plots = {kind: files[f"comparison.{kind}"] for kind in ("png", "svg")}
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        card = files.get("MODEL_CARD.md")
        return cls(release, device, card, forecasters, baselines, recent, report, predictions, predicted_times, plots)

    @property
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""
        return TimeStep.parse(self.report.step)

    @property
    def horizon(self) -> int:
        """Number of leads."""
        return self.report.horizon

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve, in the order of :attr:`Release.cells`."""
        return tuple(self.forecasters)

    @property
    def best(self) -> str:
        """The cell of the loaded network with the lowest validation RMSE; of all networks, if none is loaded."""
        loaded = [model for model in self.report.networks if model.name in self.forecasters]
        return min(loaded or self.report.networks, key=lambda model: model.validation_rmse).name

    def without(self, models: Collection[str]) -> "LoadedRelease":
        """Return the release without the networks of these full names."""
        kept = {cell: network for cell, network in self.forecasters.items() if network.metadata.model not in models}
        return replace(self, forecasters=kept)

    @property
    def reads_at(self) -> TimeStep | None:
        """See :attr:`~forecasting.releases.loaded.Loaded.reads_at`."""
        return self.step

    def select(self, name: str) -> list[Forecaster]:
        """See :meth:`~forecasting.releases.loaded.Loaded.select`; empty if there is none."""
        if name == ALL:
            return list(self.forecasters.values())
        chosen = self.forecasters.get(self.best if name == BEST else name)
        return [chosen] if chosen else []

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

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    folder = f"{EVALUATED}/" if release.holds_evaluated else ""
    names = {cell: f"{folder}{cell}.pt" for cell in release.cells if release.holds(f"{folder}{cell}.pt")}
    networks = {cell: load_cell(release, cell, release.read(name), device, name) for cell, name in names.items()}
    try:
        return networks, Baselines.model_validate_json(release.read(f"{folder}baselines.json"))
    except ValueError as error:
        raise ReleaseError(f"{release.path} cannot be used: {error}") from None


def load_cell(release: Release, cell: str, content: bytes, device: torch.device, name: str | None = None) -> Forecaster:
    """Load the network of ``cell`` from the verified ``content`` of its checkpoint, and warm it up.

    Args:
        release: that holds the checkpoint.
        cell: of the network.
        content: of the checkpoint.
        device: that the network runs on.
        name: of the file; by default, that of the network that serves.

    Raises:
        ReleaseError: if the content is not the network of this release.
    """
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
    """A verified universal release in memory.

    Attributes:
        networks: the release, ready to forecast.
        serving: cells of its networks that serve, in the order of :data:`~forecasting.models.metadata.CELLS`.
        report: how the networks did on held-out seas; None in a release without a report.
    """

    is_universal = True

    networks: UniversalRelease
    serving: tuple[str, ...]
    report: UniversalReport | None

    @classmethod
    def load(cls, release: Release, device: torch.device) -> "LoadedUniversal":
        """Load the networks of ``release``, and verify its other files.

        Raises:
            ReleaseError: if a file is missing, altered or invalid.
        """
        others = {name: release.read(name) for name in release.manifest.files if not name.endswith(".pt")}
        try:
            networks = UniversalRelease.open(release, device)
            report = parse_universal_report(others["report.json"]) if "report.json" in others else None
        except ReleaseError:
            raise
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path} cannot be used: {error}") from None
        return cls(release, device, others.get("MODEL_CARD.md"), networks, tuple(networks.networks), report)

    @property
    def step(self) -> TimeStep:
        """The step of the series that the networks forecast."""
        return self.networks.step

    @property
    def horizon(self) -> int:
        """Number of leads."""
        return self.networks.horizon

    @property
    def cells(self) -> tuple[str, ...]:
        """Cells of the networks that serve, in the order of :data:`~forecasting.models.metadata.CELLS`."""
        return self.serving

    @property
    def best(self) -> str:
        """The cell of the network that did best on held-out seas."""
        return self.networks.best_on_held_out

    def without(self, models: Collection[str]) -> "LoadedUniversal":
        """Return the release without the networks of these full names."""
        kept = tuple(cell for cell in self.cells if f"{self.dataset}-{cell}" not in models)
        networks = self.networks.without([cell for cell in self.cells if cell not in kept])
        # Networks that are all unloaded stay, for what the release says of itself.
        return replace(self, networks=networks or self.networks, serving=kept)

    def select(self, name: str) -> Sequence[Model]:
        """See :meth:`~forecasting.releases.loaded.Loaded.select`; ``best`` chooses a network for each series."""
        return [UniversalModel(self.networks, cell) for cell in self.select_cells(name)]

    def select_cells(self, model: str) -> tuple[str, ...]:
        """Return what ``best``, ``all`` or the name of a cell means: ``best`` itself, or cells.

        Raises:
            UnknownNameError: if no such network serves.
        """
        chosen = self.cells if model == ALL or (self.cells and model == BEST) else (model,)
        if not self.cells:
            raise UnknownNameError(f"all models of {self.dataset} are unloaded: load one again")
        if model == BEST:
            return (BEST,)
        if not set(chosen) <= set(self.cells):
            raise UnknownNameError(f"no model {model[:64]!r}; {available([BEST, ALL, *CELLS, *self.models])}")
        return chosen

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
        cells = [self.best] if name == BEST else self.select_cells(name)
        coefficients = climatology_at(position[None])[0]
        backtest = yield from rolling_universal(self.networks, cells, series, coefficients, horizon, events)
        return backtest.with_warnings(on_land(position, coefficients))


def load_release(release: Release, device: torch.device) -> LoadedRelease | LoadedUniversal:
    """Verify a release, and load its networks, of a place or universal.

    Raises:
        ReleaseError: if a file is missing, altered or invalid.
    """
    return LoadedUniversal.load(release, device) if release.is_universal else LoadedRelease.load(release, device)
