"""The query parameters of ``/forecast``."""

from functools import lru_cache
from typing import Annotated, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from forecasting.events.event_schema import InputEvent
from forecasting.forecasts.options import ForecastOptions
from forecasting.series.units import Units
from service.api.forecast.event_request import MAX_PATHS, read_events
from service.engine.options import RequestOptions, event_options, read_as_of
from service.http.query import read_query
from service.http.time_fields import InputTime

_REPEATABLE = ("level", "threshold")
_MAX_CACHED_BYTES: Final = 256
_EVENTS_DESCRIPTION: Final = (
    "The events to forecast, as a JSON array in the form of `events` of `ForecastRequest`, URL-encoded."
)


def _drop_blanks(value: object) -> object:
    """Drop empty strings from the values of a repeatable parameter, so that ``level=`` asks for no levels."""
    return [text for text in value if text != ""] if isinstance(value, list) else value


WithoutBlanks = BeforeValidator(_drop_blanks)


class ForecastQuery(BaseModel):
    """Which models to use, and what each forecast contains."""

    model: str = Field(
        default="best",
        description="`best`, `all`, `rnn`, `lstm`, `gru`, or the full name of a model, such as `nino12-gru`.",
    )
    dataset: str | None = Field(
        default=None,
        description="The dataset whose models to use. Defaults to the service's default dataset.",
        examples=["nino12"],
    )
    horizon: int = Field(default=1, ge=1, le=10_000, description="The number of steps to forecast.")
    level: Annotated[list[int] | None, WithoutBlanks] = Field(
        default=None,
        max_length=16,
        description="The level of a prediction interval, in percent. Repeat it for several levels; leave it empty for "
        "no intervals. Defaults to 80 and 95.",
    )
    threshold: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default=[],
        max_length=16,
        description="A temperature for which to return the probability of exceedance. Repeat it for several.",
    )
    units: Units = Field(default="celsius", description="The unit of all temperatures in the request and response.")
    events: str | None = Field(
        default=None, description=_EVENTS_DESCRIPTION, examples=['[{"name": "warm", "above": 24.0}]']
    )
    paths: int = Field(default=0, ge=0, le=MAX_PATHS, description="The number of sample paths to return.")

    as_of: InputTime | None = Field(
        default=None, description="The time that counts as now, in ISO 8601. Defaults to the time of the request."
    )

    @property
    def options(self) -> RequestOptions:
        """What each forecast contains.

        Raises:
            RequestValidationError: if ``events`` is invalid.
            RequestError: if the forecast does not have what an event asks for, or ``as_of`` is not a time.
        """
        levels = None if self.level is None else tuple(self.level)
        events = event_options(self.parsed_events, self.paths, None, self.horizon, self.units)
        forecast = ForecastOptions(self.horizon, levels, tuple(self.threshold), self.units)
        return RequestOptions(forecast, events, read_as_of(self.as_of))

    @property
    def parsed_events(self) -> tuple[InputEvent, ...]:
        """The events.

        Raises:
            RequestValidationError: if they are invalid.
        """
        return () if self.events is None else read_events(self.events)


class LinesQuery(ForecastQuery, frozen=True):
    """The options of an NDJSON request, which has no place for them in its body: each line is a series."""

    level: Annotated[list[Annotated[int, Field(ge=1, le=99)]] | None, WithoutBlanks] = Field(
        default=None,
        max_length=16,
        description="The level of a prediction interval, in percent. Repeat it for several levels; leave it empty for "
        "no intervals. Defaults to 80 and 95.",
    )
    strict: bool = False
    events: str | None = Field(default=None, description=_EVENTS_DESCRIPTION)
    check: bool = Field(default=False, description="Whether to leave out implausible values.")

    @property
    def options(self) -> RequestOptions:
        """What each forecast contains.

        Raises:
            RequestValidationError: if ``events`` is invalid.
            RequestError: if the forecast does not have what an event asks for, or ``as_of`` is not a time.
        """
        options = super().options
        return options._replace(forecast=options.forecast._replace(check=self.check))

    @classmethod
    def read(cls, query_string: bytes) -> "LinesQuery":
        """Read the query of a request.

        Raises:
            RequestValidationError: if a parameter is unknown or repeated, or its value is invalid.
        """
        # Requests of one client have the same query. Long ones must not fill the cache.
        return (_read_lines if len(query_string) <= _MAX_CACHED_BYTES else _read_lines.__wrapped__)(query_string)


@lru_cache(maxsize=256)
def _read_lines(query_string: bytes) -> LinesQuery:
    parameters = read_query(query_string, LinesQuery.model_fields, _REPEATABLE)
    try:
        return LinesQuery.model_validate(
            {name: values if name in _REPEATABLE else values[-1] for name, values in parameters.items()}
        )
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**entry, "loc": ("query", *entry["loc"])} for entry in errors]) from None
