"""The limits of threshold events, which an archive keeps with their probabilities so that these can be verified."""

from typing import Final

import pyarrow as pa

from forecasting.events.definitions import Percentile, ThresholdEvent
from scoring.events.event_request import EventRequest

THRESHOLD: Final = "threshold"
SIDE: Final = "side"


def limit_fields(events: EventRequest) -> list[pa.Field]:
    """Return the columns of the limits that the forecasts of ``events`` do not have already."""
    return [pa.field(name, column.type) for name, column in limit_columns(events, 0).items()]


def limit_columns(events: EventRequest, count: int) -> dict[str, pa.Array]:
    """Return the side and, unless it differs from day to day, the threshold in °C of each event, ``count`` times."""
    columns: dict[str, pa.Array] = {}
    for definition, name in zip(events.definitions, events.names, strict=True):
        if not isinstance(definition, ThresholdEvent):
            continue
        if not isinstance(definition.threshold, Percentile):
            columns[f"event_{name}_{THRESHOLD}"] = pa.repeat(pa.scalar(definition.threshold, pa.float64()), count)
        columns[f"event_{name}_{SIDE}"] = pa.repeat(pa.scalar(definition.side, pa.string()), count)
    return columns
