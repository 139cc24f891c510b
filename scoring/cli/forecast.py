"""``sst forecast`` and ``sst events``: forecasts and past events of the series in a file, without a server."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from forecasting.console import Program, csv_text, json_text, table_text
from forecasting.errors import FileError, ForecastError, RequestError, SeriesError
from forecasting.events.baseline import PERCENTILES, POSITION, Baseline, Kind, Position
from forecasting.events.definitions import EventDefinition
from forecasting.events.detection import find_events
from forecasting.events.evaluate import each_or_error, evaluate
from forecasting.events.event_json import Json, outcome_json, past_event_json
from forecasting.events.outlook import GivenBaseline, Outlook, baseline_for
from forecasting.extras import needs_extra
from forecasting.forecasts.forecast import WeatherUse
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.json import objects_of
from forecasting.forecasts.options import ForecastFields, ForecastOptions
from forecasting.models.base import ALL
from forecasting.readers import ReadingOptions, read, read_content
from forecasting.readers.options import OPTIONS
from forecasting.readers.weather import read_weather
from forecasting.releases.catalog import Selection
from forecasting.series.batch import SeriesByStep, future_error
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import Units, from_celsius
from forecasting.wording import counted
from scoring.cli.arguments import DONE, EVENTS, FORECAST, INCOMPLETE
from scoring.cli.start import selection_of
from scoring.errors import in_one_line
from scoring.events_file import read_events, read_period

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STANDARD_INPUT: Final = "-"
_MOST_PLOTS: Final = 12
_PAST_STEPS: Final = 60
"""Steps before a forecast that are drawn, or three times its own if these are more."""
_BLUE, _ORANGE, _GREY = "#0072b2", "#d55e00", "0.25"
_SIGNS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "K", "fahrenheit": "°F"}
_KINDS: Final[dict[Kind, str]] = {"marine_heatwave": "marine heatwave", "marine_cold_spell": "marine cold spell"}


class _Member(NamedTuple):
    """A series of the file, with the position that the file states, degrees north and east."""

    name: str
    series: SstSeries
    position: tuple[float, float] | None


_BaselineOf = Callable[[_Member], GivenBaseline]
"""Returns the baseline that events of a series are to have, or what to compute it from."""


class _Entry(NamedTuple):
    """The forecast of one series: row ``i`` of ``forecasts``, and the JSON of the events that were asked for."""

    name: str
    forecasts: Forecasts
    i: int
    events: Sequence[Json]

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Code and message of each warning of the forecast and of its events, once."""
        warnings = [(warning.code, warning.message) for warning in self.forecasts.warnings[self.i]]
        warnings += [(each["code"], each["message"]) for event in self.events for each in event.get("warnings", ())]
        return [*dict.fromkeys(warnings)]


def forecast(options: argparse.Namespace) -> int:
    """Print the forecast of each series in a file; returns the exit status."""
    units: Units = options.reading_units or "celsius"
    wanted = ForecastOptions(options.horizon, options.levels, options.thresholds, units, options.check)
    definitions, asked = _events_of(options, units)
    stated = _stated_position(options)
    members, failures = _members(options, FORECAST)
    selection = selection_of(options, FORECAST)
    selection.check(wanted)
    members, without = _with_weather(members, selection, options)
    failures |= without
    columns, refused = _forecast(members, stated, selection, wanted, options)
    failures |= refused
    listed = [
        _Entry(members[row].name, column, i, _evaluated(column, i, definitions, asked(members[row])))
        for column in columns
        for i, row in enumerate(column.row.tolist())
    ]
    for name, failure in failures.items():
        FORECAST.say(f"{name}: {failure}")
    for entry in listed:
        warnings = [message for _, message in entry.warnings]
        messages = [*warnings, *(event["error"] for event in entry.events if "error" in event)]
        for message in messages:
            FORECAST.say(f"{entry.name}: warning: {message}")
    if options.format == "json":
        print(json_text(_response(columns, listed, failures, selection)))
    elif options.format == "csv":
        print(csv_text(pd.concat(map(_csv_table, listed))) if listed else "", end="")
    else:
        print("\n\n".join(map(_text, listed)), end="\n" * bool(listed))
    if options.plot is not None and listed:
        _save(options.plot, len(listed), lambda i, axes: _draw_forecast(axes, listed[i]))
    return DONE if listed else INCOMPLETE


