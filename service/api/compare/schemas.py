"""The request and the responses of ``/compare``, as JSON."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from forecasting.evaluation.report import ModelKind
from forecasting.events.event_schema import MAX_VERIFIED_EVENTS, ThresholdEvents
from forecasting.forecasts.options import Horizon
from forecasting.models.metadata import NetworkKind
from forecasting.series.units import Units
from service.api.series_request import EXAMPLE_VALUES, SeriesFailure, SeriesRequest, SeriesWarning
from service.engine.series_schema import InputBaseline
from service.http.time_fields import Time

_ONE_PLACE: Final[dict[str, Any]] = {
    "dataset": "nino12",
    "horizon": 1,
    "series": [{"id": "pier", "start": "2005-01-01", "values": [*EXAMPLE_VALUES, *EXAMPLE_VALUES]}],
}

_WITH_EVENTS: Final[dict[str, Any]] = {
    "dataset": "nino12",
    "events": [{"name": "warm season", "above": 24.5, "for": 2, "within": 6}],
    "series": [{"id": "pier", "start": "2000-01-01", "values": [*EXAMPLE_VALUES * 4]}],
}

EXAMPLES: Final = {
    "onePlace": {"summary": "A monthly series, with the networks of a place", "value": _ONE_PLACE},
    "events": {"summary": "Probabilities of an event from each past step, and what happened", "value": _WITH_EVENTS},
}
"""Examples of a JSON body, for OpenAPI."""


SkillInterval = Annotated[list[float], Field(min_length=2, max_length=2)]


class TestPeriod(BaseModel):
    """The held-out part on which accuracy is measured."""

    start: Time
    end: Time
    n: int = Field(description="The number of forecasts scored at this horizon.")


class ComparedModel(BaseModel):
    """The errors of one model, in °C on the test part."""

    model: str
    kind: ModelKind
    mae: float
    rmse: float
    mape: float | None = Field(description="The MAPE in percent; null if every observation is within 0.01 of 0 °C.")
    bias: float = Field(description="The mean of forecast minus observation.")
    skill: dict[str, float | None] = Field(
        description="1 − RMSE / RMSE of the baseline, for each baseline; null if the baseline's RMSE is zero."
    )
    anomaly_correlation: float | None = Field(
        default=None, description="Null if the anomalies do not vary, and for a caller's series."
    )


class ComparedBaseline(ComparedModel):
    """A baseline in a comparison. It has errors only."""

    kind: Literal["baseline"]


class SkillConfidence(BaseModel):
    """The confidence in the skill over one baseline."""

    lower: float | None = Field(
        description="The lower bound of the 95 % block-bootstrap interval; null if it cannot be computed."
    )
    upper: float | None
    p_value: float | None = Field(description="From the Diebold–Mariano test; null if it cannot be computed.")


class IntervalCoverage(BaseModel):
    """The share of observations inside the intervals."""

    n: int
    share: float
    error: float = Field(description="The standard error, which accounts for autocorrelation.")


class IntervalScores(IntervalCoverage):
    """The intervals of one level on the test part."""

    score: float = Field(description="The mean interval score; lower is better.")
    seasons: dict[str, IntervalCoverage] = Field(description="The same for DJF, MAM, JJA and SON, if in the test part.")


class BrierScores(BaseModel):
    """The score of the probability that a threshold is exceeded."""

    threshold: float
    brier: float = Field(description="The Brier score; lower is better.")
    climatology: float = Field(description="The Brier score of the past frequency in the calendar month.")


class Verification(BaseModel):
    """Further scores of a network on the test part."""

    skill: dict[str, SkillConfidence] = Field(description="By baseline.")
    intervals: dict[str, IntervalScores] = Field(description="By level, in percent.")
    crps: float = Field(description="The continuous ranked probability score; lower is better.")
    exceedance: list[BrierScores]


Caveat = Annotated[
    str | None,
    Field(
        description="A caveat on the figures: `may have seen the test part` for an imported model whose training data "
        "are not known to end before the test part. Null if there is none."
    ),
]


class EventSkill(BaseModel):
    """The Brier skill score over one reference."""

    brier: float = Field(description="The Brier score of the reference, for the same cases.")
    value: float | None = Field(
        description="1 − Brier score / that of the reference; null if the event always or never happened."
    )
    lower: float | None = Field(
        description="The lower bound of the 95 % block-bootstrap interval; null if it cannot be computed."
    )
    upper: float | None


class ReliabilityBin(BaseModel):
    """The forecasts whose probability was within some bounds."""

    minimum: float = Field(description="The lower bound, included.")
    maximum: float = Field(description="The upper bound, excluded unless it is 1.")
    n: int
    probability: float = Field(description="The mean of their probabilities.")
    frequency: float = Field(description="The share of them in which the event happened.")
    lower: float = Field(description="The lower bound of the 95 % interval of that share.")
    upper: float


class EventVerification(BaseModel):
    """How good the probabilities of one event were. All intervals account for autocorrelation."""

    name: str
    n: int = Field(description="The number of forecasts for which every lead was observed.")
    frequency: float = Field(description="The share of them in which the event happened.")
    brier: float = Field(description="The Brier score; lower is better.")
    brier_error: float = Field(description="The standard error of the Brier score.")
    skill: dict[str, EventSkill] = Field(
        description="By reference. `climatology`: how often the event happened within 15 days of the same date in "
        "earlier years; absent if too few years precede most forecasts. `persistence`: how often it had happened "
        "after the same number of steps beyond the threshold. `independent`: the same network with leads that do not "
        "depend on each other; absent if one lead is considered."
    )
    reliability: list[ReliabilityBin]


class EventVerificationFailure(BaseModel):
    """An event that could not be verified."""

    name: str
    error: str


class ComparedNetwork(ComparedModel):
    """A network in a comparison."""

    kind: NetworkKind = Field(description="`recurrent`: trained here. `imported`: trained elsewhere.")
    p_value: float | None = Field(
        description="From the Diebold–Mariano test against the best baseline; null if it cannot be computed."
    )
    skill_interval: dict[str, SkillInterval | None] = Field(
        description="The lower and upper end of the 95 % interval of the skill over each baseline, from a circular "
        "block bootstrap, which respects autocorrelation. A skill whose interval includes 0 may be chance. Null if it "
        "cannot be computed; empty for several series together, and for a release that does not record it."
    )
    coverage: dict[str, float] = Field(
        description="The share of observations inside the intervals, by level in percent."
    )
    parameters: int
    latency_ms: float = Field(description="The median time of a single forecast on the machine that trained the model.")
    train_seconds: float | None = Field(description="Null if unknown, as for an imported model.")
    verification: Verification | None = Field(
        default=None, description="Null for your own series, and for a release that does not record it."
    )
    events: list[EventVerification | EventVerificationFailure] | None = Field(
        default=None,
        description="The requested events, or those that the release records: extremes for the time of year at "
        "several leads, and a run of three steps. Null if there are none.",
    )
    caveat: Caveat = None


Compared = Annotated[ComparedNetwork | ComparedBaseline, Field(discriminator="kind")]


class Comparison(BaseModel):
    """Accuracy on the test part: RNN, LSTM and GRU first, then the baselines."""

    kind: Literal["test_part"]
    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    horizon: int
    test: TestPeriod
    best: str = Field(description="The network with the lowest validation RMSE.")
    models: list[Compared]


class Predictions(BaseModel):
    """The one-step forecasts of the test part, as in the plot."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    best: str = Field(description="The network with the lowest validation RMSE.")
    hindcast: bool = Field(description="Whether `GET /compare/hindcast` has forecasts of this period, at all leads.")
    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    observed: list[float]
    predictions: dict[str, list[float]] = Field(description="By model, including the baselines.")
    caveats: dict[str, str] = Field(
        description="What limits the predictions, by model, as `caveat` in `GET /compare`; empty if nothing does."
    )


