"""What travels inside a checkpoint and beside it. Reading it does not load torch."""

import hashlib
from typing import Final

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import ReleaseError
from forecasting.networks.intervals import ErrorDistribution
from forecasting.networks.training_range import TrainingRange
from forecasting.scores.accuracy import Accuracy
from forecasting.series.timestep import TimeStep

CELLS: Final = ("rnn", "lstm", "gru")
SCHEMA_VERSION: Final = 1


class Period(BaseModel, frozen=True):
    """A part of the series: ISO 8601 times of its first and last step, and how many steps it has."""

    start: str
    end: str
    n: int


class CheckpointMetadata(BaseModel, frozen=True):
    """What travels inside a checkpoint and beside it.

    Attributes:
        dataset: name of the release's dataset.
        version: of the release.
        cell: ``rnn``, ``lstm`` or ``gru``.
        window: values that a forecast starts from.
        step: as :class:`~forecasting.series.timestep.TimeStep` writes it.
        step_seconds: its length.
        horizon: leads that intervals are calibrated for, and the most that may be asked for.
        fill_limit: longest gap, in steps, that is interpolated inside a window.
        units: of forecasts; always ``celsius``.
        periods: the parts ``train``, ``validation`` and ``test``.
        training_range: of what the final weights were fitted on.
        accuracy: of this network, by split. ``train`` and ``test`` are of the final weights, ``validation`` of the
            weights before they were refitted with it.
        baselines: accuracy of each reference, by name and split.
        errors: calibrated on residuals out of sample.
        configuration: every setting of the training.
        seed: of the initial weights and the order of batches.
        parameters: number of trained weights.
        train_seconds: wall time of fitting this network.
        latency_ms: median time of one forecast alone, on the machine that trained.
        libraries: versions that made the file.
        data_sha256: of the data file.
        created: ISO 8601 time of the release.
    """

    schema_version: int = Field(default=SCHEMA_VERSION)
    dataset: str
    version: str
    cell: str
    window: int = Field(ge=2)
    step: str
    step_seconds: int
    horizon: int = Field(ge=1)
    fill_limit: int = Field(ge=0)
    units: str
    periods: dict[str, Period]
    training_range: TrainingRange
    accuracy: dict[str, Accuracy]
    baselines: dict[str, dict[str, Accuracy]]
    errors: ErrorDistribution
    configuration: dict[str, int | float | str | bool]
    seed: int
    parameters: int
    train_seconds: float
    latency_ms: float
    libraries: dict[str, str]
    data_sha256: str
    created: str

    @property
    def model(self) -> str:
        """Full name: ``nino12-gru``."""
        return f"{self.dataset}-{self.cell}"

    @property
    def time_step(self) -> TimeStep:
        """The step, ready to compute with."""
        return TimeStep.parse(self.step)


def parse_metadata(content: bytes) -> CheckpointMetadata:
    """Read metadata as stored in a checkpoint or its sidecar.

    Raises:
        ReleaseError: if it is not of this schema.
    """
    try:
        metadata = CheckpointMetadata.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "metadata"
        raise ReleaseError(f"its metadata cannot be used: {where}: {first['msg']}") from None
    if metadata.schema_version != SCHEMA_VERSION:
        raise ReleaseError(f"has schema {metadata.schema_version}; this program reads {SCHEMA_VERSION}: train it again")
    return metadata


def digest(content: bytes) -> str:
    """sha256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
