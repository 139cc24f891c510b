"""Forecasts of events as variables of a grid, after the CF conventions."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from scoring.events.columns import MISSING, Column, Form, Values, columns_of
from scoring.events.event_request import EventRequest
from scoring.events.judging import Judged
from scoring.grids.variable import ON_SCALE, Variable
from scoring.models.model import CellModel

_DTYPES: Final[dict[Form, str]] = {"flag": "int8", "days": "int16", "time": "float64"}
_ATTRIBUTES: Final[dict[Form, dict[str, Any]]] = {
    "probability": {"units": "1", "valid_range": np.asarray([0, 1], dtype=np.float32)},
    "celsius": ON_SCALE,
    "difference": {"units": "degree_Celsius", "units_metadata": "temperature: difference"},
    "celsius_weeks": {"units": "degree_Celsius week", "units_metadata": "temperature: difference"},
    "days": {"units": "day"},
    "time": {"units": "seconds since 1970-01-01 00:00:00", "calendar": "standard"},
    "flag": {"standard_name": "status_flag"},
}
_SHARED: Final = ("coordinates", "grid_mapping")
_NOT_CALIBRATED: Final = (
    "Not calibrated: the release does not know how errors at different leads are related, and a random walk is assumed."
)


def event_variables(events: EventRequest, model: CellModel, sst: dict[str, Any]) -> dict[str, Variable]:
    """Return the variables of ``events``, by name; ``sst`` are the attributes of the forecasts."""
    shared: dict[str, Any] = {name: sst[name] for name in _SHARED if name in sst}
    if not model.knows_dependence:
        shared["comment"] = _NOT_CALIBRATED
    return {
        column.name: _variable(column, definition.name, shared)
        for definition, name in zip(events.definitions, events.names, strict=True)
        for column in columns_of(definition, name)
    }


def _variable(column: Column, event: str, shared: dict[str, Any]) -> Variable:
    attributes = {"long_name": f"{event}: {column.title}", **_ATTRIBUTES[column.form], **shared}
    if column.flags:
        attributes["flag_values"] = np.arange(len(column.flags), dtype=np.int8)
        attributes["flag_meanings"] = " ".join(text.lower().replace(" ", "_") for text in column.flags)
    dtype = _DTYPES.get(column.form, "float32")
    return Variable(dtype, column.by_lead, attributes, MISSING if column.form in ("flag", "days") else np.nan)


def event_fields(events: EventRequest, judged: Judged, cell: npt.NDArray[np.intp], n: int) -> dict[str, Values]:
    """Return the values of each variable: ``(n,)``, or ``(horizon, n)``, missing where no event was judged.

    Args:
        events: that were judged.
        judged: of some cells.
        cell: index of each of them, ``(len(cell),)``.
        n: number of cells.
    """
    fields: dict[str, Values] = {}
    for definition, name in zip(events.definitions, events.names, strict=True):
        for column in columns_of(definition, name):
            values = judged.values[column.name]
            field = column.empty(n, values.shape[-1]).astype(_DTYPES.get(column.form, "float32"))
            field[cell] = values
            fields[column.name] = np.ascontiguousarray(field.T)
    return fields
