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
    """How good a network's probabilities of one event were.

    Attributes:
        context: number of values that each forecast starts from.
        percentile: of the values of the context, which gives the threshold of each sea.
        duration: number of consecutive steps beyond the threshold; the run may have begun in the context.
        within: number of leads.
        score: of the probabilities; each sea is one case.
    """

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

    Attributes:
        context: number of values that each forecast starts from.
        places: number of places.
        n: number of forecasts.
        relative_rmse: RMSE over that of the best reference at a place in hindsight, or over that of the mixture without
            weather; geometric mean over the places, by kind.
        coverage_80: share of observations inside 80 % intervals, likewise.
    """

    region: str
    context: int
    lead: int
    places: int
    n: int
    relative_rmse: dict[str, float]
    coverage_80: dict[str, float]


class HeldOutModel(BaseModel, frozen=True):
    """The scores of one network.

    Attributes:
        model: full name.
        parameters: number of trained weights.
        train_seconds: wall time of fitting.
        held_out: on seas that were held out of training.
        held_out_without_companion: the same of a network that was fitted without its companion; empty if the report
            does not say.
        events: probabilities of events on other seas that were held out; empty if the report does not say.
    """

    model: str
    parameters: int
    train_seconds: float
    held_out: tuple[HeldOutRow, ...]
    held_out_without_companion: tuple[HeldOutRow, ...] = ()
    events: tuple[HeldOutEvent, ...] = ()


class UniversalReport(BaseModel, frozen=True):
    """``report.json`` of a universal release.

    Attributes:
        dataset: name of the release.
        step: name of the time step.
        seas: number of simulated seas in training.
        real_series: names of the real series in training, or of their regions with the number of series.
        models: the networks.
        regions: how they did at real places; empty if no region was held out.
        weather: what weather was worth there; empty if no series of these regions has any.
    """

    dataset: str
    version: str
    step: str
    seas: int
    real_series: tuple[str, ...] = ()
    models: tuple[HeldOutModel, ...]
    regions: tuple[RealRow, ...] = ()
    weather: tuple[RealRow, ...] = ()


def parse_universal_report(content: bytes) -> UniversalReport:
    """Parse ``report.json``.

    Raises:
        ReleaseError: if it does not match this schema.
    """
    try:
        return UniversalReport.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ReleaseError(f"report.json cannot be used: {place}: {first['msg']}") from None
