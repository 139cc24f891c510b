"""The forecasts of universal networks from the past of callers' series, and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.comparison import Rolled
from forecasting.evaluation.report import ModelReport, Skill
from forecasting.evaluation.rolling_origin import skills_at
from forecasting.forecast_warning import ForecastWarning
from forecasting.releases.loaded_universal import LoadedUniversal
from forecasting.releases.selection import Selection
from forecasting.scores.accuracy import Accuracy, coverage, diebold_mariano, rounded_or_none, skill
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius
from service.api.compare.schemas import ComparedBaseline, ComparedModel, ComparedNetwork

Bounds = dict[str, dict[int, tuple[Floats, Floats]]]
"""Lower and upper bounds, °C ``(n,)``, by cell and level."""


@dataclass(frozen=True)
class UniversalRecord:
    """Forecasts of one series, or of several by one release, from their past.

    Attributes:
        loaded: the release.
        step: of the series.
        rolled: the forecasts at one lead.
        bounds: of the intervals of each network.
        horizon: the lead.
        units: of the errors.
        consecutive: whether the forecasts are of one series, so that p-values can be computed.
    """

    loaded: LoadedUniversal
    step: TimeStep
    rolled: Rolled
    bounds: Bounds
    horizon: int
    units: Units
    consecutive: bool = True

    def with_warnings(self, warnings: tuple[ForecastWarning, ...]) -> "UniversalRecord":
        """Return the record with these warnings before its own."""
        return replace(self, rolled=replace(self.rolled, warnings=(*warnings, *self.rolled.warnings)))

    @classmethod
    def pooled(cls, records: "Sequence[UniversalRecord]") -> "UniversalRecord":
        """Join the records of several series by one release."""
        first = records[0]
        if len(records) == 1:
            return first
        bounds: Bounds = {
            cell: {
                level: (
                    np.concatenate([record.bounds[cell][level][0] for record in records]),
                    np.concatenate([record.bounds[cell][level][1] for record in records]),
                )
                for level in levels
            }
            for cell, levels in first.bounds.items()
        }
        rolled = Rolled.pooled([record.rolled for record in records])
        return cls(first.loaded, first.step, rolled, bounds, first.horizon, first.units, consecutive=False)

    def reports(self) -> list[ModelReport]:
        """Return the errors of each model, as its only lead."""
        observed = from_celsius(self.rolled.observed, self.units)[:, None]
        accuracy = {
            name: Accuracy.of(observed, from_celsius(column, self.units)[:, None])
            for name, column in self.rolled.predicted.items()
        }
        references = [name for name in accuracy if name not in self.bounds]
        best = min(references, key=lambda name: accuracy[name].rmse[0])
        return [
            ModelReport(name=name, kind="baseline", accuracy={"test": accuracy[name]})
            if name in references
            else self._network_report(name, accuracy[name], best, references)
            for name in accuracy
        ]

    def _network_report(self, cell: str, accuracy: Accuracy, best: str, references: Sequence[str]) -> ModelReport:
        predicted, observed = self.rolled.predicted, self.rolled.observed
        p_value, skill = None, dict[str, Skill]()
        if self.consecutive:
            error, errors = predicted[cell] - observed, {name: predicted[name] - observed for name in references}
            p_value = diebold_mariano(error, errors[best], self.horizon)
            skill = skills_at(error, errors, self.horizon)
        shares = {
            level: coverage(observed[:, None], lower[:, None], upper[:, None])
            for level, (lower, upper) in self.bounds[cell].items()
        }
        return ModelReport(
            name=cell,
            kind="recurrent",
            accuracy={"test": accuracy},
            p_value=(rounded_or_none(p_value),),
            skill=skill,
            coverage=shares,
        )

    def full_name(self, name: str) -> str:
        """Return the name by which a request asks for a model."""
        return f"{self.loaded.dataset}-{name}" if name in self.bounds else name

    def row(self, model: ModelReport, models: Sequence[ModelReport]) -> ComparedNetwork | ComparedBaseline:
        """Return one row of a comparison, with its skill over the baselines among ``models``."""
        accuracy = model.accuracy["test"]
        baselines = {other.name: other.accuracy["test"].rmse[0] for other in models if other.kind == "baseline"}
        errors = ComparedModel(
            model=self.full_name(model.name),
            kind=model.kind,
            mae=accuracy.mae[0],
            rmse=accuracy.rmse[0],
            mape=accuracy.mape[0],
            bias=accuracy.bias[0],
            skill={name: skill(accuracy.rmse[0], rmse) for name, rmse in baselines.items()},
        )
        if model.kind == "baseline":
            return ComparedBaseline(**errors.model_dump())
        metadata = self.loaded.networks.networks[model.name].metadata
        return ComparedNetwork(
            **errors.model_dump(),
            p_value=model.p_value[0] if model.p_value else None,
            skill_interval=skill_intervals(model, 0),
            coverage={str(level): shares[0] for level, shares in (model.coverage or {}).items()},
            parameters=metadata.parameters,
            latency_ms=metadata.latency_ms,
            train_seconds=metadata.train_seconds,
        )


@dataclass(frozen=True)
class UniversalCompared:
    """The forecasts of universal networks for each series.

    Attributes:
        models: the networks that were compared.
        horizon: the lead that was scored.
        units: of the errors.
        ids: the ID of each series.
        records: the forecasts for each series, or why it could not be used.
    """

    models: Selection
    horizon: int
    units: Units
    ids: Sequence[str]
    records: Sequence[UniversalRecord | SeriesError]

    @property
    def shared(self) -> tuple[LoadedUniversal, TimeStep] | None:
        """The release that the request names, or that all series share, and their step; None if there are several."""
        named = self.models.universal
        if named is not None:
            return named, named.step
        used = {(record.loaded.dataset, record.step): record for record in self._usable}
        return next(((entry.loaded, entry.step) for entry in used.values()), None) if len(used) == 1 else None

    def pooled(self) -> UniversalRecord | None:
        """Return the forecasts for all series together; None if no series could be used, or they have several steps."""
        usable = self._usable
        return UniversalRecord.pooled(usable) if usable and self.shared else None

    @property
    def _usable(self) -> list[UniversalRecord]:
        return [record for record in self.records if isinstance(record, UniversalRecord)]


def skill_intervals(model: ModelReport, i: int) -> dict[str, list[float] | None]:
    """Return the intervals of the skill of a model over each baseline, at lead ``i + 1``."""
    intervals: dict[str, list[float] | None] = {}
    for name, skills in model.skill.items():
        lower, upper = skills.lower[i], skills.upper[i]
        intervals[name] = None if lower is None or upper is None else [lower, upper]
    return intervals
