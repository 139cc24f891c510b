"""Answer ``POST /compare`` with universal networks: each rolled through the caller's series, from every past step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.comparison import Rolled
from forecasting.evaluation.model_report import ModelReport
from forecasting.forecast_warning import ForecastWarning
from forecasting.releases.loaded_universal import LoadedUniversal
from forecasting.scores.accuracy import Accuracy, coverage, diebold_mariano, rounded_or_none, skill
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from forecasting.series.units import Units, from_celsius
from forecasting.universal.contexts.contexts import Contexts, read_contexts
from forecasting.universal.distribution import interval
from forecasting.universal.network.forecaster import Coefficients, Steps, UniversalForecaster
from forecasting.universal.own_past.past import Past
from forecasting.universal.own_past.references import forecast_references
from forecasting.universal.release import BEST
from service.api.compare.schemas import ComparedModel, ComparedNetwork
from service.engine.universal_forecaster import UniversalModels
from service.engine.writing import DEFAULT_LEVELS

_LEAST_SHARE: Final = 0.5
"""Share of the origins that a reference must know to be compared."""

Bounds = dict[str, dict[int, tuple[Floats, Floats]]]
"""Lower and upper bounds, °C ``(n,)``, by cell and level."""


@dataclass(frozen=True)
class UniversalRecord:
    """Forecasts of one series, or of several by one release, from their past.

    Attributes:
        loaded: the release.
        rolled: the forecasts at one lead.
        bounds: of the intervals of each network.
        horizon: the lead.
        units: of the errors.
        consecutive: whether the forecasts are of one series, so that p-values can be computed.
    """

    loaded: LoadedUniversal
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
        return cls(first.loaded, rolled, bounds, first.horizon, first.units, consecutive=False)

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
            else self._network_report(name, accuracy[name], best)
            for name in accuracy
        ]

    def _network_report(self, cell: str, accuracy: Accuracy, reference: str) -> ModelReport:
        predicted, observed = self.rolled.predicted, self.rolled.observed
        p_value = None
        if self.consecutive:
            p_value = diebold_mariano(predicted[cell] - observed, predicted[reference] - observed, self.horizon)
        shares = {
            level: coverage(observed[:, None], lower[:, None], upper[:, None])
            for level, (lower, upper) in self.bounds[cell].items()
        }
        return ModelReport(
            name=cell,
            kind="recurrent",
            accuracy={"test": accuracy},
            p_value=(rounded_or_none(p_value),),
            coverage=shares,
        )

    def full_name(self, name: str) -> str:
        """Return the name by which a request asks for a model."""
        return f"{self.loaded.dataset}-{name}" if name in self.bounds else name

    def row(self, model: ModelReport, models: Sequence[ModelReport]) -> ComparedModel:
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
            return errors
        metadata = self.loaded.networks.networks[model.name].metadata
        return ComparedNetwork(
            **errors.model_dump(),
            p_value=model.p_value[0] if model.p_value else None,
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

    models: UniversalModels
    horizon: int
    units: Units
    ids: Sequence[str]
    records: Sequence[UniversalRecord | SeriesError]

    @property
    def loaded(self) -> LoadedUniversal | None:
        """The release that the request names, or that all series share; None if they are of several."""
        used = {record.loaded.dataset: record.loaded for record in self._usable}
        return self.models.named or (next(iter(used.values())) if len(used) == 1 else None)

    def pooled(self) -> UniversalRecord | None:
        """Return the forecasts for all series together; None if no series could be used, or they have several steps."""
        usable = self._usable
        return UniversalRecord.pooled(usable) if usable and self.loaded else None

    @property
    def _usable(self) -> list[UniversalRecord]:
        return [record for record in self.records if isinstance(record, UniversalRecord)]


def roll_universal(
    loaded: LoadedUniversal,
    model: str,
    series: SstSeries,
    coefficients: Coefficients,
    horizon: int,
    units: Units,
) -> UniversalRecord | SeriesError:
    """Forecast a series ``horizon`` steps ahead from each of its past steps, with networks and references.

    Args:
        loaded: the release of its step.
        model: ``best``, ``all`` or a cell.
        series: the series.
        coefficients: climatology of its position, ``(7,)``; NaN where there is none.
        horizon: the lead that is scored.
        units: of the errors.
    """
    cells = [loaded.best] if model == BEST else list(loaded.select(model))
    metadata = loaded.networks.networks[cells[0]].metadata
    groups, failures = read_contexts([series], coefficients[None], 1, metadata, len(series))
    if failures:
        return failures[0]
    contexts = groups[0]
    origins = _scored_origins(contexts, horizon, metadata.minimum)
    if not len(origins):
        needed = metadata.minimum + horizon
        return SeriesError(
            f"there is nothing to compare with: send at least {needed} values, the last of them observed"
        )
    contexts = _until(contexts, int(origins[-1]))
    answers = {cell: _rolled(loaded.networks.networks[cell], contexts, origins, horizon) for cell in cells}
    references = forecast_references(Past.of(contexts, origins, horizon))
    predicted = {cell: answer[:, 0] for cell, answer in answers.items()}
    for name, forecast in references.items():
        column = forecast[0, :, -1]
        if np.isfinite(column).mean() >= _LEAST_SHARE:
            predicted[name] = column
    known = np.isfinite(np.stack(list(predicted.values()))).all(axis=0)
    bounds = {
        cell: {level: interval(level, answer[known, 1:], metadata.levels) for level in DEFAULT_LEVELS}
        for cell, answer in answers.items()
    }
    targets = series.times[0], groups[0].values[0][origins[known] + horizon]
    times = contexts.step.shift(targets[0], _first_step(series, groups[0]) + origins[known] + horizon)
    rolled = Rolled(
        times,
        targets[1],
        {name: column[known] for name, column in predicted.items()},
        {},
        contexts.warnings.get(0, ()),
    )
    return UniversalRecord(loaded, rolled, bounds, horizon, units)


def _first_step(series: SstSeries, contexts: Contexts) -> int:
    """Return the step of ``series`` that is the first of ``contexts``, which ends at the last observation."""
    step: int = len(series) - int(contexts.missing_after[0]) - contexts.values.shape[1]
    return step


def _scored_origins(contexts: Contexts, horizon: int, minimum: int) -> Steps:
    """Return the observed steps that follow enough values, and whose step ``horizon`` later was observed."""
    observed = np.isfinite(contexts.values[0])
    enough = np.cumsum(observed) >= minimum
    scored = observed[:-horizon] & enough[:-horizon] & observed[horizon:]
    return np.flatnonzero(scored).astype(np.int64)


def _until(contexts: Contexts, last: int) -> Contexts:
    """Return the contexts up to the step ``last``."""
    back = contexts.values.shape[1] - 1 - last
    return Contexts(
        contexts.step,
        contexts.row,
        contexts.values[:, : last + 1],
        contexts.step.shift(contexts.last_time, -back),
        contexts.missing_after * 0,
        contexts.coefficients,
        contexts.warnings,
    )


def _rolled(network: UniversalForecaster, contexts: Contexts, origins: Steps, horizon: int) -> Floats:
    """Return mean and quantiles at one lead from each origin, °C ``(origins, 1 + levels)``.

    A long series is cut into parts, in which each origin sees at least half of the longest context.
    """
    maximum, length = network.metadata.maximum, contexts.values.shape[1]
    size = max(maximum // 2, 1)
    parts = []
    for begin in range(int(origins[0]), length, size):
        inside = origins[(origins >= begin) & (origins < begin + size)]
        if not len(inside):
            continue
        last = int(inside[-1])
        first = max(last + 1 - maximum, 0)
        time = unix_seconds(contexts.step.shift(contexts.last_time, last - (length - 1)))
        values = contexts.values[:, first : last + 1]
        parts.append(network.backtest(values, time, contexts.coefficients, inside - first)[0, :, horizon - 1])
    return np.concatenate(parts)