class CompareRequest(SeriesRequest):
    """A request to roll every model and baseline through your own series, one step at a time."""

    model: str = Field(
        default="all",
        description="`all`, `best`, `rnn`, `lstm`, `gru`, or the full name of a model, such as `nino12-gru`.",
    )
    horizon: Annotated[Horizon, Field(strict=True)] | None = Field(
        default=None, description="The number of steps ahead to score. Defaults to 1."
    )
    predictions: bool = Field(default=False, strict=True, description="Also return the forecasts themselves.")
    events: ThresholdEvents = Field(
        default=(),
        description=f"Up to {MAX_VERIFIED_EVENTS} events beyond a threshold, whose forecasts from each past step are "
        "compared with what happened. `within` defaults to `horizon`, or to `for` if that is longer.",
    )
    baseline: InputBaseline | None = Field(
        default=None,
        description="The baseline for percentile thresholds in series without their own. Without either, the "
        "percentile is that of the past before each forecast, which must span ten years.",
    )


class SeriesPredictions(BaseModel):
    """The scored forecasts of one series, in the units of the request."""

    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    observed: list[float]
    predicted: dict[str, list[float]] = Field(description="By model, including the baselines.")


class SeriesComparison(BaseModel):
    """The accuracy of each model on one series. Universal networks add the release and the step of the series."""

    id: str
    dataset: str | None = None
    version: str | None = None
    step: str | None = None
    test: TestPeriod
    lowest_rmse: str = Field(description="The model or baseline with the lowest RMSE here.")
    models: list[Compared]
    warnings: list[SeriesWarning]
    predictions: SeriesPredictions | None = Field(default=None, description="Absent unless requested.")


class OwnComparison(BaseModel):
    """Accuracy on your own series: RNN, LSTM and GRU first, then the baselines.

    `test`, `lowest_rmse` and `models` cover all series together, with the baselines that every series allows. If no
    series could be used, `test` and `lowest_rmse` are absent and `models` is empty.
    """

    kind: Literal["own_series"]
    dataset: str | None = Field(default=None, description="Absent if several releases forecast the series.")
    version: str | None = Field(default=None, description="The version of the release.")
    units: Units = Field(description="The units of the errors.")
    step: str | None = None
    horizon: int
    test: TestPeriod | None = Field(default=None, description="The first and last scored step, and their number.")
    best: str | None = Field(
        default=None,
        description="The network that did best in training, on the validation part or on held-out seas.",
    )
    lowest_rmse: str | None = Field(default=None, description="The model or baseline with the lowest RMSE here.")
    models: list[Compared]
    series: list[SeriesComparison | SeriesFailure] = Field(description="In the order of the request.")
