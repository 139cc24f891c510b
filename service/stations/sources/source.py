"""Where the readings of a station are fetched, as clients describe it and as the store keeps it."""

from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from forecasting.errors import RequestError, SeriesError
from forecasting.requests.model import Finite, RequestModel
from forecasting.series.times import iso, parse_time
from service.http.reading_query import ReadingQuery
from service.stations.outbound.outbound import MAX_URL, OutboundError, check_url

STEPS_BY_DEFAULT: Final = 1_000
"""Steps that the first fetch asks for."""


def _address(text: str) -> str:
    try:
        # Whether an address may be private is a setting of the process that fetches.
        check_url(text, allow_private=True)
    except OutboundError as error:
        raise PydanticCustomError("url", "{message}", {"message": str(error)}) from None
    return text


def _time(text: str) -> str:
    try:
        return iso(parse_time(text))
    except SeriesError as error:
        raise PydanticCustomError("time", "{message}", {"message": str(error)}) from None


_Address = Annotated[str, Field(max_length=MAX_URL), AfterValidator(_address)]
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ErddapSource(RequestModel):
    """A series on an ERDDAP server."""

    server: _Address = Field(description="The address of the server.", examples=["https://erddap.example.org/erddap"])
    dataset: _Name = Field(description="The ID of the dataset.", examples=["buoy_46042"])
    variable: _Name = Field(description="The variable of temperatures.", examples=["sea_water_temperature"])
    station: _Name | None = Field(default=None, description="The station, in a table of several.")
    latitude: Annotated[Finite, Field(ge=-90, le=90)] | None = Field(
        default=None, description="Degrees north. In a grid, the nearest cell is read."
    )
    longitude: Annotated[Finite, Field(ge=-180, le=360)] | None = Field(default=None, description="Degrees east.")
    depth: Finite | None = Field(default=None, description="In the units of the dataset.")


class FileSource(ReadingQuery):
    """A text file that `POST /series` can read, such as those of NDBC. The other fields say how to read it."""

    url: _Address = Field(
        description="The address of the file.", examples=["https://www.ndbc.noaa.gov/data/realtime2/46042.txt"]
    )

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        try:
            self.options()
        except RequestError as error:
            raise PydanticCustomError("options", "{message}", {"message": f"{error.field}: {error}"}) from None
        if self.format == "netcdf":
            raise PydanticCustomError("format", "NetCDF files cannot be fetched: use erddap, or a text file")
        return self


class Source(RequestModel):
    """Where readings are fetched: either `erddap` or `file`."""

    erddap: ErddapSource | None = Field(default=None, description="A series on an ERDDAP server.")
    file: FileSource | None = Field(default=None, description="A text file on any server.")
    interval_minutes: Annotated[int, Field(ge=5, le=43_200, strict=True)] = Field(
        default=60, description="The time between fetches."
    )
    since: Annotated[str, AfterValidator(_time)] | None = Field(
        default=None,
        description=f"The earliest time to fetch, in ISO 8601. Defaults to the last {STEPS_BY_DEFAULT} steps. Events "
        "defined by percentiles need ten years.",
        examples=["2015-01-01"],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.erddap is None) == (self.file is None):
            raise PydanticCustomError("source", "give either erddap or file")
        return self

    @classmethod
    def load(cls, content: dict[str, Any]) -> Self:
        """Return the source that :meth:`stored` has described."""
        return cls.model_validate(content, context=[])

    @property
    def address(self) -> tuple[str, str]:
        """The field that holds its address, and the address."""
        if self.file is not None:
            return "source.file.url", self.file.url
        assert self.erddap is not None
        return "source.erddap.server", self.erddap.server

    def stored(self) -> dict[str, Any]:
        """Return what the store keeps."""
        return self.model_dump(mode="json", exclude_defaults=True)


def check_source(source: Source, *, allow_private: bool) -> None:
    """Raise RequestError if the address of a source is on a private network, and this is not allowed.

    A name is resolved only when the source is fetched, which checks it again.
    """
    field, address = source.address
    try:
        check_url(address, allow_private=allow_private)
    except OutboundError as error:
        raise RequestError(str(error), field=field) from None
