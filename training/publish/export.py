"""Writing all files of a release from fitted networks; the published accuracy is measured on the exported file."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from torch import nn

from forecasting.evaluation.division import Split
from forecasting.evaluation.report import Report
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU, load, save, script
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.training_range import TrainingRange
from forecasting.references.baselines import BASELINES, Baselines
from forecasting.releases.release import EVALUATED, EVALUATED_SERIES
from forecasting.scores.accuracy import Accuracy
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, short
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.evaluate import Assessment, assess, drift, seed_spread
from training.fit.cell_networks import AnyNetwork, CellNetworks, Ingredients, Residuals, earlier_residuals
from training.fit.fitting import Fit
from training.fit.universal_start import UniversalStart
from training.publish.plot import save_comparison
from training.publish.report import write_report

_TIMED_CALLS: Final = 100


@dataclass(frozen=True)
class Identity:
    """Identity of a release, recorded in each of its checkpoints, with the file that it was trained or evaluated on."""

    dataset: str
    version: str
    created: str
    data_file: str
    data_sha256: str
    title: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, loaded again, whose metadata still lacks what is measured on the loaded network."""

    module: torch.jit.ScriptModule
    forecaster: Forecaster
    path: Path

    @classmethod
    def write(cls, network: nn.Module, metadata: CheckpointMetadata, path: Path) -> "Checkpoint":
        """Write ``network`` with its ``metadata`` to ``path``, and load the file again."""
        module = script(network)
        path.parent.mkdir(exist_ok=True)
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
        """Return the median wall time of a single forecast, in milliseconds."""
        window = np.full((1, self.forecaster.metadata.window), self.forecaster.metadata.training_range.minimum)
        valid_time = np.zeros(1, dtype="datetime64[s]")
        return round(median_milliseconds(lambda: self.forecaster.roll(window, valid_time, 1), _TIMED_CALLS), 3)


