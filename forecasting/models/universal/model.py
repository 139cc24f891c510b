"""A universal release as a model: one of its networks, or for each series a mixture of one and references."""

from functools import cached_property
from typing import Final

import numpy as np

from forecasting.climatology.global_climatology import Coefficients
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, Model, climatology_at, half_positions, on_land
from forecasting.models.past_skill import PastSkills, spread_origins
from forecasting.models.universal.backtest import errors_of
from forecasting.models.universal.chunk import pooled_mixture
from forecasting.models.universal.contexts import read_contexts
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.pooled import PooledMixture
from forecasting.models.universal.references import REFERENCES, Past, forecast_references
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Floats, unix_seconds

_SERIES_AT_ONCE: Final = 512
"""Series that references are fitted to together, which bounds the memory."""

_BACKTESTS_AT_ONCE: Final = 8
"""Forecasts of the past of more series take too much memory."""


class UniversalModel(Model):
    """Forecasts series from any sea, at the step of a release or one near it."""

    levels = ANY_LEVEL
    checks_values = True
    quick = False

    def __init__(self, release: UniversalRelease, cell: str, pooled: PooledMixture | None = None) -> None:
        """Forecast with the network of ``cell``, or with ``best``: a mixture of the best one and references.

        With a ``pooled`` mixture of the network of ``cell``, concise forecasts are by that.
        """
        self.release, self.pooled = release, pooled
        self.cell = cell
        self.name = release.name if cell == BEST else f"{release.name}-{cell}"
        self.dataset, self.version = release.name, release.version
        self.step, self.horizon = release.step, release.horizon
        self.covariates = release.any_network.metadata.covariates

    @cached_property
    def networks(self) -> list[UniversalForecaster]:
        """See :attr:`~forecasting.models.base.Model.networks`."""
        networks = self.release.networks
        return [*networks.values()] if self.cell == BEST else [networks[self.cell]]

    def forecast_batch(self, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        """See :meth:`~forecasting.models.base.Model.forecast_batch`; series at another step are resampled."""
        coefficients = climatology_at(batch.positions, len(batch))
        warnings = {i: tuple([ForecastWarning("adjusted", note) for note in notes]) for i, notes in batch.notes.items()}
        positions = batch.positions
        if positions is not None:
            batch = batch.with_errors(half_positions(positions))
            for i in np.flatnonzero(np.isnan(coefficients[:, 0])).tolist():
                warnings[i] = (*warnings.get(i, ()), *on_land(positions[i], coefficients[i]))
        cell = None if self.cell == BEST else self.cell
        made = self.release.columns(batch, options, coefficients, cell, warnings=warnings, pooled=self.pooled)
        return made.in_units(options.units, options.thresholds)

    def pooled_by(self, batch: SeriesBatch, horizon: int) -> "PooledMixture | None":
        """Learn how to mix the network with references for all series alike, from the past of some.

        None if their past is too short for that.

        Args:
            batch: series.
            horizon: number of leads of the forecasts.
        """
        network, coefficients = self.networks[0], climatology_at(batch.positions, len(batch))
        metadata = network.metadata
        groups, _ = read_contexts(batch, coefficients, 1, metadata, metadata.maximum, concise=True)
        parts = [part for group in groups for alike in group.by_weather() for part in alike.chunks(_BACKTESTS_AT_ONCE)]
        return pooled_mixture(parts, network, horizon)

    def past_skill(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> PastSkills:
        """See :meth:`~forecasting.models.base.Model.past_skill`; of the network that answers without a backtest."""
        network = self.release.networks[self.release.best_on_held_out if self.cell == BEST else self.cell]
        metadata, skills = network.metadata, PastSkills.unknown(len(batch))
        groups, _ = read_contexts(batch, coefficients, horizon, metadata, metadata.maximum, concise=True)
        for group in groups:
            for part in group.chunks(network.pass_size(group.values.shape[1])):
                origins = spread_origins(metadata.minimum - 1, part.values.shape[1] - 1 - horizon)
                if not len(origins):
                    continue
                answers = network.backtest(
                    part.values, unix_seconds(part.last_time), part.coefficients, origins, horizon
                )
                references = forecast_references(Past.of(part, origins, horizon))
                forecasts = np.stack([answers[..., 0], *references.values()])
                errors = errors_of(part, forecasts, origins, metadata.minimum)
                if self.pooled is not None:
                    errors[0] = self.pooled.errors((network.metadata.model, *references), errors)
                measured = PastSkills.of(errors, origins)
                for column, values in zip(skills, measured, strict=True):
                    column[part.row] = values
        return skills

    def reference_forecasts(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> dict[str, Floats]:
        """See :meth:`~forecasting.models.base.Model.reference_forecasts`."""
        metadata = self.release.any_network.metadata
        forecasts = {name: np.full((len(batch), horizon), np.nan) for name in REFERENCES}
        groups, _ = read_contexts(batch, coefficients, horizon, metadata, metadata.maximum, concise=True)
        for group in groups:
            for part in group.chunks(_SERIES_AT_ONCE):
                leads = horizon + int(part.missing_after.max())
                ahead = part.missing_after[:, None] + np.arange(horizon)
                end = np.asarray([part.values.shape[1] - 1])
                for name, values in forecast_references(Past.of(part, end, leads)).items():
                    forecasts[name][part.row] = np.take_along_axis(values[:, -1], ahead, axis=1)
        return forecasts
