"""What a request for forecasts may say in its query."""

from typing import Annotated

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from forecasting.series.sst_series import Units
from service.engine.writing import ForecastOptions
from service.http.query import read_query

_REPEATABLE = ("level", "threshold")


def _without_blanks(value: object) -> object:
    """A repeatable parameter's values, of which an empty one stands for none."""
    return [one for one in value if one != ""] if isinstance(value, list) else value


WithoutBlanks = BeforeValidator(_without_blanks)


class ForecastQuery(BaseModel):
    """Of what, and what a forecast is to contain."""

    model: str = Field(default="best", description="best, all, rnn, lstm, gru, or a full name as nino12-gru")
    dataset: str | None = Field(
        default=None, description="whose release; default: the default dataset", examples=["nino12"]
    )
    horizon: int = Field(default=1, ge=1, le=10_000, description="steps ahead")
    level: Annotated[list[int] | None, WithoutBlanks] = Field(
        default=None,
        max_length=16,
        description="percent; repeatable; default 80 and 95; an empty one asks for no intervals",
    )
    threshold: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default=[], max_length=16, description="temperature whose probability of being exceeded is wanted; repeatable"
    )
    units: Units = Field(default="celsius", description="of all temperatures, the answer's among them")

    @property
    def options(self) -> ForecastOptions:
        """What each forecast is to contain."""
        levels = None if self.level is None else tuple(self.level)
        return ForecastOptions(self.horizon, levels, tuple(self.threshold), self.units)


class LinesQuery(ForecastQuery):
    """What stands beside series in NDJSON: in the query, since every line of the body is a series."""

    level: Annotated[list[Annotated[int, Field(ge=1, le=99)]] | None, WithoutBlanks] = Field(
        default=None, max_length=16, description="percent; repeatable; default 80 and 95; an empty one asks for none"
    )
    strict: bool = False

    @classmethod
    def read(cls, query_string: bytes) -> "LinesQuery":
        """From a request's query.

        Raises:
            RequestValidationError: if there is another parameter, or a value is none of those allowed.
        """
        found = read_query(query_string, cls.model_fields)
        try:
            return cls.model_validate({name: all_ if name in _REPEATABLE else all_[-1] for name, all_ in found.items()})
        except ValidationError as error:
            places = error.errors(include_url=False, include_input=False)
            raise RequestValidationError([{**one, "loc": ("query", *one["loc"])} for one in places]) from None