def events(options: argparse.Namespace) -> int:
    """Print the marine heatwaves or cold spells in each series of a file; returns the exit status."""
    units: Units = options.reading_units or "celsius"
    kind: Kind = options.kind
    asked = _baseline_of(options)
    members, failures = _members(options, EVENTS)
    found = []
    for member in members:
        try:
            _refuse_step(member.series.step)
            baseline = baseline_for(member.series, asked(member), PERCENTILES[kind])
            listed = [past_event_json(event, units) for event in find_events(member.series, baseline, kind)]
            found.append((member, baseline, listed))
        except SeriesError as error:
            failures[member.name] = in_one_line(error)
    for name, failure in failures.items():
        EVENTS.say(f"{name}: {failure}")
    for member, baseline, _ in found:
        for warning in baseline.warnings:
            EVENTS.say(f"{member.name}: warning: {warning.message}")
    if options.format == "json":
        series = [_events_entry(*one) for one in found] + _failed(failures)
        print(json_text({"kind": kind, "units": units, "series": series}))
    elif options.format == "csv":
        rows = [{"id": member.name, **event} for member, _, listed in found for event in listed]
        print(csv_text(pd.DataFrame(rows)) if rows else "", end="")
    else:
        texts = [_events_text(member, listed, kind) for member, _, listed in found]
        print("\n\n".join(texts), end="\n" * bool(texts))
    if options.plot is not None and found:
        _save(options.plot, len(found), lambda i, axes: _draw_events(axes, *found[i], units))
    return DONE if found else INCOMPLETE


def _refuse_step(step: TimeStep) -> None:
    if step != TimeStep(DAY):
        raise SeriesError(
            f"the step is {in_words(str(step))}, but marine heatwaves and cold spells are defined for daily values: "
            "average shorter steps with --resample day"
        )


def _stated_position(options: argparse.Namespace) -> tuple[float, float] | None:
    """Return the position that the options state."""
    if options.latitude is None and options.longitude is None:
        return None
    for name in ("latitude", "longitude"):
        if getattr(options, name) is None:
            raise RequestError(f"{name} is missing: give both latitude and longitude, or neither", field=name)
    return options.latitude, options.longitude


def _members(options: argparse.Namespace, program: Program) -> tuple[list[_Member], dict[str, str]]:
    """Read the series of the file; returns them, and why others have none, by name. Says what is doubtful."""
    values = {name: getattr(options, f"reading_{name}") for name in OPTIONS}
    reading_options = ReadingOptions.from_values(values, step=options.step)
    if str(options.file) == _STANDARD_INPUT:
        reading, name = read_content(sys.stdin.buffer.read(), reading_options), "stdin"
    else:
        reading, name = read(options.file, reading_options), options.file.stem
    if not reading.stations and reading.error is not None:
        raise reading.error
    members, failures = [], dict[str, str]()
    for station in reading.stations:
        own = station.name or name
        if station.series is None:
            assert station.error is not None
            failures[own] = in_one_line(station.error)
            continue
        for warning in station.warnings:
            program.say(f"{own}: warning: {warning}")
        # The first note says which columns were read; networks of a place would repeat it as a warning.
        notes = tuple(note for note in station.series.notes[1:] if note not in station.warnings)
        members.append(_Member(own, replace(station.series, notes=notes), station.position))
    return members, failures


def _with_weather(
    members: Sequence[_Member], selection: Selection, options: argparse.Namespace
) -> tuple[list[_Member], dict[str, str]]:
    """Return the series with the weather of the file that the options name, and why others have none, by name."""
    if options.weather is None:
        if not selection.weather_refusal:
            return [*members], {}
        # The weather was not asked for: it is in the file that the series are from.
        return [member._replace(series=replace(member.series, weather=None)) for member in members], {}
    weather, placed, failures = read_weather(options.weather), list[_Member](), dict[str, str]()
    for member in members:
        try:
            placed.append(member._replace(series=weather.over(member.name, member.series)))
        except FileError as error:
            failures[member.name] = in_one_line(error)
    return placed, failures


def _events_of(options: argparse.Namespace, units: Units) -> tuple[Sequence[EventDefinition], _BaselineOf]:
    """Return the events to forecast, and what says their baseline for each series."""
    if options.events is None:
        return (), lambda member: None
    baseline = _baseline_of(options)
    asked = read_events(options.events, options.horizon, units, baseline=None, paths=None)
    return asked.definitions, baseline


def _baseline_of(options: argparse.Namespace) -> _BaselineOf:
    """Return what says the baseline of each series: a period, its position, or None for the whole series."""
    stated = _stated_position(options)
    if options.baseline == POSITION:
        return lambda member: Position(*(stated or member.position or (np.nan, np.nan)))
    period = None if options.baseline is None else read_period(options.baseline)
    if options.baseline is not None and period is None:
        raise RequestError(
            f"--baseline {options.baseline}: expected a period, such as 1983/2012, or position", field="baseline"
        )
    return lambda member: period


