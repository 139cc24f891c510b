"""The metadata of a universal checkpoint. Reading it does not load torch."""

from typing import Literal

from pydantic import BaseModel, Field

from forecasting.models.metadata import NetworkMetadata, parse_metadata_as

UNIVERSAL = "universal"
"""The kind of checkpoints that forecast any series."""


class WeatherPrior(BaseModel, frozen=True):
    """How water answers to weather in many seas.

    Attributes:
        leads: at which the errors are regressed, ascending, ``(knots,)``.
        mean: mean of the coefficients of :data:`~forecasting.models.universal.weather.PREDICTORS`,
            ``(knots, predictors)``; errors and predictors are over their usual size.
        precision: inverse of their covariance, ``(knots, predictors, predictors)``.
        noise: variance of what weather does not explain, ``(knots,)``.
    """

    leads: tuple[int, ...]
    mean: tuple[tuple[float, ...], ...]
    precision: tuple[tuple[tuple[float, ...], ...], ...]
    noise: tuple[float, ...]


class UniversalMetadata(NetworkMetadata, frozen=True):
    """The metadata inside a universal checkpoint and in its sidecar file."""

    kind: Literal["universal"] = "universal"
    minimum: int = Field(ge=2)
    maximum: int = Field(ge=2)
    levels: tuple[float, ...] = Field(min_length=3)
    held_out: dict[str, dict[str, float]]
    covariates: tuple[str, ...] = ()
    weather: WeatherPrior | None = None
    seed: int
    train_seconds: float

    @property
    def held_out_score(self) -> float:
        """Mean over contexts and leads of the RMSE relative to persistence on held-out seas; infinite if unknown."""
        scores = [score for leads in self.held_out.values() for score in leads.values()]
        return sum(scores) / len(scores) if scores else float("inf")


def parse_universal_metadata(content: bytes) -> UniversalMetadata:
    """Parse metadata as stored in a universal checkpoint or its sidecar file."""
    return parse_metadata_as(UniversalMetadata, content)
