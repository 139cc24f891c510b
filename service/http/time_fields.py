"""Times in responses, as types of fields."""

from typing import Annotated

from pydantic import Field

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time that the service writes: ISO 8601 in UTC, to the second, such as ``2010-12-01T00:00:00Z``."""

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
"""A day that the service writes: ``2010-12-01``."""
