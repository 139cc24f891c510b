"""Forecasts of every model for the same steps of a series, each from the values before it, and their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.evaluation.events import Verified, pooled
from forecasting.evaluation.report import ModelReport, Skill
from forecasting.evaluation.rolling_origin import skills_at
from forecasting.forecast_warning import ForecastWarning
from forecasting.models.metadata import CheckpointMetadata, NetworkKind, Period
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.scores.accuracy import Accuracy, coverage, diebold_mariano, rounded_or_none
from forecasting.series.times import Floats, Times, iso
from forecasting.series.units import Units, from_celsius

Bounds = Mapping[int, tuple[Floats, Floats]]
"""Lower and upper bounds of intervals, °C ``(n,)``, by level in percent."""


@dataclass(frozen=True)
class NetworkFacts:
    """What a comparison says of a network beside its errors."""

    model: str
    kind: NetworkKind
    parameters: int
    latency_ms: float
    train_seconds: float | None

    @classmethod
    def of(cls, metadata: CheckpointMetadata | UniversalMetadata, kind: NetworkKind = "recurrent") -> "NetworkFacts":
        """Return what the metadata of a checkpoint says."""
        return cls(metadata.model, kind, metadata.parameters, metadata.latency_ms, metadata.train_seconds)


@dataclass(frozen=True)
class Backtest:
    """Forecasts of every model for the same steps of one series, or of several.

    Attributes:
        times: times of the steps, UTC ``(n,)``.
        observed: °C, ``(n,)``.
        predicted: °C, ``(n,)``, by name: the networks by cell, then the references that the series is long enough for.
        bounds: bounds of the intervals of each network, by cell.
        networks: facts of the networks, by cell.
        warnings: what a reader should know.
        events: verification of the requested events.
        consecutive: whether the steps follow each other in one series, so that p-values can be computed.
    """

    times: Times
    observed: Floats
    predicted: Mapping[str, Floats]
    bounds: Mapping[str, Bounds]
    networks: Mapping[str, NetworkFacts]
    warnings: tuple[ForecastWarning, ...] = ()
    events: Verified = field(default_factory=dict)
    consecutive: bool = True

    @property
    def period(self) -> Period:
        """First and last forecast step, and the number of steps."""
        return Period(start=iso(self.times.min()), end=iso(self.times.max()), n=len(self.times))

    def with_warnings(self, warnings: tuple[ForecastWarning, ...]) -> "Backtest":
        """Return the backtest with these warnings before its own."""
        return replace(self, warnings=(*warnings, *self.warnings)) if warnings else self

    @classmethod
    def pooled(cls, parts: "Sequence[Backtest]") -> "Backtest":
        """Join several series, at least one, with the models that all of them have.

        The errors at neighbouring places are correlated, so more series are not more evidence.
        """
        first = parts[0]
        if len(parts) == 1:
            return first
        names = [name for name in first.predicted if all(name in part.predicted for part in parts)]
        return cls(
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.observed for part in parts]),
            {name: np.concatenate([part.predicted[name] for part in parts]) for name in names},
            {
                cell: {
                    level: (
                        np.concatenate([part.bounds[cell][level][0] for part in parts]),
                        np.concatenate([part.bounds[cell][level][1] for part in parts]),
                    )
                    for level in levels
                }
                for cell, levels in first.bounds.items()
            },
            first.networks,
            events=pooled([part.events for part in parts]),
            consecutive=False,
        )

    def reports(self, horizon: int, units: Units) -> list[ModelReport]:
        """Return the errors of each model, as its only lead."""
        observed = from_celsius(self.observed, units)[:, None]
        accuracy = {
            name: Accuracy.of(observed, from_celsius(column, units)[:, None]) for name, column in self.predicted.items()
        }
        references = [name for name in accuracy if name not in self.bounds]
        best = min(references, key=lambda name: accuracy[name].rmse[0])
        return [
            ModelReport(name=name, kind="baseline", accuracy={"test": accuracy[name]})
            if name in references
            else self._network_report(name, accuracy[name], horizon, references, best)
            for name in accuracy
        ]

    def _network_report(
        self, cell: str, accuracy: Accuracy, horizon: int, references: Sequence[str], best: str
    ) -> ModelReport:
        predicted, p_value, skill = self.predicted, None, dict[str, Skill]()
        if self.consecutive:
            error = predicted[cell] - self.observed
            errors = {name: predicted[name] - self.observed for name in references}
            p_value = diebold_mariano(error, errors[best], horizon)
            skill = skills_at(error, errors, horizon)
        return ModelReport(
            name=cell,
            kind=self.networks[cell].kind,
            accuracy={"test": accuracy},
            p_value=(rounded_or_none(p_value),),
            skill=skill,
            coverage={
                level: coverage(self.observed[:, None], lower[:, None], upper[:, None])
                for level, (lower, upper) in self.bounds[cell].items()
            },
        )
