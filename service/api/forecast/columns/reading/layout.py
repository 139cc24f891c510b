"""Which columns of a body hold what, and what they may hold."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.types as pat

from service.api.forecast.columns.reading.parquet_process import INDEX, NAMES
from service.http.problems import ProblemError
from service.http.validation import Place

_MAX_SHOWN: Final = 64
"""Characters of a name or type that a message repeats."""

_TEXTS: Final[Sequence[Callable[[Any], bool]]] = (pat.is_string, pat.is_large_string, pat.is_string_view)
_NUMBERS: Final[Sequence[Callable[[Any], bool]]] = (pat.is_floating, pat.is_integer, pat.is_decimal, pat.is_null)
_TIMES: Final[Sequence[Callable[[Any], bool]]] = (pat.is_timestamp, pat.is_date)


class Layout(NamedTuple):
    """The place of each column in the body; None for one that is not there.

    Attributes:
        id: names of the series.
        time: of each value.
        sst: values.
        latitude: degrees north.
        longitude: degrees east.
    """

    id: int | None
    time: int
    sst: int
    latitude: int | None
    longitude: int | None

    @classmethod
    def of(cls, schema: pa.Schema) -> "Layout":
        """Find the columns of a body.

        Raises:
            ProblemError: 422 if a column is missing, unknown or repeated, or holds something else.
        """
        names = [field.name for field in schema]
        for name in names:
            if name not in NAMES and not name.startswith(INDEX):
                raise _refusal(
                    f"unknown column {name[:_MAX_SHOWN]!r}: the columns are id, time and sst, and optionally latitude "
                    "and longitude",
                    "columns",
                )
        for name in NAMES:
            if names.count(name) > 1:
                raise _refusal(f"the column {name} appears {names.count(name)} times: send it once", name)
        for name in ("time", "sst"):
            if name not in names:
                raise _refusal(f"the column {name} is missing: send id, time and sst", name)
        if ("latitude" in names) != ("longitude" in names):
            missing = "longitude" if "latitude" in names else "latitude"
            raise _refusal(f"the column {missing} is missing: send both latitude and longitude, or neither", missing)
        for name in names:
            if name in NAMES:
                _check_type(name, schema.field(name).type)
        positions = {name: names.index(name) if name in names else None for name in NAMES}
        return cls(
            positions["id"], names.index("time"), names.index("sst"), positions["latitude"], positions["longitude"]
        )


def _check_type(name: str, kind: pa.DataType) -> None:
    shown = "text" if _is_any(kind, _TEXTS) else str(kind)[:_MAX_SHOWN]
    if name == "id":
        plain = kind.value_type if pat.is_dictionary(kind) else kind
        if not _is_any(plain, (*_TEXTS, pat.is_integer)):
            raise _refusal(f"the column id holds {shown}: send text, categories or whole numbers", name)
    elif name == "time":
        if _is_any(kind, _TEXTS):
            raise _refusal(
                "the column time holds text: convert it to timestamps, for example with pandas.to_datetime or "
                "polars.Expr.str.to_datetime",
                name,
            )
        if not _is_any(kind, _TIMES):
            raise _refusal(f"the column time holds {shown}: send timestamps or dates", name)
    elif not _is_any(kind, _NUMBERS):
        raise _refusal(f"the column {name} holds {shown}: send numbers", name)


def _is_any(kind: pa.DataType, tests: Sequence[Callable[[Any], bool]]) -> bool:
    return any(test(kind) for test in tests)


def _refusal(message: str, column: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, [Place(location=f"body.{column}", message=message)])
