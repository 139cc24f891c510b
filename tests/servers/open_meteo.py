"""A server on a real socket that answers like Open-Meteo's three interfaces, including its errors and limits."""

import json
from dataclasses import dataclass, field
from threading import Event
from urllib.parse import parse_qs

import numpy as np
import numpy.typing as npt

from tests.servers.erddap import Answer, Erddap

_KNOWN = {"latitude", "longitude", "hourly", "wind_speed_unit", "timeformat", "timezone", "cell_selection",
          "past_days", "forecast_days", "start_date", "end_date", "apikey"}  # fmt: skip
JSON = {"Content-Type": "application/json; charset=utf-8"}


def refusal(reason: str, status: int = 400, **headers: str) -> Answer:
    return Answer(json.dumps({"error": True, "reason": reason}), status, JSON | headers)


MINUTELY = refusal("Minutely API request limit exceeded. Please try again in one minute.", 429)
HOURLY = refusal("Hourly API request limit exceeded. Please try again in the next hour.", 429)
DAILY = refusal("Daily API request limit exceeded. Please try again tomorrow.", 429)


def air(days: npt.ArrayLike, latitude: float) -> npt.NDArray[np.float64]:
    """The air temperature of the middle of a UTC day, °C; hours deviate from it by up to 1.15."""
    return np.round(latitude / 10 + np.asarray(days) % 10 / 2, 2)


def wind(days: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The wind speed of all hours of a UTC day, m/s."""
    return 3 + np.asarray(days, dtype=np.float64) % 7


@dataclass
class OpenMeteoServer(Erddap):
    """A running server."""

    gap: bool = False
    refused: tuple[float, ...] = ()
    slow: bool = False
    go_on: Event = field(default_factory=Event)

    def answer(self, path: str, query: str) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.asked.append(query)
        if self.slow:
            self.go_on.wait(600)
        if self.faults:
            return self.faults.pop(0)
        if path != "/v1/forecast":
            return refusal("Not Found", 404)
        if unknown := asked.keys() - _KNOWN:
            return refusal(f"Unknown parameter {', '.join(unknown)}")
        if not 0 <= int(asked.get("past_days", 0)) <= 92:
            return refusal(f"Past days is invalid. Allowed range 0 to 92. Given {asked['past_days']}.")
        if not 0 <= int(asked.get("forecast_days", 7)) <= 16:
            return refusal(f"Forecast days is invalid. Allowed range 0 to 16. Given {asked['forecast_days']}.")
        latitudes = [float(text) for text in asked["latitude"].split(",")]
        longitudes = [float(text) for text in asked["longitude"].split(",")]
        if any(not -180 <= longitude <= 180 for longitude in longitudes):
            return refusal(f"Longitude must be in range of -180 to 180°. Given: {longitudes}.")
        if wrong := {*self.refused} & {*latitudes}:
            return refusal(f"No data is available for this location {wrong}")
        entries = [self._entry(asked, *place) for place in zip(latitudes, longitudes, strict=True)]
        return Answer(json.dumps(entries[0] if len(entries) == 1 else entries), headers=JSON)

    def _entry(self, asked: dict[str, str], latitude: float, longitude: float) -> dict[str, object]:
        today = int(np.datetime64("now", "D").astype(np.int64))
        first, last = today - int(asked.get("past_days", 0)), today + int(asked.get("forecast_days", 7)) - 1
        if "start_date" in asked:
            first, last = (int(np.datetime64(asked[name]).astype(np.int64)) for name in ("start_date", "end_date"))
        hours = np.arange(first * 24, (last + 1) * 24)
        columns: dict[str, object] = {"time": (hours * 3_600).tolist()}
        units = {"time": asked.get("timeformat", "iso8601")}
        for name in asked["hourly"].split(","):
            variable, _, lead = name.partition("_previous_day")
            is_air = variable == "temperature_2m"
            values = air(hours // 24, latitude) + (hours % 24 - 11.5) / 10 if is_air else wind(hours // 24)
            listed: list[float | None] = np.round(values + int(lead or 0) / 2, 2).tolist()
            if self.gap:
                listed = [None if hour // 24 == today - 1 else value for hour, value in zip(hours, listed, strict=True)]
            columns[name] = listed
            ms = asked.get("wind_speed_unit") == "ms"
            units[name] = "°C" if is_air else "m/s" if ms else "km/h"
        cell = {"latitude": round(latitude, 1), "longitude": round(longitude, 1), "elevation": 0.0}
        zone = {"utc_offset_seconds": 0, "timezone": "GMT", "timezone_abbreviation": "GMT"}
        return cell | {"generationtime_ms": 0.1} | zone | {"hourly_units": units, "hourly": columns}
