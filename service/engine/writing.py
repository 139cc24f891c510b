"""Forecasts as they go over the wire, many at once: levels, thresholds and units as they were asked for."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from orjson import dumps

from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.forecasts import Forecasts, Rows
from forecasting.networks.intervals import ErrorDistribution
from forecasting.series.units import Units, from_celsius, to_celsius
from service.engine.forecast_json import EntryForm

DEFAULT_LEVELS: Final = (80, 95)
_END: Final = b"]}"
"""Of what one network says: its forecasts stand last."""

Json = dict[str, Any]


class ForecastOptions(NamedTuple):
    """What a forecast is to contain.

    Attributes:
        horizon: number of leads.
        levels: of intervals, percent; None: those of :data:`DEFAULT_LEVELS` that are calibrated.
        thresholds: in ``units``, whose probability of being exceeded is wanted.
        units: of all temperatures.
    """

    horizon: int
    levels: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"

    def levels_of(self, errors: ErrorDistribution) -> tuple[int, ...]:
        """The levels that are meant, of a network with these ``errors``."""
        if self.levels is not None:
            return self.levels
        return tuple([level for level in DEFAULT_LEVELS if level in errors.half_width])


def write(forecasts: Forecasts, rows: Sequence[int], options: ForecastOptions, levels: Sequence[int]) -> list[bytes]:
    """The entries of some ``rows`` of ``forecasts``, as :func:`with_ids` completes them.

    Each is the JSON of a :class:`~service.api.forecast.schemas.SeriesForecast`, from what follows its ``id`` to the
    end. ``levels`` are those that are meant, and calibrated for each of the networks that the rows come from.
    """
    picked = slice(None) if len(rows) == len(forecasts) else np.asarray(rows)
    sst, times, scale = (
        forecasts.sst[picked, : options.horizon],
        forecasts.times[picked, : options.horizon],
        forecasts.scale[picked],
    )
    errors = [(network.metadata.errors, own) for network, own in _by_network(forecasts, rows)]
    # The lists of a series lie together, as they are written: bounds by level, probabilities, references.
    bounds = 1 + 2 * len(levels)
    first = bounds + len(options.thresholds)
    table = np.zeros((len(rows), first + len(forecasts.baselines), sst.shape[1]))
    table[:, 0] = sst
    if levels:
        widths = np.empty((len(levels), *sst.shape))
        for distribution, own in errors:
            widths[:, own] = distribution.half_widths_of(levels, times[own], scale[own])
        table[:, 1:bounds:2] = (sst - widths).swapaxes(0, 1)
        table[:, 2:bounds:2] = (sst + widths).swapaxes(0, 1)
    for c, reference in enumerate(forecasts.baselines.values(), first):
        table[:, c] = reference[picked, : options.horizon]
    if options.units != "celsius":
        table = from_celsius(table, options.units)
    for c, threshold in enumerate(to_celsius(options.thresholds, options.units).tolist(), bounds):
        for distribution, own in errors:
            table[own, c] = distribution.exceedance(sst[own], times[own], scale[own], threshold)
    form = EntryForm(tuple(levels), options.thresholds, tuple(forecasts.baselines), table.shape[2])
    calibrated = forecasts.calibrated[picked].tolist()
    return form.fill(table, times, calibrated, [forecasts.warnings[row] for row in rows])


def _by_network(forecasts: Forecasts, rows: Sequence[int]) -> Iterator[tuple[Forecaster, Rows]]:
    """Each network, and where among ``rows`` its own are."""
    for network, own, _ in forecasts.by_network:
        if isinstance(own, slice) or len(rows) == len(forecasts):
            yield network, own
        else:
            of_network = set(own)
            yield network, [place for place, row in enumerate(rows) if row in of_network]


def with_ids(ids: Sequence[str], entries: Sequence[bytes | SeriesError]) -> bytes:
    """The entries, each with its ``id``, or what is wrong where there is none: JSON, with commas between."""
    return b",".join(
        [
            b'{"id":%s,"error":%s}' % (dumps(name), dumps(sentence(entry)))
            if isinstance(entry, SeriesError)
            else b'{"id":%s,%s' % (dumps(name), entry)
            for name, entry in zip(ids, entries, strict=True)
        ]
    )


def model_forecast(forecaster: Forecaster, units: Units, parts: Sequence[bytes]) -> list[bytes]:
    """What one network says, in pieces: JSON of :class:`~service.api.forecast.schemas.ModelForecast`.

    ``parts`` are what :func:`with_ids` makes of all its entries, some at a time.
    """
    metadata = forecaster.metadata
    around = dumps(
        {
            "model": metadata.model,
            "version": metadata.version,
            "units": units,
            "step": metadata.step,
            "forecasts": [],
        }
    )
    pieces = [around[: -len(_END)]]
    for part in parts:
        pieces += (part, b",")
    pieces[-1] = _END
    return pieces


def whole_answer(models: Sequence[Sequence[bytes]], *, is_list: bool) -> bytes:
    """What :func:`model_forecast` says of one network, or the list of what it says of several."""
    # Joined once: of an answer of many megabytes each copy counts.
    if not is_list:
        return b"".join(models[0])
    pieces = [piece for model in models for piece in (b",", *model)]
    return b"".join((b'{"models":[', *pieces[1:], b"]}"))


def sentence(error: SeriesError) -> str:
    """What is wrong, with the place of the value that is to blame."""
    text = str(error)
    if error.index is None or text.startswith("values["):
        return text
    return f"values[{error.index}]: {text}"
