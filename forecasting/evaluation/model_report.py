"""The part of a report about one model: its errors, skill, intervals and probabilities."""

from typing import Final, Literal

from pydantic import BaseModel

from forecasting.evaluation.division import Split
from forecasting.evaluation.event_report import EventReport
from forecasting.scores.accuracy import Accuracy

ModelKind = Literal["recurrent", "imported", "baseline"]
"""``recurrent``: trained here. ``imported``: trained elsewhere. ``baseline``: a reference."""


class LossCurves(BaseModel, frozen=True):
    """Mean loss by epoch of the weights that were not fitted on the validation part, in one-step spreads."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


class Skill(BaseModel, frozen=True):
    """Skill against one reference on the test part, by lead.

    Attributes:
        value: 1 − RMSE / RMSE of the reference; None if the reference has no error.
        lower: lower end of the 95 % interval over block-bootstrap resamples.
        upper: upper end of that interval.
        p_value: of the two-sided Diebold–Mariano test; None if it cannot be computed.
    """

    value: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    p_value: tuple[float | None, ...]


COVERAGE_TOLERANCE: Final = 0.03
"""Difference between coverage and level that is always accepted."""


class Coverage(BaseModel, frozen=True):
    """Share of observations inside intervals by lead, and its standard error, which accounts for autocorrelation."""

    n: tuple[int, ...]
    share: tuple[float, ...]
    error: tuple[float, ...]

    def misses(self, level: int) -> tuple[int, ...]:
        """Return the leads where coverage differs from ``level`` percent by over 3 points and two standard errors."""
        return tuple(
            lead
            for lead, (share, error) in enumerate(zip(self.share, self.error, strict=True), start=1)
            if abs(share - level / 100) > max(COVERAGE_TOLERANCE, 2 * error)
        )


class IntervalReport(BaseModel, frozen=True):
    """Intervals of one level on the test part.

    Attributes:
        coverage: over the whole part.
        seasons: coverage in each season of the part.
        score: mean interval score by lead, °C.
    """

    coverage: Coverage
    seasons: dict[str, Coverage]
    score: tuple[float, ...]


class ExceedanceReport(BaseModel, frozen=True):
    """Probabilities that a threshold is exceeded, on the test part.

    Attributes:
        threshold: °C.
        quantile: of the values that the weights were fitted on, which gives the threshold.
        brier: Brier score by lead; lower is better.
        climatology: Brier score of how often those values exceeded the threshold in the calendar month.
    """

    threshold: float
    quantile: float
    brier: tuple[float, ...]
    climatology: tuple[float, ...]


class ModelReport(BaseModel, frozen=True):
    """One row of the comparison.

    Attributes:
        name: of the cell or the reference.
        kind: ``recurrent``, ``imported`` or ``baseline``.
        accuracy: by split, per lead; a reference has no ``validation`` if too little precedes that part to fit it.
        p_value: of the Diebold–Mariano test against the reference with the lowest test RMSE at that lead; None if it
            cannot be computed.
        coverage: of the intervals on the test part, by level in percent, per lead.
        anomaly_correlation: on the test part, per lead; None if anomalies are constant.
        skill: of a network, against each reference.
        intervals: of a network, by level in percent.
        crps: continuous ranked probability score on the test part, °C, per lead.
        exceedance: for several thresholds.
        events: probabilities of extremes for the time of year; empty for a reference, and in older releases.
        parameters: number of trained weights.
        train_seconds: wall time of fitting.
        latency_ms: median time of a single forecast.
        epochs: number of epochs that the final weights were trained for.
        loss: by epoch.
        caveat: a limit of the test figures, such as ``may have seen the test part``; None if there is none.
    """

    name: str
    kind: ModelKind
    accuracy: dict[Split, Accuracy]
    p_value: tuple[float | None, ...] | None = None
    coverage: dict[int, tuple[float, ...]] | None = None
    anomaly_correlation: tuple[float | None, ...] | None = None
    skill: dict[str, Skill] = {}
    intervals: dict[int, IntervalReport] = {}
    crps: tuple[float, ...] | None = None
    exceedance: tuple[ExceedanceReport, ...] = ()
    events: tuple[EventReport, ...] = ()
    parameters: int | None = None
    train_seconds: float | None = None
    latency_ms: float | None = None
    epochs: int | None = None
    loss: LossCurves | None = None
    caveat: str | None = None

    @property
    def validation_rmse(self) -> float:
        """RMSE at lead 1 on the validation part, °C; the best network has the lowest."""
        return self.accuracy["validation"].rmse[0]
