"""What is said of an event in a table or a grid: a column for each number, flag or time, and its units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from forecasting.events.definitions import EventDefinition, MarineEvent, Percentile, ThresholdEvent
from forecasting.events.detection import CATEGORIES
from forecasting.events.heat_stress import LEVEL_PROBABILITIES, LEVELS

Form = Literal["probability", "celsius", "difference", "celsius_weeks", "days", "time", "flag"]

MISSING: Final = -1
"""Instead of a flag or a number of days that is not known."""

STATES: Final = ("No event", "Building", "Active")
CATEGORY_FLAGS: Final = ("No event", *CATEGORIES)

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One number, flag or time for each place, or for each of its leads."""

    name: str
    by_lead: bool
    form: Form
    title: str
    flags: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        """Type of its values."""
        return {"flag": "int8", "days": "int16"}.get(self.form, "float64")

    @property
    def missing(self) -> float:
        """Value where nothing is known."""
        return MISSING if self.form in ("flag", "days") else np.nan

    def empty(self, n: int, horizon: int) -> Values:
        """Return missing values for ``n`` places, ``(n,)`` or ``(n, horizon)``."""
        return np.full((n, horizon) if self.by_lead else n, self.missing, dtype=self.dtype)


@lru_cache(maxsize=256)
def columns_of(definition: EventDefinition, name: str) -> dict[str, Column]:
    """Return the columns of an event whose safe name is ``name``, by what they are."""
    if isinstance(definition, ThresholdEvent):
        columns = _threshold(definition)
    elif isinstance(definition, MarineEvent):
        columns = _marine(definition)
    else:
        columns = _HEAT_STRESS
    return {
        each.name: replace(each, name=f"event_{name}_{each.name}", title=f"{definition.name}: {each.title}")
        for each in columns
    }


def _threshold(event: ThresholdEvent) -> Sequence[Column]:
    threshold = event.threshold
    by_day = isinstance(threshold, Percentile)
    limit = (
        f"percentile {threshold.percent:g}" if isinstance(threshold, Percentile) else f"{threshold:g} degree Celsius"
    )
    beyond = f"sea surface temperature {event.side} {limit}"
    leads = "the forecast" if event.within is None else f"the first {event.within} steps"
    run = f"{event.duration} consecutive steps of " if event.duration > 1 else ""
    extreme = "highest" if event.side == "above" else "lowest"
    columns = [
        Column("probability", False, "probability", f"probability of {run}{beyond} within {leads}"),
        Column("by_lead", True, "probability", f"probability of {beyond}"),
        Column("onset", False, "time", f"median time of the onset of {run}{beyond}"),
        Column("peak", False, "celsius", f"median of the {extreme} temperature within {leads}"),
    ]
    return [*columns, Column("threshold", True, "celsius", f"threshold, {limit}")] if by_day else columns


def _marine(event: MarineEvent) -> Sequence[Column]:
    name, last = event.kind.replace("_", " "), "the day of the last observation"
    return (
        Column("state", False, "flag", f"state of the {name} on {last}", STATES),
        Column("days", False, "days", f"days of the {name} until {last}"),
        Column("category", False, "flag", f"category of the {name} so far", CATEGORY_FLAGS),
        Column("intensity", False, "difference", f"temperature minus climatology on {last}"),
        Column("probability", True, "probability", f"probability of a {name}"),
        Column("likely_category", True, "flag", f"most likely category of a {name}", CATEGORY_FLAGS),
        Column("onset_within", True, "probability", f"probability that a new {name} has begun"),
        Column("ends_within", True, "probability", f"probability that the ongoing {name} has ended"),
        Column("climatology", True, "celsius", "usual temperature"),
        Column("threshold", True, "celsius", f"threshold of a {name}"),
    )


_WEEKS, _LAST = "degree heating weeks", "on the day of the last observation"
_BOUND: Final = "bound of the central 80 % range"
_HEAT_STRESS: Final = (
    Column("mmm", False, "celsius", "maximum monthly mean"),
    Column("now", False, "celsius_weeks", f"{_WEEKS} {_LAST}"),
    Column("alert", False, "flag", f"alert level {_LAST}", LEVELS),
    Column("median", True, "celsius_weeks", f"median of {_WEEKS}"),
    Column("lower", True, "celsius_weeks", f"lower {_BOUND} of {_WEEKS}"),
    Column("upper", True, "celsius_weeks", f"upper {_BOUND} of {_WEEKS}"),
    Column("likely_alert", True, "flag", "most likely alert level", LEVELS),
    *(
        Column(name, True, "probability", f"probability of {level} or above")
        for level, name in LEVEL_PROBABILITIES.items()
    ),
)


def _named(*forms: Form) -> frozenset[str]:
    every = (*_threshold(ThresholdEvent("", "above", Percentile(90))), *_marine(MarineEvent("")), *_HEAT_STRESS)
    return frozenset(column.name for column in every if column.form in forms)


TEMPERATURES: Final = _named("celsius")
DIFFERENCES: Final = _named("difference", "celsius_weeks")
"""Columns of temperatures, and of differences of temperatures, which have no offset."""
