"""A variable of the output file of a grid."""

from dataclasses import dataclass
from typing import Any, Final

ON_SCALE: Final = {"units": "degree_Celsius", "units_metadata": "temperature: on_scale"}
"""Attributes of a temperature."""


@dataclass(frozen=True)
class Variable:
    """A variable of the forecasts.

    Attributes:
        dtype: of its values.
        by_lead: whether it has the dimension of time.
        attributes: after the CF conventions.
        fill: marks missing values; None if there are none.
    """

    dtype: str
    by_lead: bool
    attributes: dict[str, Any]
    fill: float | None
