"""Export of fitted networks to checkpoints; the published accuracy is measured on the exported file."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from forecasting.evaluation.division import Split
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import load, save, script
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.intervals import ErrorDistribution
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.roller import NetworkRoller
from forecasting.networks.training_range import TrainingRange
from forecasting.scores.accuracy import Accuracy
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.calibration import Residuals
from training.fit.companion import NO_COMPANIONS, Companion, Companions, beside
from training.fit.fitting import CPU, Fit
from training.provenance import library_versions

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
    """

    dataset: str
    version: str
    created: str
    data_file: str
    data_sha256: str


@dataclass(frozen=True)
class Exported:
    """A checkpoint on disk, loaded again, whose metadata still lacks what is measured on the loaded network.

    Attributes:
        fit: source of the weights.
        module: the compiled final network.
        forecaster: loaded from the file.
        path: of the file.
    """

    fit: Fit
    module: torch.jit.ScriptModule
    forecaster: Forecaster
    path: Path

    def complete(
        self, accuracy: dict[Split, Accuracy], baselines: dict[str, dict[Split, Accuracy]]
    ) -> CheckpointMetadata:
        """Rewrite the file with the measurements in its metadata, and write the sidecar; returns the metadata."""
        metadata = self.forecaster.metadata
        metadata = CheckpointMetadata.model_validate(
            {**metadata.model_dump(), "accuracy": accuracy, "baselines": baselines, "latency_ms": self._latency_ms()}
        )
        save(self.module, metadata, self.path)
        self.path.with_suffix(".json").write_text(
            metadata.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8"
        )
        return metadata

    def _latency_ms(self) -> float:
        """Median wall time of a single forecast, in milliseconds."""
        window = np.full((1, self.forecaster.metadata.window), self.forecaster.metadata.training_range.minimum)
        valid_time = np.zeros(1, dtype="datetime64[s]")
        seconds = []
        for _ in range(_TIMED_CALLS):
            begin = time.perf_counter()
            self.forecaster.roll(window, valid_time, 1)
            seconds.append(time.perf_counter() - begin)
        return round(1_000 * float(np.median(seconds)), 3)


def validate(fit: Fit, dataset: Dataset, companion: Companion | None = None) -> Evaluation:
    """Forecast the validation part with the weights fitted to the training part only."""
    roller = NetworkRoller(script(beside(fit.selected, companion)), dataset.series.step, CPU)
    return Evaluation.run(dataset.origins("validation"), {fit.cell: roller})


def export(
    fit: Fit,
    dataset: Dataset,
    config: TrainingConfig,
    identity: Identity,
    folder: Path,
    earlier: Sequence[Residuals] = (),
    companions: Companions = NO_COMPANIONS,
) -> Exported:
    """Write the final weights of ``fit``, combined with the companion, to ``<cell>.pt``, and load the file again.

    Args:
        fit: network to export.
        dataset: that it was fitted to.
        config: settings of the run.
        identity: of the release.
        folder: to write into.
        earlier: residuals from before the validation part; the intervals are calibrated on these and on the residuals
            of the validation part.
        companions: of the networks of a panel.
    """
    validation = validate(fit, dataset, companions.selected)
    calibrated_on = Residuals.joined([*earlier, Residuals(validation.origins, validation.residuals(fit.cell))])
    seen, several = dataset.past("validation"), len(dataset.stations) > 1
    network = beside(fit.final, companions.final)
    module = script(network)
    metadata = CheckpointMetadata(
        dataset=identity.dataset,
        version=identity.version,
        cell=fit.cell,
        window=config.window,
        step=str(seen.step),
        step_seconds=seen.step.seconds,
        horizon=config.horizon,
        fill_limit=config.fill_limit,
        units="celsius",
        periods=dict(dataset.periods()),
        training_range=TrainingRange.of(seen, dataset.origins_seen(), several=several),
        accuracy={"validation": validation.accuracy(fit.cell)},
        baselines={},
        errors=ErrorDistribution.calibrate(calibrated_on.values, calibrated_on.origins, several=several),
        configuration=config.flat(),
        seed=fit.seed,
        parameters=network.size(),
        train_seconds=fit.seconds,
        latency_ms=0.0,
        libraries=library_versions(),
        data_sha256=identity.data_sha256,
        created=identity.created,
    )
    path = folder / f"{fit.cell}.pt"
    save(module, metadata, path)
    forecaster = Forecaster(*load(path.read_bytes(), CPU), CPU)
    forecaster.warm_up()
    return Exported(fit, module, forecaster, path)
