"""The period that a call selects."""

from typing import Annotated, Final, NamedTuple

from fastapi import Query

from forecasting.errors import RequestError, SeriesError
from forecasting.series.times import DAY, seconds_of

TimeQuery = Annotated[str | None, Query(max_length=64)]
"""A time in a query: ISO 8601, read by :class:`Period`."""

_DATE: Final = "YYYY-MM-DD"


class Period(NamedTuple):
    """Which observations or forecasts a call asks for.

    Attributes:
        begin: the earliest time, Unix seconds; None for any.
        end: the latest time.
        revisions: whether every revision is wanted.
    """

    begin: int | None
    end: int | None
    revisions: bool

    @classmethod
    def read(cls, begin: str | None, end: str | None, *, revisions: bool) -> "Period":
        """Parse the times of a query. A day as ``end`` is part of the period.

        Raises:
            RequestError: if one of them is not a time, or the period ends before it begins.
        """
        first, last = _time(begin, "from"), _time(end, "to")
        if end is not None and last is not None and len(end) == len(_DATE):
            last += DAY - 1
        if first is not None and last is not None and first > last:
            raise RequestError(f"from {begin} is after to {end}: swap them", field="from")
        return cls(first, last, revisions)


def _time(text: str | None, name: str) -> int | None:
    try:
        return None if text is None else seconds_of(text)
    except SeriesError as error:
        raise RequestError(f"{name}: {error}", field=name) from None
