"""The options of a forecast: as the users of every program state them, and as models read them.

:class:`ForecastFields` is the one declaration of their names, types, bounds, defaults and descriptions. The JSON body,
the query and the command line derive from it.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from forecasting.errors import RequestError, SeriesError
from forecasting.events.event_schema import Events
from forecasting.requests import InputTime, first_error
from forecasting.series.times import seconds_of
from forecasting.series.units import Units, to_celsius

ANY_LEVEL: Final = range(1, 100)
"""The interval levels, percent, of a model that offers every one."""

DEFAULT_LEVELS: Final = (80, 95)
"""Interval levels, percent, where none are named."""

MAX_HORIZON: Final = 10_000
"""Steps of one forecast; a model or a service may offer fewer."""

MAX_PATHS: Final = 1_000
"""Sample paths to return with one forecast."""

SINGULAR: Final = {"levels": "level", "thresholds": "threshold"}
"""Options with several values, and their name where each value is given by itself, as in a query."""

Dataset = Annotated[
    str | None,
    Field(
        description="The dataset whose models to use. Without it, the step of each series chooses the universal "
        "release that forecasts it."
    ),
]
Horizon = Annotated[int, Field(ge=1, le=MAX_HORIZON)]
InputUnits = Annotated[Units, Field(description="The unit of all temperatures in the request and response.")]
Level = Annotated[int, Field(ge=ANY_LEVEL[0], le=ANY_LEVEL[-1])]
# Programs that are strict with numbers still take any sequence.
Levels = Annotated[tuple[Level, ...], Field(max_length=16, fail_fast=True, strict=False)]
Thresholds = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(max_length=16, fail_fast=True, strict=False)
]


class ForecastOptions(NamedTuple):
    """What each forecast contains.

    Attributes:
        horizon: number of leads after the end of each series.
        levels: interval levels, percent; None for those of :data:`DEFAULT_LEVELS` that the model offers.
        thresholds: temperatures, in ``units``, whose probabilities of exceedance are forecast.
        units: units of all temperatures in the forecasts and thresholds.
        check: whether to leave out values that are implausible given the forecasts made before them.
        backtest: whether to forecast the past of each series too, where the model learns from that.
        concise: for the cells of a grid: without a backtest, references, and all checks that take longer than a
            forecast. Messages of warnings may leave out details.
    """

    horizon: int = 1
    levels: tuple[int, ...] | None = None
    thresholds: tuple[float, ...] = ()
    units: Units = "celsius"
    check: bool = False
    backtest: bool = True
    concise: bool = False

    def offered_levels(self, offered: "range | Mapping[int, object]") -> tuple[int, ...]:
        """Return the interval levels for a model that offers these."""
        if self.levels is not None:
            return self.levels
        return tuple([level for level in DEFAULT_LEVELS if level in offered])

    @property
    def celsius_thresholds(self) -> tuple[float, ...]:
        """The thresholds in °C."""
        return tuple(to_celsius(self.thresholds, self.units).tolist())


class DatasetForecastFields(BaseModel):
    """The options of a forecast of a dataset's own series: those of :class:`ForecastFields` that have a meaning."""

    model: str = Field(
        default="best",
        description="`best`, `all`, `rnn`, `lstm`, `gru`, or the full name of a model, such as `nino12-gru`. For a "
        "universal release, `best` mixes a network and references by their record on the past of the series.",
    )
    dataset: Dataset = None
    horizon: Horizon = Field(default=1, description="The number of steps to forecast.")
    levels: Levels | None = Field(
        default=None,
        description="The levels of the prediction intervals, in percent. Defaults to 80 and 95; `[]` asks for none.",
    )
    thresholds: Thresholds = Field(
        default=(), description="The temperatures for which to return the probability of exceedance."
    )
    units: InputUnits = "celsius"
    events: Events = Field(default=(), description="The events to forecast, as probabilities.")
    paths: int = Field(
        default=0,
        ge=0,
        le=MAX_PATHS,
        description="The number of sample paths to return. The probabilities of events always come from at least "
        "1,000.",
    )
    as_of: InputTime | None = Field(
        default=None,
        description="The time that counts as now, in ISO 8601. A series whose last observation is more than one step, "
        "and at least a day, after it is an error. Defaults to the time of the request.",
    )

    @property
    def forecast_options(self) -> ForecastOptions:
        """What models read of them."""
        return ForecastOptions(self.horizon, self.levels, self.thresholds, self.units)

    @property
    def now(self) -> int | None:
        """The time that counts as now, Unix seconds; None if the clock tells it.

        Raises:
            RequestError: if ``as_of`` is not a time.
        """
        try:
            return None if self.as_of is None else seconds_of(self.as_of)
        except SeriesError as error:
            raise RequestError(str(error), field="as_of") from None


class ForecastFields(DatasetForecastFields):
    """The options of a forecast of the caller's series."""

    check: bool = Field(
        default=False,
        description="Whether to leave out values that are implausible given the forecast made before them. The warning "
        "`suspect_value` says which. Only universal networks check.",
    )

    @property
    def forecast_options(self) -> ForecastOptions:
        """What models read of them."""
        return ForecastOptions(self.horizon, self.levels, self.thresholds, self.units, self.check)


def help_of(name: str) -> str:
    """Return the description of an option as the phrase of a command line's help, without its default."""
    description = str(ForecastFields.model_fields[name].description).replace("`", "").removesuffix(".")
    sentences = [part for part in description.split(". ") if not part.startswith("Defaults to")]
    phrase = "; ".join(part[0].lower() + part[1:] for part in sentences)
    return phrase.removeprefix("the ").removeprefix("whether to ")


def parse_option(name: str, text: str) -> Any:
    """Return the value of an option in a command line.

    Several values are separated by commas, and an empty text has none. Levels are returned in ascending order.

    Raises:
        RequestError: if the text is not valid for the option.
    """
    value = (text.split(",") if text else []) if name in SINGULAR else text
    try:
        parsed = getattr(ForecastFields.model_validate({name: value}), name)
        return tuple(sorted({*parsed})) if name == "levels" else parsed
    except ValidationError as error:
        raise RequestError(first_error(error.errors(include_url=False), name), field=name) from None
