"""Read series from files: CSV, ERDDAP, NDBC, NetCDF and Zarr, told apart by their content."""

from typing import TYPE_CHECKING, Any, Final

from forecasting.readers.options import FORMATS, DateOrder, ReadingOptions
from forecasting.readers.place import Place
from forecasting.readers.reading import ColumnNames, Reading, ReadStation, describe

if TYPE_CHECKING:
    from forecasting.readers.files import content_digest, read, read_content, read_csv

__all__ = [
    "FORMATS",
    "ColumnNames",
    "DateOrder",
    "Place",
    "ReadStation",
    "Reading",
    "ReadingOptions",
    "content_digest",
    "describe",
    "read",
    "read_content",
    "read_csv",
]

_IN_FILES: Final = ("content_digest", "read", "read_content", "read_csv")


def __getattr__(name: str) -> Any:
    # Programs that only need the options should not wait for pandas.
    if name in _IN_FILES:
        from forecasting.readers import files

        return getattr(files, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
