"""The record of one network on a series, as known at each of many origins from the forecasts verified by then."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from forecasting.events.joint.dependence import Dependence, Places
from forecasting.series.times import Bools, Floats
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.universal.own_past.past import Steps
from forecasting.universal.own_past.record import (
    MAX_ORIGINS_OF_ONE,
    MIN_ORIGINS,
    relative_departures,
    stride_of,
    width_factors,
)

_ORIGINS_AT_ONCE: Final = 512
"""Each has tens of past forecasts; with more, they do not fit into the caches."""


class _Known(NamedTuple):
    """Past forecasts of some origins.

    Attributes:
        rows: place of each past forecast among the origins, ``(n, past)``.
        verified: whether it was verified at each lead by then, ``(n, past, leads)``.
        stride: steps between past forecasts, ``(n, 1)``.
    """

    rows: Steps
    verified: Bools
    stride: Steps


@dataclass(frozen=True, eq=False)
class RollingRecord:
    """Forecasts of one network from every usable step of a series.

    At each origin, past forecasts are chosen and used as in a forecast from there by the network that the caller names.

    Attributes:
        origins: steps that were forecast from, ascending: all that are observed and follow enough values, ``(n,)``.
        answers: mean and quantiles, °C ``(n, leads, 1 + levels)``.
        errors: forecast minus observation, °C ``(n, leads)``; NaN where nothing was observed.
        first_lead: of the forecasts.
        metadata: of the network.
    """

    origins: Steps
    answers: Floats
    errors: Floats
    first_lead: int
    metadata: UniversalMetadata

    @classmethod
    def of(
        cls, values: Floats, origins: Steps, answers: Floats, first_lead: int, metadata: UniversalMetadata
    ) -> "RollingRecord":
        """Compare forecasts with the ``values`` that followed, °C ``(steps,)``; other arguments become attributes."""
        ahead = origins[:, None] + first_lead + np.arange(answers.shape[1])
        observed = np.where(ahead < len(values), values[np.minimum(ahead, len(values) - 1)], np.nan)
        return cls(origins, answers, answers[..., 0] - observed, first_lead, metadata)

    def quantiles(self, rows: Steps, first: int, last: int) -> Floats:
        """Return the recalibrated quantiles of the forecasts at ``rows``, °C ``(rows, leads, levels)``.

        Args:
            rows: places of the origins.
            first: first lead.
            last: last lead.
        """
        quantiles = self.answers[rows, first - self.first_lead : last + 1 - self.first_lead, 1:]
        middle = quantiles[..., len(self.metadata.levels) // 2, None]
        recalibrated: Floats = middle + (quantiles - middle) * self.factors(rows, first, last)[..., None]
        return recalibrated

    def factors(self, rows: Steps, first: int, last: int) -> Floats:
        """Return the factors for the distance of quantiles from the median, as known at each origin, ``(rows, leads)``.

        The arguments are as for :meth:`quantiles`.
        """
        departures = self._departures[:, first - self.first_lead : last + 1 - self.first_lead]
        parts = [
            width_factors(np.where(known.verified, departures[known.rows], np.nan), known.stride, first)
            for known in self._known(rows, first, last)
        ]
        return np.concatenate([np.ones((0, departures.shape[1])), *parts])

    def variants(self, rows: Steps, dependence: Dependence, leads: int) -> Places:
        """Return which variant of ``dependence`` suits the series as known at each origin, ``(rows,)``; −1 for none.

        Args:
            rows: places of the origins.
            dependence: of the network.
            leads: number of leads of the forecast, from the first.
        """
        places = [np.empty(0, dtype=np.int64)]
        for known in self._known(rows, 1, leads):
            errors = np.where(known.verified, self.errors[known.rows, :leads], np.nan)
            enough = np.isfinite(errors).sum(axis=1).min(axis=1) >= MIN_ORIGINS
            places.append(np.where(enough, dependence.places_suited_to(errors), -1))
        return np.concatenate(places)

    @cached_property
    def _departures(self) -> Floats:
        return relative_departures(self.answers, self.errors, self.metadata.levels)

    def _known(self, rows: Steps, first: int, last: int) -> Iterator[_Known]:
        """Yield the past forecasts of the origins at ``rows``, some of them at a time."""
        ahead, back = np.arange(first, last + 1), np.arange(MAX_ORIGINS_OF_ONE)
        minimum, maximum = self.metadata.minimum, self.metadata.maximum
        for begin in range(0, len(rows), _ORIGINS_AT_ONCE):
            here = rows[begin : begin + _ORIGINS_AT_ONCE]
            now = self.origins[here]
            # A network sees the last values only, and needs some of them before its first forecast.
            earliest = np.searchsorted(self.origins, np.maximum(now + 1 - maximum, 0) + minimum - 1)
            stride = stride_of(here - earliest, MAX_ORIGINS_OF_ONE)[:, None]
            past = here[:, None] - 1 - stride * back
            usable, past = past >= earliest[:, None], np.maximum(past, 0)
            verified = usable[..., None] & (self.origins[past][..., None] + ahead <= now[:, None, None])
            yield _Known(past, verified, stride)
