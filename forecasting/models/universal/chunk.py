"""Forecasts of some tens of series at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from forecasting.climatology.usual import Usual
from forecasting.events.detection import steps_after
from forecasting.events.paths import Coupling, Dependence
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Chosen, Forecast
from forecasting.models.universal.backtest import (
    MAX_ORIGINS,
    MAX_ORIGINS_OF_ONE,
    MIN_ORIGINS,
    AllowedRange,
    Record,
    errors_of,
    past_origins,
    relative_departures,
    symmetric_quantiles,
    width_factors,
)
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.network import SharedParts, UniversalForecaster
from forecasting.models.universal.references import Autoregression, Past, Steps, references_and_usual
from forecasting.series.times import Floats, Times, unix_seconds

_NO_ORIGINS: Final = np.empty(0, dtype=np.int64)


class ChunkOptions(NamedTuple):
    """The options of the requested forecasts.

    Attributes:
        horizon: number of steps after the end of each series.
        cell: of the network that was named; None for the best model.
        best_on_held_out: cell of the network that answers where the record is too short.
        record: whether to forecast the past of each series too.
        references: whether to fit references to each series even without a record.
    """

    horizon: int
    cell: str | None
    best_on_held_out: str
    record: bool
    references: bool


def forecast_chunk(
    contexts: Contexts, networks: Mapping[str, UniversalForecaster], shared: SharedParts | None, options: ChunkOptions
) -> dict[int, Forecast[Quantiles]]:
    """Forecast each of ``contexts``, by index in the request.

    Args:
        contexts: of similar length.
        networks: by cell.
        shared: what all ``networks`` compute alike, if they do.
        options: what is asked of each forecast.
    """
    cell, best = options.cell, options.best_on_held_out
    cells = [cell or best] if cell or not options.record else sorted(networks, key=best.__ne__)
    used = {networks[name].metadata.model: networks[name] for name in cells}
    chunk = _Chunk.run(contexts, used, shared if len(used) > 1 else None, options)
    return {row: chunk.forecast(place) for place, row in enumerate(contexts.row.tolist())}


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Forecasts of several series from their end, and from their past.

    Attributes:
        contexts: the series.
        horizon: number of leads asked for.
        named: whether the caller named the network.
        levels: probabilities of the quantiles.
        origins: past steps that were forecast from, ``(origins,)``; may be none.
        stride: steps between origins.
        times: valid times, UTC ``(n, horizon)``.
        answers: mean and quantiles from the origins and then from the end, °C ``(n, origins + 1, leads, 1 + levels)``,
            by full name of the network. The first is the network that answers where the record is too short. They may
            have more leads than are asked for, and than references have.
        references: of the origins and then of the end, °C ``(n, origins + 1, leads)``, by name.
        errors: of the networks and then the references at the origins, °C ``(candidates, n, origins, leads)``.
        network_errors: of the networks at all leads of their answers, °C ``(networks, n, origins, leads)``.
        autoregression: on the series; None if references are not fitted.
        allowed: range of the forecasts at the leads asked for.
        dependences: of the networks, by full name; None for those without one.
        usual: what the climatology of each series rests on; None without one.
    """

    contexts: Contexts
    horizon: int
    named: bool
    levels: tuple[float, ...]
    origins: Steps
    stride: int
    times: Times
    answers: dict[str, Floats]
    references: dict[str, Floats]
    errors: Floats
    network_errors: Floats
    autoregression: Autoregression | None
    allowed: AllowedRange
    dependences: dict[str, Dependence | None]
    usual: list[Usual | None]

    @classmethod
    def run(
        cls,
        contexts: Contexts,
        networks: Mapping[str, UniversalForecaster],
        shared: SharedParts | None,
        options: ChunkOptions,
    ) -> "_Chunk":
        """Run the networks and the references on ``contexts``."""
        metadata = next(iter(networks.values())).metadata
        horizon, origins, stride = options.horizon, _NO_ORIGINS, 1
        if options.record:
            limit = MAX_ORIGINS if options.cell is None else MAX_ORIGINS_OF_ONE
            origins, stride = past_origins(contexts, metadata.minimum, metadata.maximum, limit)
        leads = int(contexts.missing_after.max()) + horizon
        with_end = np.append(origins, contexts.values.shape[1] - 1)
        answers = _answers(networks, shared, contexts, with_end, leads + steps_after(contexts.step))
        past = Past.of(contexts, with_end, leads)
        fitted = options.record or options.references
        autoregression = Autoregression.fit(past) if fitted else None
        references, usual = references_and_usual(past, fitted=fitted, autoregression=autoregression)
        means = np.stack([answer[:, :-1, :, 0] for answer in answers.values()])
        network_errors = errors_of(contexts, means, origins, metadata.minimum)
        others = np.stack([forecast[:, :-1] for forecast in references.values()])
        errors = np.concatenate([network_errors[..., :leads], errors_of(contexts, others, origins, metadata.minimum)])
        ahead = contexts.missing_after[:, None] + np.arange(1, horizon + 1)
        times = contexts.step.shift(contexts.last_time[:, None], ahead)
        return cls(
            contexts,
            horizon,
            options.cell is not None,
            metadata.levels,
            origins,
            stride,
            times,
            answers,
            references,
            errors,
            network_errors,
            autoregression,
            AllowedRange.of(contexts.values, contexts.coefficients, contexts.step, ahead),
            {name: network.metadata.dependence for name, network in networks.items()},
            usual,
        )

    def forecast(self, place: int) -> Forecast[Quantiles]:
        """Return the forecast of the series at ``place``, by the model that its record chooses."""
        record = self._record(place)
        model, warnings = self._choose(place, record)
        network = model if model in self.answers else self._network(record)
        leads = self._leads(place)
        quantiles = self._quantiles(place, model, record)
        references = {name: forecast[place, -1][leads] for name, forecast in self.references.items()}
        known = {name: forecast for name, forecast in references.items() if np.isfinite(forecast[0])}
        past = record.skill() if record and record.origins else None
        return Forecast(
            model=model,
            times=self.times[place],
            sst=self._sst(place, model),
            distribution=Quantiles(
                coupling=self._coupling(place, network, model, record, len(quantiles)),
                horizon=self.horizon,
                unobserved=leads.start,
                quantiles=quantiles,
                levels=self.levels,
            ),
            baselines=known,
            warnings=(*self.contexts.warnings.get(int(self.contexts.row[place]), ()), *warnings),
            usual=self.usual[place],
            chosen=self._chosen(place, record),
            past=past,
        )

    def _choose(self, place: int, record: Record | None) -> tuple[str, tuple[ForecastWarning, ...]]:
        """Return the model that forecasts the series at ``place``, and warnings about it.

        That is the preferred one whose forecast is within the allowed range; an autoregression also has to be stable.
        If there is none, the one that leaves it least forecasts.
        """
        candidates, warnings = iter(self.answers), tuple[ForecastWarning, ...]()
        if record and record.origins >= MIN_ORIGINS:
            ranked = (model for model in record.by_preference() if self._is_stable(place, model))
            if not self.named:
                candidates = ranked
            elif (better := next(ranked)) not in self.answers:
                warnings = (_reference_is_better(record, next(iter(self.answers)), better),)
        excess = dict[str, float]()
        for model in candidates:
            excess[model] = self.allowed.excess(place, self._sst(place, model))
            if not excess[model]:
                break
        preferred, model = next(iter(excess)), min(excess, key=excess.__getitem__)
        known = self.contexts.warnings.get(int(self.contexts.row[place]), ())
        if excess[preferred] and not starts_from_suspect(known):
            sst = self._sst(place, preferred)
            outside = self.allowed.warning(place, sst, preferred, model, allowed=not excess[model])
            warnings = (*warnings, outside)
        return model, warnings

    def _network(self, record: Record | None) -> str:
        """Return the best network on the record, or on held-out seas where that is too short."""
        return record.best_network() if record and record.origins >= MIN_ORIGINS else next(iter(self.answers))

    def _is_stable(self, place: int, model: str) -> bool:
        if model != "linear" or self.autoregression is None:
            return True
        return bool(np.isfinite(self.references[model][place, -1]).all()) and self.autoregression.is_stable(place)

    def _sst(self, place: int, model: str) -> Floats:
        """Return the forecast of a network or reference, °C ``(horizon,)``."""
        leads = self._leads(place)
        if model in self.references:
            return self.references[model][place, -1, leads]
        return self.answers[model][place, -1, leads, 0]

    def _chosen(self, place: int, record: Record | None) -> Chosen | None:
        """Return why a model was chosen; None if the caller named it."""
        if self.named:
            return None
        if not record or not record.origins:
            return Chosen("held_out_seas", 0, {})
        by: Literal["own_past", "held_out_seas"] = "own_past" if record.origins >= MIN_ORIGINS else "held_out_seas"
        return Chosen(by, record.origins, record.rmse, self._since(place))

    def _coupling(self, place: int, network: str, model: str, record: Record | None, steps: int) -> Coupling:
        """Return how the leads are related: as in forecasts of ``network`` for series with errors like those here."""
        dependence = self.dependences[network]
        if dependence and record and record.origins >= MIN_ORIGINS:
            errors = self.errors[record.names.index(model), place, :, : self._leads(place).stop]
            dependence = dependence.suited_to(errors)
        return Coupling(dependence, tuple(range(1, steps + 1)))

    def _leads(self, place: int) -> slice:
        first = int(self.contexts.missing_after[place])
        return slice(first, first + self.horizon)

    def _record(self, place: int) -> Record | None:
        if not len(self.origins):
            return None
        leads = self._leads(place)
        names = (*self.answers, *self.references)
        return Record(names, self.errors[:, place, :, leads], len(self.answers), self.stride, leads.start + 1)

    def _since(self, place: int) -> np.datetime64:
        """Return the first time that a past forecast of the series at ``place`` started from."""
        scored = np.isfinite(self.errors[0, place, :, self._leads(place).start])
        back = self.contexts.values.shape[1] - 1 - int(self.origins[scored.argmax()])
        since: np.datetime64 = self.contexts.step.shift(self.contexts.last_time[place : place + 1], -back)[0]
        return since

    def _quantiles(self, place: int, model: str, record: Record | None) -> Floats:
        """Return quantiles of the steps after the last observation, °C ``(steps, levels)``.

        Those of a reference end with the last lead that was asked for. A network may have more.
        """
        until = self._leads(place).stop
        if model in self.references and record:
            errors = self.errors[record.names.index(model), place, :, :until]
            return self.references[model][place, -1, :until, None] + symmetric_quantiles(errors, self.levels)
        until += steps_after(self.contexts.step)
        answers = self.answers[model][place, :, :until]
        quantiles = answers[-1, :, 1:]
        if record:
            errors = self.network_errors[record.names.index(model), place, :, :until]
            factors = width_factors(relative_departures(answers[:-1], errors, self.levels), self.stride)[:, None]
            middle = quantiles[:, len(self.levels) // 2, None]
            quantiles = middle + (quantiles - middle) * factors
        return quantiles


def _answers(
    networks: Mapping[str, UniversalForecaster],
    shared: SharedParts | None,
    contexts: Contexts,
    origins: Steps,
    leads: int,
) -> dict[str, Floats]:
    """Return mean and quantiles from ``origins``, which end with the last step, by name of the network.

    Each is °C ``(n, origins, leads, 1 + levels)``. A network sees at most the longest context that it uses.
    """
    metadata = next(iter(networks.values())).metadata
    values = contexts.values[:, -metadata.maximum :]
    last_time = unix_seconds(contexts.last_time)
    within = origins - (contexts.values.shape[1] - values.shape[1])
    if shared is not None and len(origins) > 1:
        answers = shared.backtest(values, last_time, contexts.coefficients, within)
        return {name: answers[name][:, :, :leads] for name in networks}
    if len(origins) > 1:
        return {
            name: network.backtest(values, last_time, contexts.coefficients, within)[:, :, :leads]
            for name, network in networks.items()
        }
    return {
        name: network.predict(values, last_time, contexts.coefficients)[:, None, :leads]
        for name, network in networks.items()
    }


def _reference_is_better(record: Record, model: str, reference: str) -> ForecastWarning:
    return ForecastWarning(
        "reference_is_better",
        f"over {record.origins} past forecasts of this series, the reference {reference} had an RMSE of "
        f"{record.rmse[reference]:.3g} °C, and {model} of {record.rmse[model]:.3g} °C",
    )
