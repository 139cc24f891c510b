"""The weather over the series of request bodies: its schema, and how it is put on the grid of each series."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError, PydanticKnownError

from forecasting.errors import SeriesError
from forecasting.requests import ONE_LINE, Finite, InputTime, RequestModel, refuse_unknown
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import parse_time
from forecasting.series.units import Units
from forecasting.series.weather import COVARIATES, WIND_UNITS_REMEDY, Weather, WeatherReader, WindUnits

MAX_SOURCE: Final = 256
"""Maximum characters of the source of weather."""

MAX_ISSUED: Final = 1_500
"""Older forecasts of the weather over one series: four years of days, or of a year four a day."""

ReadWeather = Callable[[WeatherReader], Weather | None]
"""Reads the weather over one series, or raises SeriesError; None without any."""


def _refuse_other_names(value: object, info: ValidationInfo) -> None:
    try:
        refuse_unknown(value, info)
    except PydanticKnownError:
        raise PydanticCustomError("covariate", "unknown field; weather takes air_temperature and wind_speed") from None


Column = Annotated[list[Finite | None], Field(min_length=1, fail_fast=True)]


class InputCovariates(RequestModel):
    """Weather, with a value for each step, null where it is missing; at least one of the two."""

    __pydantic_extra__: dict[str, Annotated[Any, BeforeValidator(_refuse_other_names)]]

    air_temperature: Column | None = Field(default=None, description="In the units of the request.")
    wind_speed: Column | None = Field(default=None, description="About 10 m above the sea, in `wind_units`.")

    @property
    def columns(self) -> dict[str, list[float | None]]:
        """The values that were sent, by name."""
        return {name: values for name in COVARIATES if (values := getattr(self, name)) is not None}


class InputIssuedWeather(InputCovariates):
    """An older forecast of the weather, as it was issued."""

    issued: InputTime = Field(description="When it was issued. The values begin with the first step after it.")


class InputWeather(InputCovariates):
    """The weather over a series. Values after the last observation are a forecast, those before are what happened."""

    start: InputTime | None = Field(
        default=None, description="The time of the first values; defaults to that of the series."
    )
    wind_units: WindUnits = "m/s"
    source: str | None = Field(
        default=None,
        max_length=MAX_SOURCE,
        pattern=ONE_LINE,
        description="Where the weather comes from; the response repeats it.",
    )
    issued: list[InputIssuedWeather] = Field(
        default_factory=list,
        max_length=MAX_ISSUED,
        fail_fast=True,
        description="Older forecasts of the weather, from which the forecast learns how far to trust the newest one. "
        "Without them it assumes the skill of a good global model.",
    )

    def read(self, reader: WeatherReader) -> Weather:
        """Return the weather over the series of ``reader``."""

        def time(text: str, name: str) -> Any:
            try:
                return parse_time(text, local=reader.step.calendar_month)
            except SeriesError as error:
                raise SeriesError(f"weather.{name}: {error}") from None

        start = None if self.start is None else time(self.start, "start")
        older = [(time(each.issued, f"issued[{i}].issued"), each.columns) for i, each in enumerate(self.issued)]
        in_units = replace(reader, wind_units=self.wind_units, wind_remedy=WIND_UNITS_REMEDY)
        return in_units.of_arrays(self.columns, start, older, self.source)

    @property
    def longest(self) -> int:
        """The number of values in the longest of its arrays."""
        return max((len(values) for part in (self, *self.issued) for values in part.columns.values()), default=0)


def with_weather(
    batch: SeriesBatch, readers: Mapping[int, ReadWeather], units: Units, errors: dict[int, SeriesError]
) -> SeriesBatch:
    """Return ``batch`` with the weather of some series."""
    weather: dict[int, Weather] = {}
    for i, read in readers.items():
        if i in errors:
            continue
        series = batch[i]
        try:
            found = read(WeatherReader(series.step, series.start, series.values, units))
        except SeriesError as error:
            # The frames of its traceback would keep what has been read in memory.
            errors[i] = error.with_traceback(None)
        else:
            weather |= {} if found is None else {i: found}
    return replace(batch, weather=weather) if weather else batch
