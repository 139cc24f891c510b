"""Times in requests and responses, as types of fields."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time that the service writes: ISO 8601 in UTC, to the second, such as ``2010-12-01T00:00:00Z``."""

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
"""A day that the service writes: ``2010-12-01``."""

InputTime = Annotated[
    str,
    WithJsonSchema(
        {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}, {"type": "string"}]}
    ),
]
"""A time that a client sends: ISO 8601, in UTC without an offset. A date alone means midnight.

The readers in :mod:`forecasting.series.times` check it, since they also take times that neither format allows, such as
``2010-12``. Any other text is an error of its series, not of the request.
"""
