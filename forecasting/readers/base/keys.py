"""Usual names of columns that distinguish rows of the same time."""

from typing import Final

STATIONS: Final = ("station", "station_id", "station_name", "stationid", "stn", "buoy", "buoy_id", "platform",
                   "platform_code", "platform_id", "wmo_platform_code", "wmo", "site", "site_id",
                   "site_no")  # fmt: skip
PLACES: Final = ("location", "location_name", "location_id", "loc", "site_name", "sitename", "place", "place_name",
                  "buoy_name", "mooring", "mooring_id")  # fmt: skip
ANYTHING: Final = ("name", "id")
"""Names of columns that may distinguish anything else as well, such as observers."""
DEPTHS: Final = ("depth", "zlev", "altitude", "z")
LATITUDES: Final = ("latitude", "lat")
LONGITUDES: Final = ("longitude", "lon")
POSITIONS: Final = (*LATITUDES, *LONGITUDES)
