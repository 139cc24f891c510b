"""FIXME docstring."""

from typing import Annotated, Final

from pydantic import (
    Field,
)

from service.http.request_model import RequestModel

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


MAX_ID: Final = 256
"""Characters of a series' id."""


class SeriesIn(RequestModel):
    """A series: ``values`` with ``start`` (regular, at the model's step), or with ``timestamps``."""

    id: str | None = Field(default=None, max_length=MAX_ID, description="returned as given; default: its place, from 0")
    values: list[Finite | None] = Field(
        min_length=1, fail_fast=True, description="SST, oldest first; null where missing; at least the model's window"
    )
    start: str | None = Field(default=None, description="ISO 8601 time of the first value; UTC without an offset")
    timestamps: Annotated[list[str], Field(fail_fast=True)] | None = Field(
        default=None, description="ISO 8601 time of each value, in place of start"
    )
    step: str | None = Field(
        default=None, description="month, week, day, hour or ISO 8601 (PT30M); refused where it is not the model's"
    )
