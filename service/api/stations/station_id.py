"""The ID of a station, in paths and bodies."""

import re
from typing import Annotated, Final

from fastapi import Path
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

STATION_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def _checked(text: str) -> str:
    if not re.fullmatch(STATION_ID, text):
        raise PydanticCustomError(
            "station_id",
            "an ID has up to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit",
        )
    return text


StationName = Annotated[
    str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": STATION_ID, "examples": ["pier"]})
]
"""The ID of a station in a body."""

StationId = Annotated[StationName, Path(description="The ID of the station.")]
"""The ID of a station in a path."""
