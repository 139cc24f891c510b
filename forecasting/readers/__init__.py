"""Read series from files: CSV, ERDDAP, NDBC, NetCDF and Zarr, told apart by their content."""

from forecasting.readers.base.options import FORMATS, DateOrder, ReadingOptions
from forecasting.readers.base.place import Place
from forecasting.readers.read import content_digest, read, read_content, read_csv
from forecasting.readers.result.describe import describe
from forecasting.readers.result.reading import Columns, Reading, Station

__all__ = [
    "FORMATS",
    "Columns",
    "DateOrder",
    "Place",
    "Reading",
    "ReadingOptions",
    "Station",
    "content_digest",
    "describe",
    "read",
    "read_content",
    "read_csv",
]
