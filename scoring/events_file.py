"""The file of events that the user names, in the JSON of ``POST /forecast``."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import ValidationError

from forecasting.errors import RequestError
from forecasting.events.baseline import POSITION, Period
from forecasting.events.columns import columns_of
from forecasting.events.definitions import EventDefinition
from forecasting.events.event_schema import definitions_of, parse_events
from forecasting.readers import content_digest
from forecasting.requests import MAX_UNKNOWN_FIELDS, UnknownFieldsError, first_error
from forecasting.series.units import Units
from scoring.errors import ScoringError
from scoring.events import EventRequest

_PERIOD: Final = re.compile(r"(\d{4})(-\d\d-\d\d)?/(\d{4})(-\d\d-\d\d)?")
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


def read_events(file: Path, horizon: int, units: Units, *, baseline: str | None, paths: int | None) -> EventRequest:
    """Read the events of a run."""
    definitions = _definitions(file, horizon, units)
    if not definitions:
        raise ScoringError(f"{file}: the list has no events; add one, or leave out --events")
    names = tuple(_safe(definition.name, file) for definition in definitions)
    _refuse_clashes(definitions, names, file)
    request = EventRequest() if baseline is None else baseline_request(baseline)
    return replace(request, definitions=definitions, names=names, paths=paths)


def baseline_request(baseline: str) -> EventRequest:
    """Return a request without events for a baseline: a period such as ``1983/2012``, ``position``, or a file."""
    if baseline == POSITION:
        return EventRequest(of_position=True)
    period = read_period(baseline)
    if period is not None:
        return EventRequest(period=period)
    if not Path(baseline).exists():
        raise ScoringError(
            f"--baseline {baseline} is neither a period, such as 1983/2012, nor a file, nor position; correct it"
        )
    return EventRequest(baseline_file=baseline, baseline_sha256=content_digest(Path(baseline)))


def _definitions(file: Path, horizon: int, units: Units) -> tuple[EventDefinition, ...]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ScoringError(f"{file}: cannot read it: {error.strerror or error}") from None
    try:
        return definitions_of(parse_events(content), horizon, units)
    except ValidationError as error:
        places = [{**place, "loc": ("events", *place["loc"])} for place in error.errors(include_url=False)]
        if places[0]["loc"] == ("events",) and places[0]["type"] != "json_invalid":
            raise ScoringError(f"{file}: expected a JSON list of events, such as [{{…}}, {{…}}]") from None
        if places[0]["type"] == "json_invalid":
            places[0]["loc"] = ()
        raise ScoringError(f"{file}: {first_error(places, 'the file')}") from None
    except UnknownFieldsError:
        raise ScoringError(f"{file}: more than {MAX_UNKNOWN_FIELDS} unknown fields") from None
    except RequestError as error:
        raise ScoringError(f"{file}: {error}") from None


def _safe(name: str, file: Path) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    safe = _UNSAFE.sub("_", plain).strip("_")
    if not safe:
        raise ScoringError(
            f"{file}: event {name!r} has no letter from a to z and no digit to name a column after; rename it"
        )
    return safe


def _refuse_clashes(definitions: Sequence[EventDefinition], names: Sequence[str], file: Path) -> None:
    owners: dict[str, str] = {}
    for definition, name in zip(definitions, names, strict=True):
        for column in columns_of(definition, name).values():
            other = owners.setdefault(column.name, definition.name)
            if other != definition.name:
                raise ScoringError(
                    f"{file}: events {other!r} and {definition.name!r} would both have a column {column.name}; rename "
                    "one of them"
                )


def read_period(text: str) -> Period | None:
    """Return a period of days or whole years; None if the text is neither."""
    match = _PERIOD.fullmatch(text)
    if match is None:
        return None
    first_year, first_day, last_year, last_day = match.groups()
    try:
        start = np.datetime64(first_year + (first_day or "-01-01"), "D")
        end = np.datetime64(last_year + (last_day or "-12-31"), "D")
    except ValueError:
        raise ScoringError(f"--baseline {text}: there is no such day") from None
    if end < start:
        raise ScoringError(f"--baseline {text}: the period ends before it begins; give its first day, then its last")
    return Period(start, end)
