"""The artifacts folder → loaded releases, found by name."""

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
from forecasting.networks.device import choose_device
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CELLS, digest
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.releases.release import Release, dataset_names, open_current
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep, parse_time
from forecasting.wording import there_are

BEST: Final = "best"
ALL: Final = "all"


@dataclass(frozen=True)
class LoadedRelease:
    """A release in memory, verified.

    Attributes:
        release: where it came from.
        forecasters: the networks by cell, in the order of :data:`~forecasting.networks.metadata.CELLS`.
        baselines: fitted on the training place's train and validation parts.
        recent: the last stretch of the series that was trained on.
        report: what training found.
        digests: sha256 of each checkpoint, by cell.
        predictions: ``predictions.csv``.
        plots: ``comparison`` as ``png`` and ``svg``.
        card: ``MODEL_CARD.md``; None in a release from before there was one.
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
        """Verify every file of ``release``, then load and warm up its networks.

        Raises:
            ReleaseError: if a file is missing, altered, or not what it should be.
        """
        files = {name: release.read(name) for name in release.manifest.files}
        cells = [cell for cell in CELLS if f"{cell}.pt" in files]
        if not cells:
            raise ReleaseError(f"{release.path} holds no checkpoint")
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
        """The cell of the loaded network with the lowest validation RMSE; of all, where none is loaded."""
        loaded = [model for model in self.report.networks if model.name in self.forecasters]
        return min(loaded or self.report.networks, key=lambda model: model.validation_rmse).name

    def select(self, cell: str) -> list[Forecaster]:
        """The networks that ``best``, ``all`` or the name of a cell means; empty where there is none."""
        if cell == ALL:
            return list(self.forecasters.values())
        chosen = self.forecasters.get(self.best if cell == BEST else cell)
        return [chosen] if chosen else []


def load_forecaster(model: str, artifacts: Path | str = "artifacts", device: str = "cpu") -> Forecaster:
    """Load the network ``<dataset>-<cell>`` from an artifacts folder: what a notebook starts with.

    Raises:
        UnknownNameError: if there is no such model.
        ReleaseError: if its release cannot be used.
    """
    dataset, _, cell = model.rpartition("-")
    release = open_current(Path(artifacts), dataset)
    if f"{cell}.pt" not in release.manifest.files:
        there = (f"{dataset}-{one}" for one in CELLS if f"{one}.pt" in release.manifest.files)
        raise UnknownNameError(f"no model {model!r}; {there_are(there)}")
    return _load_forecaster(release, cell, release.read(f"{cell}.pt"), choose_device(device))


class Registry:
    """The releases that are loaded, by dataset.

    Attributes:
        releases: by dataset.
        default_dataset: meant where none is named.
        models: every network that is loaded.
    """

    def __init__(self, releases: Mapping[str, LoadedRelease], default_dataset: str) -> None:
        self.releases = releases
        self.default_dataset = default_dataset
        self.models = [one for release in releases.values() for one in release.forecasters.values()]
        self._full = {forecaster.metadata.model: forecaster for forecaster in self.models}

    @classmethod
    def open(
        cls, artifacts: Path, device: torch.device, default_dataset: str, serving: Mapping[str, str] | None = None
    ) -> "Registry":
        """Load the current release of every dataset in ``artifacts``.

        ``serving`` are the versions that other processes serve, by dataset: where the current release of one cannot be
        used, or there is none, that version is loaded in its place.

        Raises:
            ReleaseError: if a release cannot be used, or the default dataset has none.
        """
        serving = serving or {}
        names = sorted({*dataset_names(artifacts), *serving})
        if default_dataset not in names:
            raise ReleaseError(
                f"{artifacts} holds no release of the default dataset {default_dataset!r}; {there_are(names)}; train "
                "one with python -m training"
            )
        releases = {name: _load_release(artifacts, name, device, serving.get(name)) for name in names}
        return cls(releases, default_dataset)

    def with_release(self, release: LoadedRelease) -> "Registry":
        """This with ``release`` in place of the one of its dataset, if there is one."""
        return Registry({**self.releases, release.release.dataset: release}, self.default_dataset)

    def without(self, models: Collection[str]) -> "Registry":
        """This without some of its networks, by full name."""
        if not models:
            return self
        releases = {
            name: replace(
                release,
                forecasters={
                    cell: one for cell, one in release.forecasters.items() if one.metadata.model not in models
                },
            )
            for name, release in self.releases.items()
        }
        return Registry(releases, self.default_dataset)

    def dataset(self, name: str | None) -> LoadedRelease:
        """The release of a dataset; of the default one where None.

        Raises:
            UnknownNameError: if it is not loaded.
        """
        name = name or self.default_dataset
        if name not in self.releases:
            raise UnknownNameError(f"no dataset {name[:64]!r}; {there_are(self.releases)}")
        return self.releases[name]

    def resolve(self, model: str, dataset: str | None = None) -> tuple[LoadedRelease, list[Forecaster]]:
        """What ``model`` means: ``best``, ``all``, a cell, or a full name, within ``dataset``.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        full = self._full
        if model in full:
            own = full[model].metadata.dataset
            if dataset not in (None, own):
                self.dataset(dataset)
                raise RequestError(f"model {model} is of dataset {own}, not of {dataset}", field="model")
            return self.releases[own], [full[model]]
        release = self.dataset(dataset)
        chosen = release.select(model)
        if not chosen:
            if not release.forecasters:
                others = there_are(full) if full else "nor one of another dataset"
                raise UnknownNameError(
                    f"no model of {release.release.dataset} is loaded, as all were unloaded: load one again; {others}"
                )
            hint = f": {model} comes with each forecast, under baselines" if model in BASELINES else ""
            raise UnknownNameError(f"no model {model[:64]!r}{hint}; {there_are([BEST, ALL, *CELLS, *full])}")
        return release, chosen


def _load_release(artifacts: Path, dataset: str, device: torch.device, other: str | None) -> LoadedRelease:
    """The current release of a dataset; where that cannot be used, its version ``other``, if there is one."""
    try:
        return LoadedRelease.load(open_current(artifacts, dataset), device)
    except ForecastError as error:
        if other is None:
            raise
        try:
            return LoadedRelease.load(Release.open(artifacts / dataset / other), device)
        except ForecastError:
            # What is to be mended is the current one.
            raise error from None


def _load_forecaster(release: Release, cell: str, content: bytes, device: torch.device) -> Forecaster:
    path = release.path / f"{cell}.pt"
    try:
        module, metadata = load(content, device)
        forecaster = Forecaster(module, metadata, device)
    except ReleaseError as error:
        raise ReleaseError(f"{path} {error}") from None
    if (metadata.dataset, metadata.version, metadata.cell) != (release.dataset, release.version, cell):
        raise ReleaseError(f"{path} is the checkpoint {metadata.model} of release {metadata.version}")
    forecaster.warm_up()
    return forecaster


def _read_recent(content: bytes, step: TimeStep) -> SstSeries:
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    values = np.asarray([float(row["sst"] or "nan") for row in rows])
    return SstSeries(values, parse_time(rows[0]["time"]), step)
