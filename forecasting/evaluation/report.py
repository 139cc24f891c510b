"""The report of a release: what was trained on what, and how good each model is."""

from typing import Final, Literal

from pydantic import BaseModel, ValidationError

from forecasting.errors import ReleaseError
from forecasting.evaluation.division import Split
from forecasting.networks.metadata import Period
from forecasting.scores.accuracy import Accuracy, skill


class LossCurves(BaseModel, frozen=True):
    """Mean loss by epoch of the weights that have not seen the validation part, in one-step spreads."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


class Skill(BaseModel, frozen=True):
    """Against one reference on the test part, by lead.

    Attributes:
        value: 1 − RMSE / RMSE of the reference; None where that has no error.
        lower: of the interval that holds 95 % of block-bootstrap resamples.
        upper: of the same.
        p_value: Diebold and Mariano's, two-sided; None where there is no telling.
    """

    value: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    p_value: tuple[float | None, ...]


COVERAGE_TOLERANCE: Final = 0.03
"""By how much coverage may always be off its level."""


class Coverage(BaseModel, frozen=True):
    """Share of observations inside intervals, by lead, and its standard error with autocorrelation counted."""

    n: tuple[int, ...]
    share: tuple[float, ...]
    error: tuple[float, ...]

    def misses(self, level: int) -> tuple[int, ...]:
        """Leads at which coverage is farther from ``level`` percent than 3 points, and than two standard errors."""
        return tuple(
            lead
            for lead, (share, error) in enumerate(zip(self.share, self.error, strict=True), start=1)
            if abs(share - level / 100) > max(COVERAGE_TOLERANCE, 2 * error)
        )


class IntervalReport(BaseModel, frozen=True):
    """Intervals of one level on the test part.

    Attributes:
        coverage: over all of it.
        seasons: the same for each season that it holds.
        score: mean interval score by lead, °C.
    """

    coverage: Coverage
    seasons: dict[str, Coverage]
    score: tuple[float, ...]


class ExceedanceReport(BaseModel, frozen=True):
    """Probabilities that a threshold is exceeded, on the test part.

    Attributes:
        threshold: °C.
        quantile: of the values that the weights were fitted on, at which it stands.
        brier: score by lead; the lower the better.
        climatology: the same of how often those values exceeded it in the calendar month.
    """

    threshold: float
    quantile: float
    brier: tuple[float, ...]
    climatology: tuple[float, ...]


class ModelReport(BaseModel, frozen=True):
    """One row of the comparison.

    Attributes:
        name: the cell, or the baseline.
        kind: ``recurrent`` or ``baseline``.
        accuracy: by split, per lead; of a reference without ``validation`` where too little comes before that part to
            fit it to.
        p_value: of Diebold and Mariano's test against the baseline with the lowest test RMSE at that lead; None where
            there is no telling.
        coverage: of the intervals on the test part, by level in percent, per lead.
        anomaly_correlation: on the test part, per lead; None where anomalies do not vary.
        skill: of a network, against each reference.
        intervals: of a network, by level in percent.
        crps: continuous ranked probability score on the test part, °C, per lead.
        exceedance: of some thresholds.
        parameters: number of trained weights.
        train_seconds: wall time of fitting.
        latency_ms: median time of one forecast alone.
        epochs: that the final weights were trained for.
        loss: by epoch.
    """

    name: str
    kind: Literal["recurrent", "baseline"]
    accuracy: dict[Split, Accuracy]
    p_value: tuple[float | None, ...] | None = None
    coverage: dict[int, tuple[float, ...]] | None = None
    anomaly_correlation: tuple[float | None, ...] | None = None
    skill: dict[str, Skill] = {}
    intervals: dict[int, IntervalReport] = {}
    crps: tuple[float, ...] | None = None
    exceedance: tuple[ExceedanceReport, ...] = ()
    parameters: int | None = None
    train_seconds: float | None = None
    latency_ms: float | None = None
    epochs: int | None = None
    loss: LossCurves | None = None

    @property
    def validation_rmse(self) -> float:
        """RMSE at lead 1 on the validation part, °C: of the networks the one with the lowest is the best."""
        return self.accuracy["validation"].rmse[0]


class SeedSpread(BaseModel, frozen=True):
    """RMSE at lead 1 on the test part, °C, over several seeds: the mean and the standard deviation (n − 1)."""

    seeds: tuple[int, ...]
    rmse: tuple[float, ...]
    mean: float
    std: float


class Drift(BaseModel, frozen=True):
    """How far the test part lies from what the weights were fitted on.

    Attributes:
        minimum: °C, of what they were fitted on.
        maximum: °C.
        below: share of the test part's values under it.
        above: share over it.
        anomaly: mean of the test part's values less the climatology of what came before, °C: its warming.
        unlike: share of the test part's windows that are marked ``outside_training``.
    """

    minimum: float
    maximum: float
    below: float
    above: float
    anomaly: float
    unlike: float


class StationReport(BaseModel, frozen=True):
    """One station of a panel.

    Attributes:
        name: of the station.
        trained_on: whether the weights were fitted on it, among others.
        period: its test part.
        accuracy: on that, by model; the references are fitted on the station's own train and validation parts.
        coverage: on that, of the best network's intervals, by level.
    """

    name: str
    trained_on: bool
    period: Period
    accuracy: dict[str, Accuracy]
    coverage: dict[int, Coverage] = {}


class Report(BaseModel, frozen=True):
    """``report.json`` of a release.

    Attributes:
        dataset: its name.
        version: of the release.
        created: ISO 8601.
        step: as :class:`~forecasting.series.timestep.TimeStep` writes it.
        units: ``celsius``.
        window: values that a forecast starts from.
        horizon: leads that were evaluated.
        data_file: name of the file that was trained on.
        data_sha256: of it.
        notes: what reading the file had to change.
        periods: of the three parts.
        climatology: the harmonics of the reference, in words.
        configuration: every setting of the training.
        libraries: versions.
        models: the networks, then the baselines.
        seeds: spread over seeds, by cell; empty where one seed was trained.
        drift: of the test part out of what the weights were fitted on.
        stations: of a panel; empty where one series was trained on. ``models`` are then of all that were trained on.
        left_out: accuracy on the test parts of all stations that were left out of training together, by model.
    """

    dataset: str
    version: str
    created: str
    step: str
    units: str
    window: int
    horizon: int
    data_file: str
    data_sha256: str
    notes: tuple[str, ...]
    periods: dict[Split, Period]
    climatology: str
    configuration: dict[str, int | float | str | bool]
    libraries: dict[str, str]
    models: tuple[ModelReport, ...]
    seeds: dict[str, SeedSpread]
    drift: Drift | None = None
    stations: tuple[StationReport, ...] = ()
    left_out: dict[str, Accuracy] = {}

    @property
    def networks(self) -> tuple[ModelReport, ...]:
        """The recurrent models."""
        return tuple(model for model in self.models if model.kind == "recurrent")

    @property
    def baselines(self) -> tuple[ModelReport, ...]:
        """The references."""
        return tuple(model for model in self.models if model.kind == "baseline")

    @property
    def best(self) -> ModelReport:
        """The network with the lowest validation RMSE at lead 1."""
        return min(self.networks, key=lambda model: model.validation_rmse)

    @property
    def shown_leads(self) -> tuple[int, ...]:
        """The leads that are shown to a reader: a week of days, else six steps, and the last."""
        first = 7 if self.step == "day" else 6
        return (*range(1, min(first, self.horizon) + 1), *([self.horizon] if self.horizon > first else []))

    def skill(self, model: ModelReport, lead: int) -> dict[str, float | None]:
        """Skill of ``model`` on the test part at ``lead``, against each baseline by name; None if that has no error."""
        rmse = model.accuracy["test"].rmse[lead - 1]
        return {one.name: skill(rmse, one.accuracy["test"].rmse[lead - 1]) for one in self.baselines}


def parse_report(content: bytes) -> Report:
    """Read ``report.json``.

    Raises:
        ReleaseError: if it is not of this schema.
    """
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ReleaseError(f"its report cannot be used: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
