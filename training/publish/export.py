"""Writing all files of a release from fitted networks; the published accuracy is measured on the exported file."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch import nn

from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import load, save, script
from forecasting.networks.device import CPU
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.training_range import TrainingRange
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.references.climatology import Climatology
from forecasting.releases.release import EVALUATED, EVALUATED_SERIES
from forecasting.scores.accuracy import Accuracy
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.evaluate import Assessment, assess, drift, seed_spread
from training.fit.cell_networks import AnyNetwork, CellNetworks, Ingredients, Residuals
from training.fit.fitting import Fit
from training.fit.universal_start import UniversalStart
from training.publish.plot import save_comparison
from training.publish.report import write_report

_TIMED_CALLS: Final = 100


@dataclass(frozen=True)
class Identity:
    """Identity of a release, recorded in each of its checkpoints.

    Attributes:
        dataset: name of the dataset.
        version: of the release.
        created: ISO 8601 time.
        data_file: name of the file that was trained on.
        data_sha256: digest of the file.
        title: of the dataset, for people to read.
    """

    dataset: str
    version: str
    created: str
    data_file: str
    data_sha256: str
    title: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, loaded again, whose metadata still lacks what is measured on the loaded network.

    Attributes:
        module: the compiled network.
        forecaster: loaded from the file.
        path: of the file.
    """

    module: torch.jit.ScriptModule
    forecaster: Forecaster
    path: Path

    @classmethod
    def write(cls, network: nn.Module, metadata: CheckpointMetadata, path: Path) -> "Checkpoint":
        """Write ``network`` with its ``metadata`` to ``path``, and load the file again."""
        module = script(network)
        save(module, metadata, path)
        forecaster = Forecaster(*load(path.read_bytes(), CPU), CPU)
        forecaster.warm_up()
        return cls(module, forecaster, path)

    def complete(self, measured: Mapping[str, object]) -> CheckpointMetadata:
        """Rewrite the file with what was ``measured`` in its metadata; returns the metadata."""
        metadata = CheckpointMetadata.model_validate({**self.forecaster.metadata.model_dump(), **measured})
        save(self.module, metadata, self.path)
        return metadata

    def latency_ms(self) -> float:
        """Median wall time of a single forecast, in milliseconds."""
        window = np.full((1, self.forecaster.metadata.window), self.forecaster.metadata.training_range.minimum)
        valid_time = np.zeros(1, dtype="datetime64[s]")
        seconds = []
        for _ in range(_TIMED_CALLS):
            begin = time.perf_counter()
            self.forecaster.roll(window, valid_time, 1)
            seconds.append(time.perf_counter() - begin)
        return round(1_000 * float(np.median(seconds)), 3)


