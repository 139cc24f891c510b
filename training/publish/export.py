"""Export of fitted networks to checkpoints; the published accuracy is measured on the exported file."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from forecasting.evaluation.division import Split
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import load, save, script
from forecasting.networks.device import CPU
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.training_range import TrainingRange
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.releases.release import EVALUATED
from forecasting.scores.accuracy import Accuracy
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.fit.calibration import Residuals
from training.fit.cell_networks import AnyNetwork, CellNetworks
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
