"""Events judged by the forecast of each place."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import Baseline, Period
from forecasting.events.definitions import EventDefinition
from forecasting.events.judge import judge
from forecasting.events.outcomes import EventOutcome
from forecasting.events.outlook import JointForecast, Outlook
from forecasting.series.sst_series import SstSeries
from scoring.errors import in_one_line, kind_of
from scoring.events.columns import Values, columns_of
from scoring.events.request import EventRequest

Coefficients = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """A place whose events are judged.

    Attributes:
        forecast: of the place.
        past: the whole series that was forecast.
        baseline: of the place; None to compute it from its past.
        coefficients: climatology of the position, ``(7,)``; NaN without one.
    """

    forecast: JointForecast
    past: SstSeries
    baseline: Baseline | Period | None
    coefficients: Coefficients


@dataclass
class Judged:
    """Forecasts of events at several places.

    Attributes:
        values: by column, ``(n,)`` or ``(n, horizon)``.
        errors: why an event cannot be judged at a place, by event; None if it can.
        calibrated: whether the probabilities of an event can be relied on, by event; None if it cannot be judged.
        warnings: their kinds, for each place.
    """

    values: dict[str, Values]
    errors: tuple[list[str | None], ...]
    calibrated: tuple[list[bool | None], ...]
    warnings: list[set[str]] = field(default_factory=list)

    @classmethod
    def none(cls, events: EventRequest, n: int, horizon: int) -> "Judged":
        """Return missing values for ``n`` places."""
        return cls(
            {column.name: column.empty(n, horizon) for column in events.columns},
            tuple([None] * n for _ in events.definitions),
            tuple([None] * n for _ in events.definitions),
            [set() for _ in range(n)],
        )

    def unjudged(self, events: EventRequest) -> dict[str, int]:
        """Return the number of places at which an event cannot be judged, by its name and the kind of reason."""
        return dict(
            Counter(
                f"{definition.name}: {kind_of(error)}"
                for definition, errors in zip(events.definitions, self.errors, strict=True)
                for error in errors
                if error is not None
            )
        )


def judge_places(events: EventRequest, places: Iterable[Place], n: int, horizon: int, paths: int) -> Judged:
    """Judge all events at each of ``n`` places, by so many sample ``paths``."""
    judged = Judged.none(events, n, horizon)
    for i, place in enumerate(places):
        outlook = _outlook(place, paths)
        for e, (definition, name) in enumerate(zip(events.definitions, events.names, strict=True)):
            outcome = outlook if isinstance(outlook, str) else _judge(definition, outlook)
            if isinstance(outcome, str):
                judged.errors[e][i] = outcome
                continue
            judged.calibrated[e][i] = outcome.calibrated
            judged.warnings[i].update(warning.code for warning in outcome.warnings)
            for column in columns_of(definition, name):
                judged.values[column.name][i] = column.value(outcome)
    return judged


def _outlook(place: Place, paths: int) -> Outlook | str:
    """Return the outlook by which events are judged, or why there is none."""
    coefficients = None if np.isnan(place.coefficients[0]) else place.coefficients
    try:
        return place.forecast.outlook(place.past, paths, place.baseline, coefficients)
    except SeriesError as error:
        return in_one_line(error)


def _judge(definition: EventDefinition, outlook: Outlook) -> EventOutcome | str:
    try:
        return judge(definition, outlook)
    except SeriesError as error:
        return in_one_line(error)
    except RequestError as error:
        return str(error)
