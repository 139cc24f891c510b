"""The ID of a station, in paths and bodies."""

from typing import Annotated, Final

from fastapi import Path

STATION_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

StationId = Annotated[str, Path(pattern=STATION_ID, description="The ID of the station.", examples=["pier"])]