@dataclass(frozen=True)
class Exported:
    """The two checkpoints of a cell."""

    evaluated: Checkpoint
    served: Checkpoint

    def complete(
        self, accuracy: dict[Split, Accuracy], baselines: dict[str, dict[Split, Accuracy]]
    ) -> CheckpointMetadata:
        """Rewrite both files with the measurements in their metadata, and write the sidecar."""
        measured = {"accuracy": accuracy, "baselines": baselines, "latency_ms": self.served.latency_ms()}
        served = self.served.complete(measured)
        self.served.path.with_suffix(".json").write_text(
            served.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        return self.evaluated.complete(measured)


def export(
    networks: CellNetworks, dataset: Dataset, config: TrainingConfig, identity: Identity, folder: Path
) -> Exported:
    """Write two checkpoints of a cell into ``folder``, ``evaluated/<cell>.pt`` and ``<cell>.pt``, and load them again.

    The intervals of the evaluated network are calibrated on residuals from before the test part, those of the served
    network also on the errors of the evaluated one on the test part.
    """
    cell = networks.cell

    def write(seen_until: Split, network: AnyNetwork, residuals: Sequence[Residuals], path: Path) -> Checkpoint:
        several = len(dataset.stations) > 1
        training_range = TrainingRange.of(dataset.past(seen_until), dataset.origins_seen(seen_until), several=several)
        if networks.start is not None and networks.start.share > 0:
            # Universal networks were trained on every season.
            training_range = training_range.model_copy(update={"months": tuple(range(1, 13))})
        metadata = checkpoint_metadata(
            dataset,
            identity,
            Residuals.joined(residuals),
            networks.drawn,
            cell=cell,
            training_range=training_range,
            accuracy={"validation": networks.validation},
            configuration=config.flat(),
            seed=networks.seed,
            parameters=network.size(),
            train_seconds=networks.seconds,
        )
        return Checkpoint.write(network, metadata, path)

    evaluated = write("validation", networks.evaluated, [networks.residuals], folder / EVALUATED / f"{cell}.pt")
    test = Evaluation.run(dataset.origins("test"), {cell: evaluated.forecaster})
    newest = Residuals(test.origins, test.residuals(cell))
    return Exported(evaluated, write("test", networks.final, [networks.residuals, newest], folder / f"{cell}.pt"))


def checkpoint_metadata(
    dataset: Dataset, identity: Identity, known: Residuals, drawn: Residuals | None = None, **fields: Any
) -> CheckpointMetadata:
    """Return the metadata of a network that was fitted to, or evaluated on, a dataset, with more ``fields``.

    The intervals and the dependence between leads are calibrated on the ``known`` out-of-sample errors, the intervals
    also on those ``drawn``.
    """
    several, step, shape = len(dataset.stations) > 1, dataset.series.step, dataset.shape
    calibrated_on = known if drawn is None else Residuals.joined([known, drawn])
    errors = ErrorDistribution.calibrate(calibrated_on.values, calibrated_on.origins, several=several)
    return CheckpointMetadata(
        dataset=identity.dataset,
        title=identity.title,
        version=identity.version,
        window=shape.window,
        step=str(step),
        step_seconds=step.seconds,
        horizon=shape.horizon,
        fill_limit=shape.fill_limit,
        units="celsius",
        periods=dict(dataset.periods()),
        baselines={},
        errors=errors,
        dependence=errors.dependence(known.values, known.origins.times, errors.scale(known.origins.windows)),
        latency_ms=0.0,
        libraries=library_versions(),
        data_sha256=identity.data_sha256,
        created=identity.created,
        **fields,
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
    """Write every file of a release of trained networks but its manifest into an empty ``folder``.

    Of the ``fits`` by cell and seed, which are empty if the series is too short, those with the seed of ``config`` are
    exported. The networks may ``start`` from universal ones.
    """
    earlier = earlier_residuals(dataset, config) if fits else ()
    ingredients = Ingredients(dataset, config, earlier, start)
    networks = {cell: ingredients.networks(cell, fits.get((cell, config.seed))) for cell in config.cells}
    exported = {cell: export(made, dataset, config, identity, folder) for cell, made in networks.items()}

    def describe(assessment: Assessment, metadata: Mapping[str, CheckpointMetadata]) -> dict[str, Any]:
        return {
            "fitted_until": dataset.periods()["test"].end,
            "configuration": config.flat(),
            "models": assessment.models(dataset, metadata, networks),
            "seeds": seed_spread(ingredients, networks, fits) if fits and config.seeds > 1 else {},
            "starts": {cell: made.start for cell, made in networks.items() if made.start is not None},
            "stations": assessment.station_reports(dataset, metadata),
            "left_out": assessment.left_out_accuracy(),
        }

    return write_beside_checkpoints(folder, dataset, identity, exported, describe)


def write_beside_checkpoints(
    folder: Path,
    dataset: Dataset,
    identity: Identity,
    exported: Mapping[str, Exported],
    describe: Callable[[Assessment, Mapping[str, CheckpointMetadata]], dict[str, Any]],
) -> Report:
    """Evaluate exported networks, and complete the release: its report, texts, references, predictions and series.

    The metadata of the ``exported`` checkpoints, by cell, gets the accuracy. ``describe`` returns the fields of the
    report about the networks, given their evaluation and metadata.
    """
    assessment = assess(dataset, {cell: both.evaluated.forecaster for cell, both in exported.items()})
    accuracy: dict[str, dict[Split, Accuracy]] = {
        name: assessment.accuracy[name] for name in BASELINES if name in assessment.accuracy
    }
    metadata = {cell: both.complete(assessment.accuracy[cell], accuracy) for cell, both in exported.items()}
    first_station, shape, end = next(iter(dataset.stations.values())), dataset.shape, dataset.last_usable_end()
    references = Baselines.fit(first_station.past("validation"), shape)
    cycle = references.climatology
    daily = f", {cycle.daily_harmonics} of the day" if cycle.daily_harmonics else ""
    notes = dataset.notes
    if end < len(dataset.series):
        last = short(dataset.series.times[end - 1])
        notes += (f"forecasts of the dataset itself start after {last}: later windows have gaps too long to fill",)
    report = Report(
        **asdict(identity),
        step=str(dataset.series.step),
        units="celsius",
        window=shape.window,
        horizon=shape.horizon,
        notes=notes,
        periods=dataset.periods(),
        climatology=f"mean and {cycle.annual_harmonics} harmonics of the year{daily}",
        libraries=library_versions(),
        drift=drift(assessment, next(iter(metadata.values())).training_range),
        **describe(assessment, metadata),
    )
    write_report(folder, report)
    _write_baselines(references, folder / EVALUATED)
    _write_baselines(Baselines.fit(first_station.past("test"), shape), folder)
    predictions = next(iter(assessment.stations.values())).one_step()
    predictions.round(4).to_csv(folder / "predictions.csv")
    save_comparison(predictions, report, folder)
    _write_series(dataset.series, end - RECENT_WINDOWS * shape.window, end, folder / "recent.csv")
    begin, end = first_station.bounds["test"]
    _write_series(first_station.series, begin - shape.window, end, folder / EVALUATED_SERIES)
    return report


def _write_baselines(baselines: Baselines, folder: Path) -> None:
    (folder / "baselines.json").write_text(baselines.model_dump_json() + "\n", encoding="utf-8")


def _write_series(series: SstSeries, begin: int, end: int, path: Path) -> None:
    """Write the values from ``begin``, or the first, until before ``end``."""
    part = series.part(max(begin, 0), end)
    times = [iso(time) for time in part.times]
    pd.DataFrame({"time": times, "sst": part.values}).to_csv(path, index=False)


def median_milliseconds(call: Callable[[], object], calls: int) -> float:
    """Return the median wall time of several calls."""
    seconds = []
    for _ in range(calls):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return 1_000 * float(np.median(seconds))


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that affect the weights."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