def _forecast(
    members: Sequence[_Member],
    stated: tuple[float, float] | None,
    selection: Selection,
    wanted: ForecastOptions,
    options: argparse.Namespace,
) -> tuple[list[Forecasts], dict[str, str]]:
    """Forecast every series; returns the forecasts of each model, and why other series have none, by name."""
    as_of = ForecastFields(as_of=options.as_of).now

    def refusal(series: SstSeries) -> SeriesError | None:
        if (error := future_error(series, as_of)) is not None:
            return SeriesError(str(error).replace("send the time that counts as now in as_of", "name it with --as-of"))
        if selection.release is None and selection.catalog.nearest(series.step, wanted.horizon) is None:
            return SeriesError(
                f"no universal release forecasts steps of {in_words(str(series.step))}: average the series to longer "
                "ones with --resample, or name a release of its place with --dataset"
            )
        return None

    positions = np.array([stated or member.position or (np.nan, np.nan) for member in members]).reshape(-1, 2)
    given = [refusal(member.series) or member.series for member in members]
    columns = selection.forecast(SeriesByStep.of(given, positions), wanted)
    errors = {i: error for column in columns for i, error in column.errors.items()}
    return columns, {members[i].name: in_one_line(error) for i, error in sorted(errors.items())}


def _evaluated(
    forecasts: Forecasts, i: int, definitions: Sequence[EventDefinition], baseline: GivenBaseline
) -> list[Json]:
    """Return the JSON of the forecast of each event, or its error."""
    if not definitions:
        return []

    def judge(definition: EventDefinition, outlook: Outlook) -> Json:
        return outcome_json(evaluate(definition, outlook), forecasts.units)

    outlook = partial(forecasts.outlook, i, baseline)
    said = zip(definitions, each_or_error(definitions, outlook, judge), strict=True)
    return [{"name": each.name, "error": str(one)} if isinstance(one, ForecastError) else one for each, one in said]


def _response(
    columns: Sequence[Forecasts], listed: Sequence[_Entry], failures: Mapping[str, str], selection: Selection
) -> Json:
    """Return the JSON as ``POST /forecast`` has it."""
    models: list[Json] = []
    for place, column in enumerate(columns):
        entries = objects_of(column)
        shared = selection.known_fields(place) | {
            name: entries[0][name]
            for name in ("model", "version", "step")
            if entries and all(entry[name] == entries[0][name] for entry in entries)
        }
        own = [entry for entry in listed if entry.forecasts is column]
        forecasts = [
            {"id": one.name, **entry} | ({"events": [*one.events]} if one.events else {})
            for one, entry in zip(own, entries, strict=True)
        ]
        models.append({"kind": "one", **shared, "units": column.units, "forecasts": forecasts + _failed(failures)})
    return models[0] if selection.name != ALL else {"kind": "all", "models": models}


def _failed(failures: Mapping[str, str]) -> list[Json]:
    return [{"id": name, "error": failure} for name, failure in failures.items()]


def _table(entry: _Entry) -> pd.DataFrame:
    """Return a row for each lead; an event has the column of its probability, or of its degree heating weeks."""
    forecasts, i = entry.forecasts, entry.i
    columns: dict[str, Any] = {"time": pd.DatetimeIndex(forecasts.times[i], tz="UTC"), "sst": forecasts.sst[i]}
    for level in forecasts.columns.levels:
        columns[f"lower_{level}"], columns[f"upper_{level}"] = (bounds[i] for bounds in forecasts.bounds(level))
    for threshold in forecasts.columns.thresholds:
        columns[f"exceedance_{threshold:.12g}"] = forecasts.exceedance(threshold)[i]
    for event in entry.events:
        by_lead = {"threshold": "by_lead", "degree_heating_weeks": "median"}.get(event.get("kind", ""), "probability")
        columns[event["name"]] = event.get(by_lead, np.nan)
    return pd.DataFrame(columns)


def _csv_table(entry: _Entry) -> pd.DataFrame:
    """Return the table with the columns that batch scoring has."""
    forecasts, i = entry.forecasts, entry.i
    table = _table(entry)
    table.insert(0, "station", entry.name)
    table.insert(1, "issued", pd.Timestamp(forecasts.issued[i], tz="UTC"))
    table = table.assign(
        model=forecasts.model[i],
        version=forecasts.version[i],
        calibrated=bool(forecasts.calibrated[i]),
        warnings=" ".join(code for code, _ in entry.warnings),
    )
    if forecasts.weather and (weather := forecasts.weather[i]):
        table = table.assign(weather_used=weather.listed, past_rmse_ratio=weather.rounded_ratio)
    return table


