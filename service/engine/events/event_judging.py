"""Judges the events that a request asks for by the forecast of each series."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from orjson import OPT_SERIALIZE_NUMPY, dumps

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import Baseline, Period
from forecasting.events.definitions import EventDefinition, needs_baseline
from forecasting.events.evaluate import evaluate
from forecasting.events.event_json import outcome_json
from forecasting.events.outlook import JointForecast, Outlook
from forecasting.forecasts.forecasts import Forecasts
from forecasting.series.sst_series import SstSeries
from forecasting.series.units import Units, from_celsius
from service.engine.events.baselines import given_baseline, refuse_inverted
from service.engine.options import EventOptions
from service.engine.reading.baseline_schema import InputBaseline
from service.engine.reading.parsing import sentence

_DECIMALS: Final = 4
_MEDIAN: Final = 50


def with_events(
    entry: bytes, forecasts: Forecasts, i: int, given: InputBaseline | None, options: EventOptions
) -> bytes:
    """Add the events and paths that a request asks for to the entry of a forecast.

    Args:
        entry: JSON of the rest of it, to its end.
        forecasts: of the request.
        i: row of the forecast.
        given: the baseline of the series in the request.
        options: those of the request.
    """
    fields: dict[str, Any] = {}
    forecast, units = forecasts[i], forecasts.units
    if options.definitions:
        coefficients = forecasts.coefficients[i]
        position = None if np.isnan(coefficients[0]) else coefficients
        past, baseline = forecasts.series[i], given or options.baseline
        fields["events"] = _judged(forecast, past, baseline, position, options.definitions, units)
    if options.paths:
        fields["paths"] = from_celsius(forecast.sample_paths(options.paths), units).round(_DECIMALS)
    return entry[:-1] + b"," + dumps(fields, option=OPT_SERIALIZE_NUMPY)[1:]


def _judged(
    forecast: JointForecast,
    past: SstSeries,
    given: InputBaseline | None,
    coefficients: npt.NDArray[np.float32] | None,
    definitions: Sequence[EventDefinition],
    units: Units,
) -> list[dict[str, Any]]:
    baseline, refused = None, None
    try:
        baseline = read_baseline(given, units)
    except SeriesError as error:
        refused = error
    outlook: Outlook | SeriesError
    try:
        outlook = forecast.outlook(past, baseline=baseline, coefficients=coefficients)
    except SeriesError as error:
        outlook = error
    return [_judged_one(definition, outlook, refused, units) for definition in definitions]


def _judged_one(
    definition: EventDefinition, outlook: Outlook | SeriesError, refused: SeriesError | None, units: Units
) -> dict[str, Any]:
    """Return the forecast of an event, or its error: the baseline may be ``refused``, or the outlook not possible."""
    try:
        if refused is not None and needs_baseline(definition):
            raise refused
        if isinstance(outlook, SeriesError):
            raise outlook
        return outcome_json(evaluate(definition, outlook), units)
    except SeriesError as error:
        return {"name": definition.name, "error": sentence(error)}
    except RequestError as error:
        return {"name": definition.name, "error": str(error)}


def read_baseline(given: InputBaseline | None, units: Units) -> Baseline | Period | None:
    """Return the baseline that a request gives, or its period; None for that of the series.

    Args:
        given: by the request; temperatures in ``units``.
        units: of the request.

    Raises:
        SeriesError: if the threshold is not on one side of the climatology, or it is not the baseline of a sea.
    """
    baseline = given_baseline(given, units)
    if isinstance(baseline, Baseline):
        if (baseline.threshold == baseline.climatology).all():
            raise SeriesError(
                "baseline.threshold is the same as baseline.climatology: send a threshold above it for marine "
                "heatwaves, or below it for marine cold spells"
            )
        refuse_inverted(baseline, "marine_heatwave" if baseline.percentile > _MEDIAN else "marine_cold_spell")
    return baseline