@dataclass(frozen=True)
class Exported:
    """The two checkpoints of a cell.

    Attributes:
        evaluated: weights that have not seen the test part; the accuracy of the release is theirs.
        served: weights that have seen the whole series.
    """

    evaluated: Checkpoint
    served: Checkpoint

    def complete(
        self, accuracy: dict[Split, Accuracy], baselines: dict[str, dict[Split, Accuracy]]
    ) -> CheckpointMetadata:
        """Rewrite both files with the measurements in their metadata, and write the sidecar.

        Returns:
            The metadata of the evaluated network.
        """
        measured = {"accuracy": accuracy, "baselines": baselines, "latency_ms": self.served.latency_ms()}
        served = self.served.complete(measured)
        self.served.path.with_suffix(".json").write_text(
            served.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        return self.evaluated.complete(measured)


def export(
    networks: CellNetworks, dataset: Dataset, config: TrainingConfig, identity: Identity, folder: Path
) -> Exported:
    """Write two checkpoints of a cell, ``evaluated/<cell>.pt`` and ``<cell>.pt``, and load them again.

    The intervals of the evaluated network are calibrated on residuals from before the test part, those of the served
    network also on the errors of the evaluated one on the test part.

    Args:
        networks: of the cell.
        dataset: that they were fitted to.
        config: settings of the run.
        identity: of the release.
        folder: to write into.
    """
    cell, describe = networks.cell, _Description(networks, dataset, config, identity)
    (folder / EVALUATED).mkdir(exist_ok=True)
    metadata = describe.metadata("validation", networks.evaluated, [networks.residuals])
    evaluated = Checkpoint.write(networks.evaluated, metadata, folder / EVALUATED / f"{cell}.pt")
    test = Evaluation.run(dataset.origins("test"), {cell: evaluated.forecaster})
    newest = Residuals(test.origins, test.residuals(cell))
    metadata = describe.metadata("test", networks.final, [networks.residuals, newest])
    return Exported(evaluated, Checkpoint.write(networks.final, metadata, folder / f"{cell}.pt"))


@dataclass(frozen=True)
class _Description:
    """What is the same in the metadata of both checkpoints of a cell."""

    networks: CellNetworks
    dataset: Dataset
    config: TrainingConfig
    identity: Identity

    def metadata(self, seen_until: Split, network: AnyNetwork, residuals: Sequence[Residuals]) -> CheckpointMetadata:
        """The metadata of a network that was fitted up to the end of a part, and whose intervals rest on residuals."""
        dataset, config, identity = self.dataset, self.config, self.identity
        several, step = len(dataset.stations) > 1, dataset.series.step
        known, drawn = Residuals.joined(residuals), self.networks.drawn
        calibrated_on = known if drawn is None else Residuals.joined([*residuals, drawn])
        errors = ErrorDistribution.calibrate(calibrated_on.values, calibrated_on.origins, several=several)
        seen, windows = dataset.past(seen_until), dataset.origins_seen(seen_until)
        training_range = TrainingRange.of(seen, windows, several=several)
        if self.networks.start is not None and self.networks.start.share > 0:
            # Universal networks were trained on every season.
            training_range = training_range.model_copy(update={"months": tuple(range(1, 13))})
        return CheckpointMetadata(
            dataset=identity.dataset,
            title=identity.title,
            version=identity.version,
            cell=self.networks.cell,
            window=config.window,
            step=str(step),
            step_seconds=step.seconds,
            horizon=config.horizon,
            fill_limit=config.fill_limit,
            units="celsius",
            periods=dict(dataset.periods()),
            training_range=training_range,
            accuracy={"validation": self.networks.validation},
            baselines={},
            errors=errors,
            dependence=errors.dependence(known.values, known.origins.times, errors.scale(known.origins.windows)),
            configuration=config.flat(),
            seed=self.networks.seed,
            parameters=network.size(),
            train_seconds=self.networks.seconds,
            latency_ms=0.0,
            libraries=library_versions(),
            data_sha256=identity.data_sha256,
            created=identity.created,
        )


RECENT_WINDOWS: Final = 4
"""Windows at the end of the series that a release carries, for forecasts of the dataset itself to start from."""


def write_contents(
    folder: Path,
    dataset: Dataset,
    config: TrainingConfig,
    fits: Mapping[tuple[str, int], Fit],
    identity: Identity,
    start: UniversalStart | None = None,
) -> Report:
    """Write every file of a release but its manifest into ``folder``.

    Args:
        folder: to write into; empty.
        dataset: that the networks were fitted to.
        config: settings of the run.
        fits: by cell and seed; those with the seed of ``config`` are exported. Empty if the series is too short.
        identity: of the release.
        start: universal networks to start from, if there are any.
    """
    ingredients = Ingredients.of(dataset, config, start, alone=not fits)
    networks = {cell: ingredients.networks(cell, fits.get((cell, config.seed))) for cell in config.cells}
    exported = {cell: export(made, dataset, config, identity, folder) for cell, made in networks.items()}
    assessment = assess(dataset, config.shape, {cell: both.evaluated.forecaster for cell, both in exported.items()})
    metadata = complete(exported, assessment)
    report = base_report(dataset, config.shape, identity, assessment, metadata).model_copy(
        update={
            "fitted_until": dataset.periods()["test"].end,
            "configuration": config.flat(),
            "models": assessment.models(dataset, metadata, networks),
            "seeds": seed_spread(ingredients, networks, fits) if fits and config.seeds > 1 else {},
            "starts": {cell: made.start for cell, made in networks.items() if made.start is not None},
            "stations": assessment.station_reports(dataset, metadata),
            "left_out": assessment.left_out_accuracy(),
        }
    )
    write_beside_checkpoints(folder, dataset, config.shape, assessment, report)
    return report


def base_report(
    dataset: Dataset,
    shape: ForecastShape,
    identity: Identity,
    assessment: Assessment,
    metadata: Mapping[str, CheckpointMetadata],
) -> Report:
    """Return the report of any release on its data and references, still without its models.

    Args:
        dataset: that the networks were evaluated on.
        shape: of the forecasts.
        identity: of the release.
        assessment: of the networks and references.
        metadata: of the evaluated networks, by cell.
    """
    references = Baselines.fit(_first_station(dataset).past("validation"), shape)
    return Report(
        dataset=identity.dataset,
        title=identity.title,
        version=identity.version,
        created=identity.created,
        step=str(dataset.series.step),
        units="celsius",
        window=shape.window,
        horizon=shape.horizon,
        data_file=identity.data_file,
        data_sha256=identity.data_sha256,
        notes=(*dataset.notes, *_late_gap_notes(dataset, dataset.last_usable_end())),
        periods=dataset.periods(),
        climatology=_describe_climatology(references.climatology),
        configuration=shape._asdict(),
        libraries=library_versions(),
        models=(),
        seeds={},
        drift=drift(assessment, next(iter(metadata.values())).training_range),
    )


def write_beside_checkpoints(
    folder: Path, dataset: Dataset, shape: ForecastShape, assessment: Assessment, report: Report
) -> None:
    """Write the report, the references, the predictions of the test part with their plot, and the series to start from.

    Args:
        folder: of the release; holds the checkpoints.
        dataset: that the networks were evaluated on.
        shape: of the forecasts.
        assessment: of the networks and references.
        report: complete.
    """
    first_station, recent_end = _first_station(dataset), dataset.last_usable_end()
    write_report(folder, report)
    _write_baselines(Baselines.fit(first_station.past("validation"), shape), folder / EVALUATED)
    _write_baselines(Baselines.fit(first_station.past("test"), shape), folder)
    predictions = next(iter(assessment.stations.values())).one_step()
    predictions.round(4).to_csv(folder / "predictions.csv")
    save_comparison(predictions, report, folder)
    _write_series(dataset.series, recent_end - RECENT_WINDOWS * shape.window, recent_end, folder / "recent.csv")
    begin, end = first_station.bounds["test"]
    _write_series(first_station.series, begin - shape.window, end, folder / EVALUATED_SERIES)


def _first_station(dataset: Dataset) -> Dataset:
    return next(iter(dataset.stations.values()))


def complete(exported: Mapping[str, Exported], assessment: Assessment) -> dict[str, CheckpointMetadata]:
    """Write the accuracy of each checkpoint into it; returns the complete metadata by cell."""
    references: dict[str, dict[Split, Accuracy]] = {
        name: assessment.accuracy[name] for name in BASELINES if name in assessment.accuracy
    }
    return {cell: checkpoint.complete(assessment.accuracy[cell], references) for cell, checkpoint in exported.items()}


def _write_baselines(baselines: Baselines, folder: Path) -> None:
    (folder / "baselines.json").write_text(baselines.model_dump_json() + "\n", encoding="utf-8")


def _describe_climatology(climatology: Climatology) -> str:
    annual = f"mean and {climatology.annual_harmonics} harmonics of the year"
    return annual + (f", {climatology.daily_harmonics} of the day" if climatology.daily_harmonics else "")


def _late_gap_notes(dataset: Dataset, end: int) -> tuple[str, ...]:
    """A note if a long gap near the end keeps forecasts from starting at the last observation."""
    if end == len(dataset.series):
        return ()
    last = short(dataset.series.times[end - 1])
    return (f"forecasts of the dataset itself start after {last}: later windows have gaps too long to fill",)


def _write_series(series: SstSeries, begin: int, end: int, path: Path) -> None:
    """Write the values from ``begin``, or the first, until before ``end``."""
    part = series.part(max(begin, 0), end)
    times = [iso(time) for time in part.times]
    pd.DataFrame({"time": times, "sst": part.values}).to_csv(path, index=False)


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that affect the weights."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
