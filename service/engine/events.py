"""The events and sample paths that a request asks for, and what the forecast of each series says of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from orjson import OPT_SERIALIZE_NUMPY, dumps

from forecasting.errors import ForecastError, RangeError, RequestError, SeriesError
from forecasting.events.baseline import Baseline, Kind, Period, Position
from forecasting.events.definitions import EventDefinition
from forecasting.events.evaluate import Past, Said, each_or_error, evaluate
from forecasting.events.event_json import outcome_json
from forecasting.events.event_schema import InputEvent, definitions_of
from forecasting.events.outlook import GivenBaseline
from forecasting.forecasts.forecasts import Forecasts
from forecasting.series.times import Floats, parse_time
from forecasting.series.units import Units, from_celsius, sea_temperatures
from service.engine.reading import AnyBaseline, InputBaseline, InputSeries, sentence

MAX_EVENT_HORIZON: Final = 300
"""Steps ahead of events and paths. How the leads depend on each other takes the cube of their number to compute."""

_LEADS: Final = 16
"""Leads of a short forecast; further ones take longer to sample."""


@dataclass(frozen=True, eq=False)
class EventOptions:
    """What each forecast contains in addition."""

    definitions: tuple[EventDefinition, ...]
    paths: int = 0
    baseline: AnyBaseline | None = None

    def piece(self, size: int, horizon: int) -> int:
        """Return how many of ``size`` forecasts of ``horizon`` leads to make at once, so that events take no longer."""
        cost = (1 + len(self.definitions) + bool(self.paths)) * max(1, horizon // _LEADS)
        return max(1, size // cost)


def event_options(
    events: Sequence[InputEvent], paths: int, baseline: AnyBaseline | None, horizon: int, units: Units
) -> EventOptions | None:
    """Return what events and paths a request asks for; None for neither."""
    if not events and not paths:
        return None
    if horizon > MAX_EVENT_HORIZON:
        raise RequestError(
            f"horizon {horizon} is too large for events and paths: they reach at most {MAX_EVENT_HORIZON} steps ahead",
            field="horizon",
        )
    return EventOptions(definitions_of(events, horizon, units), paths, baseline)


_NAMES: Final[dict[Kind, str]] = {"marine_heatwave": "marine heatwaves", "marine_cold_spell": "marine cold spells"}


def given_baseline(given: AnyBaseline | None, units: Units, position: Position) -> GivenBaseline:
    """Return the baseline that a request gives, in °C, or what to compute it from; None for the whole series."""
    if given is None:
        return None
    if isinstance(given, str):
        return position
    if given.climatology is None or given.threshold is None:
        return _period(given)
    return Baseline(_by_day(given.climatology, "climatology", units), _by_day(given.threshold, "threshold", units))


def position_of(latitude: float | None, longitude: float | None) -> Position:
    """Return a position; NaN for a coordinate that is not known."""
    return Position(*(np.nan if side is None else side for side in (latitude, longitude)))


def _by_day(degrees: list[float], name: str, units: Units) -> Floats:
    try:
        return sea_temperatures(np.asarray(degrees), units, lambda i: f"baseline.{name}[{i}]")
    except RangeError as error:
        # Its index is not that of a value of the series.
        raise SeriesError(str(error)) from None


def _period(given: InputBaseline) -> Period | None:
    if given.start is None or given.end is None:
        return None
    try:
        start, end = (parse_time(time).astype("datetime64[D]") for time in (given.start, given.end))
    except SeriesError as error:
        raise SeriesError(f"the baseline period: {error}") from None
    if end < start:
        raise SeriesError(f"the baseline ends before it starts: {given.start} to {given.end}")
    return Period(start, end)


def refuse_inverted(baseline: Baseline, kind: Kind) -> None:
    """Raise SeriesError if a threshold is on the wrong side of the climatology for a kind of event."""
    difference = baseline.threshold - baseline.climatology
    beyond, word = (difference, "above") if kind == "marine_heatwave" else (-difference, "below")
    if (beyond <= 0).any():
        i = int((beyond <= 0).argmax())
        raise SeriesError(f"baseline.threshold[{i}] must be {word} baseline.climatology[{i}] for {_NAMES[kind]}")


_DECIMALS: Final = 4
_MEDIAN: Final = 50


def with_events(entry: bytes, forecasts: Forecasts, i: int, given: InputSeries | None, options: EventOptions) -> bytes:
    """Add the events and paths that a request asks for to the entry of a forecast."""
    fields: dict[str, Any] = {}
    units = forecasts.units
    if options.definitions:
        asked, place = options.baseline, position_of(None, None)
        if given is not None:
            asked, place = given.baseline or asked, position_of(given.latitude, given.longitude)
        said = judged(
            options.definitions,
            lambda baseline: forecasts.outlook(i, baseline),
            partial(read_baseline, asked, units, place),
            lambda definition, outlook: outcome_json(evaluate(definition, outlook), units),
        )
        fields["events"] = [
            {"name": definition.name, "error": one} if isinstance(one, str) else one
            for definition, one in zip(options.definitions, said, strict=True)
        ]
    if options.paths:
        fields["paths"] = from_celsius(forecasts[i].sample_paths(options.paths), units).round(_DECIMALS)
    return entry[:-1] + b"," + dumps(fields, option=OPT_SERIALIZE_NUMPY)[1:]


def judged(
    definitions: Sequence[EventDefinition],
    past: Callable[[GivenBaseline], Past],
    baseline: Callable[[], GivenBaseline],
    judge: Callable[[EventDefinition, Past], Said],
) -> list[Said | str]:
    """Return what ``judge`` says of each event of a series, or its error as a sentence."""
    known, refused = None, None
    try:
        known = baseline()
    except SeriesError as error:
        refused = error
    said = each_or_error(definitions, partial(past, known), judge, refused)
    return [sentence(one) if isinstance(one, ForecastError) else one for one in said]


def read_baseline(given: AnyBaseline | None, units: Units, position: Position) -> GivenBaseline:
    """Return the baseline that a request gives, or what to compute it from; None for that of the series."""
    baseline = given_baseline(given, units, position)
    if isinstance(baseline, Baseline):
        if (baseline.threshold == baseline.climatology).all():
            raise SeriesError(
                "baseline.threshold is the same as baseline.climatology: send a threshold above it for marine "
                "heatwaves, or below it for marine cold spells"
            )
        refuse_inverted(baseline, "marine_heatwave" if baseline.percentile > _MEDIAN else "marine_cold_spell")
    return baseline
