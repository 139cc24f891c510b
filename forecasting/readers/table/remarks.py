"""Units of temperature in comments and titles."""

import re
from collections.abc import Iterable
from typing import Final

from forecasting.readers.base.units import unit_of_prose
from forecasting.readers.table.preamble import split_cells
from forecasting.series.units import parse_units

_UNIT: Final = re.compile(r"#?\s*units?\s*[:=,;\t]\s*([^,;\t]+)[,;\s]*", re.IGNORECASE)
"""A comment or title that names a unit, such as ``# units: degF``."""
MAX_COMMENT_CHARS: Final = 200
"""Longer comments are prose and ignored."""


def units_in_remarks(lines: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Units of temperature in numbered lines of prose, by line number."""
    comments = {number: line.strip() for number, line in lines if len(line) < MAX_COMMENT_CHARS}
    matches = ((number, _UNIT.fullmatch(line)) for number, line in comments.items())
    units = {number: match[1] for number, match in matches if match and parse_units(match[1]) is not None}
    if units:
        return units
    mentioned = {number: unit for number, line in comments.items() if (unit := _unit_of(line)) is not None}
    # Different units may belong to different columns.
    return mentioned if len({parse_units(unit) for unit in mentioned.values()}) == 1 else {}


def _unit_of(line: str) -> str | None:
    """The unit of temperature in a comment or a cell of a title."""
    parts = [line] if line.startswith("#") else [line, *split_cells(line, ","), *split_cells(line, ";")]
    return next((unit for unit in map(unit_of_prose, parts) if unit is not None), None)
