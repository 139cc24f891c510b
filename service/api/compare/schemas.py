"""The request and the responses of ``/compare``, as JSON."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from forecasting.evaluation.report import ModelKind
from forecasting.events.event_schema import MAX_VERIFIED_EVENTS, ThresholdEvents
from forecasting.forecasts.options import Horizon
from forecasting.models.metadata import NetworkKind
from forecasting.models.universal.report import HeldOutRow
from forecasting.scores.events import EventScore
from forecasting.series.units import Units
from service.api.forecast.schemas import Interval
from service.api.series_request import EXAMPLE_VALUES, SeriesFailure, SeriesRequest, SeriesWarning, Time
from service.engine.reading import AnyBaseline

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


class _Named(BaseModel):
    name: str


class EventVerification(EventScore, _Named):
    """How good the probabilities of one event were. All intervals account for autocorrelation."""


class EventVerificationFailure(_Named):
    """An event that could not be verified."""

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


class LeadCoverage(BaseModel):
    """The share of observations inside the intervals of one level, by lead."""

    share: list[float]
    error: list[float] | None = Field(
        description="The standard errors, which account for autocorrelation; null if the release does not record them."
    )


class LeadSkill(BaseModel):
    """The skill over one baseline, by lead, with its 95 % block-bootstrap interval."""

    value: list[float | None]
    lower: list[float | None]
    upper: list[float | None]


class LeadErrors(BaseModel):
    """The errors of one model, in °C on the test part, by lead. A baseline has neither `coverage` nor `skill`."""

    model: str
    kind: ModelKind
    n: list[int] = Field(description="The number of forecasts.")
    mae: list[float]
    rmse: list[float]
    bias: list[float]
    coverage: dict[str, LeadCoverage] = Field(description="By level, in percent.")
    skill: dict[str, LeadSkill] = Field(description="By baseline.")
    caveat: Caveat


class LeadComparison(BaseModel):
    """Accuracy on the test part at every lead: RNN, LSTM and GRU first, then the baselines."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    horizon: int = Field(description="The number of leads; the first entry of each list is one step ahead.")
    best: str = Field(description="The network with the lowest validation RMSE.")
    models: list[LeadErrors]


class HeldOutNetwork(BaseModel):
    """The scores of one universal network."""

    model: str
    parameters: int
    train_seconds: float
    held_out: list[HeldOutRow]
    held_out_without_companion: list[HeldOutRow] = Field(
        description="The same for a network that was trained without its companion, the regression that adapts to each "
        "series. It shows what the cell alone remembers. Empty if not recorded."
    )


class HeldOutComparison(BaseModel):
    """Accuracy of universal networks on held-out seas, by length of context: RNN, LSTM and GRU."""

    kind: Literal["held_out_seas"]
    dataset: str
    version: str
    step: str
    seas: int = Field(description="The number of simulated seas that the networks were trained on.")
    best: str = Field(description="The network with the lowest mean relative RMSE on held-out seas.")
    models: list[HeldOutNetwork]


class SeedRun(BaseModel):
    """A network trained again with another random seed."""

    seed: int
    rmse: float = Field(description="The RMSE on the test part, one step ahead, in °C.")


class TrainedNetwork(BaseModel):
    """How one network was trained."""

    model: str = Field(examples=["nino12-gru"])
    parameters: int
    epochs: int | None = Field(
        description="The epochs of the final fit, which makes the forecasts; null if not recorded."
    )
    train_loss: list[float] = Field(
        description="The mean loss of each epoch of the fit on the training part alone, in units of the one-step "
        "spread; empty if not recorded."
    )
    validation_loss: list[float] = Field(description="The loss of the same fit on the validation part.")
    seeds: list[SeedRun] = Field(description="One entry for each seed; empty if only one was trained.")


class TrainingRecord(BaseModel):
    """How a dataset's networks were trained."""

    dataset: str
    version: str
    step: str
    configuration: Mapping[str, int | float | str | bool] = Field(description="Every training setting.")
    networks: list[TrainedNetwork]


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


class OriginRun(BaseModel):
    """Consecutive steps of the test part, each of which a forecast can start from."""

    start: Time
    end: Time
    n: int


class PastForecast(BaseModel):
    """The forecast that would have been given from one origin, and what was observed."""

    origin: Time = Field(description="The time of the last observation that the forecast uses.")
    timestamps: list[Time] = Field(description="The valid times, in UTC.")
    sst: list[float]
    intervals: list[Interval]
    baselines: dict[str, list[float]]
    observed: list[float | None] = Field(
        description="The observations that followed; null where a value is missing, or after the end of the test part."
    )


class Observations(BaseModel):
    """The observations around the forecasts: the window before the first origin, and all that followed."""

    start: Time = Field(description="The time of the first value; the others follow at the step of the dataset.")
    values: list[float | None]


class HindcastAnswer(BaseModel):
    """Forecasts from past origins in the test part, by a network that has not seen it unless `caveat` says so."""

    dataset: str
    version: str
    units: Literal["celsius"]
    step: str
    model: str
    caveat: Caveat
    horizon: int
    origins: list[OriginRun] = Field(description="All times that a forecast can start from.")
    forecasts: list[PastForecast] = Field(description="In chronological order.")
    observations: Observations


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
    baseline: AnyBaseline | None = Field(
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
