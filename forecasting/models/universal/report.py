"""The report of a universal release: how its networks did on seas that were held out of training."""

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import ReleaseError
from forecasting.events.definitions import Side
from forecasting.scores.events import EventScore


class HeldOutRow(BaseModel, frozen=True):
    """The score of a network at one length of context and one lead."""

    context: int = Field(description="The number of values that each forecast starts from.")
    lead: int
    positioned: bool = Field(description="Whether the networks knew the position.")
    n: int = Field(description="The number of forecasts.")
    relative_rmse: float = Field(
        description="The RMSE relative to persistence, with each error scaled by what is usual in its series."
    )
    coverage_80: float = Field(description="The share of observations inside 80 % intervals.")
    coverage_95: float = Field(description="The share of observations inside 95 % intervals.")


class HeldOutEvent(BaseModel, frozen=True):
    """How good a network's probabilities of one event were."""

    context: int
    side: Side
    percentile: float
    duration: int
    within: int
    score: EventScore


class RealRow(BaseModel, frozen=True):
    """How kinds of forecasts did at the real places of one region that was held out of training.

    Kinds are models: the networks, and the mixture that serves by default. Where the worth of weather is scored, they
    are the weather that the mixture was given: ``air and wind``, ``wind`` and, where there is no wind, ``air``, as a
    good global model forecasts them; ``observed``, what happened; and ``none``.
    """

    region: str
    context: int
    lead: int
    places: int
    n: int
    relative_rmse: dict[str, float]
    coverage_80: dict[str, float]


class HeldOutModel(BaseModel, frozen=True):
    """The scores of one network."""

    model: str
    parameters: int
    train_seconds: float
    held_out: tuple[HeldOutRow, ...]
    held_out_without_companion: tuple[HeldOutRow, ...] = ()
    events: tuple[HeldOutEvent, ...] = ()


class UniversalReport(BaseModel, frozen=True):
    """``report.json`` of a universal release."""

    dataset: str
    version: str
    step: str
    seas: int
    real_series: tuple[str, ...] = ()
    models: tuple[HeldOutModel, ...]
    regions: tuple[RealRow, ...] = ()
    weather: tuple[RealRow, ...] = ()


def parse_universal_report(content: bytes) -> UniversalReport:
    """Parse ``report.json``."""
    try:
        return UniversalReport.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ReleaseError(f"report.json cannot be used: {place}: {first['msg']}") from None