def _text(entry: _Entry) -> str:
    forecasts, i = entry.forecasts, entry.i
    network = f"{forecasts.model[i]} {forecasts.version[i]}"
    head = f"{entry.name}: forecast by {network} from {short(forecasts.issued[i])}, {_SIGNS[forecasts.units]}"
    table = table_text(_table(entry).dropna(axis="columns", how="all"))
    weather = forecasts.weather[i] if forecasts.weather else None
    return f"{head}\n{table}" + (f"\n{_weather_text(weather)}" if weather else "")


def _weather_text(weather: WeatherUse) -> str:
    """Return what a forecast made of the weather, in words."""
    ahead = f", ahead until {short(weather.until)}" if weather.used and weather.until is not None else ""
    text = f"weather: {' and '.join(weather.used) or 'not used'}{ahead}"
    if weather.past_rmse_ratio is not None:
        past = counted(weather.origins, "past forecast")
        text += f"; over {past}, the RMSE with weather was {weather.past_rmse_ratio:.2f} times that without"
    return text + (f"; {weather.source}" if weather.source else "")


def _events_entry(member: _Member, baseline: Baseline, listed: Sequence[Json]) -> Json:
    period = baseline.period
    return {
        "id": member.name,
        "events": [*listed],
        "baseline": None if period is None else {"start": str(period.start), "end": str(period.end)},
        "usual": baseline.usual.basis,
        "warnings": [{"code": warning.code, "message": warning.message} for warning in baseline.warnings],
    }


def _events_text(member: _Member, listed: Sequence[Json], kind: Kind) -> str:
    times = member.series.times
    head = f"{member.name}: {counted(len(listed), _KINDS[kind])} from {short(times[0])} to {short(times[-1])}"
    return f"{head}\n{table_text(pd.DataFrame(listed))}" if listed else head


def _save(path: Path, count: int, draw: "Callable[[int, Axes], None]") -> None:
    """Draw a panel for each of ``count`` series, and write the figure."""
    with needs_extra("training", "--plot"):
        from matplotlib.figure import Figure
    if count > _MOST_PLOTS:
        raise RequestError(
            f"--plot draws up to {_MOST_PLOTS} series, not {count}: choose one with --station", field="plot"
        )
    figure = Figure(figsize=(10, 1 + 3 * count), layout="constrained")
    for i, axes in enumerate(np.atleast_1d(figure.subplots(count, 1))):
        draw(i, axes)
        axes.margins(x=0.01)
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize="small", ncols=4)
    try:
        figure.savefig(path, dpi=144)
    except ValueError as error:
        raise RequestError(f"--plot {path}: {error}", field="plot") from None
    except OSError as error:
        raise FileError(f"{path}: cannot write it: {error.strerror}") from None


def _draw_forecast(axes: "Axes", entry: _Entry) -> None:
    forecasts, i = entry.forecasts, entry.i
    series, times = forecasts.series[i], forecasts.times[i]
    shown = max(_PAST_STEPS, 3 * len(times))
    past = from_celsius(series.values[-shown:], forecasts.units)
    axes.plot(series.times[-shown:], past, color=_GREY, lw=1.2, label="observed")
    for level in sorted(forecasts.columns.levels, reverse=True):
        lower, upper = (bounds[i] for bounds in forecasts.bounds(level))
        axes.fill_between(times, lower, upper, color=_BLUE, alpha=0.18, linewidth=0, label=f"{level} %")
    axes.plot(times, forecasts.sst[i], color=_BLUE, lw=2.0, marker="o", markersize=3, label=forecasts.model[i])
    axes.set_title(f"{entry.name}, from {short(forecasts.issued[i])}", loc="left")
    axes.set_ylabel(f"SST ({_SIGNS[forecasts.units]})")


def _draw_events(axes: "Axes", member: _Member, baseline: Baseline, listed: Sequence[Json], units: Units) -> None:
    times = member.series.times
    sst, climatology, threshold = (
        from_celsius(values, units) for values in (member.series.values, *baseline.at(times))
    )
    during = np.zeros(len(times), dtype=bool)
    for event in listed:
        during |= (times >= np.datetime64(event["start"])) & (times <= np.datetime64(event["end"]))
    axes.fill_between(times, threshold, sst, where=during, color=_ORANGE, alpha=0.5, linewidth=0, label="events")
    axes.plot(times, sst, color=_GREY, lw=0.8, label="observed")
    axes.plot(times, climatology, color=_BLUE, lw=0.8, label="climatology")
    axes.plot(times, threshold, color=_ORANGE, lw=0.8, label="threshold")
    axes.set_title(f"{member.name}: {counted(len(listed), 'event')}", loc="left")
    axes.set_ylabel(f"SST ({_SIGNS[units]})")
