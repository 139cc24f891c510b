"""Events and baselines as the service takes them."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pandas as pd

from service.client.parameters import Json

EventKind = Literal["marine_heatwave", "marine_cold_spell"]

EventInput: TypeAlias = "Mapping[str, Any]"
"""An event with the fields of ``events`` in ``POST /forecast``, such as ``{"name": "warm", "above": 24, "for": 5}``."""

BaselineInput: TypeAlias = "pd.DataFrame | Mapping[Any, Any] | None"
"""A baseline for every series, or one for each by its name.

A baseline is a mapping with ``start`` and ``end``, or with ``climatology`` and ``threshold``; or a DataFrame with these
two columns and 366 rows.
"""

_FIELDS: Final = frozenset({"start", "end", "climatology", "threshold"})


@dataclass(frozen=True)
class Baselines:
    """Baselines of the series that have one of their own, by name."""

    by_name: Mapping[Any, Any]

    def fields(self, name: Hashable) -> Json:
        """Return the JSON fields of the series with this name.

        Raises:
            TypeError: if the baseline is not one.
            ValueError: if it holds a number that is missing.
        """
        if self.by_name.get(name) is None:
            return {}
        return {"baseline": read_baseline(f"the baseline of series {name!r}", self.by_name[name])}


def split_baseline(baseline: BaselineInput) -> tuple[Json | None, Baselines]:
    """Return the baseline for every series, and those for some of them.

    Raises:
        TypeError: if it is neither a baseline nor a mapping of names to baselines.
        ValueError: if it holds a number that is missing.
    """
    if baseline is None:
        return None, Baselines({})
    if isinstance(baseline, pd.DataFrame) or (isinstance(baseline, Mapping) and _FIELDS.issuperset(baseline)):
        return read_baseline("baseline", baseline), Baselines({})
    if not isinstance(baseline, Mapping):
        raise _not_a_baseline("baseline", baseline)
    return None, Baselines(baseline)


def read_baseline(label: str, given: Any) -> Json:
    """Return one baseline as JSON takes it; ``label`` names it in errors.

    Raises:
        TypeError: if it is neither a mapping with the fields of a baseline nor such a DataFrame.
        ValueError: if it holds a number that is missing.
    """
    if not isinstance(given, pd.DataFrame | Mapping) or not _FIELDS.issuperset(given.keys()):
        raise _not_a_baseline(label, given)
    return {str(field): _edge_or_curve(f"{field} of {label}", values) for field, values in given.items()}


def _not_a_baseline(label: str, given: Any) -> TypeError:
    if isinstance(given, pd.DataFrame | Mapping):
        problem = f"has {', '.join(map(repr, given.keys())) or 'no fields'}"
    else:
        problem = f"has the type {type(given).__name__}"
    return TypeError(f"{label} {problem}: expected a mapping with start and end, or with climatology and threshold")


def _edge_or_curve(label: str, values: Any) -> Any:
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values.isoformat() if hasattr(values, "isoformat") else str(values)
    return [_plain(label, value) for value in values]


def read_events(events: Sequence[EventInput]) -> tuple[Json, ...]:
    """Return events as JSON takes them; their numbers may be NumPy's.

    Raises:
        TypeError: if they are not a list of mappings.
        ValueError: if a number is missing or infinite.
    """
    if isinstance(events, str | Mapping) or not isinstance(events, Iterable):
        raise TypeError(
            f'events is a {type(events).__name__}: expected a list such as [{{"name": "warm", "above": 24}}]'
        )
    return tuple(_event(event) for event in events)


def _event(event: Any) -> Json:
    if not isinstance(event, Mapping):
        raise TypeError(f'an event is {event!r}: expected a mapping such as {{"name": "warm", "above": 24}}')
    name = event.get("name")
    return {str(field): _nested(f"{field} of event {name!r}", value) for field, value in event.items()}


def _nested(label: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(field): _plain(f"{field} of {label}", inner) for field, inner in value.items()}
    return _plain(label, value)


def _plain(label: str, value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        raise ValueError(f"{label} is {plain}: expected a finite number")
    return plain
