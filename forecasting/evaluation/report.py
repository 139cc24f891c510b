"""The report of a release: what was trained on which data, how good each model is, and the tables of errors."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ValidationError

from forecasting.errors import ReleaseError
from forecasting.evaluation.division import Split
from forecasting.events.definitions import Side
from forecasting.models.metadata import Imported, Period
from forecasting.scores.accuracy import Accuracy, skill
from forecasting.scores.events import EventScore
from forecasting.wording import counted

ModelKind = Literal["recurrent", "imported", "baseline"]
"""``recurrent``: trained here. ``imported``: trained elsewhere. ``baseline``: a reference."""


class LossCurves(BaseModel, frozen=True):
    """Mean loss by epoch of the weights that were not fitted on the validation part, in one-step spreads."""

    train: tuple[float, ...]
    validation: tuple[float, ...]


class Skill(BaseModel, frozen=True):
    """Skill against one reference on the test part, by lead."""

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
        seasons: coverage in each season of the part.
        score: mean interval score by lead, °C.
    """

    coverage: Coverage
    seasons: dict[str, Coverage]
    score: tuple[float, ...]


class ExceedanceReport(BaseModel, frozen=True):
    """Probabilities that a threshold is exceeded, on the test part."""

    threshold: float
    quantile: float
    brier: tuple[float, ...]
    climatology: tuple[float, ...]


class EventReport(BaseModel, frozen=True):
    """Probabilities of one event on the test part."""

    side: Side
    percentile: float
    duration: int
    first: int
    last: int
    assumed: bool = False
    score: EventScore

    @property
    def description(self) -> str:
        """The event in words: ``above the 90th percentile, 7 steps ahead``."""
        beyond = f"{self.side} the {self.percentile:g}th percentile"
        if self.first == self.last:
            return f"{beyond}, {counted(self.last, 'step')} ahead"
        return f"{counted(self.duration, 'step')} in a row {beyond}, within {counted(self.last, 'step')}"


class ModelReport(BaseModel, frozen=True):
    """One row of the comparison.

    Attributes:
        accuracy: errors by split, per lead; a reference has no ``validation`` if too little precedes it.
        p_value: p-value of the Diebold–Mariano test against the reference with the lowest test RMSE at that
            lead; None if it cannot be computed.
        coverage: share of observations inside the intervals on the test part, by level in percent, per lead.
        anomaly_correlation: correlation of anomalies on the test part, per lead; None if anomalies are constant.
        crps: continuous ranked probability score on the test part, °C, per lead.
        events: probabilities of extremes for the time of year; empty for a reference, and in older releases.
        parameters: number of trained weights.
        latency_ms: median time of a single forecast.
        epochs: number of epochs that the final weights were trained for.
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


class SeedSpread(BaseModel, frozen=True):
    """RMSE at lead 1 on the test part, °C, over several seeds: mean and standard deviation (n − 1)."""

    seeds: tuple[int, ...]
    rmse: tuple[float, ...]
    mean: float
    std: float


class Drift(BaseModel, frozen=True):
    """How far the test part is from the data that the weights were fitted on.

    Attributes:
        below: share of the values of the test part below the minimum.
        anomaly: mean difference of the test part from the climatology of the earlier data, °C: its warming.
        unlike: share of the windows of the test part that are marked ``outside_training``.
    """

    minimum: float
    maximum: float
    below: float
    above: float
    anomaly: float
    unlike: float


class StartReport(BaseModel, frozen=True):
    """Whether a network of a place starts from a universal network, and why.

    Attributes:
        release: name and version of the universal release.
        share: weight of the universal network, in quarters. The rest is the network fitted to the place.
        n: number of forecasts that the choice rests on, all from before the test part.
        rmse: RMSE of these forecasts, °C, by lead, for the weights 0 (``place``), ``quarter``, ``half``,
            ``three_quarters`` and 1 (``universal``); empty if the series was too short to fit a network to.
        position: a sentence on the position of the place.
    """

    release: str
    share: float
    n: int
    rmse: dict[str, tuple[float, ...]] = {}
    position: str = ""


class StationReport(BaseModel, frozen=True):
    """One station of a panel."""

    name: str
    trained_on: bool
    period: Period
    accuracy: dict[str, Accuracy]
    coverage: dict[int, Coverage] = {}


class Report(BaseModel, frozen=True):
    """``report.json`` of a release."""

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
    title: str | None = None
    fitted_until: str | None = None
    drift: Drift | None = None
    starts: dict[str, StartReport] = {}
    stations: tuple[StationReport, ...] = ()
    left_out: dict[str, Accuracy] = {}
    imported: dict[str, Imported] = {}

    @property
    def networks(self) -> tuple[ModelReport, ...]:
        """The models other than the references."""
        return tuple(model for model in self.models if model.kind != "baseline")

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
        """The leads shown to a reader: the first seven for daily steps, otherwise six, and the last."""
        first = 7 if self.step == "day" else 6
        return (*range(1, min(first, self.horizon) + 1), *([self.horizon] if self.horizon > first else []))

    def skill(self, model: ModelReport, lead: int) -> dict[str, float | None]:
        """Return the skill of ``model`` on the test part against each reference by name; None if it has no error."""
        rmse = model.accuracy["test"].rmse[lead - 1]
        return {reference.name: skill(rmse, reference.accuracy["test"].rmse[lead - 1]) for reference in self.baselines}


def parse_report(content: bytes) -> Report:
    """Parse ``report.json``."""
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise ReleaseError(f"the report is invalid: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


TITLES = {
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "persistence": "persistence",
    "climatology": "climatology",
    "damped": "damped anomaly persistence",
    "linear": "linear autoregression",
}


def model_title(name: str) -> str:
    """Return the name of a model as readers know it; an imported one goes by the name it was given."""
    return TITLES.get(name, name)


def accuracy_table(report: Report, lead: int = 1) -> str:
    """Return the accuracy on the test part at ``lead`` as an aligned Markdown table."""
    return models_table(report.models, lead)


def models_table(models: Sequence[ModelReport], lead: int = 1) -> str:
    """Return the table for models without a report."""
    rows: list[Sequence[str]] = [("Model", "MAE", "RMSE", "MAPE (%)")]
    for model in models:
        title = model_title(model.name) + (f" ({model.caveat})" if model.caveat else "")
        accuracy, at = model.accuracy["test"], lead - 1
        rows.append((title, figure(accuracy.mae[at]), figure(accuracy.rmse[at]), figure(accuracy.mape[at], 2)))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table of a header and rows; the first column is left-aligned, the others right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def figure(value: float | None, decimals: int = 4) -> str:
    """Format a number for a table; a dash if it is None."""
    return "–" if value is None else f"{value:.{decimals}f}"
