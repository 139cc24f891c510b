"""The metadata inside a checkpoint and in its sidecar file. Reading it does not load torch."""

import hashlib
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import ReleaseError
from forecasting.events.paths import Dependence
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.training_range import TrainingRange
from forecasting.scores.accuracy import Accuracy
from forecasting.series.timestep import TimeStep

CELLS: Final = ("rnn", "lstm", "gru")
"""Cells that training fits. A release may hold others, which were imported."""

NetworkKind = Literal["recurrent", "imported"]
SCHEMA_VERSION: Final = 1


class Period(BaseModel, frozen=True):
    """A part of a series: ISO 8601 times of its first and last step, and the number of steps."""

    start: str
    end: str
    n: int


class Imported(BaseModel, frozen=True):
    """Where a network comes from that was trained elsewhere."""

    file: str
    sha256: str
    trained_until: str | None = None


class NetworkMetadata(BaseModel, frozen=True):
    """What the metadata of every kind of checkpoint has."""

    schema_version: int = Field(default=SCHEMA_VERSION)
    dataset: str
    version: str
    cell: str
    step: str
    step_seconds: int
    window: int = Field(ge=2)
    horizon: int = Field(ge=1)
    dependence: Dependence | None = None
    configuration: dict[str, int | float | str | bool]
    parameters: int
    latency_ms: float
    libraries: dict[str, str]
    created: str

    @property
    def model(self) -> str:
        """Full name, such as ``nino12-gru``."""
        return f"{self.dataset}-{self.cell}"

    @property
    def time_step(self) -> TimeStep:
        """The step as a TimeStep."""
        return TimeStep.parse(self.step)


Metadata = TypeVar("Metadata", bound=NetworkMetadata)


class CheckpointMetadata(NetworkMetadata, frozen=True):
    """The metadata inside the checkpoint of a place, and in its sidecar file."""

    title: str | None = None
    fill_limit: int = Field(ge=0)
    units: str
    periods: dict[str, Period]
    training_range: TrainingRange
    accuracy: dict[str, Accuracy]
    baselines: dict[str, dict[str, Accuracy]]
    errors: ErrorDistribution
    seed: int | None = None
    train_seconds: float | None = None
    data_sha256: str
    imported: Imported | None = None

    @property
    def kind(self) -> NetworkKind:
        """``recurrent`` if the network was trained here, else ``imported``."""
        return "recurrent" if self.imported is None else "imported"


def parse_metadata(content: bytes) -> CheckpointMetadata:
    """Parse metadata as stored in a checkpoint or its sidecar file."""
    return parse_metadata_as(CheckpointMetadata, content)


def parse_metadata_as(schema: type[Metadata], content: bytes) -> Metadata:
    """Parse metadata of another ``schema``, as :func:`parse_metadata` does."""
    try:
        metadata = schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "metadata"
        raise ReleaseError(f"the metadata is invalid: {where}: {first['msg']}") from None
    if metadata.schema_version != SCHEMA_VERSION:
        raise ReleaseError(
            f"metadata schema {metadata.schema_version} is not supported, only {SCHEMA_VERSION}: train the model again"
        )
    return metadata


def digest(content: bytes) -> str:
    """Return the sha256 of ``content`` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
