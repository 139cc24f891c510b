"""Forecasts of many series as columns, made some tens of series at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import Coefficients
from forecasting.climatology.usual import Usual
from forecasting.events.detection import steps_after
from forecasting.events.paths import Coupling
from forecasting.forecast_warning import ForecastWarning, are_calibrated, starts_from_suspect
from forecasting.forecasts.forecast import Chosen, Forecast, PastSkill, WeatherUse
from forecasting.forecasts.forecasts import Columns, Errors, Forecasts
from forecasting.models.universal.backtest import (
    MAX_ORIGINS,
    MAX_ORIGINS_OF_ONE,
    MIN_ORIGINS,
    AllowedRange,
    PastErrors,
    errors_of,
    past_origins,
    relative_departures,
    symmetric_quantiles,
    width_factors,
)
from forecasting.models.universal.contexts import Contexts, Indices
from forecasting.models.universal.distribution import Quantiles, distributions_of, exceedance, interval, spread_of
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.models.universal.mixture import MIXTURE, Mixture
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.pooled import Backtest, PooledMixture
from forecasting.models.universal.references import Past, Steps, forecast_references, usual_at_end
from forecasting.models.universal.weather import AlignedWeather, Older, correct, weather_use
from forecasting.references.baselines import REFERENCES
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Bools, Floats, Times, unix_seconds
from forecasting.series.timestep import TimeStep

Item = TypeVar("Item")

_SHOWN: Final = 5e-4
"""Weights below are 0 when they are written."""

_ORIGINS_OF_WEATHER: Final = 24
"""Past forecasts that tell what weather is worth where no backtest is asked for, as in grids."""

_NO_ORIGINS: Final = np.empty(0, dtype=np.int64)
_HELD_OUT: Final = Chosen("held_out_seas", 0, {})


class ChunkOptions(NamedTuple):
    """The options of the requested forecasts."""

    horizon: int
    named: bool
    backtest: bool
    references: bool
    concise: bool
    pooled: PooledMixture | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """Forecasts of several series of a batch, a row each.

    Attributes:
        row: index of each series in the batch, ``(n,)``.
        last_time: time of the last observation, UTC ``(n,)``.
        unobserved: number of steps between the last observation and the first lead, ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``; NaN where it is not known or disagrees with the values.
        times: valid times, UTC ``(n, horizon)``.
        sst: °C, ``(n, horizon)``.
        quantiles: of the steps after the last observation, °C ``(n, steps, levels)``; NaN where a row has fewer steps.
        references: °C ``(n, horizon)``, by name; NaN where a series has none.
        model: full name of each network or reference.
        couplings: of the steps of each row.
        warnings: about each series and forecast.
        usual: what the climatology of each series rests on.
        chosen: why each model was chosen.
        past: how well models forecast the past of each series.
        weather: what each forecast made of the weather over its series; None without any.
    """

    row: Indices
    last_time: Times
    unobserved: Indices
    coefficients: Coefficients
    times: Times
    sst: Floats
    quantiles: Floats
    references: dict[str, Floats]
    model: list[str]
    couplings: list[Coupling]
    warnings: list[tuple[ForecastWarning, ...]]
    usual: Sequence[Usual | None]
    chosen: list[Chosen | None]
    past: Sequence[PastSkill | None]
    weather: Sequence[WeatherUse | None]

    @classmethod
    def of(cls, forecasts: Mapping[int, Forecast[Quantiles]], step: TimeStep, coefficients: Coefficients) -> "Made":
        """Return forecasts that were made one by one, at least one, by the index of their series.

        Args:
            forecasts: at ``step``.
            step: the step of the batch.
            coefficients: climatology of each series of the batch, °C ``(series, 7)``.
        """
        rows = sorted(forecasts)
        made = [forecasts[i] for i in rows]
        unobserved = np.asarray([forecast.distribution.unobserved for forecast in made])
        times, nothing = np.stack([forecast.times for forecast in made]), np.full(made[0].sst.shape, np.nan)
        names = dict.fromkeys(name for forecast in made for name in forecast.baselines)
        return cls(
            row=np.asarray(rows),
            last_time=step.shift(times[:, 0], -1 - unobserved),
            unobserved=unobserved,
            coefficients=coefficients[rows],
            times=times,
            sst=np.stack([forecast.sst for forecast in made]),
            quantiles=_padded([forecast.distribution.quantiles[None] for forecast in made]),
            references={name: np.stack([forecast.baselines.get(name, nothing) for forecast in made]) for name in names},
            model=[forecast.model for forecast in made],
            couplings=[forecast.distribution.coupling for forecast in made],
            warnings=[forecast.warnings for forecast in made],
            usual=[forecast.usual for forecast in made],
            chosen=[forecast.chosen for forecast in made],
            past=[forecast.past for forecast in made],
            weather=[forecast.weather for forecast in made],
        )


def columns_of(
    parts: Sequence[Made],
    batch: SeriesBatch,
    columns: Columns,
    earlier: Mapping[int, tuple[ForecastWarning, ...]],
    network: UniversalForecaster,
    errors: Errors,
) -> Forecasts:
    """Return forecasts in the order of their ``batch``, in °C.

    Args:
        parts: at least one.
        batch: the series.
        columns: levels, and thresholds in °C.
        earlier: warnings that come before those of the forecasts, by series.
        network: any of those that forecast.
        errors: of the other series.
    """
    levels, version = network.metadata.levels, network.metadata.version
    row = np.concatenate([part.row for part in parts])
    order = np.argsort(row, kind="stable")
    row, n, horizon = row[order], len(row), parts[0].times.shape[1]
    sst = np.concatenate([part.sst for part in parts])[order]
    unobserved = np.concatenate([part.unobserved for part in parts])[order]
    couplings = _ordered([part.couplings for part in parts], order)
    own = _ordered([part.warnings for part in parts], order)
    warnings = [(*earlier.get(i, ()), *some) for i, some in zip(row.tolist(), own, strict=True)]
    quantiles = _padded([part.quantiles for part in parts])[order]
    references = _references(parts, order)
    columns = Columns(columns.levels, columns.thresholds, tuple(references))
    table = np.empty((n, columns.count, horizon))
    table[:, 0] = sst
    ahead = unobserved[:, None] + np.arange(horizon)
    at_leads = np.take_along_axis(quantiles, ahead[:, :, None], axis=1) if unobserved.any() else quantiles[:, :horizon]
    for c, level in enumerate(columns.levels):
        table[:, 1 + 2 * c], table[:, 2 + 2 * c] = interval(level, at_leads, levels)
    for c, threshold in enumerate(columns.thresholds, columns.first_threshold):
        table[:, c] = exceedance(threshold, at_leads, levels)
    for c, values in enumerate(references.values(), columns.first_reference):
        table[:, c] = values
    return Forecasts(
        columns=columns,
        table=table,
        units="celsius",
        row=row.astype(np.intp),
        issued=np.concatenate([part.last_time for part in parts])[order],
        times=np.concatenate([part.times for part in parts])[order],
        model=_ordered([part.model for part in parts], order),
        version=[version] * n,
        step=[str(batch.step)] * n,
        calibrated=np.asarray([not some or are_calibrated(some) for some in warnings]),
        warnings=warnings,
        usual=_ordered([part.usual for part in parts], order),
        chosen=_ordered([part.chosen for part in parts], order),
        past=_ordered([part.past for part in parts], order),
        weather=_ordered([part.weather for part in parts], order) if batch.weather else (),
        distributions=distributions_of(quantiles, levels, horizon, unobserved, couplings),
        series=batch if n == len(batch) else batch.take(row),
        coefficients=np.concatenate([part.coefficients for part in parts])[order],
        errors=errors,
    )


def _ordered(parts: Sequence[Sequence[Item]], order: npt.NDArray[np.intp]) -> list[Item]:
    flat = [item for part in parts for item in part]
    return [flat[index] for index in order.tolist()]


def _padded(parts: Sequence[Floats]) -> Floats:
    """Join quantiles ``(n, steps, levels)``, which may differ in the number of steps."""
    steps = max(part.shape[1] for part in parts)
    joined = np.full((sum(map(len, parts)), steps, parts[0].shape[2]), np.nan)
    begin = 0
    for part in parts:
        joined[begin : begin + len(part), : part.shape[1]] = part
        begin += len(part)
    return joined


def _references(parts: Sequence[Made], order: npt.NDArray[np.intp]) -> dict[str, Floats]:
    """Return the references of all parts, those of the first series first; NaN where a series has none."""
    joined: dict[str, Floats] = {}
    for name in REFERENCES:
        if any(name in part.references for part in parts):
            missing = [np.full_like(part.sst, np.nan) for part in parts if name not in part.references]
            rest = iter(missing)
            columns = [part.references[name] if name in part.references else next(rest) for part in parts]
            joined[name] = np.concatenate(columns)[order]
    known = {name: np.isfinite(values[:, 0]) for name, values in joined.items()}
    present = [name for name in joined if known[name].any()]
    return {name: joined[name] for name in sorted(present, key=lambda name: int(known[name].argmax()))}


def _correct_for_weather(
    answers: Floats,
    contexts: Contexts,
    metadata: UniversalMetadata,
    origins: Steps,
    horizon: int,
) -> list[WeatherUse | None]:
    """Correct the ``answers`` of a network in place for the weather, and return what each forecast made of it.

    Warnings are added to ``contexts``.
    """
    assert metadata.weather is not None
    leads = answers.shape[2]
    older = Older.of(contexts, origins, leads, metadata.minimum)
    every = np.concatenate([older.origins, origins])
    weather, lead = AlignedWeather.of(contexts, every, leads), np.arange(1, leads + 1)
    errors = errors_of(contexts, answers[:, :-1, :, 0], origins, metadata.minimum)
    spread = spread_of(answers[:, -1, :, 1:], metadata.levels)
    end = np.minimum(contexts.missing_after + horizon, weather.until)
    asked = (lead > contexts.missing_after[:, None]) & (lead <= end[:, None])
    correction = correct(metadata.weather, contexts, weather, origins, older, errors, spread, asked)
    middle = answers[..., :1]
    answers[..., 1:] = middle + (answers[..., 1:] - middle) * correction.width[:, None, :, None]
    answers += correction.shift[..., None]
    return weather_use(contexts, weather, correction, horizon)


def forecast_chunk(contexts: Contexts, network: UniversalForecaster, options: ChunkOptions) -> Made:
    """Forecast each of ``contexts``, which are of similar length, by ``network`` or a mixture of it and references."""
    return _Chunk.run(contexts, network, options).made()


def pooled_mixture(parts: Iterable[Contexts], network: UniversalForecaster, horizon: int) -> PooledMixture | None:
    """Learn how to mix a network with references from the past of series.

    None if their past is too short for a forecast of ``horizon`` steps.
    """
    metadata = network.metadata
    backtests = []
    for contexts in parts:
        # All leads, as some cells are forecast from before the end of the grid.
        leads = metadata.horizon - int(contexts.missing_after.max())
        options = ChunkOptions(leads, named=False, backtest=True, references=False, concise=False)
        run = _Chunk.run(contexts, network, options)
        if len(run.origins):
            errors = np.full((1 + len(REFERENCES), *run.errors.shape[1:]), np.nan)
            errors[[0, *(1 + REFERENCES.index(name) for name in run.references)]] = run.errors
            answers = run.answers[:, :-1, : metadata.horizon]
            backtests.append(Backtest(answers, errors, run.stride))
    return PooledMixture.of(metadata.model, backtests, metadata.levels, horizon)


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Forecasts of several series from their end, and from their past.

    Attributes:
        contexts: the series.
        network: forecasts where the past is too short, or if it was named.
        options: what is asked.
        origins: past steps that were forecast from, ``(origins,)``; may be none.
        stride: steps between origins.
        answers: mean and quantiles of the network from the origins and then from the end, °C
            ``(n, origins + 1, leads, 1 + levels)``. They may have more leads than are asked for, and than references.
        references: of the origins and then of the end, °C ``(n, origins + 1, leads)``, by name.
        errors: of the network and then the references at the origins, °C ``(candidates, n, origins, leads)``.
        network_errors: of the network at all leads of its answers, °C ``(n, origins, leads)``.
        past: of the series; None if references are not forecast.
        usual: what the climatology of each series rests on; None without one.
        weather: what each forecast made of the weather over its series; None without any.
    """

    contexts: Contexts
    network: UniversalForecaster
    options: ChunkOptions
    origins: Steps
    stride: int
    answers: Floats
    references: dict[str, Floats]
    errors: Floats
    network_errors: Floats
    past: Past | None
    usual: list[Usual | None]
    weather: list[WeatherUse | None]

    @classmethod
    def run(cls, contexts: Contexts, network: UniversalForecaster, options: ChunkOptions) -> "_Chunk":
        """Run the network and the references on ``contexts``."""
        metadata = network.metadata
        origins, stride = _NO_ORIGINS, 1
        takes_weather = bool(contexts.weather) and metadata.weather is not None
        if options.backtest or takes_weather:
            limit = MAX_ORIGINS_OF_ONE if options.named else MAX_ORIGINS
            limit = limit if options.backtest else _ORIGINS_OF_WEATHER
            origins, stride = past_origins(contexts, metadata.minimum, metadata.maximum, limit)
        leads = int(contexts.missing_after.max()) + options.horizon
        with_end = np.append(origins, contexts.values.shape[1] - 1)
        # A network sees at most the longest context that it uses.
        values = contexts.values[:, -metadata.maximum :]
        within = with_end - (contexts.values.shape[1] - values.shape[1])
        # All leads, so that what weather is worth at some does not depend on how many are asked for.
        known = metadata.horizon if takes_weather else min(leads + steps_after(contexts.step), metadata.horizon)
        last_time = unix_seconds(contexts.last_time)
        answers = network.backtest(values, last_time, contexts.coefficients, within, known)
        use: list[WeatherUse | None] = [None] * len(contexts)
        if takes_weather:
            use = _correct_for_weather(answers, contexts, metadata, origins, options.horizon)
            if not options.backtest:
                answers, origins = answers[:, -1:], _NO_ORIGINS
                with_end = with_end[-1:]
        references, past = dict[str, Floats](), None
        usual: list[Usual | None] = [None] * len(contexts)
        if options.pooled or not options.concise:
            past = Past.of(contexts, with_end, leads)
            fitted = options.backtest or options.references or options.pooled is not None
            references = forecast_references(past, fitted=fitted)
            usual = usual if options.concise or not fitted else usual_at_end(past)
        errors = network_errors = np.empty(0)
        if len(origins):
            network_errors = errors_of(contexts, answers[:, :-1, :, 0], origins, metadata.minimum)
            others = np.stack([forecast[:, :-1] for forecast in references.values()])
            errors = errors_of(contexts, others, origins, metadata.minimum)
            errors = np.concatenate([network_errors[None, ..., :leads], errors])
        return cls(
            contexts, network, options, origins, stride, answers, references, errors, network_errors, past, usual, use
        )

    def made(self) -> Made:
        """Return the forecasts from the end of the series, by the models that their past chooses."""
        contexts, first, n = self.contexts, self._name, len(self.contexts)
        ahead = contexts.missing_after[:, None] + np.arange(1, self.options.horizon + 1)
        steps = (contexts.missing_after + self.options.horizon + steps_after(contexts.step)).tolist()
        references = {name: self._at_leads(forecast[:, -1]) for name, forecast in self.references.items()}
        for values in references.values():
            values[~np.isfinite(values[:, 0])] = np.nan
        available = self.answers.shape[2]
        leads = {count: tuple(range(1, min(count, available) + 1)) for count in {*steps}}
        couplings = {count: Coupling(self.network.metadata.dependence, of_row) for count, of_row in leads.items()}
        made = Made(
            row=contexts.row,
            last_time=contexts.last_time,
            unobserved=contexts.missing_after,
            coefficients=contexts.coefficients,
            times=contexts.step.shift(contexts.last_time[:, None], ahead),
            sst=self._sst(first).copy(),
            quantiles=self.answers[:, -1, :, 1:].copy(),
            references=references,
            model=[first] * n,
            couplings=[couplings[count] for count in steps],
            warnings=[contexts.warnings.get(row, ()) for row in contexts.row.tolist()],
            usual=self.usual,
            chosen=[None if self.options.named else _HELD_OUT] * n,
            past=[None] * n,
            weather=self.weather,
        )
        backtests: dict[int, PastErrors] = {}
        if len(self.origins):
            backtests = {index: self._backtest(index) for index in range(n)}
            past = [backtest.skill() if backtest.origins else None for backtest in backtests.values()]
            made = replace(made, past=past)
        elif self.options.concise:
            self._mix(made)
            return made
        alike: dict[tuple[str, int, bool], list[int]] = {}
        for index in backtests or np.flatnonzero(self._excess(first)).tolist():
            backtest = backtests.get(index)
            model, warnings = self._choose(index, made.warnings[index], backtest)
            made.warnings[index] += warnings
            made.model[index] = model
            if backtest and not self.options.named:
                made.chosen[index] = self._chosen(index, backtest, model)
            decided = backtest is not None and backtest.origins >= MIN_ORIGINS
            alike.setdefault((model, self._leads(index).stop, decided), []).append(index)
        for (model, stop, decided), rows in alike.items():
            self._forecast_by(model, stop, decided, made, rows)
        return made

    def _mix(self, made: Made) -> None:
        """Replace forecasts by the pooled mixture, if there is one and a member can be used."""
        if self._mixture is None:
            return
        contexts = self.contexts
        for missing in np.unique(contexts.missing_after[self._mixture.usable]).tolist():
            rows = np.flatnonzero(self._mixture.usable & (contexts.missing_after == missing)).tolist()
            self._forecast_by(MIXTURE, missing + self.options.horizon, False, made, rows)
            for index in rows:
                made.model[index] = MIXTURE

    def _forecast_by(self, model: str, stop: int, decided: bool, made: Made, rows: list[int]) -> None:
        """Set the forecasts of the series at ``rows`` by a network or reference, recalibrated on their past."""
        made.sst[rows] = self._sst(model)[rows]
        metadata = self.network.metadata
        if model in self.references:
            errors = self.errors[self._candidates.index(model), rows]
            spread = symmetric_quantiles(errors[..., :stop], metadata.levels)
            made.quantiles[rows, :stop] = self.references[model][rows, -1, :stop, None] + spread
            steps = stop
        else:
            answers, errors = self._answers(model, rows, stop)
            quantiles = answers[:, -1, :, 1:]
            if len(self.origins) or self.options.pooled:
                if self.options.pooled:
                    factors = np.array(self.options.pooled.factors)[None, : quantiles.shape[1]]
                else:
                    factors = width_factors(relative_departures(answers[:, :-1], errors, metadata.levels), self.stride)
                if model == MIXTURE:
                    factors[:, stop:] = factors[:, stop - 1 : stop]
                middle = quantiles[..., len(metadata.levels) // 2, None]
                quantiles = middle + (quantiles - middle) * factors[..., None]
            made.quantiles[rows] = quantiles
            steps = min(stop + steps_after(self.contexts.step), quantiles.shape[1])
        dependence, leads = metadata.dependence, tuple(range(1, steps + 1))
        variants = np.full(len(rows), -1)
        if dependence and decided:
            variants = dependence.indices_suited_to(errors[..., :stop])
        for index, variant in zip(rows, variants.tolist(), strict=True):
            suited = dependence.of_variants[variant] if dependence and variant >= 0 else dependence
            made.couplings[index] = Coupling(suited, leads)

    def _choose(
        self, index: int, known: tuple[ForecastWarning, ...], backtest: PastErrors | None
    ) -> tuple[str, tuple[ForecastWarning, ...]]:
        """Return the model that forecasts the series at ``index``, and warnings about it beside those ``known``.

        That is the network that was named; or, if the past is long enough, the mixture of all candidates whose
        forecasts are within the allowed range. If there is none, the candidate that leaves it least forecasts.
        """
        preferred, candidates, warnings = self._name, [self._name], tuple[ForecastWarning, ...]()
        mixed = False
        if backtest and backtest.origins >= MIN_ORIGINS:
            if self._mixture is None:
                unstable = [name for name in self.references if not self._stable(name)[index]]
                if better := backtest.better_reference(unstable):
                    warnings = (_reference_is_better(backtest, preferred, better),)
            else:
                mixed = bool(self._mixture.usable[index])
                candidates = [MIXTURE] if mixed else [n for n in self._candidates if self._stable(n)[index]]
        if not self._excess(preferred)[index]:
            return MIXTURE if mixed else preferred, warnings
        model = min(candidates, key=lambda name: float(self._excess(name)[index]))
        if not starts_from_suspect(known):
            allowed = not self._excess(model)[index]
            outside = self._allowed.warning(index, self._sst(preferred)[index], preferred, model, allowed=allowed)
            warnings = (*warnings, outside)
        return model, warnings

    def _stable(self, model: str) -> Bools:
        """Return where a model is known from the end of a series and, if it is the autoregression, decays, ``(n,)``."""
        stable: Bools = np.ones(len(self.contexts), dtype=np.bool_)
        if model in self.references:
            stable = np.logical_and.reduce(np.isfinite(self.references[model][:, -1]), axis=1)
        if model == "linear" and self.past is not None:
            stable = stable & self.past.autoregression.stable
        return stable

    @cached_property
    def _known_sst(self) -> dict[str, Floats]:
        return {}

    @cached_property
    def _known_excess(self) -> dict[str, Floats]:
        return {}

    def _sst(self, model: str) -> Floats:
        """Return the forecasts of a network or reference, °C ``(n, horizon)``."""
        if model not in self._known_sst:
            self._known_sst[model] = self._at_leads(self._mixed if model == MIXTURE else self._from_end(model))
        return self._known_sst[model]

    @property
    def _candidates(self) -> tuple[str, ...]:
        return (self._name, *self.references)

    @property
    def _name(self) -> str:
        return self.network.metadata.model

    @cached_property
    def _mixture(self) -> Mixture | None:
        """The pooled mixture, or that of all candidates; None if a network was named, or nothing known of the past."""
        pooled = self.options.pooled
        if pooled is None and (self.options.named or not len(self.origins)):
            return None
        usable = np.stack([(self._excess(name) == 0) & self._stable(name) for name in self._candidates])
        if pooled is not None:
            leads = self.contexts.missing_after.max() + self.options.horizon
            return pooled.mixture(self._candidates, np.repeat(usable[..., None], leads, axis=2))
        steps = self.contexts.missing_after + self.options.horizon
        return Mixture.of(self._candidates, self.errors, self.stride, usable, steps)

    @cached_property
    def _mixed(self) -> Floats:
        """What the mixture forecasts from the last observation, °C ``(n, leads)``."""
        assert self._mixture is not None
        leads = self._mixture.weights.shape[2]
        return self._mixture.mean(np.stack([self._from_end(name)[:, :leads] for name in self._candidates]))

    def _from_end(self, model: str) -> Floats:
        """Return what a network or reference forecasts from the last observation, °C ``(n, steps)``."""
        return self.references[model][:, -1] if model in self.references else self.answers[:, -1, :, 0]

    def _answers(self, model: str, rows: list[int], stop: int) -> tuple[Floats, Floats]:
        """Return the answers of a network or the mixture for the series at ``rows``, and its errors at the origins.

        Only distances from the mean are known of the mixture's past answers, and its errors only up to lead ``stop``.
        """
        if self._mixture is not None and model == MIXTURE:
            answers, levels = self.answers[rows], self.network.metadata.levels
            if self.options.pooled:
                spreads = self.options.pooled.spreads_of([*self.references], answers[:, -1, :stop, 1:], levels)
            else:
                spreads = symmetric_quantiles(self.errors[1:, rows, :, :stop], levels)
            return self._mixture.answers(rows, answers, spreads, self._mixed[rows, :stop])
        return self.answers[rows], self.network_errors[rows] if len(self.origins) else self.network_errors

    def _at_leads(self, values: Floats) -> Floats:
        """Return ``values`` of the steps after the last observation, ``(n, steps)``, at the leads, ``(n, horizon)``."""
        return np.take_along_axis(
            values, self.contexts.missing_after[:, None] + np.arange(self.options.horizon), axis=1
        )

    @cached_property
    def _allowed(self) -> AllowedRange:
        contexts = self.contexts
        ahead = contexts.missing_after[:, None] + np.arange(1, self.options.horizon + 1)
        return AllowedRange.of(contexts.values, contexts.coefficients, contexts.step, ahead)

    def _excess(self, model: str) -> Floats:
        if model not in self._known_excess:
            self._known_excess[model] = self._allowed.excess(self._sst(model))
        return self._known_excess[model]

    def _chosen(self, index: int, backtest: PastErrors, model: str) -> Chosen:
        """Return why ``model`` forecasts, where the caller named none."""
        if not backtest.origins:
            return _HELD_OUT
        rmse, by_lead, weights = backtest.rmse, backtest.rmse_by_lead, dict[str, Floats]()
        if model == MIXTURE and self._mixture is not None:
            members = self._mixture.weights[:, index, self._leads(index)]
            weights = {name: row for name, row in zip(self._candidates, members, strict=True) if row.max() > _SHOWN}
        else:
            rmse = {name: value for name, value in rmse.items() if name != MIXTURE}
            by_lead = {name: values for name, values in by_lead.items() if name != MIXTURE}
        by: Literal["own_past", "held_out_seas"] = "own_past" if backtest.origins >= MIN_ORIGINS else "held_out_seas"
        return Chosen(by, backtest.origins, rmse, self._since(index), by_lead, weights)

    def _leads(self, index: int) -> slice:
        first = int(self.contexts.missing_after[index])
        return slice(first, first + self.options.horizon)

    def _backtest(self, index: int) -> PastErrors:
        leads, names, errors = self._leads(index), self._candidates, self.errors[:, index]
        if self._mixture is not None:
            names, errors = (*names, MIXTURE), np.concatenate([errors, self._mixture.errors[index][None]])
        return PastErrors(names, errors[..., leads], self.stride, leads.start + 1)

    def _since(self, index: int) -> np.datetime64:
        """Return the first time that a past forecast of the series at ``index`` started from."""
        scored = np.isfinite(self.errors[0, index, :, self._leads(index).start])
        back = self.contexts.values.shape[1] - 1 - int(self.origins[scored.argmax()])
        since: np.datetime64 = self.contexts.step.shift(self.contexts.last_time[index : index + 1], -back)[0]
        return since


def _reference_is_better(backtest: PastErrors, model: str, reference: str) -> ForecastWarning:
    return ForecastWarning(
        "reference_is_better",
        f"over {backtest.origins} past forecasts of this series, the reference {reference} had an RMSE of "
        f"{backtest.rmse[reference]:.3g} °C, and {model} of {backtest.rmse[model]:.3g} °C",
    )
