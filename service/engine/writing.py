"""Writes the forecasts of many series at once, with the levels, thresholds and units of their requests."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from orjson import dumps

from forecasting.climatology.usual import UsualOfSeries
from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster
from forecasting.networks.forecasts import Forecasts, Rows
from forecasting.series.units import Units, from_celsius, to_celsius
from service.engine.forecast_json import EntryForm
from service.engine.options import ForecastOptions
from service.engine.reading.parsing import sentence

_END: Final = b"]}"
"""End of one network's forecast, whose last field is the list of forecasts."""

Json = dict[str, Any]


def write(
    forecasts: Forecasts[Forecaster], rows: Sequence[int], options: ForecastOptions, levels: Sequence[int]
) -> list[bytes]:
    """Return the entries of some ``rows`` of ``forecasts``; :func:`with_ids` completes them.

    Each is the JSON of a :class:`~service.api.forecast.schemas.SeriesForecast`, from after its ``id`` to the end.
    ``levels`` are the resolved levels, calibrated for all networks of these rows.
    """
    picked = slice(None) if len(rows) == len(forecasts) else np.asarray(rows)
    sst, times, scale = (
        forecasts.sst[picked, : options.horizon],
        forecasts.times[picked, : options.horizon],
        forecasts.scale[picked],
    )
    errors = [(network.metadata.errors, places) for network, places in _by_network(forecasts, rows)]
    # The lists of a series in the order in which they are written: bounds by level, probabilities, references.
    bounds = 1 + 2 * len(levels)
    first = bounds + len(options.thresholds)
    table = np.zeros((len(rows), first + len(forecasts.baselines), sst.shape[1]))
    table[:, 0] = sst
    if levels:
        widths = np.empty((len(levels), *sst.shape))
        for distribution, places in errors:
            widths[:, places] = distribution.half_widths_of(levels, times[places], scale[places])
        table[:, 1:bounds:2] = (sst - widths).swapaxes(0, 1)
        table[:, 2:bounds:2] = (sst + widths).swapaxes(0, 1)
    for c, reference in enumerate(forecasts.baselines.values(), first):
        table[:, c] = reference[picked, : options.horizon]
    if options.units != "celsius":
        table = from_celsius(table, options.units)
    for c, threshold in enumerate(to_celsius(options.thresholds, options.units).tolist(), bounds):
        for distribution, places in errors:
            table[places, c] = distribution.exceedance(sst[places], times[places], scale[places], threshold)
    form = EntryForm(tuple(levels), options.thresholds, tuple(forecasts.baselines), table.shape[2])
    calibrated = forecasts.calibrated[picked].tolist()
    usual = UsualOfSeries(forecasts.usual.years[picked], from_celsius(forecasts.usual.sst[picked], options.units))
    return form.fill(table, times, calibrated, [forecasts.warnings[row] for row in rows], usual)


def _by_network(forecasts: Forecasts[Forecaster], rows: Sequence[int]) -> Iterator[tuple[Forecaster, Rows]]:
    """Yield each network, and the places of its rows in ``rows``."""
    for network, network_rows, _ in forecasts.by_network:
        if isinstance(network_rows, slice) or len(rows) == len(forecasts):
            yield network, network_rows
        else:
            of_network = set(network_rows)
            yield network, [place for place, row in enumerate(rows) if row in of_network]


def with_ids(ids: Sequence[str], entries: Sequence[bytes | SeriesError]) -> bytes:
    """Return the entries or errors as JSON, each with its ``id``, separated by commas."""
    return b",".join(
        [
            b'{"id":%s,"error":%s}' % (dumps(name), dumps(sentence(entry)))
            if isinstance(entry, SeriesError)
            else b'{"id":%s,%s' % (dumps(name), entry)
            for name, entry in zip(ids, entries, strict=True)
        ]
    )


def model_forecast(forecaster: Forecaster, units: Units, parts: Sequence[bytes]) -> list[bytes]:
    """Return the forecast of one network in pieces: JSON of :class:`~service.api.forecast.schemas.ModelForecast`.

    ``parts`` are the results of :func:`with_ids` for its entries, some at a time.
    """
    metadata = forecaster.metadata
    around = dumps(
        {
            "kind": "one",
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
    """Join the results of :func:`model_forecast`: of one network, or of several as a list."""
    # Join once: an answer may have many megabytes, and each copy costs time.
    if not is_list:
        return b"".join(models[0])
    pieces = [piece for model in models for piece in (b",", *model)]
    return b"".join((b'{"kind":"all","models":[', *pieces[1:], b"]}"))
