"""The metadata of a universal checkpoint. Reading it does not load torch."""

from typing import Literal

from pydantic import Field

from forecasting.events.paths import Dependence
from forecasting.models.metadata import VersionedMetadata, parse_metadata_as
from forecasting.series.timestep import TimeStep

UNIVERSAL = "universal"
"""The kind of checkpoints that forecast any series."""


class UniversalMetadata(VersionedMetadata, frozen=True):
    """The metadata inside a universal checkpoint and in its sidecar file.

    Attributes:
        kind: always ``universal``.
        dataset: name of the release.
        version: of the release.
        cell: ``rnn``, ``lstm`` or ``gru``.
        step: as :class:`~forecasting.series.timestep.TimeStep` writes it.
        step_seconds: length of the step.
        window: number of values of a forecast by the inference protocol.
        horizon: number of leads.
        minimum: smallest number of values to forecast from.
        maximum: longest context, in steps, that the network uses.
        levels: probabilities of the quantiles, ascending.
        dependence: between the errors at different leads on held-out seas; None in older files.
        held_out: RMSE relative to persistence on held-out seas, by context (number of steps) and lead.
        configuration: every setting of the training.
        seed: of the initial weights and the order of batches.
        parameters: number of trained weights.
        train_seconds: wall time of fitting this network.
        latency_ms: median time of a single forecast on the machine that trained the network.
        libraries: versions that wrote the file.
        created: ISO 8601 time of the release.
    """

    kind: Literal["universal"] = "universal"
    dataset: str
    version: str
    cell: str
    step: str
    step_seconds: int
    window: int = Field(ge=2)
    horizon: int = Field(ge=1)
    minimum: int = Field(ge=2)
    maximum: int = Field(ge=2)
    levels: tuple[float, ...] = Field(min_length=3)
    dependence: Dependence | None = None
    held_out: dict[str, dict[str, float]]
    configuration: dict[str, int | float | str | bool]
    seed: int
    parameters: int
    train_seconds: float
    latency_ms: float
    libraries: dict[str, str]
    created: str

    @property
    def model(self) -> str:
        """Full name, such as ``ocean-daily-gru``."""
        return f"{self.dataset}-{self.cell}"

    @property
    def time_step(self) -> TimeStep:
        """The step as a TimeStep."""
        return TimeStep.parse(self.step)

    @property
    def held_out_score(self) -> float:
        """Mean over contexts and leads of the RMSE relative to persistence on held-out seas; infinite if unknown."""
        scores = [score for leads in self.held_out.values() for score in leads.values()]
        return sum(scores) / len(scores) if scores else float("inf")


def parse_universal_metadata(content: bytes) -> UniversalMetadata:
    """Parse metadata as stored in a universal checkpoint or its sidecar file.

    Raises:
        ReleaseError: if it does not match this schema.
    """
    return parse_metadata_as(UniversalMetadata, content)
