"""The JSON of events, and what they ask for in °C."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import RangeError, RequestError
from forecasting.events.baseline import Kind
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, Percentile, Side, ThresholdEvent
from forecasting.requests import Finite, RequestModel, tag
from forecasting.series.units import Units, sea_temperatures

MAX_EVENTS: Final = 20
"""Events in one request."""

MAX_VERIFIED_EVENTS: Final = 5
"""Events in one comparison; each is forecast from every past step."""

MAX_NAME: Final = 100
"""Characters of an event's name."""

_MAX_STEPS: Final = 10_000
_MARINE: Final = ("marine_heatwave", "marine_cold_spell")
_HEAT_STRESS: Final = "degree_heating_weeks"
_KINDS: Final = ", ".join(f"`{kind}`" for kind in ("threshold", *_MARINE, _HEAT_STRESS))

Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, description="Returned as given. The names in a request must differ."),
]
Steps = Annotated[int, Field(ge=1, le=_MAX_STEPS, strict=True)]


class InputPercentile(RequestModel):
    """A threshold that follows the day of the year. It needs daily values, and ten years of them or a baseline."""

    percentile: Annotated[Finite, Field(ge=1, le=99)] = Field(
        description="The percentile of the values around each day of the year.", examples=[90]
    )


def _tag_of_threshold(threshold: object) -> str:
    return tag("percentile" if isinstance(threshold, dict | InputPercentile) else "number")


InputThreshold = Annotated[
    Annotated[Finite, Tag(tag("number"))] | Annotated[InputPercentile, Tag(tag("percentile"))],
    Discriminator(_tag_of_threshold),
]
"""A temperature in the request's units, or a percentile."""


class InputThresholdEvent(RequestModel):
    """SST above or below a threshold, for some steps in a row."""

    kind: Literal["threshold"] = "threshold"
    name: Name
    above: InputThreshold | None = Field(
        default=None, description="A temperature in the request's units, or a percentile.", examples=[24.0]
    )
    below: InputThreshold | None = Field(
        default=None, description="The same for SST below it. Give only one of the two."
    )
    duration: Steps = Field(default=1, alias="for", description="The number of consecutive steps beyond the threshold.")
    within: Steps | None = Field(
        default=None, description="The number of leads that count. Defaults to the horizon, which it must not exceed."
    )

    @model_validator(mode="after")
    def _check_side(self) -> Self:
        if self.above is not None and self.below is not None:
            raise PydanticCustomError("event", "give above or below, not both; ask for two events if you need both")
        if self.above is None and self.below is None:
            raise PydanticCustomError("event", 'give above or below: a temperature, or {"percentile": 90}')
        return self


class InputMarineEvent(RequestModel):
    """A marine heatwave or cold spell. It needs daily values, and ten years of them or a baseline."""

    kind: Kind
    name: Name


class InputHeatStress(RequestModel):
    """Degree heating weeks. They need daily values."""

    kind: Literal["degree_heating_weeks"]
    name: Name
    mmm: Finite | None = Field(
        default=None,
        description="The maximum monthly mean, in the request's units. Defaults to that of the series if it has ten "
        "years of values, and otherwise to that of the climatology at its position.",
        examples=[28.4],
    )


InputEvent = InputThresholdEvent | InputMarineEvent | InputHeatStress
_MODELS: Final[dict[str, type[InputEvent]]] = {
    "threshold": InputThresholdEvent,
    **dict.fromkeys(_MARINE, InputMarineEvent),
    _HEAT_STRESS: InputHeatStress,
}


def _tag_of_event(event: Any) -> str | None:
    kind = event.get("kind", "threshold") if isinstance(event, dict) else getattr(event, "kind", "threshold")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    return None if model is None else tag(model.__name__)


def _check_names(events: tuple[InputEvent, ...]) -> tuple[InputEvent, ...]:
    names: set[str] = set()
    for event in events:
        if event.name in names:
            raise PydanticCustomError(
                "event", "two events are named {name}: give each its own name", {"name": repr(event.name)}
            )
        names.add(event.name)
    return events


BY_KIND: Final = Discriminator(
    _tag_of_event, custom_error_type="event", custom_error_message=f"kind must be one of {_KINDS}"
)
"""Chooses the model that parses an event, by the tags of the three in :data:`AnyEvent`."""

DIFFERENT_NAMES: Final = AfterValidator(_check_names)

AnyEvent = Annotated[
    Annotated[InputThresholdEvent, Tag(tag("InputThresholdEvent"))]
    | Annotated[InputMarineEvent, Tag(tag("InputMarineEvent"))]
    | Annotated[InputHeatStress, Tag(tag("InputHeatStress"))],
    BY_KIND,
]
Events = Annotated[tuple[AnyEvent, ...], Field(max_length=MAX_EVENTS, fail_fast=True), DIFFERENT_NAMES]
"""The events of a request."""

ThresholdEvents = Annotated[
    tuple[InputThresholdEvent, ...], Field(max_length=MAX_VERIFIED_EVENTS, fail_fast=True), DIFFERENT_NAMES
]
"""The events of a comparison."""

_EVENTS: Final = TypeAdapter[tuple[InputEvent, ...]](Events)


def parse_events(text: str | bytes) -> tuple[InputEvent, ...]:
    """Parse a JSON list of events."""
    return _EVENTS.validate_json(text, context=[])


def definitions_of(events: Sequence[InputEvent], horizon: int, units: Units) -> tuple[EventDefinition, ...]:
    """Return what ``events``, whose temperatures are in ``units``, ask for in °C."""
    return tuple(_definition(event, f"events[{i}]", horizon, units) for i, event in enumerate(events))


def _definition(event: InputEvent, location: str, horizon: int, units: Units) -> EventDefinition:
    if isinstance(event, InputMarineEvent):
        return MarineEvent(event.name, event.kind)
    if isinstance(event, InputHeatStress):
        return HeatStress(event.name, None if event.mmm is None else _celsius(event.mmm, f"{location}.mmm", units))
    if event.within is not None and event.within > horizon:
        raise RequestError(
            f"{location}.within is {event.within}, but the horizon is {horizon}: ask for a horizon of {event.within} "
            "or more, or for fewer steps",
            field=f"{location}.within",
        )
    side: Side = "above" if event.above is not None else "below"
    threshold = event.above if event.above is not None else event.below
    assert threshold is not None
    return ThresholdEvent(
        name=event.name,
        side=side,
        threshold=Percentile(threshold.percentile)
        if isinstance(threshold, InputPercentile)
        else _celsius(threshold, f"{location}.{side}", units),
        duration=event.duration,
        within=event.within,
    )


def _celsius(degrees: float, location: str, units: Units) -> float:
    try:
        return float(sea_temperatures(np.array([degrees]), units, lambda _: location)[0])
    except RangeError as error:
        raise RequestError(str(error), field=location) from None
